#include "content/repair_cache.h"

#include <algorithm>

#include "content/block_code.h"

namespace fb::content {
namespace {

// More than any block has parts; blocks have less than 2^26 numbers, so that a part's has 32 bits.
constexpr uint32_t kPartsMax = 16;
static_assert(kBlockSizeMax / 2 <= kPartsMax * kRepairChunksAtOnce);
// Parts of the default chunk size are three times as long.
constexpr uint64_t kBytesAPlace = 4096;

}  // namespace

std::shared_ptr<SharedCache> RepairCache::shared_cache(uint64_t bytes_max) {
  return std::make_shared<SharedCache>(bytes_max, kBytesAPlace);
}

size_t RepairCache::read_chunk(FileId file, const Geometry& geometry, uint32_t id,
                               std::span<uint8_t> out, const ReadSource& source) {
  if (id >= geometry.coded_count() || !geometry.is_repair(id)) return 0;
  const size_t size = geometry.chunk_size;
  if (out.size() < size) return 0;
  const uint32_t block = geometry.block_of(id);
  const nois::Interval repairs = geometry.repair_chunks_of(block);
  const uint32_t part = (id - repairs.first) / kRepairChunksAtOnce;
  const uint32_t first = repairs.first + part * kRepairChunksAtOnce;
  const uint32_t key = block * kPartsMax + part;
  auto bytes = reader_.get(file, key);
  std::vector<uint8_t> encoded;
  if (!bytes) {
    const nois::Interval sources = geometry.source_chunks_of(block);
    const uint64_t offset = geometry.chunk_offset(sources.first);
    sources_.resize(std::min(sources.length() * size, geometry.length - offset));
    if (!source(offset, sources_)) return 0;
    encoded.resize(std::min<uint64_t>(kRepairChunksAtOnce, repairs.last - first + 1) * size);
    encode_block(sources_, size, geometry.position_of(first), encoded);
    bytes = reader_.put(file, key, encoded);
    if (!bytes) bytes = encoded;
  }
  const auto from = bytes->subspan((id - first) * size, size);
  std::copy(from.begin(), from.end(), out.begin());
  return size;
}

}  // namespace fb::content
