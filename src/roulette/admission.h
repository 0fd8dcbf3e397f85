// Bounds on what strangers and referrals can make a node do (docs/protocol.md, "Security", rules
// 2, 4 and 5). All tables here are small, of fixed bound, and forget the oldest first.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/config.h"
#include "wire/message.h"

namespace fb::roulette {

// How many contacts to an address prefix (or referrals of a name) happened in the last window.
class WindowCounter {
 public:
  WindowCounter(Duration window, size_t entries_max) : window_(window), entries_max_(entries_max) {}

  // Counts one more for `key`, unless there are `limit` in the window already.
  bool admit(Instant now, const Endpoint& key, uint32_t limit);
  // Takes one back: that contact was answered.
  void forgive(const Endpoint& key);

 private:
  struct Entry {
    Instant at{};
    Endpoint key;
  };
  void pop_oldest();
  void uncount(const Endpoint& key);

  Duration window_;
  size_t entries_max_;
  std::deque<Entry> entries_;
  std::unordered_map<Endpoint, uint32_t, EndpointHash> counts_;  // of entries_; looked up only
};

// Who is cut off for pollution: by endpoint and by name.
class BanList {
 public:
  void add(const Endpoint& endpoint, wire::Token name);
  [[nodiscard]] bool contains(const Endpoint& endpoint, wire::Token name) const;

 private:
  struct Entry {
    Endpoint endpoint;
    wire::Token name = 0;
  };
  std::vector<Entry> entries_;  // an empty std::deque would own half a KiB, here and elsewhere
};

}  // namespace fb::roulette
