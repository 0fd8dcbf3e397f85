#include "engine/batch_wait.h"

#include <algorithm>

namespace fb::engine {
namespace {

// Idle time says no more than this, so that the beginning of a load is soon seen.
constexpr Duration kGapMax = BatchWait::kBound * 2;
// A new gap counts for one part in so many: a shorter one for little, so that only a load that
// lasts is believed, and not what a sender catches up with; a longer one for much.
constexpr int kShorterWeight = 8;
constexpr int kLongerWeight = 2;
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
  const int64_t change_ns = each_ns - gap_.ns;
  gap_ = {gap_.ns + change_ns / (change_ns < 0 ? kShorterWeight : kLongerWeight)};
  last_ = now;
}

}  // namespace fb::engine
