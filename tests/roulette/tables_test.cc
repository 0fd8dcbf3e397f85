// The tables of profile v2's seeder, each against a slow model.
#include <deque>
#include <map>
#include <vector>

#include "base/rng.h"
#include "catch.h"
#include "roulette/chain_index.h"
#include "roulette/chain_pool.h"
#include "roulette/indexed_queue.h"
#include "roulette/path_table.h"
#include "roulette/stranger_hash.h"
#include "roulette/v2_seeder_tables.h"

using namespace fb;
using namespace fb::roulette;

namespace {

constexpr Instant kStart{1'000'000'000};

std::vector<uint32_t> chain_of(const ChainIndex& index, uint32_t hash) {
  std::vector<uint32_t> out;
  for (uint32_t place = index.first(hash); place != ChainIndex::kNone; place = index.next(place)) {
    out.push_back(place);
  }
  return out;
}

struct Numbered {
  uint32_t value = 0;
  uint32_t next = 0;
};

}  // namespace

TEST_CASE("a chain index lists the places of a hash, the latest first") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  ChainIndex index;
  std::map<uint32_t, std::deque<uint32_t>> model;  // by hash
  std::map<uint32_t, uint32_t> hash_at;            // by place
  // Hashes that fall into one bucket and are not the same, too.
  const auto any_hash = [&] { return static_cast<uint32_t>(rng.below(6) << (8 * rng.below(3))); };
  for (int step = 0; step < 20'000; ++step) {
    const auto place = static_cast<uint32_t>(rng.below(200));
    const auto known = hash_at.find(place);
    if (known == hash_at.end()) {
      const uint32_t hash = any_hash();
      index.add(place, hash);
      model[hash].push_front(place);
      hash_at[place] = hash;
    } else {
      REQUIRE(index.hash_of(place) == known->second);
      index.remove(place);
      std::erase(model[known->second], place);
      hash_at.erase(known);
    }
    REQUIRE(index.size() == hash_at.size());
    const uint32_t asked = any_hash();
    const std::deque<uint32_t>& expected = model[asked];
    REQUIRE(chain_of(index, asked) == std::vector<uint32_t>(expected.begin(), expected.end()));
  }
}

TEST_CASE("an indexed queue is a queue, and finds the latest that fits") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  IndexedQueue<uint32_t, 2> queue;
  std::deque<uint32_t> model;
  const auto hashes = [](uint32_t value) {
    return IndexedQueue<uint32_t, 2>::Hashes{value % 7, value % 11};
  };
  for (int step = 0; step < 20'000; ++step) {
    // It grows, and then shrinks again.
    if (rng.below(100) < (step % 4000 < 2000 ? 55U : 45U)) {
      const auto value = static_cast<uint32_t>(rng.below(1000));
      queue.push(value, hashes(value));
      model.push_back(value);
    } else if (!model.empty()) {
      REQUIRE(queue.front() == model.front());
      queue.pop();
      model.pop_front();
    }
    REQUIRE(queue.size() == model.size());
    const auto asked = static_cast<uint32_t>(rng.below(1000));
    const size_t index = rng.below(2);
    const auto fits = [&](uint32_t v) { return v % 77 == asked % 77; };
    const auto expected = std::find_if(model.rbegin(), model.rend(), fits);
    const uint32_t* found = queue.find(index, hashes(asked)[index], fits);
    REQUIRE((found != nullptr) == (expected != model.rend()));
    if (found != nullptr) REQUIRE(*found == *expected);
  }
}

TEST_CASE("a pool keeps many lists apart, and uses places again") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  ChainPool<Numbered> pool;
  std::vector<Chain> lists(5);
  std::vector<std::deque<uint32_t>> model(lists.size());
  const auto items_of = [&](Chain list) {
    std::deque<uint32_t> out;
    CHECK(pool.find(list, [&](const Numbered& n) {
      out.push_back(n.value);
      return false;
    }) == nullptr);
    return out;
  };
  for (int step = 0; step < 10'000; ++step) {
    const size_t at = rng.below(lists.size());
    const auto value = static_cast<uint32_t>(rng.below(20));
    switch (rng.below(4)) {
      case 0:
      case 1:
        REQUIRE(pool.emplace(lists[at], value).value == value);
        model[at].push_front(value);
        break;
      case 2:
        pool.erase_if(lists[at], [&](const Numbered& n) { return n.value == value; });
        std::erase(model[at], value);
        break;
      case 3:
        pool.cut(lists[at], value);
        if (model[at].size() > value) model[at].resize(value);
        break;
    }
    for (size_t i = 0; i < lists.size(); ++i) REQUIRE(items_of(lists[i]) == model[i]);
  }
  for (Chain& list : lists) pool.clear(list);
  CHECK(lists == std::vector<Chain>(lists.size()));
  CHECK(items_of(lists[0]).empty());
}

TEST_CASE("a path has one number as long as somebody holds it") {
  const StrangerHash hash(TicketKey{1});
  PathTable paths(hash);
  const PathId index = paths.hold("index.html");
  const PathId other = paths.hold("other.html");
  CHECK(index != other);
  CHECK(paths.hold("index.html") == index);
  CHECK(paths.hold(index) == index);
  CHECK(paths.text(index) == "index.html");
  for (int i = 0; i < 2; ++i) paths.release(index);
  CHECK(paths.hold("index.html") == index);
  for (int i = 0; i < 2; ++i) paths.release(index);
  CHECK(paths.size() == 1);
  // Its place is for the next one, whatever that is.
  CHECK(paths.hold("new") == index);
  CHECK(paths.text(index) == "new");
  CHECK(paths.text(other) == "other.html");
  CHECK(paths.size() == 2);
}

TEST_CASE("hashes of what strangers choose depend on the key, and on all that is hashed") {
  const StrangerHash one(TicketKey{1});
  const StrangerHash other(TicketKey{2});
  const Endpoint here{Address::v4(192, 0, 2, 1), 4711};
  const Endpoint there{Address::v4(192, 0, 2, 1), 4712};
  CHECK(one.of(here, 5) == one.of(here, 5));
  CHECK(one.of(here, 5) != other.of(here, 5));
  CHECK(one.of("path") != other.of("path"));
  CHECK(one.of(here, 5) != one.of(here, 6));
  CHECK(one.of(here, 5) != one.of(there, 5));
  CHECK(one.of(here) != one.of(there));
  CHECK(one.of(wire::Token{5}) != one.of(wire::Token{6}));
  // Endpoints that differ in one bit fall into all buckets alike.
  std::vector<size_t> buckets(64);
  for (uint16_t port = 0; port < 6400; ++port) ++buckets[one.of({here.address, port}) % 64];
  CHECK(std::ranges::max(buckets) < 160);
}

TEST_CASE("recent times are counted exactly, until there are very many") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  RecentTimes times;
  std::deque<Instant> model;
  Instant now = kStart;
  for (int step = 0; step < 5'000; ++step) {
    now = now + microseconds(static_cast<int64_t>(rng.below(8'000)));
    if (rng.below(3) == 0) {
      times.add(now);
      model.push_back(now);
    }
    if (rng.below(500) == 0) now = now + seconds(static_cast<int64_t>(rng.below(6)));
    while (!model.empty() && now - model.front() > seconds(4)) model.pop_front();
    const auto recent = static_cast<double>(std::ranges::count_if(
        model, [&](Instant at) { return now - at <= seconds(1); }));
    REQUIRE(times.in_last_second(now) == std::max(1.0, recent));
    REQUIRE(times.sustained(now) == std::max(1.0, static_cast<double>(model.size()) / 4));
  }
}

TEST_CASE("a hundred thousand times a second are counted within a percent, in little room") {
  RecentTimes times;
  Instant now = kStart;
  for (int i = 0; i < 1'000'000; ++i) times.add(now = now + microseconds(10));
  CHECK(times.in_last_second(now) == Approx(100'000).epsilon(0.01));
  CHECK(times.sustained(now) == Approx(100'000).epsilon(0.01));
  CHECK(times.entries() < 4096);
  now = now + seconds(5);
  CHECK(times.in_last_second(now) == 1);
  CHECK(times.entries() == 0);
}
