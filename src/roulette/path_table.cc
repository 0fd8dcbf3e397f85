#include "roulette/path_table.h"

#include "base/check.h"

namespace fb::roulette {

PathId PathTable::hold(std::string_view path) {
  const uint32_t hash = hash_.of(path);
  for (uint32_t place = index_.first(hash); place != ChainIndex::kNone;
       place = index_.next(place)) {
    if (entries_[place].text == path) return hold(PathId{place});
  }
  auto place = static_cast<uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  entries_[place].text.assign(path);
  index_.add(place, hash);
  return hold(PathId{place});
}

PathId PathTable::hold(PathId path) {
  ++entries_[static_cast<uint32_t>(path)].holders;
  return path;
}

void PathTable::release(PathId path) {
  const auto place = static_cast<uint32_t>(path);
  FB_CHECK(entries_[place].holders > 0);
  if (--entries_[place].holders > 0) return;
  index_.remove(place);
  free_.push_back(place);
}

}  // namespace fb::roulette
