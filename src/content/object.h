// An object is what peers trade: a byte string cut into chunks, grouped into MetaChunks that are
// verified by SHA-256. A file's content is an object; a long list of MetaChunk hashes is an object
// of its own (see file_record.h), so that it too is fetched from the swarm.
#pragma once

#include <cstdint>
#include <vector>

#include "content/hash.h"
#include "nois/interval_set.h"

namespace fb::content {

// The paper's File-ID: drawn by the seeder from content, path and its own secret, so that it names
// one version of one file at one seeder and tells an outsider nothing. Zero names nothing.
enum class FileId : uint64_t {};

inline constexpr uint16_t kChunkSizeMin = 64;
inline constexpr uint16_t kChunkSizeMax = 1150;
inline constexpr uint16_t kChunkSizeDefault = 1024;
inline constexpr uint8_t kMetachunkChunksDefault = 16;
inline constexpr uint8_t kMetachunkChunksMax = 64;
// Chunk ids are 32 bits; with the smallest chunks this is the largest object.
inline constexpr uint64_t kObjectLengthMax = uint64_t{kChunkSizeMin} << 31;

// How an object is cut. All sizes in bytes.
// Every member but valid() requires valid(): check what came from the network first.
struct Geometry {
  uint64_t length = 0;  // may be 0: no chunks, complete at once
  uint16_t chunk_size = kChunkSizeDefault;
  uint8_t metachunk_chunks = kMetachunkChunksDefault;

  [[nodiscard]] bool valid() const;
  [[nodiscard]] uint32_t chunk_count() const;
  [[nodiscard]] uint32_t metachunk_count() const;
  // Requires chunk < chunk_count(). Only the last chunk may be shorter than chunk_size.
  [[nodiscard]] uint16_t chunk_length(uint32_t chunk) const;
  [[nodiscard]] uint64_t chunk_offset(uint32_t chunk) const { return uint64_t{chunk} * chunk_size; }
  [[nodiscard]] uint32_t metachunk_of(uint32_t chunk) const { return chunk / metachunk_chunks; }
  // The chunks of a MetaChunk; requires metachunk < metachunk_count().
  [[nodiscard]] nois::Interval chunks_of(uint32_t metachunk) const;
  [[nodiscard]] uint64_t metachunk_offset(uint32_t metachunk) const;
  [[nodiscard]] uint32_t metachunk_length(uint32_t metachunk) const;
  auto operator<=>(const Geometry&) const = default;
};

// All that is needed to fetch and verify one object.
struct ObjectInfo {
  FileId id{};
  Geometry geometry;
  std::vector<Sha256> hashes;  // one a MetaChunk
};

}  // namespace fb::content
