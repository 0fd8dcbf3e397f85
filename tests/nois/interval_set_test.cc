// The skiplist against a slow model: a std::set of ids.
#include "nois/interval_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "catch.h"
#include "model.h"

namespace fb::nois {
namespace {

using test::check_same;
using test::kLastId;
using test::kWindow;
using test::Model;
using test::random_range;

void run_model(uint64_t seed, uint32_t base, int steps) {
  INFO("seed " << seed << "; replay: FLASHBACK_SEED=" << seed << " test_nois \"*model*\"");
  Rng rng(seed);
  IntervalSet set;
  Model model(base);
  for (int step = 0; step < steps; ++step) {
    const Interval range = random_range(model, rng);
    switch (rng.below(16)) {
      case 0:
        set = IntervalSet(set);
        break;
      case 1: {
        IntervalSet moved(std::move(set));
        set = std::move(moved);
        break;
      }
      case 2:
        if (rng.below(20) == 0) {
          set.clear();
          model.clear();
        } else if (rng.below(20) == 0) {  // so many intervals that they lie in the skiplist
          static_assert(kWindow / 2 > IntervalSet::kFlatMax);
          for (uint32_t i = 0; i < kWindow / 2; ++i) {
            const uint32_t id = base + 2 * i;
            REQUIRE(set.insert({id, id}) == model.insert({id, id}));
          }
        }
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        REQUIRE(set.erase(range) == model.erase(range));
        break;
      default:
        REQUIRE(set.insert(range) == model.insert(range));
    }
    check_same(set, model, rng);
    REQUIRE(set.interval_count() == model.held(model.window()).size());
  }
  // The same ids in another order make the same set.
  IntervalSet again;
  auto intervals = set.intervals();
  for (size_t i = intervals.size(); i > 1; --i) {
    std::swap(intervals[i - 1], intervals[rng.below(i)]);
  }
  for (const Interval& interval : intervals) again.insert(interval);
  REQUIRE(again == set);
  const Interval changed{base + 7, base + 7};
  if (again.erase(changed) == 0) again.insert(changed);
  REQUIRE_FALSE(again == set);
}

TEST_CASE("interval set behaves as its model") {
  std::vector<uint64_t> seeds{1, 2, 3, 4, 5, 6, 7, 8};
  if (const char* const given = std::getenv("FLASHBACK_SEED")) seeds = {std::stoull(given)};
  for (const uint64_t seed : seeds) {
    run_model(seed, 0, 1500);
    run_model(seed, kLastId - (kWindow - 1), 1500);
    run_model(seed, 70'000, 500);
  }
}

TEST_CASE("interval set at the edges of all ids") {
  IntervalSet set;
  REQUIRE(set.empty());
  REQUIRE(set.missing_within({0, kLastId}) == std::vector<Interval>{{0, kLastId}});
  REQUIRE(set.insert({kLastId, kLastId}) == 1);
  REQUIRE(set.insert({0, 0}) == 1);
  REQUIRE(set.contains(0));
  REQUIRE(set.contains(kLastId));
  REQUIRE_FALSE(set.contains(1));
  REQUIRE(set.missing_within({0, kLastId}) == std::vector<Interval>{{1, kLastId - 1}});
  REQUIRE(set.insert({0, kLastId}) == (uint64_t{1} << 32) - 2);
  REQUIRE(set.count() == uint64_t{1} << 32);
  REQUIRE(set.interval_count() == 1);
  REQUIRE(set.missing_within({0, kLastId}).empty());
  REQUIRE(set.difference({}) == std::vector<Interval>{{0, kLastId}});
  const std::vector<Interval> others{{kLastId, kLastId}, {5, 9}, {9, 5}, {7, 12}};
  REQUIRE(set.difference(others) == std::vector<Interval>{{0, 4}, {13, kLastId - 1}});
  REQUIRE(set.erase({kLastId, kLastId}) == 1);
  REQUIRE(set.erase({0, 0}) == 1);
  REQUIRE(set.intervals() == std::vector<Interval>{{1, kLastId - 1}});
  REQUIRE(set.erase({0, kLastId}) == (uint64_t{1} << 32) - 2);
  REQUIRE(set.empty());
}

TEST_CASE("interval set that was moved from is empty and usable") {
  IntervalSet set;
  set.insert({3, 5});
  IntervalSet other(std::move(set));
  REQUIRE(set.empty());  // NOLINT: the header promises it
  REQUIRE(set.intervals().empty());
  REQUIRE(set.top_intervals(3).empty());
  REQUIRE(set.insert({1, 1}) == 1);
  REQUIRE(other.count() == 3);
  REQUIRE_FALSE(set == other);
}

TEST_CASE("interval set with many intervals stays quick") {
  // Every second id of 200,000: with a linear search this would take minutes.
  IntervalSet set;
  constexpr uint32_t kCount = 200'000;
  for (uint32_t i = 0; i < kCount; ++i) {
    const uint32_t id = static_cast<uint32_t>(uint64_t{i} * 77'773 % kCount) * 2;
    REQUIRE(set.insert({id, id}) == 1);
  }
  REQUIRE(set.interval_count() == kCount);
  REQUIRE(set.insert({0, 2 * kCount}) == kCount + 1);
  REQUIRE(set.interval_count() == 1);
}

TEST_CASE("a missing id is drawn as often as every other, in either form") {
  IntervalSet list;
  test::check_random_missing_is_uniform(list, 20261126);
  IntervalSet flat;
  flat.insert({12, 209});
  REQUIRE(flat.interval_count() == 1);
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    const auto id = flat.random_missing(std::vector<Interval>{{0, 300}}, rng);
    REQUIRE((*id < 12 || *id > 209));
  }
}

TEST_CASE("random id is uniform over ids, not over intervals") {
  const std::vector<Interval> intervals{{5, 5}, {10, 49}, {kLastId - 8, kLastId}};
  std::vector<uint32_t> ids;
  for (const Interval& interval : intervals) {
    for (uint64_t id = interval.first; id <= interval.last; ++id) {
      ids.push_back(static_cast<uint32_t>(id));
    }
  }
  constexpr uint64_t kSeed = 20240607;
  INFO("seed " << kSeed);
  Rng rng(kSeed);
  std::vector<double> hits(ids.size());
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const auto id = random_id(intervals, rng);
    REQUIRE(id.has_value());
    const auto place = std::lower_bound(ids.begin(), ids.end(), *id);
    REQUIRE((place != ids.end() && *place == *id));
    hits[static_cast<size_t>(place - ids.begin())] += 1;
  }
  const double expected = static_cast<double>(kDraws) / static_cast<double>(ids.size());
  double chi_square = 0;
  for (const double count : hits) chi_square += (count - expected) * (count - expected) / expected;
  // 49 degrees of freedom: mean 49, standard deviation 9.9; 100 is five of them away.
  REQUIRE(chi_square < 100);
  REQUIRE(chi_square > 15);
}

TEST_CASE("random id of nothing is nothing, and reaches all ids there are") {
  Rng rng(1);
  REQUIRE_FALSE(random_id({}, rng).has_value());
  const std::vector<Interval> all{{0, kLastId}};
  bool high = false;
  bool low = false;
  for (int i = 0; i < 64; ++i) {
    const uint32_t id = random_id(all, rng).value();
    high = high || id > kLastId / 2;
    low = low || id <= kLastId / 2;
  }
  REQUIRE(high);
  REQUIRE(low);
}

}  // namespace
}  // namespace fb::nois
