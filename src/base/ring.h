// A queue in one array, which grows to the most that it ever held and stays there: in a steady
// state it allocates nothing, which std::deque does for every block.
//
// For plain values: what is taken out is overwritten later, and not destroyed. References hold
// until the next push. One thread at a time.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace fb {

template <typename Value>
class Ring {
  static_assert(std::is_trivially_destructible_v<Value>);

 public:
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Counted from the front; requires i < size().
  [[nodiscard]] Value& operator[](size_t i) { return slots_[place_of(i)]; }
  [[nodiscard]] const Value& operator[](size_t i) const { return slots_[place_of(i)]; }
  // Each of these requires that it is not empty.
  [[nodiscard]] Value& front() { return (*this)[0]; }
  [[nodiscard]] Value& back() { return (*this)[size_ - 1]; }
  void pop_front() {
    first_ = place_of(1);
    --size_;
  }
  void pop_back() { --size_; }

  void push_back(Value value) {
    if (size_ == slots_.size()) grow();
    slots_[place_of(size_++)] = std::move(value);
  }
  // Made of `fields` where it stays.
  template <typename... Fields>
  void emplace_back(const Fields&... fields) {
    if (size_ == slots_.size()) grow();
    ::new (&slots_[place_of(size_++)]) Value{fields...};
  }
  void push_front(Value value) {
    if (size_ == slots_.size()) grow();
    first_ = place_of(slots_.size() - 1);
    slots_[first_] = std::move(value);
    ++size_;
  }
  // The first for which `fits` holds; null when it holds for none.
  template <typename Predicate>
  [[nodiscard]] Value* find_if(Predicate fits) {
    for (size_t i = 0; i < size_; ++i) {
      if (fits((*this)[i])) return &(*this)[i];
    }
    return nullptr;
  }
  // The others keep their order.
  template <typename Predicate>
  void erase_if(Predicate goes) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      if (goes((*this)[i])) continue;
      if (kept != i) (*this)[kept] = std::move((*this)[i]);
      ++kept;
    }
    size_ = kept;
  }

 private:
  static constexpr size_t kSlotsMin = 8;

  [[nodiscard]] size_t place_of(size_t i) const { return (first_ + i) & (slots_.size() - 1); }
  void grow() {
    std::vector<Value> larger(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<Value> slots_;  // a power of two of them
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace fb
