#include <deque>

#include "base/rng.h"
#include "catch.h"
#include "sim/access_link.h"

using namespace fb;
using namespace fb::sim;

namespace {

constexpr Instant kStart{5'000'000'000};

}  // namespace

TEST_CASE("a line serves in order, at its rate, after its delay") {
  AccessLink line(BitRate{800'000}, kib(64), milliseconds(30));
  // 972 + 28 bytes take 10 ms.
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(40));
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(50));
  CHECK(line.pass(kStart + seconds(1), ByteCount{972}) == kStart + milliseconds(1040));
  CHECK(line.bytes() == ByteCount{3000});
}

TEST_CASE("a line drops what its queue cannot hold, and never an idle line's first datagram") {
  AccessLink line(BitRate{8'000}, ByteCount{2'000}, {});
  CHECK(line.pass(kStart, ByteCount{5'000}).has_value());
  CHECK_FALSE(line.pass(kStart, ByteCount{972}).has_value());
  CHECK(line.dropped() == 1);
  const Instant later = kStart + seconds(5);  // 28 bytes are left of the first
  CHECK(line.pass(later, ByteCount{972}).has_value());
  CHECK_FALSE(line.pass(later, ByteCount{972}).has_value());
}

TEST_CASE("a line without a rate only delays") {
  AccessLink line({}, kib(64), milliseconds(5));
  for (int i = 0; i < 1000; ++i) {
    CHECK(line.pass(kStart, ByteCount{1000}) == kStart + milliseconds(5));
  }
}

TEST_CASE("what waits when the rate changes leaves at the new one") {
  AccessLink line(BitRate{800'000}, kib(64), {});
  line.set_rate(kStart + milliseconds(15), BitRate{400'000});
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(10));
  // Half of it before the change, half after.
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(25));
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(45));
  CHECK(line.pass(kStart + seconds(1), ByteCount{972}) == kStart + milliseconds(1020));
}

TEST_CASE("a queue holds as many bytes after a change of rate as before") {
  AccessLink line(BitRate{8'000'000}, ByteCount{3'000}, {});
  line.set_rate(kStart + milliseconds(1), BitRate{8'000});
  for (int i = 0; i < 3; ++i) CHECK(line.pass(kStart, ByteCount{972}).has_value());
  CHECK_FALSE(line.pass(kStart, ByteCount{972}).has_value());
  // One has left; after the change another one takes a second.
  CHECK(line.pass(kStart + milliseconds(1), ByteCount{972}) == kStart + milliseconds(3001));
  CHECK_FALSE(line.pass(kStart + milliseconds(1), ByteCount{972}).has_value());
  CHECK_FALSE(line.pass(kStart + milliseconds(900), ByteCount{972}).has_value());
  CHECK(line.pass(kStart + milliseconds(1001), ByteCount{972}).has_value());
}

TEST_CASE("another flow takes its part of the line, and only while it lasts") {
  AccessLink line(BitRate{800'000}, kib(64), {});
  // A packet of 10 ms every 20 ms, the first one at 100 ms, the last at 180.
  line.share({.rate = BitRate{400'000},
              .packet = ByteCount{1000},
              .from = kStart + milliseconds(100),
              .until = kStart + milliseconds(200)});
  CHECK(line.pass(kStart, ByteCount{972}) == kStart + milliseconds(10));
  CHECK(line.pass(kStart + milliseconds(100), ByteCount{972}) == kStart + milliseconds(120));
  CHECK(line.pass(kStart + milliseconds(125), ByteCount{972}) == kStart + milliseconds(140));
  CHECK(line.pass(kStart + milliseconds(185), ByteCount{972}) == kStart + milliseconds(200));
  CHECK(line.pass(kStart + milliseconds(300), ByteCount{972}) == kStart + milliseconds(310));
  CHECK(line.bytes() == ByteCount{5000});
}

namespace {

// The same line as a queue of packets, moved on in steps of a microsecond.
class SlowLine {
 public:
  SlowLine(double rate, double rate_after, Instant change, double queue)
      : rate_(rate), after_(rate_after), change_(change), queue_(queue) {}
  // Nothing when it is dropped, else its place in `left`.
  std::optional<size_t> enter(double bytes) {
    double waiting = 0;
    for (const double each : packets_) waiting += each;
    if (!packets_.empty() && waiting + bytes > queue_ + 2) return {};
    packets_.push_back(bytes);
    left.push_back(Instant::never());
    return left.size() - 1;
  }
  void step(Instant now) {
    double budget = (now < change_ ? rate_ : after_) / 8 / 1e6;
    while (budget > 0 && !packets_.empty()) {
      const double sent = std::min(budget, packets_.front());
      budget -= sent;
      packets_.front() -= sent;
      if (packets_.front() > 1e-9) continue;
      left[left.size() - packets_.size()] = now + microseconds(1);
      packets_.pop_front();
    }
  }
  std::vector<Instant> left;

 private:
  double rate_, after_;
  Instant change_;
  double queue_;
  std::deque<double> packets_;
};

}  // namespace

TEST_CASE("a line is what a queue of packets is") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    const uint64_t rate = 400'000 + rng.below(4'000'000);
    const uint64_t after = 400'000 + rng.below(4'000'000);
    const Instant change = Instant{} + milliseconds(static_cast<int64_t>(rng.below(80)));
    AccessLink line(BitRate{rate}, ByteCount{1'000'000}, {});
    line.set_rate(change, BitRate{after});
    const CrossTraffic cross{.rate = BitRate{100'000 + rng.below(400'000)},
                             .packet = ByteCount{100 + rng.below(1400)},
                             .from = Instant{} + milliseconds(10),
                             .until = Instant{} + milliseconds(60)};
    line.share(cross);
    SlowLine slow(static_cast<double>(rate), static_cast<double>(after), change, 1e6);
    Instant next_cross = cross.from;
    std::vector<std::pair<Instant, size_t>> sent;
    for (Instant now{}; now < Instant{} + milliseconds(400); now = now + microseconds(1)) {
      if (next_cross <= now && next_cross < cross.until) {
        slow.enter(static_cast<double>(cross.packet.bytes));
        next_cross = next_cross + cross.rate.time_for(cross.packet);
      }
      if (now < Instant{} + milliseconds(100) && rng.below(4000) == 0) {
        const uint64_t size = 1 + rng.below(1400);
        const auto passed = line.pass(now, ByteCount{size});
        const auto place = slow.enter(static_cast<double>(size + kHeaders.bytes));
        REQUIRE((passed && place));
        sent.emplace_back(*passed, *place);
      }
      slow.step(now);
    }
    REQUIRE(sent.size() > 10);
    for (const auto& [passed, place] : sent) {
      // Two bytes of the slowest line, and the steps.
      CHECK(std::abs((passed - slow.left[place]).ns) < 60'000);
    }
  }
}
