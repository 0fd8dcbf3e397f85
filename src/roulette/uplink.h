// When the next datagram may go into a line of limited rate, so that little waits inside the line
// where nothing can overtake it. One thread at a time.
#pragma once

#include <algorithm>

#include "base/time.h"
#include "base/units.h"
#include "roulette/pacer.h"

namespace fb::roulette {

class Uplink {
 public:
  // Rate 0: always ready.
  Uplink(BitRate rate, Duration backlog) : rate_(rate), backlog_(backlog) {}

  [[nodiscard]] bool ready(Instant now) const { return free_at_ - now <= backlog_; }
  // When it will be ready; in the past when it is.
  [[nodiscard]] Instant ready_at() const { return free_at_ - backlog_; }
  // Nothing is in the line.
  [[nodiscard]] bool idle(Instant now) const { return free_at_ <= now; }
  // A datagram of `size` bytes, without headers of IP and UDP, has been sent.
  void on_sent(Instant now, size_t size) {
    free_at_ = std::max(free_at_, now) + rate_.time_for({size + kIpUdpHeaderBytes});
  }
  void set_rate(Instant now, BitRate rate) {
    rate_ = rate;
    free_at_ = std::min(free_at_, now + milliseconds(100));
  }
  [[nodiscard]] BitRate rate() const { return rate_; }

 private:
  BitRate rate_;
  Duration backlog_;
  Instant free_at_{};
};

}  // namespace fb::roulette
