#include "base/cursor.h"

#include <array>
#include <vector>

#include "base/rng.h"
#include "catch.h"

namespace fb {
namespace {

TEST_CASE("cursor writes big-endian and reads it back") {
  std::array<uint8_t, 64> buffer{};
  Writer out(buffer);
  out.u8(0x01);
  out.u16(0x0203);
  out.u32(0x04050607);
  out.u64(0x08090a0b0c0d0e0f);
  out.string8("ab");
  out.string16("cde");
  out.zeros(2);
  REQUIRE_FALSE(out.failed());
  REQUIRE(out.used() == 1 + 2 + 4 + 8 + 3 + 5 + 2);
  for (size_t i = 0; i < 15; ++i) REQUIRE(buffer[i] == i + 1);

  Reader in(out.written());
  REQUIRE(in.u8() == 0x01);
  REQUIRE(in.u16() == 0x0203);
  REQUIRE(in.u32() == 0x04050607);
  REQUIRE(in.u64() == 0x08090a0b0c0d0e0f);
  REQUIRE(in.string8() == "ab");
  REQUIRE(in.string16() == "cde");
  REQUIRE_FALSE(in.finished());
  REQUIRE(in.u16() == 0);
  REQUIRE(in.finished());
}

TEST_CASE("reader fails at the first byte too many and stays failed") {
  const std::array<uint8_t, 3> bytes{1, 2, 3};
  Reader in(bytes);
  REQUIRE(in.u16() == 0x0102);
  REQUIRE(in.u16() == 0);
  REQUIRE(in.failed());
  REQUIRE(in.u8() == 0);
  REQUIRE(in.take(0).empty());
  REQUIRE_FALSE(in.finished());
  std::array<uint8_t, 1> untouched{9};
  in.copy_to(untouched);
  REQUIRE(untouched[0] == 9);
}

TEST_CASE("reader refuses a string longer than what is left") {
  const std::array<uint8_t, 3> bytes{3, 'a', 'b'};
  Reader in(bytes);
  REQUIRE(in.string8().empty());
  REQUIRE(in.failed());
  const std::array<uint8_t, 3> longer{0xff, 0xff, 'a'};
  Reader in16(longer);
  REQUIRE(in16.string16().empty());
  REQUIRE(in16.failed());
}

TEST_CASE("an empty reader is finished, and one that was told to fail is not") {
  Reader in({});
  REQUIRE(in.finished());
  in.fail();
  REQUIRE_FALSE(in.finished());
}

TEST_CASE("writer never passes the end and fails for good") {
  std::array<uint8_t, 5> buffer{};
  buffer[4] = 0x77;
  Writer out{std::span(buffer).first(4)};
  out.u16(1);
  out.u32(2);
  REQUIRE(out.failed());
  out.u8(3);
  out.zeros(1);
  out.bytes(std::array<uint8_t, 1>{4});
  REQUIRE(out.used() == 2);
  REQUIRE(out.space() == 2);
  REQUIRE(buffer[4] == 0x77);
}

TEST_CASE("writer refuses a string that its length field cannot tell") {
  std::vector<uint8_t> buffer(70'000);
  Writer fits(buffer);
  fits.string8(std::string(255, 'x'));
  fits.string16(std::string(65'535, 'x'));
  REQUIRE_FALSE(fits.failed());
  Writer too_long(buffer);
  too_long.string8(std::string(256, 'x'));
  REQUIRE(too_long.failed());
  REQUIRE(too_long.used() == 0);
  Writer too_long16(buffer);
  too_long16.string16(std::string(65'536, 'x'));
  REQUIRE(too_long16.failed());
}

TEST_CASE("reader survives random reads of random bytes") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    std::vector<uint8_t> bytes(rng.below(40));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
    Reader in(bytes);
    while (!in.failed() && in.remaining() > 0) {
      const size_t before = in.remaining();
      switch (rng.below(6)) {
        case 0: in.u8(); break;
        case 1: in.u64(); break;
        case 2: in.string8(); break;
        case 3: in.string16(); break;
        case 4: in.take(rng.next()); break;
        default: in.take(rng.below(5)); break;
      }
      REQUIRE(in.remaining() <= before);
    }
  }
}

}  // namespace
}  // namespace fb
