// Which chunk of an object a seeder gives away next when it may choose: each once, in random order,
// and then anew, so that the swarm gets as many different ones as possible. Source chunks come
// first: they need neither coding here nor decoding there. What else is given is not known here, so
// of several shards each gives all, beginning at another place.
// One thread at a time.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "content/site_catalog.h"
#include "wire/message.h"

namespace fb::roulette {

class FreshChunks {
 public:
  // Borrows the catalog. `repair`: repair chunks too. Several seeders of one swarm draw the same
  // order by the same seed, and each begins at another part of it, `part` of `parts`.
  FreshChunks(content::SiteCatalog& catalog, uint64_t seed, bool repair, uint32_t part,
              uint32_t parts)
      : catalog_(catalog), seed_(seed), repair_(repair), part_(part), parts_(parts) {}

  // The next one of which `held` does not hold; none when it does of all, or when there is no such
  // object.
  template <typename Predicate>
  std::optional<wire::ChunkName> next(content::FileId file, Predicate held) {
    Round* round = round_of(file);
    if (round == nullptr) return {};
    const size_t count = round->order.size();
    for (size_t tries = 0; tries < count; ++tries) {
      const size_t at = (round->next + tries) % count;
      const uint32_t id = round->order[at];
      const wire::ChunkName name{static_cast<uint16_t>(round->geometry.block_of(id)),
                                 static_cast<uint8_t>(round->geometry.position_of(id))};
      if (held(name)) continue;
      std::swap(round->order[round->next], round->order[at]);
      round->next = (round->next + 1) % count;
      return name;
    }
    return {};
  }
  // Of the object that was begun last; null before there is one.
  [[nodiscard]] const content::Geometry* latest() const {
    return rounds_.empty() ? nullptr : &rounds_.back().geometry;
  }

 private:
  static constexpr size_t kObjectsKept = 256;
  struct Round {
    content::FileId file{};
    content::Geometry geometry;
    std::vector<uint32_t> order;
    size_t next = 0;
  };

  Round* round_of(content::FileId file) {
    for (Round& round : rounds_) {
      if (round.file == file) return &round;
    }
    const auto geometry = catalog_.object(file);
    if (!geometry || geometry->chunk_count() == 0) return nullptr;
    if (rounds_.size() >= kObjectsKept) rounds_.erase(rounds_.begin());
    Round& round = rounds_.emplace_back(Round{file, *geometry, {}, 0});
    const uint64_t count = repair_ ? geometry->coded_count() : geometry->chunk_count();
    round.order.resize(count);
    for (uint64_t id = 0; id < count; ++id) round.order[id] = static_cast<uint32_t>(id);
    Rng rng(seed_ ^ static_cast<uint64_t>(file));
    const std::span order(round.order);
    for (const auto kind : {order.first(geometry->chunk_count()),
                            order.subspan(geometry->chunk_count())}) {
      for (size_t i = 0; i + 1 < kind.size(); ++i) {
        std::swap(kind[i], kind[i + rng.below(kind.size() - i)]);
      }
      const auto begins = kind.size() * part_ / parts_;
      std::rotate(kind.begin(), kind.begin() + static_cast<ptrdiff_t>(begins), kind.end());
    }
    return &round;
  }

  content::SiteCatalog& catalog_;
  uint64_t seed_;
  bool repair_;
  uint32_t part_, parts_;
  std::vector<Round> rounds_;
};

}  // namespace fb::roulette
