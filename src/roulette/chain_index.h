// A hash index over the places of a table: which have entries of this hash, the latest first.
//
// It keeps the hash and not the entry, so the table compares what it finds; two entries that differ
// seldom have the same 32 bits. Where strangers choose what is hashed, hash with a key
// (stranger_hash.h): who cannot foresee a hash cannot fill a bucket.
// A place costs 16 bytes. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace fb::roulette {

class ChainIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Requires a place that is not in the index.
  void add(uint32_t place, uint32_t hash) {
    if (size_ == heads_.size()) grow();
    if (place >= links_.size()) links_.resize(size_t{place} + 1);
    link(place, hash);
    ++size_;
  }
  // Requires a place that is in the index.
  void remove(uint32_t place) {
    const Links& gone = links_[place];
    if (gone.newer != kNone) {
      links_[gone.newer].older = gone.older;
    } else {
      FB_CHECK(heads_[bucket_of(gone.hash)] == place);
      heads_[bucket_of(gone.hash)] = gone.older;
    }
    if (gone.older != kNone) links_[gone.older].newer = gone.newer;
    --size_;
  }
  // The latest with this hash; kNone when there is none.
  [[nodiscard]] uint32_t first(uint32_t hash) const {
    return heads_.empty() ? kNone : skip(heads_[bucket_of(hash)], hash);
  }
  // The one with the same hash before it.
  [[nodiscard]] uint32_t next(uint32_t place) const {
    return skip(links_[place].older, links_[place].hash);
  }
  [[nodiscard]] uint32_t hash_of(uint32_t place) const { return links_[place].hash; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kHeadsMin = 8;
  struct Links {
    uint32_t hash = 0;
    uint32_t older = kNone;
    uint32_t newer = kNone;
  };

  [[nodiscard]] size_t bucket_of(uint32_t hash) const { return hash & (heads_.size() - 1); }
  [[nodiscard]] uint32_t skip(uint32_t place, uint32_t hash) const {
    while (place != kNone && links_[place].hash != hash) place = links_[place].older;
    return place;
  }
  void link(uint32_t place, uint32_t hash) {
    uint32_t& head = heads_[bucket_of(hash)];
    links_[place] = {hash, head, kNone};
    if (head != kNone) links_[head].newer = place;
    head = place;
  }
  // Each bucket falls into two, so taking over every chain from its oldest keeps the order.
  void grow() {
    const std::vector<uint32_t> old = std::move(heads_);
    heads_.assign(old.empty() ? kHeadsMin : old.size() * 2, kNone);
    for (uint32_t place : old) {
      while (place != kNone && links_[place].older != kNone) place = links_[place].older;
      while (place != kNone) {
        const uint32_t newer = links_[place].newer;
        link(place, links_[place].hash);
        place = newer;
      }
    }
  }

  std::vector<uint32_t> heads_;  // a power of two of them
  std::vector<Links> links_;     // by place
  size_t size_ = 0;
};

}  // namespace fb::roulette
