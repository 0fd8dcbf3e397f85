// The lock-free set by one thread, against the same slow model as the skiplist.
#include "nois/atomic_set.h"

#include <cstdlib>
#include <string>

#include "catch.h"
#include "model.h"
#include "nois/interval_set.h"

namespace fb::nois {
namespace {

using test::check_same;
using test::kLastId;
using test::kWindow;
using test::Model;
using test::random_range;

void run_model(uint64_t seed, uint32_t base, uint64_t capacity, int steps) {
  INFO("seed " << seed << "; replay: FLASHBACK_SEED=" << seed
               << " test_nois \"atomic set*model*\"");
  Rng rng(seed);
  AtomicSet set(capacity);
  Model model(base);
  for (int step = 0; step < steps; ++step) {
    const Interval range = random_range(model, rng);
    if (rng.below(16) < 6) {
      REQUIRE(set.erase(range) == model.erase(range));
    } else {
      REQUIRE(set.insert(range) == model.insert(range));
    }
    check_same(set, model, rng);
  }
}

TEST_CASE("atomic set behaves as the model") {
  std::vector<uint64_t> seeds{1, 2, 3, 4, 5, 6};
  if (const char* const given = std::getenv("FLASHBACK_SEED")) seeds = {std::stoull(given)};
  for (const uint64_t seed : seeds) {
    run_model(seed, 0, kWindow, 1200);    // one page, not a whole number of words
    run_model(seed, 0, 4096, 300);        // one page just
    run_model(seed, 4030, 70'000, 1200);  // over the border of two pages
    run_model(seed, 70'000, 1'000'000, 300);
    run_model(seed, 19'999'990 - kWindow, 20'000'000, 100);
  }
}

TEST_CASE("atomic set of millions agrees with the skiplist") {
  constexpr uint64_t kSeed = 7;
  INFO("seed " << kSeed);
  Rng rng(kSeed);
  constexpr uint32_t kIds = 300'000;
  AtomicSet set(kIds);
  IntervalSet model;
  for (int i = 0; i < 3000; ++i) {
    const auto first = static_cast<uint32_t>(rng.below(kIds));
    const auto last = static_cast<uint32_t>(std::min<uint64_t>(first + rng.below(9000), kIds - 1));
    const Interval range{first, last};
    if (rng.below(2) == 0) {
      REQUIRE(set.insert(range) == model.insert(range));
    } else {
      REQUIRE(set.erase(range) == model.erase(range));
    }
    if (i % 10 != 0) continue;
    REQUIRE(set.count() == model.count());
    REQUIRE(set.intervals() == model.intervals());
    REQUIRE(set.top_intervals(8) == model.top_intervals(8));
    REQUIRE(set.count_in(range) == model.count_in(range));
    REQUIRE(set.missing_within(range) == model.missing_within(range));
    const std::vector<Interval> other{{first / 2, first}, {9, 3}, {last, kLastId}};
    REQUIRE(set.difference(other) == model.difference(other));
  }
}

TEST_CASE("atomic set knows nothing at and beyond its capacity") {
  for (const uint64_t capacity : {0U, 1U, 63U, 64U, 65U, 4096U, 4097U}) {
    CAPTURE(capacity);
    AtomicSet set(capacity);
    Rng rng(1);
    CHECK(set.empty());
    CHECK(set.intervals().empty());
    CHECK(set.top_intervals(3).empty());
    CHECK_FALSE(set.contains(static_cast<uint32_t>(capacity)));
    CHECK_FALSE(set.contains(kLastId));
    CHECK(set.missing_within({0, kLastId}) == std::vector<Interval>{{0, kLastId}});
    if (capacity > 0) {
      const Interval all{0, static_cast<uint32_t>(capacity - 1)};
      CHECK(set.insert(all) == capacity);
      CHECK(set.intervals() == std::vector<Interval>{all});
      CHECK(set.top_intervals(3) == std::vector<Interval>{all});
      CHECK(set.within({0, kLastId}) == std::vector<Interval>{all});
      CHECK_FALSE(set.random_missing(std::vector<Interval>{all}, rng));
    }
    const auto narrow = static_cast<uint32_t>(capacity);
    CHECK(set.count_in({0, kLastId}) == capacity);
    CHECK(set.missing_within({0, kLastId}) == std::vector<Interval>{{narrow, kLastId}});
    CHECK(set.within({narrow, kLastId}).empty());
    for (int i = 0; i < 100; ++i) {
      const auto id = set.random_missing(std::vector<Interval>{{0, narrow + 9}}, rng);
      REQUIRE((*id >= narrow && *id <= narrow + 9));
    }
  }
}

TEST_CASE("atomic set reaches up to the last of all ids") {
  AtomicSet set(uint64_t{1} << 32);
  CHECK(set.insert({kLastId - 70, kLastId}) == 71);
  CHECK(set.insert({0, 0}) == 1);
  CHECK(set.erase({kLastId - 1, kLastId - 1}) == 1);
  CHECK(set.contains(kLastId));
  CHECK(set.intervals() ==
        std::vector<Interval>{{0, 0}, {kLastId - 70, kLastId - 2}, {kLastId, kLastId}});
  CHECK(set.missing_within({kLastId - 1, kLastId}) ==
        std::vector<Interval>{{kLastId - 1, kLastId - 1}});
  CHECK(set.erase({1, kLastId}) == 70);  // past pages that are not there
  CHECK(set.count() == 1);
}

TEST_CASE("atomic set: runs over words and pages are one interval, and the longest come first") {
  AtomicSet set(20'000);
  set.insert({60, 130});     // over two words
  set.insert({4000, 9000});  // over pages
  set.insert({10'000, 10'063});
  set.insert({10'112, 10'175});  // as long, and later
  set.insert({15'000, 15'010});
  CHECK(set.top_intervals(3) == std::vector<Interval>{{4000, 9000}, {60, 130}, {10'000, 10'063}});
  CHECK(set.top_intervals(1) == std::vector<Interval>{{4000, 9000}});
  AtomicSet other(100'000);
  for (const Interval& held : set.intervals()) other.insert(held);
  CHECK(other == set);
  CHECK(set.erase({5000, 5000}) == 1);
  CHECK_FALSE(other == set);
  CHECK(set.top_intervals(2) == std::vector<Interval>{{5001, 9000}, {4000, 4999}});
}

TEST_CASE("atomic set: a missing id is drawn as often as every other") {
  AtomicSet set(5000);
  test::check_random_missing_is_uniform(set, 20261126);
}

}  // namespace
}  // namespace fb::nois
