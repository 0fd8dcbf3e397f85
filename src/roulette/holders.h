// How many neighbours are known to hold each position of one block, so that what is rare can be
// told from what is common. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/rng.h"
#include "roulette/coded_set.h"

namespace fb::roulette {

class Holders {
 public:
  static constexpr uint32_t kMost = 8;  // beyond it is not counted

  // One neighbour more, who holds these.
  void add(const BlockBits& bits) {
    for (size_t n = kMost - 1; n > 0; --n) held_by_[n] = held_by_[n] | (held_by_[n - 1] & bits);
    held_by_[0] = held_by_[0] | bits;
  }
  // Positions that so many or more hold; `count` from 1 to kMost.
  [[nodiscard]] const BlockBits& held_by(uint32_t count) const { return held_by_[count - 1]; }
  // Of `among` one that the fewest hold, each of these as likely; none when it is empty.
  [[nodiscard]] std::optional<uint8_t> pick_rarest(const BlockBits& among, Rng& rng) const {
    for (const BlockBits& common : held_by_) {
      if (const auto position = among.minus(common).pick(rng)) return position;
    }
    return among.pick(rng);
  }

 private:
  std::array<BlockBits, kMost> held_by_;  // by one or more, by two or more ...
};

}  // namespace fb::roulette
