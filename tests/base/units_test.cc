#include "base/units.h"

#include "base/time.h"
#include "catch.h"

namespace fb {
namespace {

TEST_CASE("byte counts add, and saturate at zero") {
  REQUIRE(kib(2).bytes == 2048);
  REQUIRE((kib(1) + ByteCount{24}).bytes == 1048);
  REQUIRE((ByteCount{3} - ByteCount{5}).bytes == 0);
  REQUIRE((ByteCount{5} - ByteCount{3}).bytes == 2);
  ByteCount sum;
  sum += kib(1);
  REQUIRE(sum == kib(1));
  REQUIRE(ByteCount{1} < ByteCount{2});
}

TEST_CASE("bit rate turns bytes into time") {
  const BitRate rate{800'000};
  REQUIRE(rate.limited());
  REQUIRE(rate.time_for(ByteCount{100'000}) == seconds(1));
  REQUIRE(rate.time_for(ByteCount{0}) == Duration{});
  REQUIRE(BitRate{8'000'000'000}.time_for(ByteCount{1}) == nanoseconds(1));
  // No overflow where the header promises none.
  REQUIRE(BitRate{1'000'000'000'000}.time_for(ByteCount{uint64_t{1} << 49}).ns ==
          (int64_t{1} << 49) / 125);
  REQUIRE_FALSE(BitRate{}.limited());
  REQUIRE(BitRate{}.time_for(kib(100)) == Duration{});
}

TEST_CASE("bit rate turns time into bytes") {
  const BitRate rate{800'000};
  REQUIRE(rate.bytes_in(seconds(1)).bytes == 100'000);
  REQUIRE(rate.bytes_in(milliseconds(8)).bytes == 800);
  REQUIRE(rate.bytes_in(nanoseconds(9'999)).bytes == 0);
  REQUIRE(rate.bytes_in(nanoseconds(10'000)).bytes == 1);
  REQUIRE(rate.bytes_in(seconds(-1)).bytes == 0);
  REQUIRE(BitRate{100'000'000'000}.bytes_in(seconds(100'000)).bytes == 1'250'000'000'000'000);
}

TEST_CASE("durations compute in nanoseconds") {
  REQUIRE(microseconds(1).ns == 1'000);
  REQUIRE(milliseconds(1).ns == 1'000'000);
  REQUIRE(seconds(1) + milliseconds(1) == milliseconds(1001));
  REQUIRE(seconds(1) - milliseconds(1) == milliseconds(999));
  REQUIRE(seconds(1) * 3 / 2 == milliseconds(1500));
  REQUIRE(scale(seconds(2), 0.25) == milliseconds(500));
  REQUIRE(milliseconds(1500).seconds() == 1.5);
  REQUIRE(microseconds(1500).milliseconds() == 1.5);
}

TEST_CASE("never stays never") {
  REQUIRE(Instant::never() + seconds(1) == Instant::never());
  const Instant start{5};
  REQUIRE(start + seconds(1) - start == seconds(1));
  REQUIRE(start - nanoseconds(5) == Instant{});
  REQUIRE(start < Instant::never());
}

}  // namespace
}  // namespace fb
