// The lock-free set by several threads: recorded histories are checked for linearizability, and
// each promise of its header by threads that try to break it. The thread sanitizer runs them too.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "history.h"
#include "nois/atomic_set.h"

namespace fb::nois {
namespace {

using test::Call;
using test::is_linearizable;
using test::Kind;

constexpr uint32_t kThreads = 3;

// Lets all threads begin each round at about the same instant, without a lock that would order what
// they do.
class Start {
 public:
  explicit Start(uint32_t threads) : threads_(threads) {}
  void wait() {
    const uint32_t round = arrived_.fetch_add(1) / threads_;
    while (arrived_.load(std::memory_order_relaxed) / threads_ == round) std::this_thread::yield();
  }

 private:
  const uint32_t threads_;
  std::atomic<uint32_t> arrived_{0};
};

void in_threads(uint32_t count, const std::function<void(uint32_t)>& body) {
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
}

// ---- Linearizability
// -----------------------------------------------------------------------------

TEST_CASE("the linearizability check finds what cannot be") {
  CHECK(is_linearizable({{Kind::kInsert, 0, true, 1, 4}, {Kind::kContains, 0, false, 2, 3}}));
  CHECK(is_linearizable({{Kind::kInsert, 0, true, 1, 4}, {Kind::kContains, 0, true, 2, 3}}));
  CHECK_FALSE(is_linearizable({{Kind::kInsert, 0, true, 1, 2}, {Kind::kContains, 0, false, 3, 4}}));
  CHECK_FALSE(is_linearizable({{Kind::kInsert, 0, true, 1, 4}, {Kind::kInsert, 0, true, 2, 3}}));
  CHECK(is_linearizable({{Kind::kInsert, 0, true, 1, 6},
                         {Kind::kInsert, 0, true, 2, 5},
                         {Kind::kErase, 0, true, 3, 4}}));
}

TEST_CASE("atomic set: calls of one id are linearizable") {
  const char* const given = std::getenv("FLASHBACK_SEED");
  const uint64_t seed = given != nullptr ? std::stoull(given) : 1;
  INFO("FLASHBACK_SEED=" << seed);
  constexpr int kRounds = 1500;
  constexpr int kCalls = 10;  // of a thread in a round
  // Neighbours in a word, another word of the page, another page.
  constexpr std::array<uint32_t, 4> kIds{70, 71, 200, 5000};
  std::atomic<uint64_t> clock{1};
  Start start(kThreads);
  std::array<std::vector<Call>, kThreads> histories;
  std::vector<std::unique_ptr<AtomicSet>> sets;
  for (int i = 0; i < kRounds; ++i) sets.push_back(std::make_unique<AtomicSet>(10'000));
  in_threads(kThreads, [&](uint32_t self) {
    Rng rng(seed * 100 + self);
    for (int round = 0; round < kRounds; ++round) {
      AtomicSet& set = *sets[static_cast<size_t>(round)];
      start.wait();
      for (int i = 0; i < kCalls; ++i) {
        Call call;
        call.kind = static_cast<Kind>(rng.below(3));
        call.id = kIds[rng.below(kIds.size())];
        call.began = clock.fetch_add(1);
        switch (call.kind) {
          case Kind::kInsert:
            call.result = set.insert({call.id, call.id}) == 1;
            break;
          case Kind::kErase:
            call.result = set.erase({call.id, call.id}) == 1;
            break;
          case Kind::kContains:
            call.result = set.contains(call.id);
            break;
        }
        call.ended = clock.fetch_add(1);
        histories[self].push_back(call);
      }
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    std::map<uint32_t, std::vector<Call>> by_id;
    for (const auto& history : histories) {
      for (int i = 0; i < kCalls; ++i) {
        const Call& call = history[static_cast<size_t>(round * kCalls + i)];
        by_id[call.id].push_back(call);
      }
    }
    uint64_t held = 0;
    for (const auto& [id, calls] : by_id) {
      INFO("round " << round << ", id " << id);
      REQUIRE(is_linearizable(calls));
      held += sets[static_cast<size_t>(round)]->contains(id) ? 1U : 0U;
    }
    REQUIRE(sets[static_cast<size_t>(round)]->count() == held);
  }
}

// ---- What the header promises beside
// -------------------------------------------------------------

TEST_CASE("atomic set: each change of an id is counted by exactly one call") {
  constexpr uint32_t kCapacity = 9000;
  AtomicSet set(kCapacity);
  std::array<int64_t, kThreads> balance{};
  in_threads(kThreads, [&](uint32_t self) {
    Rng rng(self + 1);
    for (int i = 0; i < 20'000; ++i) {
      const auto first = static_cast<uint32_t>(rng.below(kCapacity));
      const auto last =
          static_cast<uint32_t>(std::min<uint64_t>(first + rng.below(150), kCapacity - 1));
      if (rng.below(2) == 0) {
        balance[self] += static_cast<int64_t>(set.insert({first, last}));
      } else {
        balance[self] -= static_cast<int64_t>(set.erase({first, last}));
      }
    }
  });
  int64_t total = 0;
  for (const int64_t one : balance) total += one;
  CHECK(set.count() == static_cast<uint64_t>(total));
  CHECK(set.count_in({0, kCapacity - 1}) == static_cast<uint64_t>(total));
}

TEST_CASE("atomic set: of several who insert the same id, one is told that it was new") {
  constexpr int kRounds = 300;
  constexpr uint32_t kIds = 5000;
  Start start(kThreads);
  std::vector<std::unique_ptr<AtomicSet>> sets;
  for (int i = 0; i < kRounds; ++i) sets.push_back(std::make_unique<AtomicSet>(kIds));
  std::array<uint64_t, kThreads> added{};
  in_threads(kThreads, [&](uint32_t self) {
    for (const auto& set : sets) {
      start.wait();
      // Pages and words come to be at the same time in all threads.
      for (uint32_t id = 0; id < kIds; id += 61) added[self] += set->insert({id, id});
    }
  });
  uint64_t total = 0;
  for (const uint64_t one : added) total += one;
  CHECK(total == uint64_t{kRounds} * ((kIds + 60) / 61));
}

TEST_CASE("atomic set: who has inserted finds it in every enumeration from then on") {
  constexpr int kRounds = 4000;
  Start start(kThreads);
  std::vector<std::unique_ptr<AtomicSet>> sets;
  for (int i = 0; i < kRounds; ++i) sets.push_back(std::make_unique<AtomicSet>(4096));
  std::atomic<int> missed{0};
  in_threads(kThreads, [&](uint32_t self) {
    for (const auto& set : sets) {
      start.wait();
      // All in one word that has held nothing.
      const uint32_t id = 640 + self * 2;
      set->insert({id, id});
      const auto found = set->intervals();
      const bool there = std::ranges::any_of(
          found, [id](const Interval& i) { return i.first <= id && id <= i.last; });
      if (!there || set->count_in({id, id}) != 1) missed.fetch_add(1);
    }
  });
  CHECK(missed.load() == 0);
}

TEST_CASE("atomic set: enumerations tell what stays, and nothing that never was") {
  constexpr uint32_t kCapacity = 10'000;
  AtomicSet set(kCapacity);
  // id % 4: 0 is always held, 1 comes and goes, 2 and 3 never are.
  for (uint32_t id = 0; id < kCapacity; id += 4) set.insert({id, id});
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  const auto check = [&](const std::vector<Interval>& found, uint32_t last) {
    uint32_t next = 0;  // that has to come
    int64_t before = -2;
    for (const Interval& interval : found) {
      if (int64_t{interval.first} <= before + 1 || interval.first > interval.last) return false;
      before = interval.last;
      if (interval.first % 4 > 1 || interval.last % 4 > 1 || interval.length() > 2) return false;
      if (interval.first % 4 == 0) {
        if (interval.first != next) return false;
        next += 4;
      } else if (interval.length() > 1) {
        return false;
      }
    }
    return next > last;
  };
  in_threads(kThreads, [&](uint32_t self) {
    Rng rng(self + 11);
    if (self == 0) {
      for (int i = 0; i < 40; ++i) {
        if (!check(set.intervals(), kCapacity - 4)) wrong.fetch_add(1);
        auto longest = set.top_intervals(kCapacity);
        std::ranges::sort(longest);
        if (!check(longest, kCapacity - 4)) wrong.fetch_add(1);
        const auto missing = set.missing_within({0, 3999});
        for (const Interval& one : missing) {
          if (one.first % 4 == 0 || one.last % 4 == 0 || one.length() > 3) wrong.fetch_add(1);
        }
        const uint64_t held = set.count_in({0, 3999});
        if (held < 1000 || held > 2000 || set.count() < 2500 - kThreads) wrong.fetch_add(1);
        const auto id = set.random_missing(std::vector<Interval>{{100, 4999}}, rng);
        if (!id || *id % 4 == 0 || *id < 100 || *id > 4999) wrong.fetch_add(1);
      }
      stop = true;
    }
    while (!stop) {
      const auto id = static_cast<uint32_t>(rng.below(kCapacity / 4) * 4 + 1);
      if (rng.below(2) == 0) {
        set.insert({id, id});
      } else {
        set.erase({id, id});
      }
    }
  });
  CHECK(wrong.load() == 0);
}

TEST_CASE("atomic set: what was written before an id was inserted is seen by who finds it") {
  constexpr uint32_t kChunks = 6000;
  AtomicSet set(kChunks);
  std::vector<uint32_t> bytes(kChunks);  // not atomic: the set alone orders it
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](uint32_t self) {
    if (self < 2) {
      for (uint32_t id = self; id < kChunks; id += 2) {
        bytes[id] = id + 1;
        set.insert({id, id});
      }
      return;
    }
    for (uint64_t seen = 0; seen < kChunks;) {
      seen = 0;
      for (uint32_t id = 0; id < kChunks; ++id) {
        if (set.contains(id) && bytes[id] != id + 1) wrong.fetch_add(1);
      }
      for (const Interval& held : set.intervals()) {
        for (uint32_t id = held.first; id <= held.last; ++id) {
          if (bytes[id] != id + 1) wrong.fetch_add(1);
        }
        seen += held.length();
      }
    }
  });
  CHECK(wrong.load() == 0);
}

}  // namespace
}  // namespace fb::nois
