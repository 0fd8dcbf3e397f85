// When the next datagram may go.
#include "roulette/uplink.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "catch.h"
#include "roulette/uplink_estimate.h"

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

// A line by a sender that always has more to send and sends as it is told. What is sent is told of
// when it has arrived and `echo` later.
class Line {
 public:
  Line(BitRate start, BitRate line, bool informed, Duration echo = {})
      : line_(line), rate_(start), echo_(echo) {
    estimate_.begin(kStart, start, informed);
  }
  // The receivers' lines are fast, so that full datagrams prove what ours carries.
  void prove() { proves_ = true; }
  void change(BitRate line) { line_ = line; }
  // Returns what it is told after so long; and `least`, the least on the way.
  BitRate run(Duration time) {
    least = rate_;
    for (const Instant end = now_ + time; now_ < end; now_ = now_ + milliseconds(1)) {
      for (; next_ <= now_; next_ = next_ + rate_.time_for({1128})) {
        free_ = std::max(free_, now_) + line_.time_for({1128});
        estimate_.on_sent(1128);
        arrivals_.emplace_back(free_ + echo_, free_ - now_);
      }
      for (; !arrivals_.empty() && arrivals_.front().first <= now_; arrivals_.pop_front()) {
        const Duration delay = arrivals_.front().second;
        estimate_.on_delay(delay);
        estimate_.on_delivered(1128);
        if (proves_) estimate_.on_full(1128, delay);
      }
      if (const auto changed = estimate_.update(now_)) rate_ = *changed;
      least = std::min(least, rate_);
    }
    return rate_;
  }
  BitRate least{};

 private:
  UplinkEstimate estimate_;
  BitRate line_, rate_;
  Duration echo_;
  bool proves_ = false;
  Instant now_ = kStart, next_ = kStart, free_ = kStart;
  std::deque<std::pair<Instant, Duration>> arrivals_;
};

// In the end.
BitRate found_out(BitRate start, BitRate line, bool informed, Duration time) {
  return Line(start, line, informed).run(time);
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

TEST_CASE("a line of ten times what others have is proved within half a second") {
  Line fast({400'000}, {4'000'000}, true, milliseconds(120));
  fast.prove();
  const auto found = fast.run(milliseconds(600));
  CHECK(found.bits_per_second > 2'800'000);
  CHECK(found.bits_per_second < 5'200'000);
}

TEST_CASE("proof of hardly more than the rate does not raise it at once") {
  Line line({500'000}, {700'000}, true);
  line.prove();
  CHECK(line.run(milliseconds(150)).bits_per_second < 560'000);
}

TEST_CASE("proof of a slow line does not make it any faster") {
  Line slow({380'000}, {400'000}, true, milliseconds(120));
  slow.prove();
  CHECK(slow.run(milliseconds(600)).bits_per_second < 480'000);
}

TEST_CASE("a rate that was far too high does not fall far below what arrives") {
  // Delays are told late, so that the queue is long by then; without the floor the rate would fall
  // for as long as it takes to drain.
  Line line({1'600'000}, {400'000}, true, milliseconds(150));
  line.run(seconds(6));
  CHECK(line.least.bits_per_second > 200'000);
  const auto found = line.run(seconds(2));
  CHECK(found.bits_per_second > 300'000);
  CHECK(found.bits_per_second < 560'000);
}

TEST_CASE("when the line drops to a third, the rate follows") {
  Line line({800'000}, {800'000}, true, milliseconds(120));
  line.prove();
  line.run(seconds(1));
  line.change({267'000});
  line.run(seconds(2));
  const auto found = line.run(seconds(1));
  CHECK(found.bits_per_second > 130'000);
  CHECK(found.bits_per_second < 400'000);
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
