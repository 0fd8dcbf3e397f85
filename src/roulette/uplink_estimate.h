// What the uplink carries, found out from how long datagrams wait in it.
//
// Neighbours tell how long each datagram was on its way beyond the least that was ever seen
// (Partner::queueing). Their own downlinks add to some, but all datagrams pass our uplink, so the
// lower quartile of what they tell within an interval is about what waits there.
//   - When more than the pacing's own backlog waits, the rate shrinks by as much as drains the
//     queue within a few intervals, but not far below what arrived meanwhile: a line with a queue
//     gives all it has, and what it gave is what it carries. So it yields to other flows that share
//     the line.
//   - While little waits although we had as much to send as the rate allows, it grows by a few
//     percent.
//   - When single datagrams prove that the line carries clearly more (LineProof), it is that at
//     once: a line may carry ten times what others have.
//
// The start is what other visitors of late had (ADMIT), rather less than more, for what is too much
// fills the line before anybody can tell. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "base/time.h"
#include "base/units.h"
#include "roulette/line_proof.h"

namespace fb::roulette {

class UplinkEstimate {
 public:
  // `informed`: others had this rate, so there is no need to hurry away from it.
  void begin(Instant now, BitRate rate, bool informed) {
    active_ = true;
    starting_ = !informed;
    rate_ = rate;
    since_ = now;
    next_interval(now);
  }
  void on_delay(Duration queueing) {
    if (samples_ < delays_.size()) delays_[samples_++] = queueing;
  }
  // As LineProof::add.
  void on_full(uint64_t size, Duration beyond) { proof_.add(size, beyond); }
  // So much has arrived, as neighbours tell; and so much was sent. With headers of IP and UDP.
  void on_delivered(uint64_t bytes) { delivered_ += bytes; }
  void on_sent(uint64_t bytes) { bytes_ += bytes; }

  // The latest rate that was used and did not make anything wait; 0: none.
  [[nodiscard]] BitRate proved() const { return proved_; }

  // The new rate, when it changes. To be called often.
  std::optional<BitRate> update(Instant now) {
    if (!active_ || now - since_ < kInterval) return {};
    if (samples_ < kSamplesMin && now - since_ < kInterval * 3) return {};
    const double factor = samples_ < kSamplesMin ? 1 : change(now);
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
  static constexpr uint32_t kSamplesMin = 3;
  static constexpr double kBusy = 0.85;
  static constexpr Duration kDrain = milliseconds(300);
  static constexpr double kShrinkMost = 0.7;
  // Below what arrived, so that the queue drains.
  static constexpr Duration kDrainSlowly = milliseconds(600);
  static constexpr double kBelowDeliveredMost = 0.6;
  static constexpr double kGrowStarting = 1.5;
  static constexpr double kGrow = 0.025;
  static constexpr uint32_t kGrowSlowly = 3;  // intervals; then twice as much
  static constexpr double kClearlyMore = 1.5;
  static constexpr double kRaiseMost = 4;
  static constexpr double kRateMin = 16e3;
  static constexpr double kRateMax = 10e9;

  // By how much the rate changes. Requires kSamplesMin samples.
  double change(Instant now) {
    const auto quarter = delays_.begin() + samples_ / 4;
    std::nth_element(delays_.begin(), quarter, delays_.begin() + samples_);
    // A full datagram takes its time in the line even when it waits for nothing.
    const Duration waits = *quarter - rate_.time_for(kFullDatagram);
    const auto rate = static_cast<double>(rate_.bits_per_second);
    const auto proof = proof_.take();
    if (waits > kWaits) {
      starting_ = false;
      clear_ = 0;
      const double excess = (waits - kFree).seconds();
      const double drained = std::max(kShrinkMost, 1 - excess / kDrain.seconds());
      const double below = std::max(kBelowDeliveredMost, 1 - excess / kDrainSlowly.seconds());
      const double arrived = 8 * static_cast<double>(delivered_ + delivered_before_) /
                             (now - since_ + took_before_).seconds();
      return std::max(drained, std::min(1.0, below * arrived / rate));
    }
    double factor = 1;
    const bool busy = static_cast<double>(bytes_) >
                      static_cast<double>(rate_.bytes_in(now - since_).bytes) * kBusy;
    if (busy) {
      proved_ = rate_;
      clear_ = waits <= kFree ? clear_ + 1 : 0;
      if (clear_ > 0) {
        factor = starting_ ? kGrowStarting : 1 + kGrow * (clear_ > kGrowSlowly ? 2 : 1);
      }
    }
    if (!proof) return factor;
    const double more = static_cast<double>(proof->bits_per_second) / rate;
    return more > kClearlyMore ? std::max(factor, std::min(kRaiseMost, more)) : factor;
  }
  void next_interval(Instant now) {
    took_before_ = now - since_;
    delivered_before_ = delivered_;
    since_ = now;
    samples_ = 0;
    bytes_ = delivered_ = 0;
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
  uint64_t delivered_ = 0, delivered_before_ = 0;  // in this interval and in the one before
  Duration took_before_{};
  LineProof proof_;
};

}  // namespace fb::roulette
