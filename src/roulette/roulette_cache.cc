#include "roulette/roulette_cache.h"

#include <algorithm>
#include <vector>

namespace fb::roulette {

void RouletteCache::add(NeighbourId neighbour, content::FileId file, size_t slots_max) {
  slots_.push_back({neighbour, file});
  while (slots_.size() > std::max<size_t>(1, slots_max)) slots_.pop_front();
}

std::optional<NeighbourId> RouletteCache::pick(
    Rng& rng, const std::function<bool(const Slot&)>& usable) const {
  // Only usable slots take part, each with the weight of its place.
  uint64_t total = 0;
  std::vector<size_t> places;
  places.reserve(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!usable(slots_[i])) continue;
    total += i + 1;
    places.push_back(i);
  }
  if (total == 0) return {};
  uint64_t draw = rng.below(total);
  for (const size_t i : places) {
    if (draw < i + 1) return slots_[i].neighbour;
    draw -= i + 1;
  }
  return {};
}

void RouletteCache::remove(NeighbourId neighbour) {
  std::erase_if(slots_, [&](const Slot& slot) { return slot.neighbour == neighbour; });
}

}  // namespace fb::roulette
