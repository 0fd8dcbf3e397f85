// The paper's Stabilised Pool rule (section 4): each second the incomplete visitors are counted;
// every ten seconds the maximum of these counts is taken; when it no longer exceeds the earlier
// maximum, the pool has stabilised. It can fire by chance, so a report shows unfinished visitors
// beside it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace fb::sim {

class PoolMeter {
 public:
  // One count a second, from the first arrival on.
  void add(Duration at, uint32_t pool) {
    window_max_ = std::max(window_max_, pool);
    if (++counts_ % kWindow != 0) return;
    if (counts_ > kWindow && window_max_ <= earlier_max_ && !stabilised_at_) stabilised_at_ = at;
    earlier_max_ = std::max(earlier_max_, window_max_);
    window_max_ = 0;
  }
  [[nodiscard]] std::optional<Duration> stabilised_at() const { return stabilised_at_; }

 private:
  static constexpr uint32_t kWindow = 10;
  uint32_t counts_ = 0;
  uint32_t window_max_ = 0;
  uint32_t earlier_max_ = 0;
  std::optional<Duration> stabilised_at_;
};

}  // namespace fb::sim
