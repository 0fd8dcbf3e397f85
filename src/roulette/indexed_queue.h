// A queue, first in, first out, whose entries are found by hash without a walk through it.
//
// For plain values, as Ring. It grows to the most that it ever held: its user bounds it. References
// hold until the next push(). One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "roulette/chain_index.h"

namespace fb::roulette {

template <typename Value, size_t kIndices>
class IndexedQueue {
  static_assert(std::is_trivially_destructible_v<Value>);

 public:
  using Hashes = std::array<uint32_t, kIndices>;  // an entry's, one for each index

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Each of these two requires that it is not empty.
  [[nodiscard]] Value& front() { return slots_[first_]; }
  void pop() {
    for (ChainIndex& index : indices_) index.remove(static_cast<uint32_t>(first_));
    first_ = place_of(1);
    --size_;
  }
  void push(Value value, const Hashes& hashes) {
    if (size_ == slots_.size()) grow();
    const auto place = static_cast<uint32_t>(place_of(size_++));
    slots_[place] = std::move(value);
    for (size_t i = 0; i < kIndices; ++i) indices_[i].add(place, hashes[i]);
  }
  // The latest of those with this hash in that index for which `same` holds; null when it holds
  // for none.
  template <typename Predicate>
  [[nodiscard]] Value* find(size_t index, uint32_t hash, Predicate same) {
    for (uint32_t place = indices_[index].first(hash); place != ChainIndex::kNone;
         place = indices_[index].next(place)) {
      if (same(slots_[place])) return &slots_[place];
    }
    return nullptr;
  }

 private:
  static constexpr size_t kSlotsMin = 8;

  [[nodiscard]] size_t place_of(size_t i) const { return (first_ + i) & (slots_.size() - 1); }
  void grow() {
    std::vector<Value> larger(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    std::array<ChainIndex, kIndices> indices;
    for (size_t i = 0; i < size_; ++i) {
      const auto old = static_cast<uint32_t>(place_of(i));
      larger[i] = std::move(slots_[old]);
      for (size_t k = 0; k < kIndices; ++k) {
        indices[k].add(static_cast<uint32_t>(i), indices_[k].hash_of(old));
      }
    }
    slots_ = std::move(larger);
    indices_ = std::move(indices);
    first_ = 0;
  }

  std::vector<Value> slots_;  // a power of two of them
  std::array<ChainIndex, kIndices> indices_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace fb::roulette
