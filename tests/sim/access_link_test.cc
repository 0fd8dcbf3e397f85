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
