#include "engine/circle.h"

#include <deque>

#include "base/rng.h"
#include "catch.h"

namespace fb::engine {
namespace {

TEST_CASE("circle: gives back in order what was pushed, whatever the turns (random)") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    const size_t room = 1 + rng.below(5);
    Circle<uint64_t> circle(room);
    std::deque<uint64_t> model;
    for (uint64_t i = 0; i < 200; ++i) {
      if (model.size() < room && rng.below(2) == 0) {
        circle.push(i);
        model.push_back(i);
      } else if (!model.empty()) {
        REQUIRE(circle.front() == model.front());
        circle.pop();
        model.pop_front();
      }
      REQUIRE(circle.size() == model.size());
      REQUIRE(circle.empty() == model.empty());
    }
  }
}

}  // namespace
}  // namespace fb::engine
