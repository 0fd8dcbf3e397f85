#include "base/ring.h"

#include <algorithm>
#include <deque>

#include "base/rng.h"
#include "catch.h"

namespace fb {
namespace {

TEST_CASE("a ring holds what a std::deque does") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  Ring<uint64_t> ring;
  std::deque<uint64_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t value = rng.below(50);
    switch (rng.below(7)) {
      case 0:
      case 1:
        ring.push_back(value);
        model.push_back(value);
        break;
      case 2:
        ring.push_front(value);
        model.push_front(value);
        break;
      case 3:
        if (model.empty()) break;
        ring.pop_front();
        model.pop_front();
        break;
      case 4:
        if (model.empty()) break;
        ring.pop_back();
        model.pop_back();
        break;
      case 5: {
        const uint64_t* found = ring.find_if([&](uint64_t v) { return v == value; });
        REQUIRE((found != nullptr) == (std::ranges::find(model, value) != model.end()));
        if (found != nullptr) REQUIRE(*found == value);
        break;
      }
      case 6: {
        if (rng.below(4) != 0) break;
        const auto goes = [&](uint64_t v) { return v % 5 == value % 5; };
        ring.erase_if(goes);
        std::erase_if(model, goes);
        break;
      }
    }
    REQUIRE(ring.size() == model.size());
    REQUIRE(ring.empty() == model.empty());
    if (model.empty()) continue;
    REQUIRE(ring.front() == model.front());
    REQUIRE(ring.back() == model.back());
    const size_t at = rng.below(model.size());
    REQUIRE(ring[at] == model[at]);
  }
}

}  // namespace
}  // namespace fb
