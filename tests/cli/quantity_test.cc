#include "cli/quantity.h"

#include <cmath>
#include <random>

#include "catch.h"

using namespace fb;
using namespace fb::cli;

TEST_CASE("bit rates", "[quantity]") {
  CHECK(parse_bit_rate("800kbit")->bits_per_second == 800'000);
  CHECK(parse_bit_rate("1.5Mbit")->bits_per_second == 1'500'000);
  CHECK(parse_bit_rate("2gbit")->bits_per_second == 2'000'000'000);
  CHECK(parse_bit_rate("64bit")->bits_per_second == 64);
  CHECK(parse_bit_rate("0")->bits_per_second == 0);
  CHECK(parse_bit_rate("0kbit")->bits_per_second == 0);
  CHECK_FALSE(parse_bit_rate("0", Zero::kRefused));
  CHECK_FALSE(parse_bit_rate("0.0kbit", Zero::kRefused));
}

TEST_CASE("durations", "[quantity]") {
  CHECK(*parse_duration("30ms") == milliseconds(30));
  CHECK(*parse_duration("2s") == seconds(2));
  CHECK(*parse_duration("1m") == seconds(60));
  CHECK(*parse_duration("500us") == microseconds(500));
  CHECK(*parse_duration("7ns") == nanoseconds(7));
  CHECK(*parse_duration("0.25s") == milliseconds(250));
  CHECK(*parse_duration("1.5h") == seconds(5400));
  CHECK(*parse_duration("0", Zero::kAllowed) == Duration{});
  CHECK_FALSE(parse_duration("0"));
}

TEST_CASE("byte counts", "[quantity]") {
  CHECK(parse_byte_count("64KiB")->bytes == 65'536);
  CHECK(parse_byte_count("1MB")->bytes == 1'000'000);
  CHECK(parse_byte_count("200MiB")->bytes == uint64_t{200} << 20);
  CHECK(parse_byte_count("3kB")->bytes == 3'000);
  CHECK(parse_byte_count("3KB")->bytes == 3'000);
  CHECK(parse_byte_count("1B")->bytes == 1);
}

TEST_CASE("a bare number is refused with the form it should have", "[quantity]") {
  CHECK(parse_bit_rate("800").error() ==
        "\"800\" has no unit; write \"800kbit\", or another of bit, kbit, Mbit, Gbit, Tbit");
  CHECK(parse_duration("30").error() ==
        "\"30\" has no unit; write \"30s\", or another of ns, us, ms, s, m, h, d");
  CHECK(parse_byte_count("64").error().find("write \"64KiB\"") != std::string::npos);
}

TEST_CASE("what could be bits or bytes is refused", "[quantity]") {
  for (const char* text : {"800kbps", "800kb", "800KiB", "1Mb/s", "800kbit/s"}) {
    INFO(text);
    CHECK_FALSE(parse_bit_rate(text));
  }
  CHECK(parse_bit_rate("800kbps").error().find("write \"800kbit\"") != std::string::npos);
  // A month or a minute, mega or milli: case decides, so it is not free here.
  CHECK_FALSE(parse_duration("1M"));
  CHECK_FALSE(parse_duration("5S"));
  CHECK_FALSE(parse_byte_count("5mib"));
}

TEST_CASE("hostile quantities", "[quantity]") {
  for (const char* text : {"",
                           " ",
                           "kbit",
                           "-5kbit",
                           "+5kbit",
                           "5 kbit",
                           " 5kbit",
                           "5kbit ",
                           ".5Mbit",
                           "5.Mbit",
                           "1.2.3kbit",
                           "1e3kbit",
                           "0x10kbit",
                           "1,5Mbit",
                           "nan",
                           "inf",
                           "99999999999999999999kbit",
                           "9999999999Tbit",
                           "0.5bit",
                           "0.0001kbit"}) {
    INFO(text);
    CHECK_FALSE(parse_bit_rate(text));
  }
  CHECK_FALSE(parse_duration("4000d"));
  CHECK_FALSE(parse_duration("0.5ns"));
  CHECK_FALSE(parse_byte_count("99999999TiB"));
  CHECK_FALSE(parse_byte_count(std::string_view("1\0KiB", 5)));
}

TEST_CASE("the shortest text gives the same value again", "[quantity]") {
  CHECK(to_text(BitRate{800'000}) == "800kbit");
  CHECK(to_text(BitRate{1'500'000}) == "1500kbit");
  CHECK(to_text(BitRate{}) == "0");
  CHECK(to_text(seconds(60)) == "1m");
  CHECK(to_text(seconds(90)) == "90s");
  CHECK(to_text(milliseconds(30)) == "30ms");
  CHECK(to_text(kib(4)) == "4KiB");
  CHECK(to_text(ByteCount{1'000'000}) == "1MB");
  CHECK(to_text(ByteCount{1'234'567}) == "1234567B");
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t number = random() >> (15 + random() % 49);
    CHECK(parse_bit_rate(to_text(BitRate{number}))->bits_per_second == number);
    CHECK(parse_byte_count(to_text(ByteCount{number}), Zero::kAllowed)->bytes == number);
    const Duration duration{static_cast<int64_t>(number)};
    CHECK(*parse_duration(to_text(duration), Zero::kAllowed) == duration);
  }
}

TEST_CASE("for people", "[quantity]") {
  CHECK(for_people(ByteCount{}) == "0 B");
  CHECK(for_people(ByteCount{1'268'777}) == "1.21 MiB");
  CHECK(for_people(BitRate{800'000}) == "800 kbit/s");
}

TEST_CASE("parts of a whole", "[quantity]") {
  CHECK(parse_fraction("30%") == 0.3);
  CHECK(parse_fraction("0.5%") == 0.005);
  CHECK(parse_fraction("100%") == 1);
  CHECK(parse_fraction("0%") == 0);
  CHECK(parse_fraction("0") == 0);
  for (const char* text : {"", "%", "30 %", "-1%", "100.1%", "1e1%", ".5%", "5.%", "nan%"}) {
    INFO(text);
    CHECK_FALSE(parse_fraction(text));
  }
  CHECK(parse_fraction("30").error() == "\"30\" has no unit; write \"30%\"");
  CHECK(parse_fraction("0.3").error() == "\"0.3\" has no unit; write \"30%\" or \"0.3%\"");
  for (const char* text : {"30%", "7%", "33.333333333%", "0.07%", "0%", "100%", "0.000001%"}) {
    CHECK(fraction_text(*parse_fraction(text)) == text);
  }
}

TEST_CASE("rates of events", "[quantity]") {
  CHECK(parse_frequency("32/s") == 32);
  CHECK(parse_frequency("0.5/s") == 0.5);
  CHECK(parse_frequency("0") == 0);
  for (const char* text : {"", "/s", "32 /s", "32/m", "-1/s", "1e3/s", "1000001/s", "inf/s"}) {
    INFO(text);
    CHECK_FALSE(parse_frequency(text));
  }
  CHECK(parse_frequency("32").error() == "\"32\" has no unit; write \"32/s\"");
  for (const char* text : {"32/s", "0.5/s", "0.1/s", "1000000/s", "0/s"}) {
    CHECK(frequency_text(*parse_frequency(text)) == text);
  }
}

TEST_CASE("plain numbers and parts come back from their text", "[quantity]") {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> even(0, 1);
  for (int i = 0; i < 2000; ++i) {
    const double number = even(random);
    INFO(number);
    // Within the last digit that a reader would care for.
    CHECK(std::abs(*parse_fraction(fraction_text(number)) - number) < 1e-15);
    CHECK(std::abs(*parse_real(real_text(number)) - number) < 1e-15);
  }
  CHECK(parse_real("12") == 12);
  CHECK_FALSE(parse_real("-1"));
  CHECK_FALSE(parse_real("nan"));
}
