// A slow model of a set of ids, a std::set, and what every variant of NOIS has to answer as it
// does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "catch.h"
#include "nois/interval.h"

namespace fb::nois::test {

inline constexpr uint32_t kLastId = 0xffffffff;

// A model of ids base to base + kWindow - 1, so that both edges of all ids can be met.
inline constexpr uint32_t kWindow = 160;

class Model {
 public:
  explicit Model(uint32_t base) : base_(base) {}

  uint64_t insert(Interval range) {
    uint64_t added = 0;
    for (uint64_t id = range.first; id <= range.last; ++id) {
      added += ids_.insert(id).second ? 1U : 0U;
    }
    return added;
  }
  uint64_t erase(Interval range) {
    uint64_t removed = 0;
    for (uint64_t id = range.first; id <= range.last; ++id) removed += ids_.erase(id);
    return removed;
  }
  void clear() { ids_.clear(); }
  [[nodiscard]] bool contains(uint32_t id) const { return ids_.contains(id); }
  [[nodiscard]] uint64_t count() const { return ids_.size(); }
  // The runs of ids in `range` for which `wanted` holds.
  template <typename Wanted>
  [[nodiscard]] std::vector<Interval> runs(Interval range, Wanted wanted) const {
    std::vector<Interval> out;
    for (uint64_t id = range.first; id <= range.last; ++id) {
      const auto narrow = static_cast<uint32_t>(id);
      if (!wanted(narrow)) continue;
      if (!out.empty() && out.back().last + uint64_t{1} == id) {
        out.back().last = narrow;
      } else {
        out.push_back({narrow, narrow});
      }
    }
    return out;
  }
  [[nodiscard]] std::vector<Interval> held(Interval range) const {
    return runs(range, [this](uint32_t id) { return contains(id); });
  }
  [[nodiscard]] std::vector<Interval> missing(Interval range) const {
    return runs(range, [this](uint32_t id) { return !contains(id); });
  }
  [[nodiscard]] Interval window() const { return {base_, base_ + (kWindow - 1)}; }

 private:
  uint32_t base_;
  std::set<uint64_t> ids_;
};

inline Interval random_range(const Model& model, Rng& rng) {
  // Mostly short ranges, so that many intervals come to be.
  const uint64_t length = rng.below(4) == 0 ? rng.below(kWindow) : rng.below(6);
  const uint64_t first = model.window().first + rng.below(kWindow);
  return {static_cast<uint32_t>(first),
          static_cast<uint32_t>(std::min<uint64_t>(first + length, model.window().last))};
}

inline void check_random_missing(const auto& set, const Model& model, Rng& rng) {
  const Interval one = random_range(model, rng);
  const Interval two = random_range(model, rng);
  std::vector<Interval> offered{one};
  if (two.first > one.last || two.last < one.first) offered.push_back(two);
  uint64_t missing = 0;
  for (const Interval& range : offered) {
    for (const Interval& left : model.missing(range)) missing += left.length();
  }
  const auto id = set.random_missing(offered, rng);
  REQUIRE(id.has_value() == (missing > 0));
  if (!id) return;
  REQUIRE_FALSE(model.contains(*id));
  REQUIRE(std::ranges::any_of(offered,
                              [&](const Interval& i) { return i.first <= *id && *id <= i.last; }));
}

inline void check_same(const auto& set, const Model& model, Rng& rng) {
  const auto held = model.held(model.window());
  REQUIRE(set.count() == model.count());
  REQUIRE(set.empty() == (model.count() == 0));
  REQUIRE(set.intervals() == held);

  const Interval range = random_range(model, rng);
  REQUIRE(set.contains(range.first) == model.contains(range.first));
  const auto inside = model.held(range);
  REQUIRE(set.within(range) == inside);
  REQUIRE(set.missing_within(range) == model.missing(range));
  auto added = held;
  set.add_missing_within(range, added);
  REQUIRE(added.size() == held.size() + model.missing(range).size());
  REQUIRE(std::ranges::equal(held, std::span(added).first(held.size())));
  uint64_t inside_count = 0;
  for (const Interval& interval : inside) inside_count += interval.length();
  REQUIRE(set.count_in(range) == inside_count);

  auto longest = held;
  std::sort(longest.begin(), longest.end(), [](const Interval& a, const Interval& b) {
    return std::pair(b.length(), uint64_t{a.first}) < std::pair(a.length(), uint64_t{b.first});
  });
  const size_t k = rng.below(12);
  longest.resize(std::min(k, longest.size()));
  REQUIRE(set.top_intervals(k) == longest);

  std::vector<Interval> other(rng.below(8));
  for (Interval& interval : other) interval = random_range(model, rng);
  const auto left = model.runs(model.window(), [&](uint32_t id) {
    return model.contains(id) && std::none_of(other.begin(), other.end(), [id](const Interval& i) {
             return i.first <= id && id <= i.last;
           });
  });
  REQUIRE(set.difference(other) == left);
  check_random_missing(set, model, rng);
}

// random_missing() draws every missing id as often as every other.
inline void check_random_missing_is_uniform(auto& set, uint64_t seed) {
  INFO("seed " << seed);
  Rng rng(seed);
  // 10 to 209 are offered, in two parts, and every third of them is held.
  for (uint32_t id = 12; id < 210; id += 3) set.insert({id, id});
  const std::vector<Interval> offered{{150, 209}, {10, 99}};
  std::vector<double> hits(210);
  constexpr int kDraws = 60'000;
  for (int i = 0; i < kDraws; ++i) hits[set.random_missing(offered, rng).value()] += 1;
  double chi_square = 0;
  int kinds = 0;
  for (const Interval& range : offered) {
    for (uint32_t id = range.first; id <= range.last; ++id) {
      if (set.contains(id)) continue;
      ++kinds;
      const double off = hits[id] - kDraws / 100.0;
      chi_square += off * off / (kDraws / 100.0);
    }
  }
  REQUIRE(kinds == 100);
  // 99 degrees of freedom: mean 99, standard deviation 14; 170 is five of them away.
  REQUIRE(chi_square < 170);
  REQUIRE(chi_square > 45);
}

}  // namespace fb::nois::test
