#include "content/object.h"

#include <algorithm>

#include "base/check.h"

namespace fb::content {
namespace {

uint32_t repair_count(uint32_t source_chunks) {
  return std::min(source_chunks, kBlockSizeMax - source_chunks);
}

}  // namespace

bool Geometry::valid() const {
  return length <= kObjectLengthMax && chunk_size >= kChunkSizeMin && chunk_size <= kChunkSizeMax &&
         metachunk_chunks >= 1 && metachunk_chunks <= kMetachunkChunksMax;
}

// A valid geometry has at most 2^31 chunks, so no sum below leaves its type.
uint32_t Geometry::chunk_count() const {
  FB_CHECK(valid());
  return static_cast<uint32_t>((length + chunk_size - 1) / chunk_size);
}

uint32_t Geometry::metachunk_count() const {
  return (chunk_count() + metachunk_chunks - 1) / metachunk_chunks;
}

uint16_t Geometry::chunk_length(uint32_t chunk) const {
  FB_CHECK(chunk < chunk_count());
  return static_cast<uint16_t>(std::min<uint64_t>(chunk_size, length - chunk_offset(chunk)));
}

nois::Interval Geometry::chunks_of(uint32_t metachunk) const {
  FB_CHECK(metachunk < metachunk_count());
  const uint32_t first = metachunk * metachunk_chunks;
  return {first, std::min(first + metachunk_chunks, chunk_count()) - 1};
}

uint64_t Geometry::metachunk_offset(uint32_t metachunk) const {
  return uint64_t{metachunk} * metachunk_chunks * chunk_size;
}

uint32_t Geometry::metachunk_length(uint32_t metachunk) const {
  FB_CHECK(metachunk < metachunk_count());
  const uint64_t whole = uint64_t{metachunk_chunks} * chunk_size;
  return static_cast<uint32_t>(std::min(whole, length - metachunk_offset(metachunk)));
}

uint32_t Geometry::block_chunks() const {
  return kBlockChunksMax - kBlockChunksMax % metachunk_chunks;
}

uint32_t Geometry::block_count() const {
  return (chunk_count() + block_chunks() - 1) / block_chunks();
}

uint64_t Geometry::coded_count() const {
  if (length == 0) return 0;
  return uint64_t{repair_chunks_of(block_count() - 1).last} + 1;
}

// Every block but the last has the same number of repair chunks, and the last has no more.
uint32_t Geometry::block_of(uint32_t id) const {
  FB_CHECK(id < coded_count());
  if (!is_repair(id)) return id / block_chunks();
  return (id - chunk_count()) / repair_count(block_chunks());
}

nois::Interval Geometry::source_chunks_of(uint32_t block) const {
  FB_CHECK(block < block_count());
  const uint32_t first = block * block_chunks();
  return {first, std::min(first + block_chunks(), chunk_count()) - 1};
}

nois::Interval Geometry::repair_chunks_of(uint32_t block) const {
  const auto sources = static_cast<uint32_t>(source_chunks_of(block).length());
  const uint32_t first = chunk_count() + block * repair_count(block_chunks());
  return {first, first + (repair_count(sources) - 1)};
}

uint32_t Geometry::block_size(uint32_t block) const {
  const auto sources = static_cast<uint32_t>(source_chunks_of(block).length());
  return sources + repair_count(sources);
}

uint32_t Geometry::position_of(uint32_t id) const {
  const uint32_t block = block_of(id);
  const nois::Interval sources = source_chunks_of(block);
  if (!is_repair(id)) return id - sources.first;
  return static_cast<uint32_t>(sources.length()) + (id - repair_chunks_of(block).first);
}

uint32_t Geometry::id_at(uint32_t block, uint32_t position) const {
  FB_CHECK(position < block_size(block));
  const nois::Interval sources = source_chunks_of(block);
  if (position < sources.length()) return sources.first + position;
  return repair_chunks_of(block).first + (position - static_cast<uint32_t>(sources.length()));
}

uint16_t Geometry::coded_length(uint32_t id) const {
  return is_repair(id) ? chunk_size : chunk_length(id);
}

uint64_t Geometry::repair_offset(uint32_t id) const {
  FB_CHECK(is_repair(id));
  return uint64_t{id - chunk_count()} * chunk_size;
}

uint64_t Geometry::repair_length() const { return (coded_count() - chunk_count()) * chunk_size; }

}  // namespace fb::content
