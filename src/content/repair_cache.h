// Repair chunks of objects that are held whole, computed when they are asked for and kept in
// bounded memory; the least recently used are dropped first.
//
// A block's repair chunks are computed a few at a time: the code costs the same for each, and who
// asks for one chunk of many blocks makes us work for a few chunks and not for a hundred.
//
// Thread safety: a RepairCache is for one thread at a time; several may share what they keep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "content/shared_cache.h"

namespace fb::content {

inline constexpr uint64_t kRepairCacheBytes = uint64_t{8} << 20;
// How many repair chunks are computed together.
inline constexpr uint32_t kRepairChunksAtOnce = 12;

class RepairCache {
 public:
  // Fills the span with true source bytes of the object from an offset on; false when it cannot.
  using ReadSource = std::function<bool(uint64_t offset, std::span<uint8_t> out)>;

  // Keeps them for itself.
  explicit RepairCache(uint64_t bytes_max = kRepairCacheBytes)
      : RepairCache(shared_cache(bytes_max)) {}
  // Shares them with whoever was given the same; it must be kept for repair chunks alone.
  explicit RepairCache(std::shared_ptr<SharedCache> cache) : reader_(std::move(cache)) {}
  [[nodiscard]] static std::shared_ptr<SharedCache> shared_cache(uint64_t bytes_max);

  // A repair chunk's bytes into `out`: its length, or 0 when there is no such chunk, `out` is too
  // small, or `source` failed. Any id may be given, source chunks' are none of ours.
  [[nodiscard]] size_t read_chunk(FileId file, const Geometry& geometry, uint32_t id,
                                  std::span<uint8_t> out, const ReadSource& source);

  [[nodiscard]] const std::shared_ptr<SharedCache>& cache() const { return reader_.cache(); }
  [[nodiscard]] uint64_t bytes() const { return cache()->bytes(); }

 private:
  SharedCache::Reader reader_;  // under numbers that name a few chunks of a block
  std::vector<uint8_t> sources_;
};

}  // namespace fb::content
