// Seeded generators. The core draws nothing from the system: a shell passes a seed in, random in
// production and printed in tests, so every run can be repeated.
//
// Rng is fast and predictable: for choices. SecretRng is a ChaCha20 stream: for tokens and keys,
// which an observer of earlier output must not be able to foresee.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "base/wide.h"

namespace fb {

// xoshiro256** (Blackman and Vigna), seeded through splitmix64. One thread at a time.
class Rng {
 public:
  explicit Rng(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      uint64_t z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9U;
      z = (z ^ z >> 27) * 0x94d049bb133111ebU;
      word = z ^ z >> 31;
    }
  }

  uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound); bound must be at least 1. Lemire's method, without its rejection step:
  // the bias is below bound / 2^64.
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>(uint128{next()} * bound >> 64);
  }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::array<uint64_t, 4> state_{};
};

// One thread at a time.
class SecretRng {
 public:
  using Seed = std::array<uint8_t, 32>;
  explicit SecretRng(const Seed& seed) : seed_(seed) {}
  // For tests and the simulator: a whole seed out of one number.
  static SecretRng from_number(uint64_t number);

  uint64_t next();
  void fill(std::span<uint8_t> out);

 private:
  void refill();

  Seed seed_{};
  uint64_t block_ = 0;
  std::array<uint8_t, 512> pool_{};
  size_t used_ = sizeof(pool_);
};

}  // namespace fb
