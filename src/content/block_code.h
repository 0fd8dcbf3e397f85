// The code behind repair chunks: systematic Reed-Solomon over bytes, with a Cauchy matrix, so that
// any b chunks of a block give all b of its source chunks. By ISA-L.
//
// The code, complete: bytes are elements of GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1
// (0x11d). Addition is exclusive or. Position p of a block with b source chunks is a source chunk
// for p < b, and for b <= p < 255 the repair chunk
//
//   repair(p) = sum over j = 0 .. b - 1 of  source(j) * 1 / (p xor j)
//
// byte by byte, with multiplication and division in the field; p xor j is never 0. A source chunk
// shorter than the others counts as filled up with zero bytes. Rows p and columns j have different
// numbers, so every square part of the matrix is a Cauchy matrix, and every Cauchy matrix has an
// inverse, for which there is a closed formula: that is why any b chunks do, and why a decode need
// not eliminate.
//
// Thread safety: functions of their arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "content/object.h"

namespace fb::content {

// Computes the repair chunks from position `first` on, as many as `out` has room for. `sources` is
// the block: chunks of chunk_size bytes, the last may be shorter. Requires 1 to kBlockChunksMax of
// them, out.size() a multiple of chunk_size, and positions from b to kBlockSizeMax - 1.
void encode_block(std::span<const uint8_t> sources, size_t chunk_size, uint32_t first,
                  std::span<uint8_t> out);

// Computes the source chunks at the positions `missing` from the others and from as many repair
// chunks. `sources` is b chunks of exactly chunk_size bytes, the last one filled up with zero bytes
// unless it is missing; those at `missing` are overwritten. repairs[i * chunk_size] is where the
// repair chunk of position repair_positions[i] begins; these bytes are used up. Positions must be
// different ones in their range. Whatever the bytes are, there is a result: the caller must verify
// it.
void decode_block(std::span<uint8_t> sources, size_t chunk_size, std::span<const uint32_t> missing,
                  std::span<const uint32_t> repair_positions, std::span<uint8_t> repairs);

}  // namespace fb::content
