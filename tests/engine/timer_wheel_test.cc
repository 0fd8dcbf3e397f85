#include "engine/timer_wheel.h"

#include <algorithm>
#include <map>

#include "base/rng.h"
#include "catch.h"

namespace fb::engine {
namespace {

using Id = TimerWheel::Id;
using Ids = std::vector<Id>;

Ids fired(TimerWheel& wheel, Instant now) {
  Ids out;
  wheel.advance(now, [&](Id id) { out.push_back(id); });
  return out;
}

TEST_CASE("timer wheel: fires exactly on its instant and not before") {
  for (const int64_t ns :
       {0L, 1L, 65'535L, 65'536L, 4'194'304L, 1'000'000'007L, 1L << 52, 1L << 62}) {
    INFO(ns);
    TimerWheel wheel({0});
    wheel.schedule({ns}, 5);
    if (ns > 0) CHECK(fired(wheel, {ns - 1}).empty());
    CHECK(wheel.scheduled(5));
    CHECK(fired(wheel, {ns}) == Ids{5});
    CHECK_FALSE(wheel.scheduled(5));
    CHECK(wheel.next_deadline() == Instant::never());
  }
}

TEST_CASE("timer wheel: a deadline in the past fires at once, one at never() never") {
  TimerWheel wheel({1'000'000'000});
  wheel.schedule({5}, 1);
  wheel.schedule({-5}, 2);
  wheel.schedule(Instant::never(), 3);
  CHECK(wheel.size() == 2);
  CHECK(wheel.next_deadline() == Instant{-5});
  CHECK(fired(wheel, {1'000'000'000}) == Ids{1, 2});
  wheel.schedule({2'000'000'000}, 1);
  wheel.schedule(Instant::never(), 1);
  CHECK(wheel.size() == 0);
}

TEST_CASE("timer wheel: fires in the order of the ticks, however late") {
  TimerWheel wheel({0});
  for (Id id = 0; id < 100; ++id) wheel.schedule({(100 - id) * 1'000'000'000LL}, id);
  Ids expected;
  for (Id id = 100; id-- > 0;) expected.push_back(id);
  CHECK(fired(wheel, {1'000'000'000'000}) == expected);
}

TEST_CASE("timer wheel: a callback may re-arm itself and cancel others that are due") {
  TimerWheel wheel({0});
  for (Id id = 0; id < 4; ++id) wheel.schedule({10}, id);
  Ids order;
  const auto on_due = [&](Id id) {
    order.push_back(id);
    wheel.cancel(id + 1);
    wheel.schedule({5}, id);
  };
  wheel.advance({20}, on_due);
  CHECK(order == Ids{0, 2});
  wheel.advance({20}, on_due);
  CHECK(order == Ids{0, 2, 0, 2});
}

// The model: a map from id to deadline.
void check_against_model(uint64_t seed) {
  INFO("seed " << seed);
  Rng rng(seed);
  Instant now{static_cast<int64_t>(rng.below(1'000'000'000'000))};
  TimerWheel wheel(now);
  std::map<Id, Instant> model;
  for (int step = 0; step < 2000; ++step) {
    const Id id = static_cast<Id>(rng.below(50));
    const auto span = static_cast<int64_t>(rng.below(uint64_t{1} << rng.below(45)));
    switch (rng.below(4)) {
      case 0:
        wheel.cancel(id);
        model.erase(id);
        break;
      case 1: {
        const Instant to = rng.below(3) == 0 && wheel.size() > 0
                               ? std::max(now, wheel.next_deadline())
                               : now + Duration{span};
        now = to;
        Ids due;
        for (const auto& [each, deadline] : model) {
          if (deadline <= now) due.push_back(each);
        }
        Ids seen = fired(wheel, now);
        std::sort(seen.begin(), seen.end());
        REQUIRE(seen == due);
        for (const Id each : due) model.erase(each);
        break;
      }
      default:
        wheel.schedule(now + Duration{span - 1000}, id);
        model[id] = now + Duration{span - 1000};
    }
    REQUIRE(wheel.size() == model.size());
    Instant earliest = Instant::never();
    for (const auto& [each, deadline] : model) earliest = std::min(earliest, deadline);
    REQUIRE(wheel.next_deadline() <= earliest);
    REQUIRE((wheel.next_deadline() == Instant::never()) == model.empty());
  }
}

TEST_CASE("timer wheel: agrees with a slow model (random)") {
  for (uint64_t seed = 1; seed <= 100; ++seed) check_against_model(seed);
}

TEST_CASE("timer wheel: following next_deadline() reaches every timer in few steps") {
  TimerWheel wheel({0});
  Rng rng(1);
  std::map<Id, Instant> model;
  for (Id id = 0; id < 20; ++id) {
    model[id] = {static_cast<int64_t>(rng.below(1'000'000'000'000))};
    wheel.schedule(model[id], id);
  }
  int steps = 0;
  while (wheel.size() > 0) {
    const Instant now = wheel.next_deadline();
    wheel.advance(now, [&](Id id) { CHECK(model[id] == now); });
    ++steps;
  }
  CHECK(steps <= 20 * 8);
}

}  // namespace
}  // namespace fb::engine
