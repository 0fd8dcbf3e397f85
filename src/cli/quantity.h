// Rates, durations and byte counts as people write them, and back.
//
// A number stands before its unit, without a space, with decimals if need be: "1.5Mbit". A bare
// number is refused, because nobody can tell what it counts; so is a unit that is written for bits
// and for bytes ("kbps"). "0" without a unit is accepted only where the caller says that zero has
// a meaning of its own ("unlimited", "off"). A value finer than its type holds is refused, never
// rounded. Pure functions, any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/units.h"

namespace fb::cli {

enum class Zero {
  kRefused,  // only numbers above zero
  kAllowed,  // zero, written "0", has a meaning
};

// Units: bit, kbit, Mbit, Gbit, Tbit, each a second and 1000 of the one before; letter case is
// free. The error is a sentence that proposes the right form.
[[nodiscard]] std::expected<BitRate, std::string> parse_bit_rate(std::string_view text,
                                                                 Zero zero = Zero::kAllowed);
// Units: ns, us, ms, s, m (minutes), h, d. At most 10 years.
[[nodiscard]] std::expected<Duration, std::string> parse_duration(std::string_view text,
                                                                  Zero zero = Zero::kRefused);
// Units: B, kB or KB, MB, GB, TB (1000 each), KiB, MiB, GiB, TiB (1024 each).
[[nodiscard]] std::expected<ByteCount, std::string> parse_byte_count(std::string_view text,
                                                                     Zero zero = Zero::kRefused);

// A fraction of 0 to 1, written "30%". The error to a bare number proposes both things that it may
// have meant.
[[nodiscard]] std::expected<double, std::string> parse_fraction(std::string_view text);
// Events a second, written "32/s" or "0.5/s"; at most a million. "0" and "0/s" are the same.
[[nodiscard]] std::expected<double, std::string> parse_frequency(std::string_view text);
// A real number of zero or more, without a unit.
[[nodiscard]] std::expected<double, std::string> parse_real(std::string_view text);

// The shortest exact text; parsing it gives the same value again. Zero is "0".
[[nodiscard]] std::string to_text(BitRate rate);
[[nodiscard]] std::string to_text(Duration duration);
[[nodiscard]] std::string to_text(ByteCount count);
[[nodiscard]] std::string fraction_text(double fraction);
[[nodiscard]] std::string frequency_text(double per_second);
[[nodiscard]] std::string real_text(double number);

// Rounded to three digits, for people: "1.21 MiB", "800 kbit/s".
[[nodiscard]] std::string for_people(ByteCount count);
[[nodiscard]] std::string for_people(BitRate rate);

}  // namespace fb::cli
