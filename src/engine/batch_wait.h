// How many receives one wait of the kernel should gather. Pure logic.
//
// While little arrives, a wait ends with the first receive, so nothing is delayed. While receives
// follow each other closely, a wait gathers some, within a bound that is the delay at most; since a
// kernel may count a multishot receive once, however much it has for us, that bound is often
// reached. A wait that brought fewer than it was to gather was in vain: the others wait for our
// answer, or the load is over; the next ones then gather nothing, for longer each time that this
// repeats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace fb::engine {

class BatchWait {
 public:
  // The longest time for which a gathering wait holds back what has arrived.
  static constexpr Duration kBound = microseconds(50);

  // `gather_max`: more is never waited for.
  explicit BatchWait(unsigned gather_max) : gather_max_(gather_max) {}

  // How many receives the next wait should end with. Above one it must also end after kBound.
  [[nodiscard]] unsigned gather() const;
  // Tell after each look at what has arrived. `asked` is what a wait for it was to gather, one when
  // something else ended the wait or there was none.
  void arrived(Instant now, size_t count, unsigned asked);

 private:
  const unsigned gather_max_;
  Instant last_{};
  Duration gap_ = kBound * 2;  // between receives, smoothed
  uint32_t rest_ = 0;          // looks for which nothing is gathered
  uint32_t next_rest_ = 0;
};

}  // namespace fb::engine
