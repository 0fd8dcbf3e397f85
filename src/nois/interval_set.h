// NOIS: the Non-Overlapping Interval Skiplist of the Flashback paper (section 2.2).
//
// Thread safety: none; one thread at a time.
// Invariants, after every call:
//   1. intervals are sorted, do not overlap, and do not touch (there is a missing id between any
//      two), so the representation of a set is unique;
//   2. count() is the sum of their lengths;
//   3. insert, erase, contains and every search take O(log n) expected steps in the number of
//      intervals, plus the intervals they remove or report; top_intervals, difference and
//      comparisons walk the whole set.
//   4. up to kFlatMax intervals lie in one sorted array, so that the sets of small files stay in a
//      few cache lines; with more than that the set becomes a skiplist, until clear().
// A set that is empty since its construction or clear() owns no memory; one interval costs 8 bytes
// in the array and about 32 in the skiplist. Sets copy deeply; a set that was moved from is empty.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nois/interval.h"

namespace fb::nois {

class IntervalSet {
 public:
  static constexpr size_t kFlatMax = 64;

  IntervalSet();
  ~IntervalSet();
  IntervalSet(const IntervalSet&);
  IntervalSet& operator=(const IntervalSet&);
  IntervalSet(IntervalSet&&) noexcept;
  IntervalSet& operator=(IntervalSet&&) noexcept;

  // Each requires first <= last.
  // Adds the ids of `range`; returns how many were new.
  uint64_t insert(Interval range);
  // Removes the ids of `range`; returns how many were there.
  uint64_t erase(Interval range);
  void clear();

  [[nodiscard]] bool contains(uint32_t id) const;
  // How many ids of `range` are held.
  [[nodiscard]] uint64_t count_in(Interval range) const;
  [[nodiscard]] uint64_t count() const;
  [[nodiscard]] size_t interval_count() const;
  [[nodiscard]] bool empty() const { return count() == 0; }

  // All intervals in ascending order.
  [[nodiscard]] std::vector<Interval> intervals() const;
  // At most `k` longest intervals, longest first, ties by lower first id.
  [[nodiscard]] std::vector<Interval> top_intervals(size_t k) const;
  // The intervals of `range` (clipped to it) that are held.
  [[nodiscard]] std::vector<Interval> within(Interval range) const;
  // The intervals of `range` (clipped to it) that are not held.
  [[nodiscard]] std::vector<Interval> missing_within(Interval range) const;
  // The same, put behind what `out` has.
  void add_missing_within(Interval range, std::vector<Interval>& out) const;
  // What this set holds and `other` (any order, may overlap) does not, in ascending order. An
  // interval of `other` whose first exceeds its last is skipped, since it may come from a peer.
  [[nodiscard]] std::vector<Interval> difference(std::span<const Interval> other) const;
  // A uniformly random id out of `offered` (which must not overlap) that is not held; none when all
  // are.
  [[nodiscard]] std::optional<uint32_t> random_missing(std::span<const Interval> offered,
                                                       Rng& rng) const;

  bool operator==(const IntervalSet& other) const;

 private:
  struct Node;
  struct List;
  class Cursor;
  [[nodiscard]] Cursor search(uint64_t id) const;
  [[nodiscard]] Cursor begin() const;
  uint64_t insert_flat(Interval range);
  uint64_t erase_flat(Interval range);
  void make_list();

  uint64_t ids_ = 0;
  std::vector<Interval> flat_;  // empty while there is a list
  std::unique_ptr<List> list_;
};

}  // namespace fb::nois
