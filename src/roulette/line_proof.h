// The least that a line carries, proved by how much longer full datagrams take than small ones.
//
// A full datagram takes its length / rate longer on each line of its way. So when one of 1,100
// bytes came 4 ms later than small ones ever did, no line on its way is slower than 2 Mbit/s. The
// other lines, and whatever waits, only make the proof weaker: between equal lines it shows half
// of what is true. It shows too much where the small ones had waited themselves; the median over
// several neighbours bears some of those.
//
// One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "base/units.h"

namespace fb::roulette {

// The clocks of trade states count quarters of a millisecond.
inline constexpr Duration kTradeClockTick = microseconds(250);

// One-way delays of datagrams from one to another, in ticks of a trade state's clock: apart from
// the difference of two clocks, so only how they differ means anything.
class WayDelays {
 public:
  // Returns how much longer than the least this one took. `small`: it is no piece.
  Duration add(uint16_t delay, bool small) {
    if (!least_ || static_cast<int16_t>(delay - *least_) < 0) {
      least_ = delay;
      least_was_small_ = small;
    }
    return kTradeClockTick * static_cast<uint16_t>(delay - *least_);
  }
  // The least is the way alone, not the way and the time of a full datagram.
  [[nodiscard]] bool least_was_small() const { return least_was_small_; }
  [[nodiscard]] bool any() const { return least_.has_value(); }

 private:
  std::optional<uint16_t> least_;
  bool least_was_small_ = false;
};

class LineProof {
 public:
  // A full datagram of `size` bytes, with its headers, took `beyond` longer than the quickest small
  // one on the same way. Shorter ones than kFullMin prove nothing and are passed over.
  void add(uint64_t size, Duration beyond) {
    if (size < kFullMin || count_ == samples_.size()) return;
    // Up to a tick of it may have been lost to the clocks' grain.
    const Duration most = beyond + kTradeClockTick;
    samples_[count_++] = most.seconds() / static_cast<double>(size - kSmall);
  }
  // What the samples since the last time prove; none while they are too few, which are kept.
  [[nodiscard]] std::optional<BitRate> take() {
    if (count_ < kSamplesMin) return {};
    const auto middle = samples_.begin() + count_ / 2;
    std::nth_element(samples_.begin(), middle, samples_.begin() + count_);
    count_ = 0;
    return BitRate{static_cast<uint64_t>(8 / *middle)};
  }

 private:
  static constexpr uint64_t kFullMin = 600;
  static constexpr uint64_t kSmall = 100;  // bytes of a small one, about
  static constexpr uint32_t kSamplesMin = 4;

  std::array<double, 32> samples_{};  // seconds a byte
  uint32_t count_ = 0;
};

}  // namespace fb::roulette
