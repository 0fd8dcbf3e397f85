// What the variants of NOIS share: intervals of ids, choosing among them, subtracting them, and
// keeping the longest. One thread at a time.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/rng.h"

namespace fb::nois {

// Chunk ids first to last, both inside.
struct Interval {
  uint32_t first = 0;
  uint32_t last = 0;

  [[nodiscard]] constexpr uint64_t length() const { return uint64_t{last} - first + 1; }
  auto operator<=>(const Interval&) const = default;
};

// A uniformly random id out of `intervals` (which must not overlap); none when there is none.
std::optional<uint32_t> random_id(std::span<const Interval> intervals, Rng& rng);

// Keeps the `k` longest of the intervals that are shown to it, which must come in ascending order:
// of equals the earlier stays. They lie in order, the longest first: few are asked for, and most of
// what is shown is too short.
class Longest {
 public:
  // Requires k > 0.
  explicit Longest(size_t k) : k_(k) { best_.reserve(std::min<size_t>(k, 16)); }

  // Only what is longer than this is kept.
  [[nodiscard]] uint64_t bar() const { return bar_; }
  void show(Interval interval) {
    const uint64_t length = interval.length();
    if (length <= bar_) return;
    if (best_.size() < k_) best_.push_back(interval);
    size_t at = best_.size() - 1;
    for (; at > 0 && best_[at - 1].length() < length; --at) best_[at] = best_[at - 1];
    best_[at] = interval;
    if (best_.size() == k_) bar_ = best_.back().length();
  }
  // Longest first, ties by lower first id.
  [[nodiscard]] std::vector<Interval> take() { return std::move(best_); }

 private:
  size_t k_;
  uint64_t bar_ = 0;
  std::vector<Interval> best_;
};

// What is left of the intervals that are shown to it, in ascending order, without those of `other`:
// in any order, they may overlap. One whose first exceeds its last is skipped, since it may come
// from a peer.
class Subtraction {
 public:
  Subtraction(std::span<const Interval> other, std::vector<Interval>& out);

  void show(Interval own);

 private:
  std::vector<Interval> without_;
  std::vector<Interval>& out_;
  size_t cut_ = 0;
  uint64_t behind_ = 0;  // every id in front of it lies in an interval of `other` or was handled
};

}  // namespace fb::nois
