// The definitions of BasicAtomicSet, for atomic_set.cc and for tests with another kind of atomic.
#pragma once

#include <algorithm>
#include <array>
#include <new>

#include "base/check.h"
#include "nois/atomic_set.h"

namespace fb::nois {
namespace detail {

// The bits of word `number` that stand for ids of `range`, which has some there.
inline uint64_t mask_of(Interval range, uint64_t number) {
  uint64_t mask = ~uint64_t{0};
  if (range.first / 64 == number) mask &= ~uint64_t{0} << (range.first % 64);
  if (range.last / 64 == number) mask &= ~uint64_t{0} >> (63 - range.last % 64);
  return mask;
}

// Joins runs of bits to intervals, word by word.
template <typename Visit>
class RunJoiner {
 public:
  explicit RunJoiner(Visit& visit) : visit_(visit) {}
  ~RunJoiner() { finish(); }
  void add(uint64_t number, uint64_t bits) {
    const uint64_t base = number * 64;
    while (bits != 0) {
      const auto start = static_cast<unsigned>(std::countr_zero(bits));
      const auto length = static_cast<unsigned>(std::countr_one(bits >> start));
      if (base + start != end_ || end_ == first_) {
        if (end_ > first_) report();
        first_ = base + start;
      }
      end_ = base + start + length;
      if (start + length == 64) return;
      bits &= ~uint64_t{0} << (start + length);
    }
  }

  // What is left is told, once.
  void finish() {
    if (end_ > first_) report();
    end_ = first_;
  }

 private:
  void report() {
    visit_(Interval{static_cast<uint32_t>(first_), static_cast<uint32_t>(end_ - 1)});
  }
  Visit& visit_;
  uint64_t first_ = 0, end_ = 0;  // nothing when equal
};

// Whether `bits` has a run of more than `length` ones.
inline bool has_longer_run(uint64_t bits, uint64_t length) {
  if (length >= 64) return false;
  // After a step of s the ones left are those that s more follow.
  uint64_t left = length;
  for (uint64_t step = 1; left > 0 && bits != 0; step *= 2) {
    const uint64_t s = std::min(step, left);
    bits &= bits >> s;
    left -= s;
  }
  return bits != 0;
}

// Makes every run of ones one shorter, at its end, and returns how many are left. Word i follows
// word i - 1.
inline size_t shorten_runs(std::span<const uint64_t> words, uint64_t* out) {
  size_t runs = 0;
  uint64_t before = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t next = i + 1 < words.size() ? words[i + 1] : 0;
    const uint64_t left = words[i] & (words[i] >> 1 | next << 63);
    runs += static_cast<size_t>(std::popcount(left & ~(left << 1 | before >> 63)));
    out[i] = before = left;
  }
  return runs;
}

// The longest runs of a few words, without taking most of the others apart: all runs are shortened
// together for as long as k of them are left. Uses up `words`.
inline std::vector<Interval> longest_runs(std::span<uint64_t> words, size_t k) {
  constexpr uint32_t kShortenMost = 48;  // longer ones are few anyway
  __attribute__((uninitialized)) std::array<uint64_t, 64> spare;
  uint64_t* now = words.data();
  uint64_t* next = spare.data();
  uint32_t gone = 0;
  while (gone < kShortenMost && shorten_runs({now, words.size()}, next) >= k) {
    std::swap(now, next);
    ++gone;
  }
  Longest longest(k);
  const auto show = [&](Interval left) { longest.show({left.first, left.last + gone}); };
  RunJoiner joiner(show);
  for (size_t i = 0; i < words.size(); ++i) joiner.add(i, now[i]);
  joiner.finish();
  return longest.take();
}

}  // namespace detail

template <template <typename> class Atomic>
BasicAtomicSet<Atomic>::BasicAtomicSet(uint64_t capacity) : capacity_(capacity) {
  FB_CHECK(capacity <= uint64_t{1} << 32);
  if (page_count() > 1) directory_ = std::make_unique<Atomic<Page*>[]>(page_count());
}

template <template <typename> class Atomic>
BasicAtomicSet<Atomic>::~BasicAtomicSet() {
  for (uint32_t page = 0; page < page_count(); ++page) {
    ::operator delete(slot(page).load(std::memory_order_acquire));
  }
}

template <template <typename> class Atomic>
typename BasicAtomicSet<Atomic>::Page& BasicAtomicSet<Atomic>::need_page(uint32_t page) {
  Atomic<Page*>& place = slot(page);
  Page* there = place.load(std::memory_order_acquire);
  if (there != nullptr) return *there;
  const uint64_t ids = std::min<uint64_t>(capacity_ - uint64_t{page} * kPageIds, kPageIds);
  const uint64_t words = (ids + 63) / 64;
  void* const memory = ::operator new(sizeof(Page) + words * sizeof(uint64_t));
  Page* const fresh = new (memory) Page;
  for (uint64_t i = 0; i < words; ++i) new (fresh->words() + i) Atomic<uint64_t>(0);
  // Releases the zeros to whoever acquires the page; or acquires those of who was first.
  if (place.compare_exchange_strong(there, fresh, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
    return *fresh;
  }
  ::operator delete(memory);
  return *there;
}

template <template <typename> class Atomic>
uint64_t BasicAtomicSet<Atomic>::insert(Interval range) {
  FB_CHECK(range.first <= range.last && range.last < capacity_);
  uint64_t added = 0;
  for (uint64_t number = range.first / 64; number <= range.last / 64; ++number) {
    const uint64_t mask = detail::mask_of(range, number);
    Page& page = need_page(static_cast<uint32_t>(number / kPageWords));
    // First, so that nobody finds a bit in a word that enumerations pass over (invariant 2).
    // Relaxed is enough: the bit stays for ever, and whoever sees the word's bit sees this one by
    // coherence.
    const uint64_t bit = uint64_t{1} << (number % kPageWords);
    if ((page.summary.load(std::memory_order_relaxed) & bit) == 0) {
      page.summary.fetch_or(bit, std::memory_order_relaxed);
    }
    // Releases what was written before, to whoever finds these ids held; acquires likewise, for the
    // caller who is told that others were first.
    const uint64_t old =
        page.words()[number % kPageWords].fetch_or(mask, std::memory_order_acq_rel);
    const int fresh = std::popcount(mask & ~old);
    // Relaxed: nobody concludes anything from a count about other memory.
    if (fresh != 0 && directory_) page.count.fetch_add(fresh, std::memory_order_relaxed);
    added += static_cast<uint64_t>(fresh);
  }
  return added;
}

template <template <typename> class Atomic>
uint64_t BasicAtomicSet<Atomic>::erase(Interval range) {
  FB_CHECK(range.first <= range.last && range.last < capacity_);
  uint64_t removed = 0;
  for (uint64_t number = range.first / 64; number <= range.last / 64; ++number) {
    Page* const page =
        slot(static_cast<uint32_t>(number / kPageWords)).load(std::memory_order_acquire);
    if (page == nullptr) {
      number |= kPageWords - 1;  // on to the next page
      continue;
    }
    const uint64_t mask = detail::mask_of(range, number);
    // Acquires what the inserter wrote, and releases what was done before the ids went: who inserts
    // them anew may write where they pointed to.
    const uint64_t old =
        page->words()[number % kPageWords].fetch_and(~mask, std::memory_order_acq_rel);
    const int gone = std::popcount(mask & old);
    if (gone != 0 && directory_) page->count.fetch_sub(gone, std::memory_order_relaxed);
    removed += static_cast<uint64_t>(gone);
  }
  return removed;
}

template <template <typename> class Atomic>
uint64_t BasicAtomicSet<Atomic>::word(uint64_t number) const {
  const Page* page = page_at(static_cast<uint32_t>(number / kPageWords));
  return page == nullptr ? 0 : page->words()[number % kPageWords].load(std::memory_order_acquire);
}

// Calls visit(number, bits) for each word that has ids of `range`, which lies below the capacity,
// in ascending order.
template <template <typename> class Atomic>
template <typename Visit>
void BasicAtomicSet<Atomic>::visit_words(Interval range, Visit&& visit) const {
  const uint64_t last = range.last / 64;
  for (uint64_t number = range.first / 64; number <= last;) {
    const uint64_t begin = number - number % kPageWords;
    const Page* page = page_at(static_cast<uint32_t>(number / kPageWords));
    if (page != nullptr) {
      // Acquires nothing that the words themselves do not give.
      uint64_t left = page->summary.load(std::memory_order_relaxed) >> (number % kPageWords)
                                                                           << (number % kPageWords);
      for (; left != 0; left &= left - 1) {
        const uint64_t at = begin + static_cast<uint64_t>(std::countr_zero(left));
        if (at > last) return;
        const uint64_t bits = page->words()[at - begin].load(std::memory_order_acquire);
        const uint64_t inside =
            at == range.first / 64 || at == last ? bits & detail::mask_of(range, at) : bits;
        if (inside != 0) visit(at, inside);
      }
    }
    number = begin + kPageWords;
  }
}

template <template <typename> class Atomic>
template <typename Visit>
void BasicAtomicSet<Atomic>::visit_intervals(Interval range, Visit&& visit) const {
  detail::RunJoiner<Visit> joiner(visit);
  visit_words(range, [&](uint64_t number, uint64_t bits) { joiner.add(number, bits); });
}

template <template <typename> class Atomic>
std::optional<Interval> BasicAtomicSet<Atomic>::clip(Interval range) const {
  FB_CHECK(range.first <= range.last);
  if (range.first >= capacity_) return {};
  return Interval{range.first,
                  static_cast<uint32_t>(std::min<uint64_t>(range.last, capacity_ - 1))};
}

template <template <typename> class Atomic>
uint64_t BasicAtomicSet<Atomic>::count() const {
  if (capacity_ == 0) return 0;
  // A page is counted as quickly as a count is kept.
  if (!directory_) return count_in({0, static_cast<uint32_t>(capacity_ - 1)});
  int64_t total = 0;
  for (uint32_t page = 0; page < page_count(); ++page) {
    const Page* there = page_at(page);
    if (there != nullptr) total += there->count.load(std::memory_order_relaxed);
  }
  return static_cast<uint64_t>(std::max<int64_t>(total, 0));
}

template <template <typename> class Atomic>
uint64_t BasicAtomicSet<Atomic>::count_in(Interval range) const {
  const auto inside = clip(range);
  if (!inside) return 0;
  uint64_t out = 0;
  const uint64_t last = inside->last / 64;
  for (uint64_t number = inside->first / 64; number <= last; ++number) {
    const Page* page = page_at(static_cast<uint32_t>(number / kPageWords));
    if (page == nullptr) {
      number |= kPageWords - 1;
      continue;
    }
    const uint64_t bits = page->words()[number % kPageWords].load(std::memory_order_acquire);
    out += static_cast<uint64_t>(std::popcount(bits & detail::mask_of(*inside, number)));
  }
  return out;
}

template <template <typename> class Atomic>
std::vector<Interval> BasicAtomicSet<Atomic>::intervals() const {
  return capacity_ == 0 ? std::vector<Interval>{}
                        : within({0, static_cast<uint32_t>(capacity_ - 1)});
}

// In a large set most words have no run that is long enough, and that is seen without taking them
// apart.
template <template <typename> class Atomic>
std::vector<Interval> BasicAtomicSet<Atomic>::top_intervals(size_t k) const {
  if (k == 0 || capacity_ == 0) return {};
  if (!directory_) {
    __attribute__((uninitialized)) std::array<uint64_t, kPageWords> words;
    const size_t count = (capacity_ + 63) / 64;
    const Page* page = page_at(0);
    if (page == nullptr) return {};
    for (size_t i = 0; i < count; ++i) {
      words[i] = page->words()[i].load(std::memory_order_acquire);
    }
    return detail::longest_runs(std::span(words).first(count), k);
  }
  Longest longest(k);
  uint64_t first = 0, end = 0;  // the run that reaches up to the end of the last word
  const auto close = [&] {
    if (end - first > longest.bar()) {
      longest.show({static_cast<uint32_t>(first), static_cast<uint32_t>(end - 1)});
    }
    first = end = 0;
  };
  visit_words({0, static_cast<uint32_t>(capacity_ - 1)}, [&](uint64_t number, uint64_t bits) {
    const uint64_t base = number * 64;
    if (end != base && end != first) close();
    const auto low = static_cast<unsigned>(std::countr_one(bits));
    if (end == first) first = base;
    end = base + low;
    if (low == 64) return;
    close();
    const auto high = static_cast<unsigned>(std::countl_one(bits));
    const uint64_t inner =
        bits & ~uint64_t{0} << low & (high == 0 ? ~uint64_t{0} : ~uint64_t{0} >> high);
    if (inner != 0 && detail::has_longer_run(inner, longest.bar())) {
      const auto show = [&](Interval interval) { longest.show(interval); };
      detail::RunJoiner joiner(show);
      joiner.add(number, inner);
    }
    if (high > 0) {
      first = base + 64 - high;
      end = base + 64;
    }
  });
  close();
  return longest.take();
}

template <template <typename> class Atomic>
std::vector<Interval> BasicAtomicSet<Atomic>::within(Interval range) const {
  std::vector<Interval> out;
  if (const auto inside = clip(range)) {
    visit_intervals(*inside, [&out](Interval interval) { out.push_back(interval); });
  }
  return out;
}

template <template <typename> class Atomic>
std::vector<Interval> BasicAtomicSet<Atomic>::missing_within(Interval range) const {
  std::vector<Interval> out;
  add_missing_within(range, out);
  return out;
}

template <template <typename> class Atomic>
void BasicAtomicSet<Atomic>::add_missing_within(Interval range, std::vector<Interval>& out) const {
  uint64_t next = range.first;
  if (const auto inside = clip(range)) {
    visit_intervals(*inside, [&](Interval held) {
      if (held.first > next) out.push_back({static_cast<uint32_t>(next), held.first - 1});
      next = uint64_t{held.last} + 1;
    });
  }
  if (next <= range.last) out.push_back({static_cast<uint32_t>(next), range.last});
}

template <template <typename> class Atomic>
std::vector<Interval> BasicAtomicSet<Atomic>::difference(std::span<const Interval> other) const {
  std::vector<Interval> out;
  if (capacity_ == 0) return out;
  Subtraction left(other, out);
  visit_intervals({0, static_cast<uint32_t>(capacity_ - 1)},
                  [&left](Interval own) { left.show(own); });
  return out;
}

template <template <typename> class Atomic>
std::optional<uint32_t> BasicAtomicSet<Atomic>::random_missing(std::span<const Interval> offered,
                                                               Rng& rng) const {
  // Others may insert between counting and finding; then it is tried again.
  constexpr int kTries = 3;
  constexpr size_t kCounted = 16;  // ranges whose counts are remembered
  for (int i = 0; i < kTries; ++i) {
    uint64_t total = 0;
    __attribute__((uninitialized)) std::array<uint64_t, kCounted> missing;
    for (size_t at = 0; at < offered.size(); ++at) {
      const uint64_t here = offered[at].length() - count_in(offered[at]);
      if (at < kCounted) missing[at] = here;
      total += here;
    }
    if (total == 0) return {};
    uint64_t place = rng.below(total);
    for (size_t at = 0; at < offered.size(); ++at) {
      if (at < kCounted && place >= missing[at]) {
        place -= missing[at];
      } else if (const auto found = missing_at(offered[at], place)) {
        return found;
      }
    }
  }
  return {};
}

// The missing id of `range` that `place` others come before. When there are not so many: none, and
// `place` is less by as many as there are.
template <template <typename> class Atomic>
std::optional<uint32_t> BasicAtomicSet<Atomic>::missing_at(Interval range, uint64_t& place) const {
  uint64_t next = range.first;
  for (; next <= range.last && next < capacity_; next = (next / 64 + 1) * 64) {
    const uint64_t number = next / 64;
    uint64_t missing = ~word(number) & detail::mask_of(range, number);
    if ((number + 1) * 64 > capacity_) missing &= ~uint64_t{0} >> (63 - (capacity_ - 1) % 64);
    const auto here = static_cast<uint64_t>(std::popcount(missing));
    if (place >= here) {
      place -= here;
      continue;
    }
    for (; place > 0; --place) missing &= missing - 1;
    return static_cast<uint32_t>(number * 64 + static_cast<uint64_t>(std::countr_zero(missing)));
  }
  next = std::max<uint64_t>(range.first, capacity_);
  if (next + place <= range.last) return static_cast<uint32_t>(next + place);
  if (next <= range.last) place -= uint64_t{range.last} - next + 1;
  return {};
}

}  // namespace fb::nois
