#include "cli/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>

namespace fb::cli {
namespace {

// An extension of our compilers, which they would mention.
__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// What a quantity may look like; the first unit is its smallest.
struct Form {
  std::string_view what;
  std::span<const Unit> units;
  bool free_case;
  uint64_t maximum;
  std::string_view example;
  std::string_view assumed_unit;  // proposed to who wrote a bare number
};

constexpr Unit kRateUnits[] = {{"bit", 1},
                               {"kbit", 1'000},
                               {"Mbit", 1'000'000},
                               {"Gbit", 1'000'000'000},
                               {"Tbit", 1'000'000'000'000}};
constexpr Unit kTimeUnits[] = {{"ns", 1},
                               {"us", 1'000},
                               {"ms", 1'000'000},
                               {"s", 1'000'000'000},
                               {"m", 60'000'000'000},
                               {"h", 3'600'000'000'000},
                               {"d", 86'400'000'000'000}};
constexpr Unit kByteUnits[] = {{"B", 1},
                               {"kB", 1'000},
                               {"KB", 1'000},
                               {"MB", 1'000'000},
                               {"GB", 1'000'000'000},
                               {"TB", 1'000'000'000'000},
                               {"KiB", uint64_t{1} << 10},
                               {"MiB", uint64_t{1} << 20},
                               {"GiB", uint64_t{1} << 30},
                               {"TiB", uint64_t{1} << 40}};

constexpr uint64_t kTenYearsNs = uint64_t{3650} * 86'400'000'000'000;
constexpr Form kRateForm{"a bit rate", kRateUnits, true, 1'000'000'000'000'000, "800kbit", "kbit"};
constexpr Form kTimeForm{"a duration", kTimeUnits, false, kTenYearsNs, "500ms", "s"};
constexpr Form kByteForm{"a byte count", kByteUnits, false, uint64_t{1} << 60, "64KiB", "KiB"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string units_of(const Form& form) {
  std::string list;
  for (const Unit& unit : form.units) {
    if (!list.empty()) list += ", ";
    list += unit.name;
  }
  return list;
}

struct Decimal {
  uint64_t digits = 0;    // the number without its point
  uint64_t fraction = 1;  // the power of ten to divide it by
};

// Takes the number off the front of `text`; nothing when there is none, or more than 18 digits.
std::optional<Decimal> take_decimal(std::string_view& text) {
  Decimal out;
  size_t count = 0;
  bool point = false;
  size_t at = 0;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point && at > 0)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    if (++count > 18) return {};
    out.digits = out.digits * 10 + static_cast<uint64_t>(text[at] - '0');
    if (point) out.fraction *= 10;
  }
  if (count == 0 || text[at - 1] == '.') return {};
  text.remove_prefix(at);
  return out;
}

std::unexpected<std::string> refuse(std::string sentence) {
  return std::unexpected(std::move(sentence));
}

std::expected<uint64_t, std::string> parse(std::string_view text, const Form& form, Zero zero) {
  const std::string quoted = fmt::format("\"{}\"", text);
  if (text == "0") {
    if (zero == Zero::kAllowed) return uint64_t{0};
    return refuse(fmt::format("must be more than 0, such as \"{}\"", form.example));
  }
  std::string_view rest = text;
  const auto number = take_decimal(rest);
  if (!number) {
    return refuse(fmt::format("{} is not {}; write a number and a unit, such as \"{}\"", quoted,
                              form.what, form.example));
  }
  if (rest.empty()) {
    return refuse(fmt::format("{} has no unit; write \"{}{}\", or another of {}", quoted, text,
                              form.assumed_unit, units_of(form)));
  }
  const auto unit = std::ranges::find_if(form.units, [&](const Unit& u) {
    return form.free_case ? same_letters(u.name, rest) : u.name == rest;
  });
  if (unit == form.units.end()) {
    return refuse(fmt::format("{} has no unit that is known here; write \"{}{}\", or another of {}",
                              quoted, text.substr(0, text.size() - rest.size()), form.assumed_unit,
                              units_of(form)));
  }
  const auto product = static_cast<Wide>(number->digits) * unit->factor;
  if (product % number->fraction != 0) {
    return refuse(fmt::format("{} is finer than 1{}", quoted, form.units.front().name));
  }
  const Wide value = product / number->fraction;
  if (value > form.maximum) return refuse(fmt::format("{} is too much", quoted));
  if (value == 0 && zero == Zero::kRefused) {
    return refuse(fmt::format("must be more than 0, such as \"{}\"", form.example));
  }
  return static_cast<uint64_t>(value);
}

constexpr double kFrequencyMax = 1e6;

// All of `text` as digits with at most one point; no sign, no exponent, no "inf".
std::optional<double> plain_number(std::string_view text) {
  if (text.empty() || !is_digit(text.front()) || !is_digit(text.back())) return {};
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

// The shortest decimal without an exponent that is read as the same number again.
std::string plain_text(double number) {
  constexpr int kDecimalsMax = 17;
  for (int decimals = 0; decimals < kDecimalsMax; ++decimals) {
    std::string text = fmt::format("{:.{}f}", number, decimals);
    if (plain_number(text) == number) return text;
  }
  return fmt::format("{:.{}f}", number, kDecimalsMax);
}

// The largest unit that divides.
std::string shortest(uint64_t value, const Form& form) {
  if (value == 0) return "0";
  const Unit* best = &form.units.front();
  for (const Unit& unit : form.units) {
    if (value % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  }
  return fmt::format("{}{}", value / best->factor, best->name);
}

}  // namespace

std::expected<BitRate, std::string> parse_bit_rate(std::string_view text, Zero zero) {
  const auto value = parse(text, kRateForm, zero);
  if (!value) return std::unexpected(value.error());
  return BitRate{*value};
}

std::expected<Duration, std::string> parse_duration(std::string_view text, Zero zero) {
  const auto value = parse(text, kTimeForm, zero);
  if (!value) return std::unexpected(value.error());
  return Duration{static_cast<int64_t>(*value)};
}

std::expected<ByteCount, std::string> parse_byte_count(std::string_view text, Zero zero) {
  const auto value = parse(text, kByteForm, zero);
  if (!value) return std::unexpected(value.error());
  return ByteCount{*value};
}

std::expected<double, std::string> parse_fraction(std::string_view text) {
  if (text == "0") return 0.0;
  if (const auto bare = plain_number(text)) {
    return refuse(*bare <= 1 ? fmt::format("\"{}\" has no unit; write \"{}%\" or \"{}%\"", text,
                                           plain_text(*bare * 100), text)
                             : fmt::format("\"{}\" has no unit; write \"{}%\"", text, text));
  }
  const auto percent =
      text.ends_with('%') ? plain_number(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!percent) {
    return refuse(fmt::format("\"{}\" is not a part of a whole; write \"30%\"", text));
  }
  if (*percent > 100) return refuse(fmt::format("\"{}\" is more than the whole", text));
  return *percent / 100;
}

std::expected<double, std::string> parse_frequency(std::string_view text) {
  if (text == "0") return 0.0;
  if (plain_number(text)) {
    return refuse(fmt::format("\"{}\" has no unit; write \"{}/s\"", text, text));
  }
  const auto number =
      text.ends_with("/s") ? plain_number(text.substr(0, text.size() - 2)) : std::nullopt;
  if (!number) {
    return refuse(fmt::format(
        "\"{}\" is not a number a second; write \"32/s\", or \"0.5/s\" for one in two seconds",
        text));
  }
  if (*number > kFrequencyMax) {
    return refuse(fmt::format("\"{}\" is too much; the most is {}/s", text,
                              plain_text(kFrequencyMax)));
  }
  return *number;
}

std::expected<double, std::string> parse_real(std::string_view text) {
  if (const auto number = plain_number(text)) return *number;
  return refuse(fmt::format("\"{}\" is not a number of zero or more, such as 2 or 1.5", text));
}

std::string fraction_text(double fraction) {
  // What the parser divides must come out as the same fraction.
  for (int decimals = 0; decimals <= 17; ++decimals) {
    std::string text = fmt::format("{:.{}f}%", fraction * 100, decimals);
    if (parse_fraction(text) == fraction) return text;
  }
  return fmt::format("{:.17f}%", fraction * 100);
}

std::string frequency_text(double per_second) { return plain_text(per_second) + "/s"; }

std::string real_text(double number) { return plain_text(number); }

std::string to_text(BitRate rate) { return shortest(rate.bits_per_second, kRateForm); }

std::string to_text(Duration duration) {
  return duration.ns <= 0 ? "0" : shortest(static_cast<uint64_t>(duration.ns), kTimeForm);
}

std::string to_text(ByteCount count) { return shortest(count.bytes, kByteForm); }

std::string for_people(ByteCount count) {
  constexpr std::string_view kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(count.bytes);
  size_t name = 0;
  while (value >= 999.5 && name + 1 < std::size(kNames)) {
    value /= 1024;
    ++name;
  }
  return fmt::format("{:.3g} {}", value, kNames[name]);
}

std::string for_people(BitRate rate) {
  constexpr std::string_view kNames[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  double value = static_cast<double>(rate.bits_per_second);
  size_t name = 0;
  while (value >= 999.5 && name + 1 < std::size(kNames)) {
    value /= 1000;
    ++name;
  }
  return fmt::format("{:.3g} {}", value, kNames[name]);
}

}  // namespace fb::cli
