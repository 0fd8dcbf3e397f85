#include "roulette/visitors.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fb::roulette {
namespace {

uint32_t token_hash(wire::Token token) { return static_cast<uint32_t>(token); }

}  // namespace

Visitor& Visitors::add(Instant now, const Endpoint& endpoint, wire::Token name,
                       wire::Token token_in, PathId path) {
  auto place = static_cast<uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  Visitor& visitor = slots_[place];
  visitor = Visitor{};
  if (++last_number_ == 0) ++last_number_;
  visitor.id = {place, last_number_};
  visitor.endpoint = endpoint;
  visitor.name = name;
  visitor.token_in = token_in;
  visitor.heard = visitor.born = now;
  visitor.path = paths_.hold(path);
  by_token_.add(place, token_hash(token_in));
  by_name_.add(place, hash_.of(endpoint, name));
  by_endpoint_.add(place, hash_.of(endpoint));
  const auto line = static_cast<size_t>(path);
  if (line >= by_path_.size()) by_path_.resize(line + 1);
  by_path_[line].push_back(place);
  return visitor;
}

void Visitors::remove(Visitor& visitor) {
  auto& line = by_path_[static_cast<size_t>(visitor.path)];
  // Four bytes for each who came later: of thousands that is one copy of some KiB, in less than a
  // microsecond, and the order of the others is kept.
  line.erase(line.begin() + static_cast<ptrdiff_t>(rank_of(visitor)));
  shrink(line);
  forget(visitor);
}

// One after the other would copy the rest of a list for each of them.
void Visitors::remove(std::span<const VisitorId> gone) {
  std::vector<PathId> paths;
  for (const VisitorId id : gone) paths.push_back(slots_[id.place].path);
  for (const VisitorId id : gone) forget(slots_[id.place]);
  std::ranges::sort(paths);
  const auto repeated = std::ranges::unique(paths);
  paths.erase(repeated.begin(), repeated.end());
  for (const PathId path : paths) {
    auto& line = by_path_[static_cast<size_t>(path)];
    std::erase_if(line, [this](uint32_t place) { return !slots_[place].is_here(); });
    shrink(line);
  }
}

void Visitors::shrink(std::vector<uint32_t>& line) {
  if (line.empty() && line.capacity() > kPlacesKept) line = std::vector<uint32_t>();
}

void Visitors::forget(Visitor& visitor) {
  const uint32_t place = visitor.id.place;
  by_token_.remove(place);
  by_name_.remove(place);
  by_endpoint_.remove(place);
  given_.clear(visitor.given);
  held_.clear(visitor.held);
  paths_.release(visitor.path);
  visitor = Visitor{};
  free_.push_back(place);
}

void Visitors::move(Visitor& visitor, const Endpoint& to) {
  const uint32_t place = visitor.id.place;
  by_name_.remove(place);
  by_endpoint_.remove(place);
  visitor.endpoint = to;
  by_name_.add(place, hash_.of(to, visitor.name));
  by_endpoint_.add(place, hash_.of(to));
}

Visitor* Visitors::find(VisitorId id) {
  if (id.place >= slots_.size() || id.number == 0) return nullptr;
  Visitor& found = slots_[id.place];
  return found.id == id ? &found : nullptr;
}

Visitor* Visitors::find_by_token(wire::Token token_in) {
  for (uint32_t place = by_token_.first(token_hash(token_in)); place != ChainIndex::kNone;
       place = by_token_.next(place)) {
    if (slots_[place].token_in == token_in) return &slots_[place];
  }
  return nullptr;
}

Visitor* Visitors::find_by_name(const Endpoint& endpoint, wire::Token name) {
  for (uint32_t place = by_name_.first(hash_.of(endpoint, name)); place != ChainIndex::kNone;
       place = by_name_.next(place)) {
    if (slots_[place].name == name && slots_[place].endpoint == endpoint) return &slots_[place];
  }
  return nullptr;
}

std::span<uint32_t> Visitors::of_path(PathId path) {
  const auto line = static_cast<size_t>(path);
  return line < by_path_.size() ? std::span(by_path_[line]) : std::span<uint32_t>{};
}

size_t Visitors::rank_of(const Visitor& visitor) {
  // Numbers may have begun anew, so it is their difference that tells who came first.
  const auto came_before = [&](uint32_t place, uint32_t number) {
    return static_cast<int32_t>(slots_[place].id.number - number) < 0;
  };
  const auto line = of_path(visitor.path);
  const auto found = std::lower_bound(line.begin(), line.end(), visitor.id.number, came_before);
  FB_CHECK(found != line.end() && *found == visitor.id.place);
  return static_cast<size_t>(found - line.begin());
}

void Visitors::note_held(Visitor& visitor, content::FileId file, uint16_t block,
                         const std::array<uint64_t, 4>& bits) {
  const auto same = [&](const Held& h) { return h.file == file && h.block == block; };
  Held* held = held_.find(visitor.held, same);
  if (held == nullptr) {
    held_.cut(visitor.held, kHeldMax - 1);
    held = &held_.emplace(visitor.held, file, std::array<uint64_t, 4>{}, block);
  }
  for (size_t i = 0; i < bits.size(); ++i) held->bits[i] |= bits[i];
}

void Visitors::note_held(Visitor& visitor, content::FileId file, wire::ChunkName chunk) {
  BlockBits bits;
  bits.set(chunk.position);
  note_held(visitor, file, chunk.block, bits.words);
}

bool Visitors::holds(const Visitor& visitor, content::FileId file, wire::ChunkName chunk) {
  const Held* held = held_.find(visitor.held, [&](const Held& h) {
    return h.file == file && h.block == chunk.block;
  });
  return held != nullptr && BlockBits{held->bits}.test(chunk.position);
}

void Visitors::note_given(Instant now, Visitor& visitor, uint16_t sequence, content::FileId file,
                          wire::ChunkName chunk) {
  if (visitor.given_count == kGivenMax) {
    given_.cut(visitor.given, kGivenKept);
    visitor.given_count = kGivenKept;
  }
  given_.emplace(visitor.given, file, now, chunk, sequence);
  ++visitor.given_count;
}

void Visitors::mark_on_its_way(Instant now, const Visitor& visitor, content::FileId file,
                               ChunkMarks& marks) const {
  given_.each(visitor.given, [&](const Given& g) {
    if (g.file == file && now - g.at < Partner::kLost) marks.mark(g.chunk);
  });
}

bool Visitors::hear(Instant now, Visitor& visitor, const wire::TradeState& state) {
  if (!visitor.counts.hear(now, state)) return false;
  given_.erase_if(visitor.given, [&](const Given& g) {
    const bool told_of = static_cast<int16_t>(state.heard - g.sequence) >= 0;
    if (told_of) --visitor.given_count;
    return told_of;
  });
  return true;
}

void Visitors::begin_anew(Visitor& visitor) {
  visitor.counts.begin_anew();
  given_.clear(visitor.given);
  visitor.given_count = 0;
}

}  // namespace fb::roulette
