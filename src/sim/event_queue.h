// The world's events in order of time, ties in the order in which they were scheduled.
//
// A calendar queue (Brown 1988): a ring of buckets of half a millisecond holds the coming second, a
// heap what is later. A bucket is sorted when its time comes, so that scheduling, the common case,
// is one append. Events may be scheduled at any time, also before the one that top() has shown.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <queue>
#include <vector>

#include "base/check.h"
#include "base/time.h"

namespace fb::sim {

struct Event {
  enum class Kind : uint8_t {
    kArrive,     // a visitor
    kAction,     // what somebody gave to at()
    kSent,       // a datagram has passed the network to its receiver
    kDelivered,  // and the receiver's line
    kTimer,
    kAbandon,
  };
  Instant when{};
  uint64_t sequence = 0;
  uint32_t slot = 0;  // a datagram or an action
  uint32_t host = 0;
  Kind kind{};
};

class EventQueue {
 public:
  EventQueue() : ring_(kBuckets) {}

  void push(Instant when, Event::Kind kind, uint32_t host, uint32_t slot) {
    const Event event{when, sequence_++, slot, host, kind};
    ++size_;
    const int64_t bucket = bucket_of(when);
    if (bucket <= current_) {
      insert_sorted(event);
    } else if (bucket < current_ + kBuckets) {
      append(bucket, event);
    } else {
      far_.push(event);
    }
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  // Requires that it is not empty. Valid until the next call.
  [[nodiscard]] const Event& top() {
    if (sorted_.empty()) advance();
    return sorted_.back();
  }
  void pop() {
    FB_CHECK(!sorted_.empty());
    sorted_.pop_back();
    --size_;
  }

 private:
  static constexpr int kBucketBits = 19;  // of nanoseconds
  static constexpr int64_t kBuckets = 2048;
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };
  static int64_t bucket_of(Instant when) { return when.ns >> kBucketBits; }

  void insert_sorted(const Event& event) {
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), event, Later{}), event);
  }
  void append(int64_t bucket, const Event& event) {
    const auto index = static_cast<size_t>(bucket % kBuckets);
    ring_[index].push_back(event);
    occupied_[index / 64] |= uint64_t{1} << (index % 64);
  }
  // The first bucket that is not empty becomes the current one. Requires that there is an event
  // somewhere.
  void advance() {
    const int64_t next = next_occupied();
    current_ = next;
    while (!far_.empty() && bucket_of(far_.top().when) < current_ + kBuckets) {
      append(bucket_of(far_.top().when), far_.top());
      far_.pop();
    }
    const auto index = static_cast<size_t>(current_ % kBuckets);
    sorted_.swap(ring_[index]);
    occupied_[index / 64] &= ~(uint64_t{1} << (index % 64));
    std::sort(sorted_.begin(), sorted_.end(), Later{});
  }
  [[nodiscard]] int64_t next_occupied() const {
    // The ring first: the heap holds only what is beyond it.
    for (int64_t bucket = current_ + 1; bucket < current_ + kBuckets;) {
      const auto index = static_cast<size_t>(bucket % kBuckets);
      const uint64_t word = occupied_[index / 64] >> (index % 64);
      if (word != 0) return bucket + std::countr_zero(word);
      bucket += static_cast<int64_t>(64 - index % 64);
    }
    FB_CHECK(!far_.empty());
    return bucket_of(far_.top().when);
  }

  uint64_t sequence_ = 0;
  size_t size_ = 0;
  int64_t current_ = -1;        // bucket of sorted_
  std::vector<Event> sorted_;   // the current bucket and what is earlier, latest first
  std::vector<std::vector<Event>> ring_;
  std::array<uint64_t, kBuckets / 64> occupied_{};
  std::priority_queue<Event, std::vector<Event>, Later> far_;
};

}  // namespace fb::sim
