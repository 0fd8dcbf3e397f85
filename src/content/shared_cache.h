// Verified bytes in memory for several threads at once, lock-free and bounded in bytes. Under a
// file's id and a number lies an immutable entry: a MetaChunk, or a few repair chunks.
//
// A table of sets, each of a few places; a key may lie anywhere in the one set that its hash names.
// What is dropped is what a clock hand finds unused since it last came by (CLOCK, also called
// second chance), so that a hit writes nothing but, once a round of the hand, one flag.
//
// Thread safety: every thread has a Reader of its own and may call all of it at any time; a Reader
// is for one thread at a time. bytes() and entries() may be called by any thread. No call waits for
// another thread.
//   - What get() or put() returned stays where it is until the next call of the same Reader. That
//     may be never: a thread that sleeps keeps one entry from being freed and holds up nothing.
//   - Of threads that put() the same key at the same time at most one entry is kept. The others get
//     that one or are told to use what they have; all have true bytes.
// Invariants:
//   1. bytes() is never more than bytes_max. An entry counts from before it is made until after it
//      is freed, so this bounds the memory, retired entries and all. Beside it there are the table,
//      bytes_max / 32 at most with kBytesAPlace, and two cache lines a Reader.
//   2. an entry never changes but for its flag, and is in one place once;
//   3. a place's tag is 0 while it is free. Who changes it from 0 to a key's hash may put an entry
//      there; who takes the entry out changes it back. So an entry's tag is the hash of its key;
//   4. no key has two entries.
// Reclamation: hazard pointers. A Reader says which entry it holds and then looks whether the entry
// is still in its place; who takes an entry out of its place looks afterwards who holds it, and
// frees it when nobody does. All four accesses are sequentially consistent: either the Reader sees
// that the entry is gone, or the other sees that it is held. What is held when it is taken out is
// looked at again whenever something is taken out or room is wanted.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "content/object.h"

namespace fb::content {

// What an entry costs besides its bytes: itself, its place, and the allocator for both parts.
inline constexpr uint64_t kCacheEntryOverhead = 128;

// `Atomic` is std::atomic, and a set has 16 places; a test gives an atomic that stops at every
// access, and fewer places (tests/content/shared_cache_steps_test.cc). The definitions are in
// shared_cache_impl.h.
template <template <typename> class Atomic, size_t kWays = 16>
class BasicSharedCache {
 public:
  class Reader;
  using Bytes = std::span<const uint8_t>;

  // How many bytes of the bound there are for each place at least. With entries that are smaller,
  // places run out before bytes do.
  static constexpr uint64_t kBytesAPlace = 512;

  explicit BasicSharedCache(uint64_t bytes_max, uint64_t bytes_a_place = kBytesAPlace);
  // Requires that no Reader lives; they see to that themselves.
  ~BasicSharedCache();
  BasicSharedCache(const BasicSharedCache&) = delete;
  BasicSharedCache& operator=(const BasicSharedCache&) = delete;

  // Bytes and overhead of all entries that are not freed yet.
  [[nodiscard]] uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t bytes_max() const { return bytes_max_; }
  // How many entries can be found; walks the table. Exact while nobody changes it.
  [[nodiscard]] size_t entries() const;

 private:
  struct Entry {
    FileId file{};
    uint32_t number = 0;
    // Found since the hand came by. Relaxed: a hint.
    Atomic<bool> used{false};
    Entry* next_retired = nullptr;  // whose the entry is once it is out of its place
    std::vector<uint8_t> bytes;

    [[nodiscard]] uint64_t cost() const { return bytes.size() + kCacheEntryOverhead; }
  };
  struct Place {
    Atomic<uint64_t> tag{0};
    Atomic<Entry*> entry{nullptr};
  };
  struct alignas(64) Set {
    std::array<Place, kWays> places;
  };
  // Which entry a Reader holds. Records stay until the cache goes, and are used again.
  struct alignas(64) Hazard {
    Atomic<Entry*> entry{nullptr};
    Atomic<bool> taken{true};
    Hazard* next = nullptr;
  };

  [[nodiscard]] static uint64_t hash_of(FileId file, uint32_t number);
  [[nodiscard]] Set& set_of(uint64_t hash) { return sets_[hash & (set_count_ - 1)]; }
  [[nodiscard]] Place& place_at(uint64_t number) {
    return sets_[number / kWays & (set_count_ - 1)].places[number % kWays];
  }
  [[nodiscard]] Hazard* take_hazard();
  [[nodiscard]] bool held(const Entry* entry) const;
  [[nodiscard]] bool try_reserve(uint64_t cost);
  void unreserve(uint64_t cost) { bytes_.fetch_sub(cost, std::memory_order_relaxed); }
  void push_retired(Entry* entry);
  void free_retired();

  const uint64_t bytes_max_;
  const uint64_t set_count_;  // a power of two
  std::unique_ptr<Set[]> sets_;
  // Relaxed: a count; nothing is published by it.
  Atomic<uint64_t> bytes_{0};
  // Where the hand is. Relaxed: threads that push it get different places, and that is all.
  Atomic<uint64_t> hand_{0};
  Atomic<Entry*> retired_{nullptr};  // out of their places, not freed
  Atomic<Hazard*> hazards_{nullptr};
};

// A thread's way into the cache, which lives as long as the last of them. May be made by another
// thread than the one that uses it. get() allocates nothing.
template <template <typename> class Atomic, size_t kWays>
class BasicSharedCache<Atomic, kWays>::Reader {
 public:
  explicit Reader(std::shared_ptr<BasicSharedCache> cache);
  ~Reader();
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&& other) noexcept;

  // The bytes of a key, until the next call of any member; nothing when they are not here.
  [[nodiscard]] std::optional<Bytes> get(FileId file, uint32_t number);
  // The same, but asking is no use of them.
  [[nodiscard]] bool contains(FileId file, uint32_t number);
  // Takes bytes over and returns where they are, until the next call of any member; when the key is
  // here already, what is here. Nothing when they are not kept, and then `bytes` is as it was: they
  // do not fit, or others hold what would have to go, or put the same at this instant.
  std::optional<Bytes> put(FileId file, uint32_t number, std::vector<uint8_t>& bytes);
  // Lets go of what was returned last, without waiting for the next call.
  void release();

  [[nodiscard]] const std::shared_ptr<BasicSharedCache>& cache() const { return cache_; }

 private:
  [[nodiscard]] Entry* find(FileId file, uint32_t number, uint64_t hash);
  [[nodiscard]] Entry* protect(const Place& place);
  void hold(Entry* entry, const Place& place);
  [[nodiscard]] bool reserve(uint64_t cost);
  [[nodiscard]] Place* claim(uint64_t hash);
  bool make_place(Set& set);
  bool drop_unused(Place& place);

  std::shared_ptr<BasicSharedCache> cache_;
  Hazard* hazard_ = nullptr;
  Entry* held_ = nullptr;  // what hazard_ says and protects; between calls it is never freed
  const Place* held_in_ = nullptr;  // where it was found or put
};

using SharedCache = BasicSharedCache<std::atomic>;
extern template class BasicSharedCache<std::atomic>;

}  // namespace fb::content
