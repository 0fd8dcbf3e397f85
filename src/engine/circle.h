// A queue with room for a fixed number of values. Allocates only when constructed.
#pragma once

#include <cstddef>
#include <vector>

#include "base/check.h"

namespace fb::engine {

template <typename Value>
class Circle {
 public:
  explicit Circle(size_t room) : values_(room) {}

  [[nodiscard]] size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  // Requires that there is room.
  void push(const Value& value) {
    FB_CHECK(count_ < values_.size());
    const size_t end = first_ + count_++;
    values_[end < values_.size() ? end : end - values_.size()] = value;
  }
  // Both require that it is not empty.
  [[nodiscard]] const Value& front() const {
    FB_CHECK(count_ > 0);
    return values_[first_];
  }
  void pop() {
    FB_CHECK(count_ > 0);
    if (++first_ == values_.size()) first_ = 0;
    --count_;
  }

 private:
  std::vector<Value> values_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace fb::engine
