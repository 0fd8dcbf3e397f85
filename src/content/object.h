// An object is what peers trade: a byte string cut into chunks, grouped into MetaChunks that are
// verified by SHA-256. A file's content is an object; a long list of MetaChunk hashes is an object
// of its own (see file_record.h), so that it too is fetched from the swarm.
//
// Where repair chunks are traded (profile v2), these chunks are called source chunks. They are cut
// into blocks, to each of which repair chunks belong: any of a block's chunks that are as many as
// its source chunks give all of it (block_code.h). Source chunks have the ids 0 to
// chunk_count() - 1, as always; repair chunks follow, block after block. A chunk's position is its
// place in its block, source chunks first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
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
// Source chunks in a block; whole MetaChunks, so the blocks of some geometries are smaller.
inline constexpr uint32_t kBlockChunksMax = 128;
// Source and repair chunks in a block: the code is over bytes, and has a position for each but one.
inline constexpr uint32_t kBlockSizeMax = 255;
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

  // Blocks and repair chunks. An id below is one of a source or a repair chunk.
  // Source chunks of every block but the last, which may have fewer: the largest multiple of
  // metachunk_chunks that kBlockChunksMax allows, so that no MetaChunk lies in two blocks.
  [[nodiscard]] uint32_t block_chunks() const;
  [[nodiscard]] uint32_t block_count() const;
  // Source and repair chunks together: ids are smaller than that. At most 2^32, so that each id
  // has 32 bits though this has not.
  [[nodiscard]] uint64_t coded_count() const;
  [[nodiscard]] bool is_repair(uint32_t id) const { return id >= chunk_count(); }
  // These require id < coded_count() and block < block_count().
  [[nodiscard]] uint32_t block_of(uint32_t id) const;
  [[nodiscard]] nois::Interval source_chunks_of(uint32_t block) const;
  // Never empty: as many as source chunks, but for kBlockSizeMax.
  [[nodiscard]] nois::Interval repair_chunks_of(uint32_t block) const;
  // Source and repair chunks of the block: min(kBlockSizeMax, twice the source chunks).
  [[nodiscard]] uint32_t block_size(uint32_t block) const;
  [[nodiscard]] uint32_t position_of(uint32_t id) const;
  // Requires position < block_size(block).
  [[nodiscard]] uint32_t id_at(uint32_t block, uint32_t position) const;
  // As chunk_length(); repair chunks are all of chunk_size.
  [[nodiscard]] uint16_t coded_length(uint32_t id) const;
  // Where a repair chunk lies among all of the object's, in bytes.
  [[nodiscard]] uint64_t repair_offset(uint32_t id) const;
  // The bytes of all repair chunks.
  [[nodiscard]] uint64_t repair_length() const;
  auto operator<=>(const Geometry&) const = default;

 private:
  // Of a block with so many source chunks.
  [[nodiscard]] static uint32_t repair_count(uint32_t source_chunks) {
    return std::min(source_chunks, kBlockSizeMax - source_chunks);
  }
};

// All that is needed to fetch and verify one object.
struct ObjectInfo {
  FileId id{};
  Geometry geometry;
  std::vector<Sha256> hashes;  // one a MetaChunk
};

// Here, because every datagram asks several of them.
inline bool Geometry::valid() const {
  return length <= kObjectLengthMax && chunk_size >= kChunkSizeMin && chunk_size <= kChunkSizeMax &&
         metachunk_chunks >= 1 && metachunk_chunks <= kMetachunkChunksMax;
}

// A valid geometry has at most 2^31 chunks, so no sum below leaves its type.
inline uint32_t Geometry::chunk_count() const {
  FB_CHECK(valid());
  return static_cast<uint32_t>((length + chunk_size - 1) / chunk_size);
}

inline uint32_t Geometry::metachunk_count() const {
  return (chunk_count() + metachunk_chunks - 1) / metachunk_chunks;
}

inline uint16_t Geometry::chunk_length(uint32_t chunk) const {
  FB_CHECK(chunk < chunk_count());
  return static_cast<uint16_t>(std::min<uint64_t>(chunk_size, length - chunk_offset(chunk)));
}

inline nois::Interval Geometry::chunks_of(uint32_t metachunk) const {
  FB_CHECK(metachunk < metachunk_count());
  const uint32_t first = metachunk * metachunk_chunks;
  return {first, std::min(first + metachunk_chunks, chunk_count()) - 1};
}

inline uint64_t Geometry::metachunk_offset(uint32_t metachunk) const {
  return uint64_t{metachunk} * metachunk_chunks * chunk_size;
}

inline uint32_t Geometry::metachunk_length(uint32_t metachunk) const {
  FB_CHECK(metachunk < metachunk_count());
  const uint64_t whole = uint64_t{metachunk_chunks} * chunk_size;
  return static_cast<uint32_t>(std::min(whole, length - metachunk_offset(metachunk)));
}

inline uint32_t Geometry::block_chunks() const {
  return kBlockChunksMax - kBlockChunksMax % metachunk_chunks;
}

inline uint32_t Geometry::block_count() const {
  return (chunk_count() + block_chunks() - 1) / block_chunks();
}

inline uint64_t Geometry::coded_count() const {
  if (length == 0) return 0;
  return uint64_t{repair_chunks_of(block_count() - 1).last} + 1;
}

// Every block but the last has the same number of repair chunks, and the last has no more.
inline uint32_t Geometry::block_of(uint32_t id) const {
  FB_CHECK(id < coded_count());
  if (!is_repair(id)) return id / block_chunks();
  return (id - chunk_count()) / repair_count(block_chunks());
}

inline nois::Interval Geometry::source_chunks_of(uint32_t block) const {
  FB_CHECK(block < block_count());
  const uint32_t first = block * block_chunks();
  return {first, std::min(first + block_chunks(), chunk_count()) - 1};
}

inline nois::Interval Geometry::repair_chunks_of(uint32_t block) const {
  const auto sources = static_cast<uint32_t>(source_chunks_of(block).length());
  const uint32_t first = chunk_count() + block * repair_count(block_chunks());
  return {first, first + (repair_count(sources) - 1)};
}

inline uint32_t Geometry::block_size(uint32_t block) const {
  const auto sources = static_cast<uint32_t>(source_chunks_of(block).length());
  return sources + repair_count(sources);
}

inline uint32_t Geometry::position_of(uint32_t id) const {
  const uint32_t block = block_of(id);
  const nois::Interval sources = source_chunks_of(block);
  if (!is_repair(id)) return id - sources.first;
  return static_cast<uint32_t>(sources.length()) + (id - repair_chunks_of(block).first);
}

inline uint32_t Geometry::id_at(uint32_t block, uint32_t position) const {
  FB_CHECK(position < block_size(block));
  const nois::Interval sources = source_chunks_of(block);
  if (position < sources.length()) return sources.first + position;
  return repair_chunks_of(block).first + (position - static_cast<uint32_t>(sources.length()));
}

inline uint16_t Geometry::coded_length(uint32_t id) const {
  return is_repair(id) ? chunk_size : chunk_length(id);
}

inline uint64_t Geometry::repair_offset(uint32_t id) const {
  FB_CHECK(is_repair(id));
  return uint64_t{id - chunk_count()} * chunk_size;
}

inline uint64_t Geometry::repair_length() const {
  return (coded_count() - chunk_count()) * chunk_size;
}

}  // namespace fb::content
