// What profile v2's seeder remembers of visitors, from their JOIN on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/endpoint.h"
#include "base/ring.h"
#include "base/time.h"
#include "roulette/chain_pool.h"
#include "roulette/indexed_queue.h"
#include "roulette/path_table.h"
#include "roulette/visitors.h"
#include "wire/message.h"

namespace fb::roulette {

struct WaitingJoin {
  Endpoint endpoint;
  PathId path{};
  uint32_t size = 0;  // of the datagram
  wire::Token reply_token = 0;
  wire::Token name = 0;
  bool again = false;  // it was admitted before
};
// Of joins that wait, and of the admitted.
inline constexpr size_t kByReplyToken = 0;  // and endpoint
inline constexpr size_t kByName = 1;        // and endpoint
inline constexpr size_t kByNameAlone = 2;
using JoinQueue = IndexedQueue<WaitingJoin, 1>;

// A contact that is to be told of a newcomer, once that has proved its address.
struct BehindNat {
  VisitorId id;
  uint32_t next = 0;
};
// Who was let in, for its greeting, and for a JOIN that is sent again.
struct Admitted {
  Endpoint endpoint;
  uint8_t contacts = 0;  // that it was named
  bool again = false;    // it was admitted before
  bool token = false;    // it gets one of ours, when it greets
  PathId path{};
  wire::Token reply_token = 0;
  wire::Token name = 0;
  Instant at{};
  Chain behind_nat = 0;  // of its contacts
};
using AdmittedQueue = IndexedQueue<Admitted, 3>;

struct QueuedChunk {
  VisitorId to;
  content::FileId file{};
  wire::ChunkName chunk;
  bool pushed = false;
};

struct QueuedManifest {
  Endpoint to;
  uint16_t request = 0;
  PathId path{};
  wire::Token token = 0;
  Instant since{};
};
using ManifestQueue = IndexedQueue<QueuedManifest, 1>;  // by endpoint

// What has left so far.
struct SentSoFar {
  uint64_t chunks = 0;
  uint64_t chunk_bytes = 0;
  uint64_t bytes = 0;  // of everything
};

// When something happened, within the last seconds. Where thousands of things happen in a second,
// those of a few milliseconds count as one instant: so it is bounded, however many they are.
// `now` never goes back.
class RecentTimes {
 public:
  void add(Instant now) {
    forget_old(now);
    ++all_;
    ++recent_;
    if (times_.size() >= kExactMax && now - times_.back().at < kGrain) {
      ++times_.back().count;
    } else {
      times_.push_back({now, 1});
    }
  }
  // How often; at least once, so that it can be divided by.
  [[nodiscard]] double in_last_second(Instant now) {
    return std::max(1.0, static_cast<double>(counted_in_last_second(now)));
  }
  [[nodiscard]] uint32_t counted_in_last_second(Instant now) {
    forget_old(now);
    return static_cast<uint32_t>(recent_);
  }
  // How often a second, on an average of longer; at least once likewise.
  [[nodiscard]] double sustained(Instant now) {
    forget_old(now);
    return std::max(1.0, static_cast<double>(all_) / kKept.seconds());
  }
  // What it remembers: at most kExactMax, and one for each kGrain.
  [[nodiscard]] size_t entries() const { return times_.size(); }

 private:
  static constexpr Duration kKept = seconds(4);
  static constexpr size_t kExactMax = 2048;
  static constexpr Duration kGrain = milliseconds(4);
  struct Times {
    Instant at;
    uint32_t count = 0;
  };

  void forget_old(Instant now) {
    while (older_ < times_.size() && now - times_[older_].at > seconds(1)) {
      recent_ -= times_[older_++].count;
    }
    while (!times_.empty() && now - times_.front().at > kKept) {
      all_ -= times_.front().count;
      times_.pop_front();
      --older_;
    }
  }

  Ring<Times> times_;    // oldest first
  size_t older_ = 0;     // how many of them are not of the last second
  uint64_t all_ = 0;
  uint64_t recent_ = 0;  // in the last second
};

}  // namespace fb::roulette
