#include "engine/batch_wait.h"

#include <algorithm>

namespace fb::engine {
namespace {

// Idle time says no more than this, so that the beginning of a burst is soon seen.
constexpr Duration kGapMax = BatchWait::kBound * 2;
constexpr int kGapWeight = 4;  // a new gap counts for one part in so many
// A wait asks for half of what should come within its bound, and so seldom reaches it.
constexpr int kCaution = 2;
constexpr uint32_t kRestMin = 16;
constexpr uint32_t kRestMax = 1024;

}  // namespace

unsigned BatchWait::gather() const {
  if (rest_ > 0) return 1;
  const int64_t expected = kBound.ns / std::max<int64_t>(gap_.ns * kCaution, 1);
  return static_cast<unsigned>(std::clamp<int64_t>(expected, 1, gather_max_));
}

void BatchWait::arrived(Instant now, size_t count, unsigned asked) {
  if (rest_ > 0) --rest_;
  if (count < asked) {
    next_rest_ = std::clamp(next_rest_ * 2, kRestMin, kRestMax);
    rest_ = next_rest_;
  } else if (asked > 1) {
    next_rest_ /= 2;
  }
  if (count == 0) return;
  const int64_t each_ns = std::min(now - last_, kGapMax).ns / static_cast<int64_t>(count);
  gap_ = {gap_.ns + (each_ns - gap_.ns) / kGapWeight};
  last_ = now;
}

}  // namespace fb::engine
