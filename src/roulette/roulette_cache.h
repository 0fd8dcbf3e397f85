// The Roulette cache (paper, section 2.1): the neighbours with whom data was exchanged most
// recently. A neighbour is appended at every chunk sent or received, the front is trimmed to the
// current degree, and slot i of s is drawn with probability i / (1 + 2 + ... + s). So the most
// recent and the most active are the likeliest to be referred.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "base/rng.h"
#include "content/object.h"

namespace fb::roulette {

enum class NeighbourId : uint32_t {};

class RouletteCache {
 public:
  struct Slot {
    NeighbourId neighbour{};
    content::FileId file{};
  };

  // Appends, then trims to `slots_max` (the current degree; at least 1).
  void add(NeighbourId neighbour, content::FileId file, size_t slots_max);
  // Draws a slot, weighted as above, among those for which `usable` holds; none when none is.
  std::optional<NeighbourId> pick(Rng& rng, const std::function<bool(const Slot&)>& usable) const;
  void remove(NeighbourId neighbour);
  [[nodiscard]] const std::deque<Slot>& slots() const { return slots_; }

 private:
  std::deque<Slot> slots_;
};

}  // namespace fb::roulette
