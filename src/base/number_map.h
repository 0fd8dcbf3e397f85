// A hash table from numbers to small values, for tables that are looked up with every datagram: all
// in one array, so that a look-up costs one or two cache lines and no entry costs an allocation.
//
// There is no way to iterate it, on purpose: the order would depend on the hash. Whoever lets a
// stranger choose the keys must bound their number, since keys that collide are searched in a row.
// One thread at a time; pointers to values hold until the next set() or erase().
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"

namespace fb {

template <typename Value>
class NumberMap {
 public:
  // Null when there is none.
  [[nodiscard]] Value* find(uint64_t key) {
    const size_t place = place_of(key);
    return holds(place, key) ? &slots_[place].value : nullptr;
  }
  [[nodiscard]] bool contains(uint64_t key) const {
    return holds(place_of(key), key);
  }
  // Takes the place of what the key had. Requires a key that is not 0.
  void set(uint64_t key, Value value) {
    FB_CHECK(key != 0);
    if (Value* known = find(key)) {
      *known = std::move(value);
      return;
    }
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    slots_[place_of(key)] = {key, std::move(value)};
    ++size_;
  }
  // Nothing happens when the key is not there.
  void erase(uint64_t key) {
    size_t gap = place_of(key);
    if (!holds(gap, key)) return;
    // Entries behind the gap that were pushed past it move up, so that no search ends too early.
    const size_t mask = slots_.size() - 1;
    for (size_t i = (gap + 1) & mask; slots_[i].key != 0; i = (i + 1) & mask) {
      const size_t home = home_of(slots_[i].key);
      if (((i - home) & mask) < ((i - gap) & mask)) continue;
      slots_[gap] = std::move(slots_[i]);
      gap = i;
    }
    slots_[gap] = {};
    --size_;
  }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct Slot {
    uint64_t key = 0;  // 0: free
    Value value{};
  };
  static constexpr size_t kSlotsMin = 8;

  [[nodiscard]] size_t home_of(uint64_t key) const {
    return static_cast<size_t>(key * 0x9e3779b97f4a7c15U >> 32) & (slots_.size() - 1);
  }
  // Where the key is, or would be put; 0 while there are no slots.
  [[nodiscard]] size_t place_of(uint64_t key) const {
    if (slots_.empty()) return 0;
    size_t place = home_of(key);
    while (slots_[place].key != key && slots_[place].key != 0) {
      place = (place + 1) & (slots_.size() - 1);
    }
    return place;
  }
  [[nodiscard]] bool holds(size_t place, uint64_t key) const {
    return key != 0 && place < slots_.size() && slots_[place].key == key;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old) {
      if (slot.key != 0) slots_[place_of(slot.key)] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two of them, at most three in four taken
  size_t size_ = 0;
};

}  // namespace fb
