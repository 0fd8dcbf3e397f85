// One direction of a visitor's line: a rate, a finite drop-tail queue, and a delay. The model of
// docs/measuring.md: a datagram occupies the line for size / rate, waits for those before it, is
// dropped when more than the queue waits, and arrives `delay` after it left. Used in virtual time
// by the simulator and in real time by fbload.
//
// The rate may change once, and somebody else's flow of constant bit rate may share the line. Both
// are told in advance, so that pass() knows at once when a datagram will have left, also one that
// waits when the rate changes, and neither needs an event of its own.
#pragma once

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "base/units.h"

namespace fb::sim {

// What IPv4 and UDP add to every datagram.
inline constexpr ByteCount kHeaders{28};

// Packets of one size, headers in it, at even distances: in [from, until).
struct CrossTraffic {
  BitRate rate;
  ByteCount packet;
  Instant from{}, until{};
};

class AccessLink {
 public:
  // Rate 0: infinitely fast.
  AccessLink(BitRate rate, ByteCount queue, Duration delay)
      : rate_(rate), queue_(queue), delay_(delay) {}

  // From `when` on the line has this rate, for what waits then too. Exact to a byte. Requires that
  // nothing entered later than `when`; the last call counts.
  void set_rate(Instant when, BitRate rate) {
    change_at_ = when;
    rate_after_ = rate;
  }
  // Its packets queue and are dropped like all others, and counted nowhere. Requires a rate and a
  // size above 0, and that nothing entered later than `cross.from`.
  void share(const CrossTraffic& cross) {
    cross_ = cross;
    cross_at_ = cross.from < cross.until ? cross.from : Instant::never();
  }

  // When a datagram of `size` payload bytes that enters now has passed; none when it is dropped.
  // `now` never goes back.
  std::optional<Instant> pass(Instant now, ByteCount size) {
    while (cross_at_ <= now) {
      enter(cross_at_, cross_.packet);
      const Instant next = cross_at_ + cross_.rate.time_for(cross_.packet);
      cross_at_ = next < cross_.until ? next : Instant::never();
    }
    const ByteCount whole = size + kHeaders;
    if (!enter(now, whole)) {
      ++dropped_;
      return {};
    }
    bytes_ += whole;
    return free_at_ + delay_;
  }

  [[nodiscard]] uint64_t dropped() const { return dropped_; }
  // With headers.
  [[nodiscard]] ByteCount bytes() const { return bytes_; }

 private:
  // False: it is dropped.
  bool enter(Instant now, ByteCount whole) {
    const Instant start = std::max(now, free_at_);
    if (start > now && bytes_between(now, start) + whole > queue_) return false;
    free_at_ = sent_at(start, whole);
    return true;
  }
  // When `whole` bytes have left that begin to at `start`.
  [[nodiscard]] Instant sent_at(Instant start, ByteCount whole) const {
    if (start >= change_at_) return start + rate_after_.time_for(whole);
    const Instant end = start + rate_.time_for(whole);
    if (end <= change_at_) return end;
    return change_at_ + rate_after_.time_for(whole - rate_.bytes_in(change_at_ - start));
  }
  // How much leaves in [from, to) on a busy line.
  [[nodiscard]] ByteCount bytes_between(Instant from, Instant to) const {
    if (to <= change_at_) return rate_.bytes_in(to - from);
    if (from >= change_at_) return rate_after_.bytes_in(to - from);
    return rate_.bytes_in(change_at_ - from) + rate_after_.bytes_in(to - change_at_);
  }

  BitRate rate_;
  ByteCount queue_;
  Duration delay_;
  Instant free_at_{};
  ByteCount bytes_{};
  uint64_t dropped_ = 0;
  Instant change_at_ = Instant::never();
  BitRate rate_after_{};
  CrossTraffic cross_{};
  Instant cross_at_ = Instant::never();  // when its next packet enters
};

}  // namespace fb::sim
