// When the next datagram may go.
#include "roulette/uplink.h"

#include "roulette/uplink_estimate.h"

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

namespace {

// A line of `line`, for `time`, by a sender that always has more to send and sends as it is told.
// What it is told after that, in the end.
BitRate found_out(BitRate start, BitRate line, bool informed, Duration time) {
  UplinkEstimate estimate;
  estimate.begin(kStart, start, informed);
  BitRate rate = start;
  Instant next = kStart;
  Instant line_free = kStart;
  for (Instant now = kStart; now < kStart + time; now = now + milliseconds(1)) {
    for (; next <= now; next = next + rate.time_for({1128})) {
      line_free = std::max(line_free, now) + line.time_for({1128});
      estimate.on_sent(1128);
      estimate.on_delay(line_free - now);
    }
    if (const auto changed = estimate.update(now)) rate = *changed;
  }
  return rate;
}

}  // namespace

TEST_CASE("an uplink is found out from what waits in it, from below and from above") {
  for (const uint64_t line : {800'000U, 4'000'000U}) {
    const auto found = [&](uint64_t start, bool informed) {
      return static_cast<double>(
                 found_out({start}, {line}, informed, seconds(6)).bits_per_second) /
             static_cast<double>(line);
    };
    INFO("line of " << line << " bit/s");
    CHECK(found(line / 4, false) > 0.8);  // grows in a hurry, for nobody has told
    CHECK(found(line / 4, false) < 1.3);
    // Three times too high it falls to a third of the line, and comes back.
    CHECK(found(line * 3, true) > 0.7);
    CHECK(found(line * 3, true) < 1.3);
    CHECK(found(line, true) > 0.8);
    CHECK(found(line, true) < 1.3);
  }
}

TEST_CASE("a line of five times what others have is filled within a visit") {
  const auto found = found_out({800'000}, {4'000'000}, true, milliseconds(1500));
  CHECK(found.bits_per_second > 2'800'000);
  CHECK(found.bits_per_second < 5'200'000);
}

TEST_CASE("an uplink that is not used tells nothing") {
  UplinkEstimate estimate;
  estimate.begin(kStart, {800'000}, true);
  for (int i = 1; i < 50; ++i) {
    estimate.on_delay(milliseconds(1));
    estimate.on_sent(100);
    CHECK_FALSE(estimate.update(kStart + milliseconds(20 * i)));
  }
  CHECK_FALSE(estimate.proved().limited());
}
