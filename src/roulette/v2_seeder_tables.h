// What profile v2's seeder remembers of visitors, from their JOIN on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/roulette_cache.h"
#include "roulette/ticket.h"
#include "wire/message.h"

namespace fb::roulette {

struct WaitingJoin {
  Endpoint endpoint;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  std::string path;
  size_t size = 0;
  bool again = false;  // it was admitted before
};
// Who was let in, for its greeting, and for a JOIN that is sent again.
struct Admitted {
  Endpoint endpoint;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  uint64_t path = 0;
  std::string path_text;
  Instant at{};
  bool again = false;                   // it was admitted before
  bool token = false;                   // it gets one of ours, when it greets
  size_t contacts = 0;                  // that it was named
  std::vector<NeighbourId> behind_nat;  // of these
};
// Who has proved its address, in the order of admission.
struct Listed {
  NeighbourId id{};
  Endpoint endpoint;
  TicketKey key{};
  wire::Token name = 0;
  uint64_t path = 0;
  Instant at{};
  uint32_t named = 0;      // to so many
  uint32_t unreached = 0;  // how many of those whom it was named to had no answer of it
};
struct QueuedChunk {
  NeighbourId to{};
  content::FileId file{};
  wire::ChunkName chunk;
  bool pushed = false;
};

struct QueuedManifest {
  Endpoint to;
  wire::Token token = 0;
  uint16_t request = 0;
  std::string path;
  Instant since{};
};
// What has left so far.
struct SentSoFar {
  uint64_t chunks = 0;
  uint64_t chunk_bytes = 0;
  uint64_t bytes = 0;  // of everything
};

// When something happened, within the last seconds.
class RecentTimes {
 public:
  void add(Instant now) { times_.push_back(now); }
  // How often; at least once, so that it can be divided by.
  [[nodiscard]] double in_last_second(Instant now) {
    forget_old(now);
    const auto recent = std::ranges::lower_bound(times_, now - seconds(1));
    return std::max(1.0, static_cast<double>(times_.end() - recent));
  }
  // How often a second, on an average of longer; at least once likewise.
  [[nodiscard]] double sustained(Instant now) {
    forget_old(now);
    return std::max(1.0, static_cast<double>(times_.size()) / kKept.seconds());
  }

 private:
  static constexpr Duration kKept = seconds(4);
  void forget_old(Instant now) {
    while (!times_.empty() && now - times_.front() > kKept) times_.pop_front();
  }
  std::deque<Instant> times_;
};

}  // namespace fb::roulette
