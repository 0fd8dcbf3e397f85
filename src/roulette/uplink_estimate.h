// What the uplink carries, found out from how long datagrams wait in it.
//
// Neighbours tell how long each datagram was on its way beyond the least that was ever seen
// (Partner::queueing). Their own downlinks add to some, but all datagrams pass our uplink, so the
// lower quartile of what they tell within an interval is about what waits there. While little waits
// although we had as much to send as the rate allows, the rate grows by a few percent, and by
// ever more while that stays so, for a line may carry ten times what others have; when more than
// the pacing's own backlog waits, it shrinks by as much as drains the queue within a few
// intervals, at most to 0.7. So it yields to other flows that share the line.
//
// The start is what other visitors of late had (ADMIT). One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "base/time.h"
#include "base/units.h"

namespace fb::roulette {

class UplinkEstimate {
 public:
  // `informed`: others had this rate, so there is no need to hurry away from it.
  void begin(Instant now, BitRate rate, bool informed) {
    active_ = true;
    starting_ = !informed;
    rate_ = rate;
    next_interval(now);
  }
  void on_delay(Duration queueing) {
    if (samples_ < delays_.size()) delays_[samples_++] = queueing;
  }
  // With headers of IP and UDP.
  void on_sent(uint64_t bytes) { bytes_ += bytes; }

  // The latest rate that was used and did not make anything wait; 0: none.
  [[nodiscard]] BitRate proved() const { return proved_; }

  // The new rate, when it changes. To be called often.
  std::optional<BitRate> update(Instant now) {
    if (!active_ || now - since_ < kInterval) return {};
    if (samples_ < kSamplesMin && now - since_ < kInterval * 3) return {};
    const double possible = static_cast<double>(rate_.bytes_in(now - since_).bytes);
    const bool busy = static_cast<double>(bytes_) > possible * kBusy;
    double factor = 1;
    if (samples_ >= kSamplesMin) {
      const auto quarter = delays_.begin() + samples_ / 4;
      std::nth_element(delays_.begin(), quarter, delays_.begin() + samples_);
      // A full datagram takes its time in the line even when it waits for nothing.
      const Duration own = rate_.time_for(kFullDatagram);
      if (*quarter > own + kWaits) {
        starting_ = false;
        clear_ = 0;
        factor = std::max(kShrinkMost, 1 - (*quarter - own - kFree).seconds() / kDrain.seconds());
      } else if (busy) {
        proved_ = rate_;
        clear_ = *quarter <= own + kFree ? clear_ + 1 : 0;
        if (clear_ > 0) factor = starting_ ? kGrowStarting : growth();
      }
    }
    next_interval(now);
    if (factor == 1) return {};
    const auto bits = static_cast<double>(rate_.bits_per_second) * factor;
    rate_ = {static_cast<uint64_t>(std::clamp(bits, kRateMin, kRateMax))};
    return rate_;
  }

 private:
  static constexpr Duration kInterval = milliseconds(100);
  static constexpr Duration kWaits = milliseconds(6);  // more waits in our line than pacing lets
  static constexpr Duration kFree = milliseconds(1);   // nothing waits
  static constexpr ByteCount kFullDatagram{1128};
  static constexpr Duration kDrain = milliseconds(300);
  static constexpr uint32_t kSamplesMin = 3;
  static constexpr double kBusy = 0.85;
  static constexpr double kShrinkMost = 0.7;
  static constexpr double kGrowStarting = 1.5;
  static constexpr double kGrow = 0.03;
  static constexpr uint32_t kGrowSlowly = 3;  // intervals; then twice as much in each
  static constexpr uint32_t kGrowDoublings = 4;
  static constexpr double kRateMin = 16e3;
  static constexpr double kRateMax = 10e9;

  [[nodiscard]] double growth() const {
    const uint32_t beyond = clear_ > kGrowSlowly ? clear_ - kGrowSlowly : 0;
    return 1 + kGrow * static_cast<double>(1U << std::min(beyond, kGrowDoublings));
  }
  void next_interval(Instant now) {
    since_ = now;
    samples_ = 0;
    bytes_ = 0;
  }

  bool active_ = false;
  bool starting_ = true;
  uint32_t clear_ = 0;  // intervals in a row in which it was used and nothing waited
  BitRate rate_{};
  BitRate proved_{};
  Instant since_{};
  std::array<Duration, 64> delays_{};  // of this interval
  uint32_t samples_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace fb::roulette
