#include "base/number_map.h"

#include <map>

#include "base/rng.h"
#include "catch.h"

namespace fb {
namespace {

TEST_CASE("a number map finds what a std::map holds") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  NumberMap<uint32_t> map;
  std::map<uint64_t, uint32_t> model;
  for (int step = 0; step < 20'000; ++step) {
    // Few keys, so that they come and go; small ones, and ones that differ in high bits only.
    const uint64_t key = (1 + rng.below(60)) << (rng.below(2) == 0 ? 0 : 40);
    if (rng.below(2) == 0) {
      const auto value = static_cast<uint32_t>(rng.next());
      map.set(key, value);
      model[key] = value;
    } else {
      map.erase(key);
      model.erase(key);
    }
    REQUIRE(map.size() == model.size());
    const uint64_t asked = (1 + rng.below(60)) << (rng.below(2) == 0 ? 0 : 40);
    const auto expected = model.find(asked);
    REQUIRE(map.contains(asked) == (expected != model.end()));
    const uint32_t* found = map.find(asked);
    REQUIRE((found != nullptr) == (expected != model.end()));
    if (found != nullptr) REQUIRE(*found == expected->second);
  }
  for (const auto& [key, value] : model) REQUIRE(*map.find(key) == value);
}

TEST_CASE("an empty number map holds nothing, 0 neither") {
  NumberMap<int> map;
  CHECK(map.find(7) == nullptr);
  CHECK(map.find(0) == nullptr);
  map.erase(7);
  map.set(7, 1);
  CHECK_FALSE(map.contains(0));
  map.erase(7);
  CHECK(map.size() == 0);
}

}  // namespace
}  // namespace fb
