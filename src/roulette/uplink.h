// When the next datagram may go into a line of limited rate, so that little waits inside the line
// where nothing can overtake it.
//
// Thread safety: any thread; several that send over one line share one. Two of them that find it
// ready at once both send, so a line of n threads may hold n - 1 datagrams more.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/time.h"
#include "base/units.h"
#include "roulette/pacer.h"

namespace fb::roulette {

class Uplink {
 public:
  // Rate 0: always ready.
  Uplink(BitRate rate, Duration backlog) : rate_(rate.bits_per_second), backlog_(backlog) {}

  [[nodiscard]] bool ready(Instant now) const { return free_at() - now <= backlog_; }
  // When it will be ready; in the past when it is.
  [[nodiscard]] Instant ready_at() const { return free_at() - backlog_; }
  // Nothing is in the line.
  [[nodiscard]] bool idle(Instant now) const { return free_at() <= now; }
  // A datagram of `size` bytes, without headers of IP and UDP, has been sent.
  void on_sent(Instant now, size_t size) {
    if (!rate().limited()) return;
    const Duration takes = rate().time_for({size + kIpUdpHeaderBytes});
    int64_t before = free_at_.load(std::memory_order_relaxed);
    while (!free_at_.compare_exchange_weak(before, (std::max(Instant{before}, now) + takes).ns,
                                           std::memory_order_relaxed)) {
    }
  }
  // What others add at the same moment may be forgotten.
  void set_rate(Instant now, BitRate rate) {
    rate_.store(rate.bits_per_second, std::memory_order_relaxed);
    free_at_.store(std::min(free_at(), now + milliseconds(100)).ns, std::memory_order_relaxed);
  }
  [[nodiscard]] BitRate rate() const { return {rate_.load(std::memory_order_relaxed)}; }

 private:
  [[nodiscard]] Instant free_at() const {
    return Instant{free_at_.load(std::memory_order_relaxed)};
  }

  // Relaxed: nothing else is published by them.
  std::atomic<uint64_t> rate_;  // bits a second
  const Duration backlog_;
  std::atomic<int64_t> free_at_ = 0;  // ns
};

}  // namespace fb::roulette
