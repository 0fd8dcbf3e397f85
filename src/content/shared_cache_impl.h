// The definitions of BasicSharedCache, for shared_cache.cc and for tests with another kind of
// atomic.
#pragma once

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "content/shared_cache.h"

namespace fb::content {

template <template <typename> class Atomic, size_t kWays>
BasicSharedCache<Atomic, kWays>::BasicSharedCache(uint64_t bytes_max, uint64_t bytes_a_place)
    : bytes_max_(bytes_max),
      set_count_(std::bit_floor(std::max<uint64_t>(bytes_max / bytes_a_place / kWays, 1))),
      sets_(std::make_unique<Set[]>(set_count_)) {}

template <template <typename> class Atomic, size_t kWays>
BasicSharedCache<Atomic, kWays>::~BasicSharedCache() {
  for (uint64_t i = 0; i < set_count_ * kWays; ++i) {
    Entry* const entry = place_at(i).entry.load(std::memory_order_acquire);
    if (entry != nullptr) push_retired(entry);
  }
  free_retired();
  FB_CHECK(bytes() == 0);
  for (Hazard* hazard = hazards_.load(std::memory_order_acquire); hazard != nullptr;) {
    delete std::exchange(hazard, hazard->next);
  }
}

template <template <typename> class Atomic, size_t kWays>
size_t BasicSharedCache<Atomic, kWays>::entries() const {
  size_t out = 0;
  for (uint64_t i = 0; i < set_count_; ++i) {
    for (const Place& place : sets_[i].places) {
      if (place.entry.load(std::memory_order_relaxed) != nullptr) ++out;
    }
  }
  return out;
}

// File ids are keyed hashes, so nobody outside chooses them; of one file, neighbours lie in
// different sets. Never 0.
template <template <typename> class Atomic, size_t kWays>
uint64_t BasicSharedCache<Atomic, kWays>::hash_of(FileId file, uint32_t number) {
  return std::max<uint64_t>(static_cast<uint64_t>(file) + number * 0x9e3779b97f4a7c15U, 1);
}

template <template <typename> class Atomic, size_t kWays>
typename BasicSharedCache<Atomic, kWays>::Hazard* BasicSharedCache<Atomic, kWays>::take_hazard() {
  for (Hazard* hazard = hazards_.load(std::memory_order_acquire); hazard != nullptr;
       hazard = hazard->next) {
    bool taken = false;
    // Acquires nothing of the Reader before but that it is done with the record.
    if (hazard->taken.compare_exchange_strong(taken, true, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return hazard;
    }
  }
  auto* const fresh = new Hazard();
  fresh->next = hazards_.load(std::memory_order_relaxed);
  // Publishes the record. Sequentially consistent, as held() is: who does not see the record yet
  // has looked before anything was held by it.
  while (!hazards_.compare_exchange_strong(fresh->next, fresh, std::memory_order_seq_cst,
                                           std::memory_order_relaxed)) {
  }
  return fresh;
}

// Whether a Reader holds an entry that is out of its place. Acquires the end of the reads of who
// has let go of it, so that it may be freed.
template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::held(const Entry* entry) const {
  for (const Hazard* hazard = hazards_.load(std::memory_order_seq_cst); hazard != nullptr;
       hazard = hazard->next) {
    if (hazard->entry.load(std::memory_order_seq_cst) == entry) return true;
  }
  return false;
}

template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::try_reserve(uint64_t cost) {
  uint64_t bytes = bytes_.load(std::memory_order_relaxed);
  do {
    if (cost > bytes_max_ - bytes) return false;
  } while (!bytes_.compare_exchange_strong(bytes, bytes + cost, std::memory_order_relaxed,
                                           std::memory_order_relaxed));
  return true;
}

template <template <typename> class Atomic, size_t kWays>
void BasicSharedCache<Atomic, kWays>::push_retired(Entry* entry) {
  entry->next_retired = retired_.load(std::memory_order_relaxed);
  // Publishes, to who takes the list, the link and that the entry is out of its place.
  while (!retired_.compare_exchange_strong(entry->next_retired, entry, std::memory_order_release,
                                           std::memory_order_relaxed)) {
  }
}

// Takes the list whole, so that every entry is in one thread's hands, and nobody pops what another
// frees.
template <template <typename> class Atomic, size_t kWays>
void BasicSharedCache<Atomic, kWays>::free_retired() {
  for (Entry* entry = retired_.exchange(nullptr, std::memory_order_acquire); entry != nullptr;) {
    Entry* const next = entry->next_retired;
    if (held(entry)) {
      push_retired(entry);
    } else {
      const uint64_t cost = entry->cost();
      delete entry;
      unreserve(cost);
    }
    entry = next;
  }
}

// ---- A thread's way in

template <template <typename> class Atomic, size_t kWays>
BasicSharedCache<Atomic, kWays>::Reader::Reader(std::shared_ptr<BasicSharedCache> cache)
    : cache_(std::move(cache)), hazard_(cache_->take_hazard()) {}

template <template <typename> class Atomic, size_t kWays>
BasicSharedCache<Atomic, kWays>::Reader::~Reader() {
  if (hazard_ == nullptr) return;
  release();
  // Publishes that the record holds nothing to the next that takes it.
  hazard_->taken.store(false, std::memory_order_release);
}

template <template <typename> class Atomic, size_t kWays>
BasicSharedCache<Atomic, kWays>::Reader::Reader(Reader&& other) noexcept
    : cache_(std::move(other.cache_)),
      hazard_(std::exchange(other.hazard_, nullptr)),
      held_(std::exchange(other.held_, nullptr)),
      held_in_(other.held_in_) {}

template <template <typename> class Atomic, size_t kWays>
typename BasicSharedCache<Atomic, kWays>::Reader&
BasicSharedCache<Atomic, kWays>::Reader::operator=(Reader&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(hazard_, other.hazard_);
  std::swap(held_, other.held_);
  std::swap(held_in_, other.held_in_);
  return *this;
}

template <template <typename> class Atomic, size_t kWays>
std::optional<std::span<const uint8_t>> BasicSharedCache<Atomic, kWays>::Reader::get(
    FileId file, uint32_t number) {
  // The same as last time, and still in its place. Relaxed: it is held already.
  const bool again = held_ != nullptr && held_->file == file && held_->number == number &&
                     held_in_->entry.load(std::memory_order_relaxed) == held_;
  Entry* const entry = again ? held_ : find(file, number, hash_of(file, number));
  if (entry == nullptr) return {};
  // Looked at first: a flag that is set stays in every core's cache.
  if (!entry->used.load(std::memory_order_relaxed)) {
    entry->used.store(true, std::memory_order_relaxed);
  }
  return entry->bytes;
}

template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::Reader::contains(FileId file, uint32_t number) {
  return find(file, number, hash_of(file, number)) != nullptr;
}

template <template <typename> class Atomic, size_t kWays>
std::optional<std::span<const uint8_t>> BasicSharedCache<Atomic, kWays>::Reader::put(
    FileId file, uint32_t number, std::vector<uint8_t>& bytes) {
  const uint64_t hash = hash_of(file, number);
  if (const Entry* const there = find(file, number, hash)) return there->bytes;
  const uint64_t cost = bytes.size() + kCacheEntryOverhead;
  if (!reserve(cost)) return {};
  Place* const place = claim(hash);
  if (place == nullptr) {
    cache_->unreserve(cost);
    return {};
  }
  auto* const entry = new Entry{.file = file, .number = number, .bytes = std::exchange(bytes, {})};
  // Held before anybody can find it, and so drop it.
  hold(entry, *place);
  // Publishes the entry and that it is held.
  place->entry.store(entry, std::memory_order_release);
  return entry->bytes;
}

template <template <typename> class Atomic, size_t kWays>
void BasicSharedCache<Atomic, kWays>::Reader::release() {
  held_ = nullptr;
  // Publishes the end of the reads to who frees.
  hazard_->entry.store(nullptr, std::memory_order_release);
}

// The entry of a key, held; nullptr when it is not here.
template <template <typename> class Atomic, size_t kWays>
typename BasicSharedCache<Atomic, kWays>::Entry* BasicSharedCache<Atomic, kWays>::Reader::find(
    FileId file, uint32_t number, uint64_t hash) {
  for (Place& place : cache_->set_of(hash).places) {
    // Relaxed: only tells where to look.
    if (place.tag.load(std::memory_order_relaxed) != hash) continue;
    Entry* const entry = protect(place);
    if (entry != nullptr && entry->file == file && entry->number == number) return entry;
  }
  return nullptr;
}

// The entry that is in a place, held; nullptr when there is none.
template <template <typename> class Atomic, size_t kWays>
typename BasicSharedCache<Atomic, kWays>::Entry* BasicSharedCache<Atomic, kWays>::Reader::protect(
    const Place& place) {
  // Relaxed: it is looked at again before it is used.
  Entry* entry = place.entry.load(std::memory_order_relaxed);
  // What is held already has not been freed since, so it is the same. What is held only now has to
  // be in its place still: who takes it out from then on sees that it is held.
  while (entry != held_) {
    if (entry == nullptr) {
      held_ = nullptr;
      break;
    }
    hold(entry, place);
    // Acquires the entry.
    entry = place.entry.load(std::memory_order_seq_cst);
  }
  return entry;
}

// Sequentially consistent against the changes of places, and a release: what was held before is let
// go, and who frees that acquires the end of the reads.
template <template <typename> class Atomic, size_t kWays>
void BasicSharedCache<Atomic, kWays>::Reader::hold(Entry* entry, const Place& place) {
  hazard_->entry.store(entry, std::memory_order_seq_cst);
  held_ = entry;
  held_in_ = &place;
}

// Takes `cost` out of the bound, dropping what is unused where there is no room. Two rounds of the
// hand reach everything: the first may find only what was used since.
template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::Reader::reserve(uint64_t cost) {
  if (cost > cache_->bytes_max_) return false;
  if (cache_->try_reserve(cost)) return true;
  release();
  cache_->free_retired();
  if (cache_->try_reserve(cost)) return true;
  // Two rounds, a set at a time: most places are free where entries are large.
  for (uint64_t left = 2 * cache_->set_count_; left > 0; --left) {
    const uint64_t first = cache_->hand_.fetch_add(kWays, std::memory_order_relaxed);
    for (uint64_t i = 0; i < kWays; ++i) {
      if (drop_unused(cache_->place_at(first + i)) && cache_->try_reserve(cost)) return true;
    }
  }
  return cache_->try_reserve(cost);
}

// A place for a key that nobody else has or gets one for; nullptr when there is none.
template <template <typename> class Atomic, size_t kWays>
typename BasicSharedCache<Atomic, kWays>::Place* BasicSharedCache<Atomic, kWays>::Reader::claim(
    uint64_t hash) {
  Set& set = cache_->set_of(hash);
  do {
    for (Place& mine : set.places) {
      uint64_t tag = 0;
      // Sequentially consistent, as the look at the other places is: of two threads that claim for
      // the same key the later one sees the other's claim.
      if (mine.tag.load(std::memory_order_relaxed) != 0 ||
          !mine.tag.compare_exchange_strong(tag, hash, std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) {
        continue;
      }
      const bool alone = std::ranges::none_of(set.places, [&](const Place& other) {
        return &other != &mine && other.tag.load(std::memory_order_seq_cst) == hash;
      });
      if (alone) return &mine;
      mine.tag.store(0, std::memory_order_relaxed);
      return nullptr;
    }
  } while (make_place(set));
  return nullptr;
}

// Drops an entry of a full set; false when others were faster.
template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::Reader::make_place(Set& set) {
  const uint64_t first = cache_->hand_.fetch_add(1, std::memory_order_relaxed);
  for (uint64_t i = 0; i < 2 * kWays; ++i) {
    if (drop_unused(set.places[(first + i) % kWays])) return true;
  }
  return false;
}

// Takes an entry that was not used out of its place; from one that was, takes the flag.
template <template <typename> class Atomic, size_t kWays>
bool BasicSharedCache<Atomic, kWays>::Reader::drop_unused(Place& place) {
  Entry* const entry = protect(place);
  if (entry == nullptr) return false;
  if (entry->used.load(std::memory_order_relaxed)) {
    entry->used.store(false, std::memory_order_relaxed);
    return false;
  }
  Entry* expected = entry;
  // Held, so it is no other entry at the same address. Sequentially consistent: whoever says from
  // now on that it holds the entry sees that it is gone.
  if (!place.entry.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst,
                                           std::memory_order_relaxed)) {
    return false;
  }
  // Relaxed: the next entry of this place comes after the exchange in any case.
  place.tag.store(0, std::memory_order_relaxed);
  release();
  cache_->push_retired(entry);
  cache_->free_retired();
  return true;
}

}  // namespace fb::content
