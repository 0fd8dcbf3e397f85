// Verified MetaChunks in memory, bounded in bytes; the least recently used is dropped first.
//
// Thread safety: none; one thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "content/object.h"
#include "content/shared_cache.h"  // kCacheEntryOverhead

namespace fb::content {

class MetachunkCache {
 public:
  explicit MetachunkCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // The bytes, which become the most recently used; nullptr when they are not here. Valid until
  // the next put().
  [[nodiscard]] const std::vector<uint8_t>* get(FileId file, uint32_t metachunk);
  // Takes verified bytes over and returns where they are, valid until the next put(). Bytes that
  // do not fit alone are left as they are; then nullptr. Requires that they are not here yet.
  const std::vector<uint8_t>* put(FileId file, uint32_t metachunk, std::vector<uint8_t>& bytes);
  [[nodiscard]] bool contains(FileId file, uint32_t metachunk) const;
  // Bytes and overhead of all entries; never more than bytes_max.
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] size_t entries() const { return places_.size(); }

 private:
  struct Key {
    FileId file{};
    uint32_t metachunk = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    // File ids are keyed hashes, so nobody outside chooses them.
    size_t operator()(const Key& key) const noexcept {
      return static_cast<size_t>(static_cast<uint64_t>(key.file) +
                                 key.metachunk * 0x9e3779b97f4a7c15U);
    }
  };
  struct Entry {
    Key key;
    std::vector<uint8_t> bytes;
  };

  uint64_t bytes_max_ = 0;
  uint64_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> places_;
};

}  // namespace fb::content
