// NOIS for several threads at once, lock-free: a bit an id, in pages of atomic words with a summary
// word each. A set of at most 4,096 ids is one page just long enough; larger ones get their pages
// when the first id of a page comes, so that a file of gigabytes costs what is held of it.
//
// A set of intervals as linked nodes would have to merge and split several nodes as one step; here
// an interval is what lies between two zero bits, so every merge and split is one bit.
//
// Thread safety: any number of threads may call everything at any time, but construction and
// destruction. No call waits for another: a word changes by one atomic instruction, and of two
// threads that allocate the same page the one that was late frees its own.
//   - insert(), erase() and contains() of one id are linearizable, and each change of an id is
//     counted by exactly one call. Of a range, each id for itself: another thread may see a part.
//   - Enumerations (intervals(), top_intervals(), within(), missing_within(), difference(),
//     count_in(), random_missing()) read word by word, each at its own instant. An id that was held
//     all the while is reported as held, one that was missing all the while as missing; of one that
//     changed meanwhile either may be told, as if contains() had been asked of each at some instant
//     of the call. What they report is sorted, does not overlap and does not touch.
//   - count() is exact while nobody changes the set, and else off by no more than what the calls
//     that are under way change.
//   - What a thread wrote before it inserted an id is visible to every thread that finds the id
//     held: so a chunk's bytes are written first, then its id is inserted.
// Invariants:
//   1. no bit at or beyond capacity() is ever set;
//   2. the summary bit of a word is set before any bit of the word is, and is never cleared: a word
//      whose summary bit is clear has held nothing yet;
//   3. a page's count, which only sets of several pages keep, is the number of its bits whenever no
//      call is under way.
// Reclamation: a page, once it is there, stays until the set is destroyed, so nobody ever holds one
// that is freed. Memory is at most capacity / 7 + 32 bytes; before the first id there is no page.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nois/interval.h"

namespace fb::nois {

// `Atomic` is std::atomic; a test gives one that stops at every access, to try the orders in which
// threads can meet (tests/nois/atomic_set_steps_test.cc). The definitions are in atomic_set_impl.h.
template <template <typename> class Atomic>
class BasicAtomicSet {
 public:
  // Of ids 0 to capacity - 1; at most 2^32.
  explicit BasicAtomicSet(uint64_t capacity);
  ~BasicAtomicSet();
  BasicAtomicSet(const BasicAtomicSet&) = delete;
  BasicAtomicSet& operator=(const BasicAtomicSet&) = delete;

  [[nodiscard]] uint64_t capacity() const { return capacity_; }

  // Each requires first <= last < capacity().
  // Adds the ids of `range`; returns how many were new.
  uint64_t insert(Interval range);
  // Removes the ids of `range`; returns how many were there.
  uint64_t erase(Interval range);

  // The rest take any id: from capacity() on nothing is held.
  [[nodiscard]] bool contains(uint32_t id) const {
    if (id >= capacity_) return false;
    const Page* page = page_at(id / kPageIds);
    // Acquires what was written before the id was inserted.
    return page != nullptr &&
           (page->words()[id / 64 % kPageWords].load(std::memory_order_acquire) >> (id % 64) & 1) !=
               0;
  }
  // How many ids of `range` are held.
  [[nodiscard]] uint64_t count_in(Interval range) const;
  [[nodiscard]] uint64_t count() const;
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
  // are. Nor, rarely, while others insert all that is left.
  [[nodiscard]] std::optional<uint32_t> random_missing(std::span<const Interval> offered,
                                                       Rng& rng) const;

  // The same ids, whatever the capacities.
  bool operator==(const BasicAtomicSet& other) const { return intervals() == other.intervals(); }

 private:
  static constexpr uint32_t kPageWords = 64;
  static constexpr uint32_t kPageIds = kPageWords * 64;

  // The words lie behind it in the same allocation.
  struct Page {
    Atomic<uint64_t> summary{0};  // a bit a word
    Atomic<int64_t> count{0};     // below 0 for a moment, when an erase overtakes an insert
    Atomic<uint64_t>* words() { return reinterpret_cast<Atomic<uint64_t>*>(this + 1); }
    [[nodiscard]] const Atomic<uint64_t>* words() const {
      return reinterpret_cast<const Atomic<uint64_t>*>(this + 1);
    }
  };

  [[nodiscard]] uint32_t page_count() const {
    return static_cast<uint32_t>((capacity_ + kPageIds - 1) / kPageIds);
  }
  Atomic<Page*>& slot(uint32_t page) { return directory_ ? directory_[page] : only_; }
  [[nodiscard]] const Page* page_at(uint32_t page) const {
    // Acquires the page's zeros, which whoever allocated it wrote.
    return (directory_ ? directory_[page] : only_).load(std::memory_order_acquire);
  }
  Page& need_page(uint32_t page);
  // The bits of a word, by its number; acquires what was written before they were set.
  [[nodiscard]] uint64_t word(uint64_t number) const;

  template <typename Visit>
  void visit_words(Interval range, Visit&& visit) const;
  template <typename Visit>
  void visit_intervals(Interval range, Visit&& visit) const;
  [[nodiscard]] std::optional<Interval> clip(Interval range) const;
  [[nodiscard]] std::optional<uint32_t> missing_at(Interval range, uint64_t& place) const;

  uint64_t capacity_;
  Atomic<Page*> only_{nullptr};                 // with one page
  std::unique_ptr<Atomic<Page*>[]> directory_;  // with several
};

using AtomicSet = BasicAtomicSet<std::atomic>;
extern template class BasicAtomicSet<std::atomic>;

}  // namespace fb::nois
