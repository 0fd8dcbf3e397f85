#include "cli/load_link.h"

#include "catch.h"

using namespace fb;
using namespace fb::cli;

TEST_CASE("a line: rates, delay, queue", "[load]") {
  const auto line = LoadLink::parse("800kbit,30ms");
  REQUIRE(line);
  CHECK(line->up == BitRate{800'000});
  CHECK(line->down == BitRate{800'000});
  CHECK(line->delay == milliseconds(30));
  CHECK(line->queue == kib(64));
  const auto dsl = LoadLink::parse("1Mbit/16Mbit,0,128KiB");
  REQUIRE(dsl);
  CHECK(dsl->up == BitRate{1'000'000});
  CHECK(dsl->down == BitRate{16'000'000});
  CHECK(dsl->delay == Duration{});
  CHECK(dsl->queue == kib(128));
}

TEST_CASE("a line that is none is refused with a sentence", "[load]") {
  for (const char* text : {"", "800kbit", "800,30ms", "800kbit,30", "1kbit/2kbit/3kbit,1ms",
                           "800kbit,30ms,64KiB,x", "fast,30ms", "800kbit,30ms,0"}) {
    INFO(text);
    const auto line = LoadLink::parse(text);
    REQUIRE_FALSE(line);
    CHECK_FALSE(line.error().empty());
  }
}
