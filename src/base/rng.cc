#include "base/rng.h"

#include <sodium/crypto_stream_chacha20.h>

#include <cstring>

#include "base/check.h"

namespace fb {

static_assert(sizeof(SecretRng::Seed) == crypto_stream_chacha20_KEYBYTES);

SecretRng SecretRng::from_number(uint64_t number) {
  Seed seed{};
  Rng spread(number);
  for (size_t i = 0; i < seed.size(); i += 8) {
    const uint64_t word = spread.next();
    std::memcpy(seed.data() + i, &word, 8);
  }
  return SecretRng(seed);
}

uint64_t SecretRng::next() {
  if (used_ + 8 > pool_.size()) refill();
  uint64_t word = 0;
  std::memcpy(&word, pool_.data() + used_, 8);
  used_ += 8;
  return word;
}

void SecretRng::fill(std::span<uint8_t> out) {
  for (uint8_t& byte : out) {
    if (used_ >= pool_.size()) refill();
    byte = pool_[used_++];
  }
}

void SecretRng::refill() {
  // Each pool is its own stream: the block number is the nonce.
  std::array<uint8_t, crypto_stream_chacha20_NONCEBYTES> nonce{};
  std::memcpy(nonce.data(), &block_, sizeof block_);
  ++block_;
  FB_CHECK(crypto_stream_chacha20(pool_.data(), pool_.size(), nonce.data(), seed_.data()) == 0);
  used_ = 0;
}

}  // namespace fb
