// What single datagrams prove of a line, and what is made of it.
#include "roulette/line_proof.h"

#include "catch.h"
#include "roulette/downlink_estimate.h"
#include "roulette/recent_rates.h"

using namespace fb;
using namespace fb::roulette;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr uint64_t kFull = 1128;

double mbit(BitRate rate) { return static_cast<double>(rate.bits_per_second) / 1e6; }

}  // namespace

TEST_CASE("a way's delays are told from the least, whatever the clocks say") {
  for (const int least : {100, 65'530}) {
    WayDelays way;
    CHECK_FALSE(way.any());
    const auto add = [&](int ticks, bool small) {
      return way.add(static_cast<uint16_t>(least + ticks), small);
    };
    CHECK(add(8, true) == Duration{});
    CHECK(way.any());
    CHECK(add(20, false) == milliseconds(3));
    CHECK(way.least_was_small());
    CHECK(add(0, false) == Duration{});  // a piece was quicker than the small one
    CHECK_FALSE(way.least_was_small());
    CHECK(add(4, true) == milliseconds(1));
    CHECK_FALSE(way.least_was_small());
    CHECK(add(-1, true) == Duration{});
    CHECK(way.least_was_small());
  }
}

TEST_CASE("full datagrams prove half of what two equal lines carry, and never more than one does") {
  for (const uint64_t rate : {400'000U, 800'000U, 4'000'000U}) {
    const Duration on_each = BitRate{rate}.time_for({kFull - 100});
    LineProof two;
    LineProof one;
    for (int i = 0; i < 4; ++i) {
      CHECK_FALSE(two.take());
      two.add(kFull, on_each * 2);
      one.add(kFull, on_each);
    }
    const double real = static_cast<double>(rate) / 1e6;
    const double proved = mbit(two.take().value());
    CHECK(proved > real * 0.45);
    CHECK(proved <= real * 0.5);
    const double proved_alone = mbit(one.take().value());
    CHECK(proved_alone > real * 0.85);
    CHECK(proved_alone <= real);
    CHECK_FALSE(two.take());  // what was taken is used up
  }
}

TEST_CASE("less than half of the samples may be wrong, and short datagrams are none") {
  LineProof proof;
  for (int i = 0; i < 3; ++i) proof.add(kFull, {});  // the small one had waited as long
  for (int i = 0; i < 4; ++i) proof.add(kFull, milliseconds(10));
  for (int i = 0; i < 100; ++i) proof.add(599, {});
  CHECK(mbit(proof.take().value()) < 0.83);
  // Any number of samples is borne.
  for (int i = 0; i < 1000; ++i) proof.add(kFull, milliseconds(10));
  CHECK(mbit(proof.take().value()) < 0.83);
}

namespace {

// Chunks come at `rate` for so long, with nothing else known of them.
Instant arrive(DownlinkEstimate& down, Instant now, BitRate rate, Duration time) {
  const Instant end = now + time;
  for (; now < end; now = now + rate.time_for({kFull})) down.on_arrival(now, kFull);
  return now;
}

}  // namespace

TEST_CASE("a downlink is what was told, then what came at best") {
  DownlinkEstimate down;
  down.begin({400'000}, false);
  CHECK_FALSE(down.seen().limited());
  Instant now = arrive(down, kStart, {800'000}, milliseconds(500));
  CHECK(down.rate() == BitRate{400'000});
  now = arrive(down, now, {800'000}, seconds(1));
  CHECK(mbit(down.rate()) > 0.75);
  CHECK(mbit(down.rate()) < 0.85);
  // Less that comes later takes nothing back: it may be the others who have no more.
  arrive(down, now, {200'000}, seconds(2));
  CHECK(mbit(down.rate()) > 0.75);
  CHECK(mbit(down.seen()) > 0.75);
}

TEST_CASE("a downlink that is proved to be fast need not be filled for that") {
  DownlinkEstimate down;
  down.begin({400'000}, false);
  for (int i = 0; i < 4; ++i) down.on_full(kFull, milliseconds(4));  // 2 Mbit/s
  arrive(down, kStart, {400'000}, milliseconds(250));
  CHECK(mbit(down.rate()) == 1.6);  // four times as much, at once
  // It stays proved when little comes.
  arrive(down, kStart + seconds(1), {400'000}, seconds(2));
  CHECK(mbit(down.rate()) > 1.5);
  CHECK(mbit(down.seen()) < 0.5);
}

TEST_CASE("proof of hardly more than what was taken for it changes nothing") {
  DownlinkEstimate down;
  down.begin({1'500'000}, false);
  for (int i = 0; i < 4; ++i) down.on_full(kFull, milliseconds(4));
  arrive(down, kStart, {400'000}, milliseconds(250));
  CHECK(down.rate() == BitRate{1'500'000});
}

TEST_CASE("a downlink that is known is never found out") {
  DownlinkEstimate down;
  down.begin({400'000}, true);
  for (int i = 0; i < 4; ++i) down.on_full(kFull, milliseconds(4));
  arrive(down, kStart, {4'000'000}, seconds(2));
  CHECK(down.rate() == BitRate{400'000});
  CHECK(mbit(down.seen()) > 3.5);  // told to the seeder all the same
}

TEST_CASE("newcomers are told what a quarter of those before had not") {
  RecentRates rates;
  CHECK(rates.typical().code == 0);
  rates.add({});
  CHECK(rates.typical().code == 0);  // one who does not know counts for nothing
  for (int i = 0; i < 10; ++i) rates.add(wire::RateCode::of({4'000'000}));
  CHECK(rates.typical() == wire::RateCode::of({4'000'000}));
  for (int i = 0; i < 10; ++i) rates.add(wire::RateCode::of({400'000}));
  CHECK(rates.typical() == wire::RateCode::of({400'000}));
  // Old ones are forgotten.
  for (int i = 0; i < 63; ++i) rates.add(wire::RateCode::of({4'000'000}));
  CHECK(rates.typical() == wire::RateCode::of({4'000'000}));
}
