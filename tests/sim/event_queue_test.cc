#include <queue>

#include "base/rng.h"
#include "catch.h"
#include "sim/event_queue.h"

using namespace fb;
using namespace fb::sim;

namespace {

struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
  }
};

}  // namespace

TEST_CASE("events come in order of time, ties in order of scheduling") {
  EventQueue queue;
  queue.push(Instant{500}, Event::Kind::kTimer, 1, 0);
  queue.push(Instant{100}, Event::Kind::kTimer, 2, 0);
  queue.push(Instant{500}, Event::Kind::kTimer, 3, 0);
  queue.push(Instant{9'000'000'000'000}, Event::Kind::kTimer, 4, 0);
  std::vector<uint32_t> order;
  while (!queue.empty()) {
    order.push_back(queue.top().host);
    queue.pop();
  }
  CHECK(order == std::vector<uint32_t>{2, 1, 3, 4});
}

TEST_CASE("the calendar agrees with a heap, whatever is scheduled when") {
  const uint64_t seed = 20261121;
  INFO("seed " << seed);
  Rng rng(seed);
  EventQueue queue;
  std::priority_queue<Event, std::vector<Event>, Later> model;
  Instant now{};
  uint64_t sequence = 0;
  // Distances from a nanosecond to an hour, so that ring, heap and current bucket all serve; some
  // of the past, as in real time, where top() may have looked far ahead.
  const auto distance = [&] {
    return static_cast<int64_t>(rng.below(uint64_t{1} << rng.below(42)));
  };
  for (int step = 0; step < 200'000; ++step) {
    const bool grow = model.size() < 20 || (model.size() < 3000 && rng.below(2) == 0);
    if (grow) {
      const Instant when = now + Duration{distance()};
      queue.push(when, Event::Kind::kTimer, static_cast<uint32_t>(sequence), 0);
      model.push({when, sequence, 0, static_cast<uint32_t>(sequence), Event::Kind::kTimer});
      ++sequence;
      // A look ahead must not change what comes later.
      if (rng.below(4) == 0) REQUIRE(queue.top().host == model.top().host);
    } else {
      REQUIRE(queue.size() == model.size());
      REQUIRE(queue.top().host == model.top().host);
      REQUIRE(queue.top().when == model.top().when);
      now = std::max(now, model.top().when);
      queue.pop();
      model.pop();
    }
  }
}
