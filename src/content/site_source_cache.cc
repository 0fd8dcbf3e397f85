#include "content/site_source_cache.h"

#include <utility>

#include "base/check.h"

namespace fb::content {

const std::vector<uint8_t>* MetachunkCache::get(FileId file, uint32_t metachunk) {
  const auto found = places_.find({file, metachunk});
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->bytes;
}

const std::vector<uint8_t>* MetachunkCache::put(FileId file, uint32_t metachunk,
                                                std::vector<uint8_t>& bytes) {
  FB_CHECK(!contains(file, metachunk));
  const uint64_t cost = bytes.size() + kCacheEntryOverhead;
  if (cost > bytes_max_) return nullptr;
  while (bytes_ + cost > bytes_max_) {
    bytes_ -= entries_.back().bytes.size() + kCacheEntryOverhead;
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  const Key key{file, metachunk};
  entries_.push_front({key, std::move(bytes)});
  places_.emplace(key, entries_.begin());
  bytes_ += cost;
  return &entries_.front().bytes;
}

bool MetachunkCache::contains(FileId file, uint32_t metachunk) const {
  return places_.contains({file, metachunk});
}

}  // namespace fb::content
