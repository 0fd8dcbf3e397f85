// NOIS against what one would take instead: an ordered set of intervals, boost::icl::interval_set,
// CRoaring, and the skiplist behind a mutex. Nanoseconds of processor time with one thread, of the
// clock with two; the median of interleaved rounds. Each ratio names its baseline, which was
// measured in the same run.
//
// The protocol's own mix, of a peer that fetches n chunks in random order: each chunk is inserted,
// and after every tenth the eight longest intervals are told, and a random id is chosen out of what
// somebody else told that we lack.
#include <malloc.h>
#include <roaring/roaring.h>

#include <algorithm>
#include <atomic>
#include <boost/icl/interval_set.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "nois/atomic_set.h"
#include "nois/interval_set.h"

namespace {

bool counting = false;  // by one thread, and not while anything is timed
size_t live_bytes = 0;  // of operator new

void release(void* p) {
  if (counting && p != nullptr) live_bytes -= malloc_usable_size(p);
  std::free(p);
}

}  // namespace

void* operator new(size_t size) {
  void* const out = std::malloc(size);
  if (out == nullptr) std::abort();
  if (counting) live_bytes += malloc_usable_size(out);
  return out;
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, size_t) noexcept { release(p); }

namespace {

using namespace fb;
using namespace fb::nois;

using Offer = std::vector<Interval>;

double now_ns() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Of this thread alone, so that other work on the machine counts less.
double cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// What the compiler must not leave out.
volatile uint64_t sink = 0;

// ---- the sets, all with insert(id), top8() and choose(offer, rng)
// --------------------------------

struct OurList {
  explicit OurList(uint32_t) {}
  void insert(uint32_t id) { set.insert({id, id}); }
  uint64_t top8() { return set.top_intervals(8).size(); }
  uint64_t choose(const Offer& offer, Rng& rng) {
    return set.random_missing(offer, rng).value_or(0);
  }
  IntervalSet set;
};

struct OurAtomic {
  explicit OurAtomic(uint32_t n) : set(n) {}
  void insert(uint32_t id) { set.insert({id, id}); }
  uint64_t top8() { return set.top_intervals(8).size(); }
  uint64_t choose(const Offer& offer, Rng& rng) {
    return set.random_missing(offer, rng).value_or(0);
  }
  AtomicSet set;
};

// The id that `place` missing ones of `offer` come before; `held(range, visit)` visits the held
// intervals that meet a range.
template <typename Held>
uint64_t choose_missing(const Offer& offer, Rng& rng, Held held) {
  uint64_t total = 0;
  for (const Interval& range : offer) {
    total += range.length();
    held(range, [&](Interval one) {
      total -= std::min(one.last, range.last) - std::max(one.first, range.first) + 1;
    });
  }
  if (total == 0) return 0;
  uint64_t place = rng.below(total);
  uint64_t out = 0;
  for (const Interval& range : offer) {
    uint64_t next = range.first;
    bool found = false;
    const auto gap = [&](uint64_t end) {
      if (found || end <= next) return;
      if (place < end - next) {
        out = next + place;
        found = true;
      } else {
        place -= end - next;
      }
    };
    held(range, [&](Interval one) {
      gap(one.first);
      next = uint64_t{one.last} + 1;
    });
    gap(uint64_t{range.last} + 1);
    if (found) break;
  }
  return out;
}

// An ordered map from first to last id, merged by hand.
struct StdMap {
  explicit StdMap(uint32_t) {}
  void insert(uint32_t id) {
    const auto behind = set.upper_bound(id);
    auto before = behind == set.begin() ? set.end() : std::prev(behind);
    if (before != set.end() && before->second >= id) return;
    const bool joins_before = before != set.end() && before->second + 1 == id;
    const bool joins_behind = behind != set.end() && behind->first == id + 1;
    if (joins_before) {
      before->second = joins_behind ? behind->second : id;
      if (joins_behind) set.erase(behind);
    } else if (joins_behind) {
      const uint32_t last = behind->second;
      const auto hint = set.erase(behind);
      set.emplace_hint(hint, id, last);
    } else {
      set.emplace_hint(behind, id, id);
    }
  }
  uint64_t top8() {
    Longest longest(8);
    for (const auto& [first, last] : set) longest.show({first, last});
    return longest.take().size();
  }
  uint64_t choose(const Offer& offer, Rng& rng) {
    return choose_missing(offer, rng, [this](const Interval& range, auto visit) {
      auto at = set.upper_bound(range.first);
      if (at != set.begin() && std::prev(at)->second >= range.first) --at;
      for (; at != set.end() && at->first <= range.last; ++at) visit({at->first, at->second});
    });
  }
  std::map<uint32_t, uint32_t> set;
};

struct Icl {
  using Range = boost::icl::closed_interval<uint32_t>;
  explicit Icl(uint32_t) {}
  void insert(uint32_t id) { set.add(Range(id, id)); }
  uint64_t top8() {
    Longest longest(8);
    for (const auto& one : set) longest.show({one.lower(), one.upper()});
    return longest.take().size();
  }
  uint64_t choose(const Offer& offer, Rng& rng) {
    return choose_missing(offer, rng, [this](const Interval& range, auto visit) {
      const auto [from, to] = set.equal_range(Range(range.first, range.last));
      for (auto at = from; at != to; ++at) visit({at->lower(), at->upper()});
    });
  }
  boost::icl::interval_set<uint32_t, std::less, Range> set;
};

struct Roaring {
  explicit Roaring(uint32_t) : set(roaring_bitmap_create()) {}
  ~Roaring() { roaring_bitmap_free(set); }
  Roaring(const Roaring&) = delete;
  Roaring& operator=(const Roaring&) = delete;
  void insert(uint32_t id) { roaring_bitmap_add(set, id); }
  uint64_t top8() {
    Longest longest(8);
    ids.resize(roaring_bitmap_get_cardinality(set));
    roaring_bitmap_to_uint32_array(set, ids.data());
    for (size_t i = 0; i < ids.size();) {
      size_t end = i + 1;
      while (end < ids.size() && ids[end] == ids[end - 1] + 1) ++end;
      longest.show({ids[i], ids[end - 1]});
      i = end;
    }
    return longest.take().size();
  }
  uint64_t choose(const Offer& offer, Rng& rng) {
    roaring_bitmap_t* const left = roaring_bitmap_create();
    for (const Interval& range : offer) {
      roaring_bitmap_add_range_closed(left, range.first, range.last);
    }
    roaring_bitmap_andnot_inplace(left, set);
    const uint64_t total = roaring_bitmap_get_cardinality(left);
    uint32_t out = 0;
    if (total > 0) roaring_bitmap_select(left, static_cast<uint32_t>(rng.below(total)), &out);
    roaring_bitmap_free(left);
    return out;
  }
  roaring_bitmap_t* set;
  std::vector<uint32_t> ids;
};

struct Locked {
  explicit Locked(uint32_t) {}
  void insert(uint32_t id) {
    const std::lock_guard lock(mutex);
    set.insert({id, id});
  }
  uint64_t top8() {
    const std::lock_guard lock(mutex);
    return set.top_intervals(8).size();
  }
  uint64_t choose(const Offer& offer, Rng& rng) {
    const std::lock_guard lock(mutex);
    return set.random_missing(offer, rng).value_or(0);
  }
  std::mutex mutex;
  IntervalSet set;
};

// ---- what is measured
// ----------------------------------------------------------------------------

std::vector<uint32_t> shuffled(uint32_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<uint32_t> out(n);
  for (uint32_t i = 0; i < n; ++i) out[i] = i;
  for (uint32_t i = n; i > 1; --i) std::swap(out[i - 1], out[rng.below(i)]);
  return out;
}

// Somebody else's eight longest intervals, of half of all ids.
Offer offer_of(uint32_t n) {
  IntervalSet other;
  const auto order = shuffled(n, 99);
  for (uint32_t i = 0; i < n / 2; ++i) other.insert({order[i], order[i]});
  return other.top_intervals(8);
}

struct Load {
  uint32_t n;
  uint32_t others_every;  // inserts; 0: inserts only
  uint32_t repeats;
};

// Nanoseconds an insert, with its share of the other calls.
template <typename Set>
double one_thread(const Load& load, const std::vector<uint32_t>& order, const Offer& offer) {
  Rng rng(1);
  uint64_t got = 0;
  const double before = cpu_ns();
  for (uint32_t repeat = 0; repeat < load.repeats; ++repeat) {
    Set set(load.n);
    for (uint32_t i = 0; i < load.n; ++i) {
      set.insert(order[i]);
      if (load.others_every == 0 || i % load.others_every != 0) continue;
      got += set.top8();
      got += set.choose(offer, rng);
    }
  }
  sink = sink + got;
  return (cpu_ns() - before) / (double{1} * load.repeats * load.n);
}

// The same by `count` threads that share one set; wall time.
template <typename Set>
double in_threads(uint32_t count, const Load& load, const std::vector<uint32_t>& order,
                  const Offer& offer) {
  std::vector<std::unique_ptr<Set>> sets;
  for (uint32_t i = 0; i < load.repeats; ++i) sets.push_back(std::make_unique<Set>(load.n));
  std::atomic<uint32_t> ready{0};
  std::vector<double> began(count), ended(count);
  const auto body = [&](uint32_t self) {
    Rng rng(self);
    uint64_t got = 0;
    ready.fetch_add(1);
    while (ready.load() < count) continue;
    began[self] = now_ns();
    // All go through the same sets, each with its part of the ids.
    for (const auto& set : sets) {
      for (uint32_t i = self; i < load.n; i += count) {
        set->insert(order[i]);
        if (i / count % load.others_every != 0) continue;
        got += set->top8();
        got += set->choose(offer, rng);
      }
    }
    ended[self] = now_ns();
    sink = sink + got;
  };
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 1; i < count; ++i) threads.emplace_back(body, i);
    body(0);
  }
  return (*std::ranges::max_element(ended) - *std::ranges::min_element(began)) /
         (double{1} * load.repeats * load.n);
}

struct Row {
  std::string name;
  bool ours;
  std::function<double()> measure;
  std::vector<double> figures{};
  double median = 0;
};

void measure(std::vector<Row>& rows, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows) row.figures.push_back(row.measure());
  }
  for (Row& row : rows) {
    std::ranges::sort(row.figures);
    row.median = row.figures[row.figures.size() / 2];
  }
}

const char* verdict(bool good) { return good ? "ok" : "short"; }

// One thread: ours against the best of the others.
void compare(const std::string& title, const Load& load, double asked, int rounds) {
  const auto order = shuffled(load.n, 5);
  const Offer offer = offer_of(load.n);
  const auto row = [&]<typename Set>(const char* name, bool ours) {
    return Row{name, ours, [&] { return one_thread<Set>(load, order, offer); }};
  };
  std::vector<Row> rows{row.template operator()<OurAtomic>("atomic set", true),
                        row.template operator()<OurList>("interval skiplist", true),
                        row.template operator()<StdMap>("std::map of intervals", false),
                        row.template operator()<Icl>("boost::icl::interval_set", false),
                        row.template operator()<Roaring>("CRoaring", false)};
  measure(rows, rounds);
  const auto best_of = [&](bool ours) {
    const Row* best = nullptr;
    for (const Row& each : rows) {
      if (each.ours == ours && (best == nullptr || each.median < best->median)) best = &each;
    }
    return best;
  };
  const Row* best = best_of(false);
  std::printf("%s\n", title.c_str());
  for (const Row& each : rows) {
    std::printf("  %-26s %10.1f ns   %6.2f of %s\n", each.name.c_str(), each.median,
                each.median / best->median, best->name.c_str());
  }
  const Row* our_best = best_of(true);
  const double times = best->median / our_best->median;
  std::printf("  best of ours, %s: %.2f times as fast as %s (asked %.1f): %s\n\n",
              our_best->name.c_str(), times, best->name.c_str(), asked, verdict(times >= asked));
}

void compare_threads(uint32_t n, uint32_t count, double asked) {
  // Of many chunks the other calls take as long as thousands of inserts.
  const Load load{n, n > 10'000 ? 5000U : 10U, std::max(1U, 400'000 / n)};
  const auto order = shuffled(n, 5);
  const Offer offer = offer_of(n);
  std::vector<Row> rows{
      {"atomic set", true, [&] { return in_threads<OurAtomic>(count, load, order, offer); }},
      {"mutex and skiplist", false, [&] { return in_threads<Locked>(count, load, order, offer); }}};
  measure(rows, 7);
  const double times = rows[1].median / rows[0].median;
  std::printf(
      "the mix, %u chunks, %u thread%s: %.1f ns against %.1f of %s: %.2f times (asked %.1f): %s\n",
      n, count, count == 1 ? "" : "s", rows[0].median, rows[1].median, rows[1].name.c_str(), times,
      asked, verdict(times >= asked));
}

// Heap and object, of one set that holds every other id (the worst for intervals) and of a full
// one.
template <typename Set>
void memory(const char* name, uint32_t n) {
  const auto filled = [n](uint32_t step) {
    live_bytes = 0;
    counting = true;
    Set set(n);
    for (uint32_t id = 0; id < n; id += step) set.insert(id);
    counting = false;
    return live_bytes + sizeof(set);
  };
  std::printf("  %-26s %8u ids: %9zu bytes half full, %9zu full\n", name, n, filled(2), filled(1));
}

}  // namespace

// With an argument: only what has that many chunks.
int main(int argc, char** argv) {
  const uint32_t only = argc > 1 ? static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10)) : 0;
  const auto wanted = [only](uint32_t n) { return only == 0 || only == n; };
  for (const uint32_t n : {64U, 256U, 2000U}) {
    if (!wanted(n)) continue;
    const std::string chunks = std::to_string(n) + " chunks";
    compare("the protocol's mix, " + chunks, {n, 10, 200'000 / n}, n == 64 ? 1 : 2, 9);
    compare("inserts alone, " + chunks, {n, 0, 400'000 / n}, 1, 9);
  }
  if (wanted(1'000'000)) {
    compare("inserts alone, 1,000,000 chunks", {1'000'000, 0, 1}, 1, 3);
    compare("the mix with a tenth of a permille of the other calls, 1,000,000 chunks",
            {1'000'000, 10'000, 1}, 1, 3);
  }
  for (const uint32_t n : {256U, 2000U, 200'000U}) {
    if (!wanted(n)) continue;
    compare_threads(n, 1, 1);
    compare_threads(n, 2, 1.6);
  }
  std::printf("\nmemory of one set\n");
  for (const uint32_t n : {255U, 2000U, 1'000'000U}) {
    memory<OurAtomic>("atomic set", n);
    memory<OurList>("interval skiplist", n);
    memory<StdMap>("std::map of intervals", n);
  }
}
