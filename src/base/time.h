// Instants and durations of the core, in integer nanoseconds.
//
// The core reads no clock: every entry point is told `now`. The origin of an Instant is whatever
// the shell chose (boot time for the engine, zero for the simulator); only differences mean
// anything. Both types are plain values, safe on any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace fb {

// A signed length of time. Unit: nanoseconds.
struct Duration {
  int64_t ns = 0;

  static constexpr Duration max() { return {std::numeric_limits<int64_t>::max()}; }
  // Divided, not multiplied by an inexact 1e-9: 7 s are 7.0 and print as that.
  [[nodiscard]] constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
  [[nodiscard]] constexpr double milliseconds() const { return static_cast<double>(ns) / 1e6; }
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration o) const { return {ns + o.ns}; }
  constexpr Duration operator-(Duration o) const { return {ns - o.ns}; }
  constexpr Duration operator*(int64_t k) const { return {ns * k}; }
  constexpr Duration operator/(int64_t k) const { return {ns / k}; }
  constexpr Duration& operator+=(Duration o) { return ns += o.ns, *this; }
};

constexpr Duration nanoseconds(int64_t n) { return {n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }
// Rounds towards zero.
constexpr Duration scale(Duration d, double factor) {
  return {static_cast<int64_t>(static_cast<double>(d.ns) * factor)};
}

// A point in time on the shell's own monotonic scale.
struct Instant {
  int64_t ns = 0;

  // Later than every reachable instant: "no deadline".
  static constexpr Instant never() { return {std::numeric_limits<int64_t>::max()}; }
  constexpr auto operator<=>(const Instant&) const = default;
  // never() stays never().
  constexpr Instant operator+(Duration d) const {
    return *this == never() ? *this : Instant{ns + d.ns};
  }
  constexpr Instant operator-(Duration d) const { return {ns - d.ns}; }
  constexpr Duration operator-(Instant o) const { return {ns - o.ns}; }
};

}  // namespace fb
