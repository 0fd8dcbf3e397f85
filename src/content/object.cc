#include "content/object.h"

#include <algorithm>

#include "base/check.h"

namespace fb::content {

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

}  // namespace fb::content
