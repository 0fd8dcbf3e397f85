// What the lines of those who left lately gave, for those who come: the lower quartile of the last of
// them. Who has more finds out soon (LineProof); who has less fills its line before it can tell.
#pragma once

#include <algorithm>
#include <vector>

#include "wire/message.h"

namespace fb::roulette {

class RecentRates {
 public:
  // Unknown ones are passed over.
  void add(wire::RateCode rate) {
    if (rate.code == 0) return;
    if (rates_.size() >= kKept) rates_.erase(rates_.begin());
    rates_.push_back(rate.code);
  }
  // Unknown before there is one.
  [[nodiscard]] wire::RateCode typical() const {
    if (rates_.empty()) return {};
    std::vector<uint8_t> sorted = rates_;
    const auto quarter = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 4);
    std::ranges::nth_element(sorted, quarter);
    return {*quarter};
  }

 private:
  static constexpr size_t kKept = 63;
  std::vector<uint8_t> rates_;  // oldest first
};

}  // namespace fb::roulette
