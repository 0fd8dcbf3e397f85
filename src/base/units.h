// Byte counts and bit rates as types of their own, so that no raw number crosses a border.
#pragma once

#include <compare>
#include <cstdint>

#include "base/time.h"
#include "base/wide.h"

namespace fb {

// A number of bytes (payload unless a name says otherwise).
struct ByteCount {
  uint64_t bytes = 0;

  constexpr auto operator<=>(const ByteCount&) const = default;
  constexpr ByteCount operator+(ByteCount o) const { return {bytes + o.bytes}; }
  constexpr ByteCount& operator+=(ByteCount o) { return bytes += o.bytes, *this; }
  // Saturates at zero.
  constexpr ByteCount operator-(ByteCount o) const {
    return {bytes > o.bytes ? bytes - o.bytes : 0};
  }
};

constexpr ByteCount kib(uint64_t n) { return {n * 1024}; }

// A bit rate. Zero means "not limited" wherever a limit is configured.
struct BitRate {
  uint64_t bits_per_second = 0;

  constexpr auto operator<=>(const BitRate&) const = default;
  [[nodiscard]] constexpr bool limited() const { return bits_per_second != 0; }
  // How long `count` bytes occupy the link; zero when not limited. Exact to a nanosecond for
  // counts below 2^50 bytes.
  [[nodiscard]] constexpr Duration time_for(ByteCount count) const {
    if (bits_per_second == 0) return {};
    const auto bits = uint128{count.bytes} * 8U * 1'000'000'000U;
    return {static_cast<int64_t>(bits / bits_per_second)};
  }
  // How many whole bytes pass in `d`; zero for a negative duration.
  [[nodiscard]] constexpr ByteCount bytes_in(Duration d) const {
    if (d.ns <= 0) return {};
    const auto product = uint128{bits_per_second} * static_cast<uint64_t>(d.ns);
    return {static_cast<uint64_t>(product / 8U / 1'000'000'000U)};
  }
};

}  // namespace fb
