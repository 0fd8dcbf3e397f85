#include "base/rng.h"

#include <array>
#include <set>
#include <vector>

#include "catch.h"

namespace fb {
namespace {

TEST_CASE("rng repeats with its seed and differs between seeds") {
  Rng a(7);
  Rng b(7);
  Rng c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    REQUIRE(value == b.next());
    differs = differs || value != c.next();
  }
  REQUIRE(differs);
}

TEST_CASE("rng stays below its bound and reaches every value") {
  Rng rng(3);
  REQUIRE(rng.below(1) == 0);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = rng.below(10);
    REQUIRE(value < 10);
    seen.insert(value);
    const double unit = rng.unit();
    REQUIRE(unit >= 0.0);
    REQUIRE(unit < 1.0);
  }
  REQUIRE(seen.size() == 10);
  bool large = false;
  for (int i = 0; i < 100; ++i) large = large || rng.below(~uint64_t{0}) > uint64_t{1} << 63;
  REQUIRE(large);
}

TEST_CASE("rng draws uniformly") {
  constexpr uint64_t kSeed = 11;
  INFO("seed " << kSeed);
  Rng rng(kSeed);
  std::array<double, 64> hits{};
  constexpr double kDraws = 64'000;
  for (int i = 0; i < 64'000; ++i) hits[rng.below(hits.size())] += 1;
  const double expected = kDraws / static_cast<double>(hits.size());
  double chi_square = 0;
  for (const double count : hits) chi_square += (count - expected) * (count - expected) / expected;
  // 63 degrees of freedom: standard deviation 11.2.
  REQUIRE(chi_square < 63 + 5 * 11.2);
}

TEST_CASE("secret rng repeats with its seed") {
  SecretRng a = SecretRng::from_number(5);
  SecretRng b = SecretRng::from_number(5);
  for (int i = 0; i < 500; ++i) REQUIRE(a.next() == b.next());
  std::vector<uint8_t> first(3000);
  std::vector<uint8_t> second(3000);
  a.fill(first);
  b.fill(second);
  REQUIRE(first == second);
  // Mixed reads too, whatever is left in the pool.
  for (size_t length = 0; length < 40; ++length) {
    std::vector<uint8_t> x(length);
    std::vector<uint8_t> y(length);
    a.fill(x);
    b.fill(y);
    REQUIRE(x == y);
    REQUIRE(a.next() == b.next());
  }
}

TEST_CASE("secret rng gives distinct values, over pools and over seeds") {
  std::set<uint64_t> seen;
  constexpr size_t kDraws = 20'000;
  SecretRng a = SecretRng::from_number(1);
  SecretRng b = SecretRng::from_number(2);
  SecretRng::Seed bytes{};
  bytes[31] = 1;
  SecretRng c(bytes);
  for (size_t i = 0; i < kDraws; ++i) {
    seen.insert(a.next());
    seen.insert(b.next());
    seen.insert(c.next());
  }
  REQUIRE(seen.size() == 3 * kDraws);
}

}  // namespace
}  // namespace fb
