// One direction of a visitor's line: a rate, a finite drop-tail queue, and a delay. The model of
// docs/measuring.md: a datagram occupies the line for size / rate, waits for those before it, is
// dropped when more than the queue waits, and arrives `delay` after it left. Used in virtual time
// by the simulator and in real time by fbload.
#pragma once

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "base/units.h"

namespace fb::sim {

// What IPv4 and UDP add to every datagram.
inline constexpr ByteCount kHeaders{28};

class AccessLink {
 public:
  // Rate 0: infinitely fast.
  AccessLink(BitRate rate, ByteCount queue, Duration delay)
      : rate_(rate), queue_(queue), delay_(delay) {}

  // When a datagram of `size` payload bytes that enters now has passed; none when it is dropped.
  // `now` never goes back.
  std::optional<Instant> pass(Instant now, ByteCount size) {
    const ByteCount whole = size + kHeaders;
    const Instant start = std::max(now, free_at_);
    if (rate_.bytes_in(start - now) + whole > queue_ && start > now) {
      ++dropped_;
      return {};
    }
    free_at_ = start + rate_.time_for(whole);
    bytes_ += whole;
    return free_at_ + delay_;
  }

  [[nodiscard]] uint64_t dropped() const { return dropped_; }
  // With headers.
  [[nodiscard]] ByteCount bytes() const { return bytes_; }

 private:
  BitRate rate_;
  ByteCount queue_;
  Duration delay_;
  Instant free_at_{};
  ByteCount bytes_{};
  uint64_t dropped_ = 0;
};

}  // namespace fb::sim
