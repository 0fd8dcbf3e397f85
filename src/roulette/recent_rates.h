// What the lines of those who left lately gave, for those who come: the lower quartile of the last
// of them. Who has more finds out soon (LineProof); who has less fills its line before it can tell.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/message.h"

namespace fb::roulette {

class RecentRates {
 public:
  // Unknown ones are passed over.
  void add(wire::RateCode rate) {
    if (rate.code == 0) return;
    rates_[next_] = rate.code;
    next_ = (next_ + 1) % kKept;
    count_ = std::min(count_ + 1, kKept);
    auto sorted = rates_;
    const auto quarter = sorted.begin() + static_cast<ptrdiff_t>(count_ / 4);
    std::nth_element(sorted.begin(), quarter, sorted.begin() + static_cast<ptrdiff_t>(count_));
    typical_ = {*quarter};
  }
  // Unknown before there is one.
  [[nodiscard]] wire::RateCode typical() const { return typical_; }

 private:
  static constexpr size_t kKept = 63;
  std::array<uint8_t, kKept> rates_{};  // the last ones, in no order
  size_t next_ = 0;
  size_t count_ = 0;
  wire::RateCode typical_;
};

}  // namespace fb::roulette
