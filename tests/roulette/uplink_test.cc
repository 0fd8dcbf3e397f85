// When the next datagram may go.
#include "roulette/uplink.h"

#include "catch.h"

using namespace fb;
using namespace fb::roulette;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr size_t kTenMs = 1000 - kIpUdpHeaderBytes;  // at 800 kbit/s

}  // namespace

TEST_CASE("an uplink is ready while less than the backlog waits in the line") {
  Uplink uplink({800'000}, milliseconds(8));
  REQUIRE(uplink.ready(kStart));
  CHECK(uplink.idle(kStart));
  uplink.on_sent(kStart, kTenMs);
  CHECK_FALSE(uplink.ready(kStart));
  CHECK_FALSE(uplink.idle(kStart));
  CHECK(uplink.ready_at() == kStart + milliseconds(2));
  CHECK_FALSE(uplink.ready(kStart + milliseconds(2) - Duration{1}));
  CHECK(uplink.ready(kStart + milliseconds(2)));  // exactly then
  CHECK_FALSE(uplink.idle(kStart + milliseconds(2)));
  CHECK(uplink.idle(kStart + milliseconds(10)));
  // What must go goes, and is counted.
  uplink.on_sent(kStart, kTenMs);
  uplink.on_sent(kStart, kTenMs);
  CHECK(uplink.ready_at() == kStart + milliseconds(22));
}

TEST_CASE("idle time is not saved up") {
  Uplink uplink({800'000}, milliseconds(8));
  uplink.on_sent(kStart, kTenMs);
  const Instant later = kStart + seconds(10);
  uplink.on_sent(later, kTenMs);
  uplink.on_sent(later, kTenMs);
  CHECK(uplink.ready_at() == later + milliseconds(12));
}

TEST_CASE("without a rate it is always ready") {
  Uplink uplink({}, milliseconds(8));
  for (int i = 0; i < 1000; ++i) uplink.on_sent(kStart, 1200);
  CHECK(uplink.ready(kStart));
  CHECK(uplink.idle(kStart));
}

TEST_CASE("a slow rate that was wrong does not hold back for long") {
  Uplink uplink({8'000}, milliseconds(8));
  for (int i = 0; i < 10; ++i) uplink.on_sent(kStart, kTenMs);  // a second each
  uplink.set_rate(kStart, {8'000'000});
  CHECK(uplink.rate() == BitRate{8'000'000});
  CHECK(uplink.ready_at() == kStart + milliseconds(92));
}
