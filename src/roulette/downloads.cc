#include "roulette/downloads.h"

#include <algorithm>

#include "base/check.h"

namespace fb::roulette {
namespace {

// Offers larger than this are looked at through a random window, so that choosing stays cheap in
// files of hundreds of thousands of chunks.
constexpr uint64_t kWindowChunks = 4096;
// A reader is served from this many chunks first.
constexpr uint32_t kPreferredChunks = 256;

uint64_t total_length(std::span<const nois::Interval> intervals) {
  uint64_t total = 0;
  for (const auto& interval : intervals) total += interval.length();
  return total;
}

// The part of `intervals` inside `window`.
std::vector<nois::Interval> clip(std::span<const nois::Interval> intervals,
                                 nois::Interval window) {
  std::vector<nois::Interval> out;
  for (const auto& interval : intervals) {
    const uint32_t first = std::max(interval.first, window.first);
    const uint32_t last = std::min(interval.last, window.last);
    if (first <= last) out.push_back({first, last});
  }
  return out;
}

// As subtract() of one id, in place. Intervals of an offer may overlap, so each is looked at.
void take_out(std::vector<nois::Interval>& intervals, uint32_t id) {
  for (size_t i = 0; i < intervals.size(); ++i) {
    const nois::Interval whole = intervals[i];
    if (id < whole.first || id > whole.last) continue;
    if (whole.first == whole.last) {
      intervals.erase(intervals.begin() + static_cast<ptrdiff_t>(i--));
    } else if (whole.first == id) {
      ++intervals[i].first;
    } else {
      intervals[i].last = id - 1;
      if (whole.last == id) continue;
      intervals.insert(intervals.begin() + static_cast<ptrdiff_t>(++i), {id + 1, whole.last});
    }
  }
}

void subtract(std::vector<nois::Interval>& from, nois::Interval cut) {
  std::vector<nois::Interval> out;
  for (const auto& interval : from) {
    if (interval.last < cut.first || interval.first > cut.last) {
      out.push_back(interval);
      continue;
    }
    if (interval.first < cut.first) out.push_back({interval.first, cut.first - 1});
    if (interval.last > cut.last) out.push_back({cut.last + 1, interval.last});
  }
  from = std::move(out);
}

}  // namespace

Download::Download(Instant now, DownloadId id, content::FileRecord record,
                   std::unique_ptr<content::Storage> storage, content::Coding coding,
                   std::unique_ptr<content::Storage> repair)
    : last_progress(now),
      id_(id),
      record_(std::move(record)),
      storage_(std::move(storage)),
      repair_(std::move(repair)),
      coding_(coding),
      levels_left_(record_.list_ids.size()) {
  add_store(record_.deepest());
}

// The next object: a hash list, or the file itself when no list is left.
void Download::add_store(content::ObjectInfo info) {
  std::unique_ptr<content::Storage> storage =
      levels_left_ == 0 ? std::move(storage_)
                        : std::make_unique<content::MemoryStorage>(info.geometry.length);
  std::unique_ptr<content::Storage> repair = levels_left_ == 0 ? std::move(repair_) : nullptr;
  stores_.push_back(std::make_unique<content::ChunkStore>(std::move(info), std::move(storage),
                                                          coding_, std::move(repair)));
  current_ = stores_.back().get();
}

const content::ChunkStore* Download::file() const {
  return levels_left_ == 0 ? stores_.back().get() : nullptr;
}

bool Download::complete() const { return levels_left_ == 0 && stores_.back()->complete(); }

bool Download::advance_level() {
  FB_CHECK(levels_left_ > 0 && current().complete());
  std::vector<uint8_t> list(current().geometry().length);
  if (!current().read_verified(0, list)) return false;
  auto above = record_.above(levels_left_ - 1, list);
  if (!above) return false;
  --levels_left_;
  add_store(std::move(*above));
  in_flight.clear();
  single_sources_.clear();
  return true;
}

std::vector<content::ChunkStore::Contribution> Download::release_claims(NeighbourId neighbour,
                                                                         bool keep) {
  std::vector<content::ChunkStore::Contribution> given_up;
  for (auto it = single_sources_.begin(); it != single_sources_.end();) {
    if (it->second != neighbour) {
      ++it;
      continue;
    }
    if (!keep && current().single_source(it->first)) {
      const auto contributions = current().restart(it->first);
      given_up.insert(given_up.end(), contributions.begin(), contributions.end());
    }
    it = single_sources_.erase(it);
  }
  return given_up;
}

void Download::prefer(uint64_t offset) {
  preferred_ = static_cast<uint32_t>(offset / record_.geometry.chunk_size);
}

bool Download::wants_any(std::span<const nois::Interval> offer) const {
  const uint32_t count = current().geometry().chunk_count();
  for (const auto& interval : offer) {
    if (interval.first >= count) continue;
    const nois::Interval valid{interval.first, std::min(interval.last, count - 1)};
    if (current().held().count_in(valid) < valid.length()) return true;
  }
  return false;
}

std::vector<nois::Interval> Download::candidates(std::span<const nois::Interval> offer,
                                                 const Asked& asked) {
  const uint32_t count = current().geometry().chunk_count();
  std::vector<nois::Interval> missing;
  for (const auto& interval : offer) {
    if (interval.first >= count) continue;
    const nois::Interval valid{interval.first, std::min(interval.last, count - 1)};
    current().held().add_missing_within(valid, missing);
  }
  std::vector<nois::Interval> out;
  if (asked.avoid_duplicates) {
    for (const auto& interval : missing) in_flight.add_missing_within(interval, out);
  } else {
    out = std::move(missing);
  }
  if (current().has_suspects()) reserve_single_sources(out, asked);
  return out;
}

void Download::reserve_single_sources(std::vector<nois::Interval>& candidates,
                                      const Asked& asked) {
  const content::Geometry& geometry = current().geometry();
  std::vector<uint32_t> metachunks;
  for (const auto& interval : candidates) {
    for (uint32_t m = geometry.metachunk_of(interval.first);
         m <= geometry.metachunk_of(interval.last); ++m) {
      if (current().single_source(m) && (metachunks.empty() || metachunks.back() != m)) {
        metachunks.push_back(m);
      }
    }
  }
  for (const uint32_t metachunk : metachunks) {
    // It is for the first neighbour that can give all of it; release_claims() ends that, so a
    // silent one does not hold it for ever.
    const nois::Interval chunks = geometry.chunks_of(metachunk);
    const bool whole = total_length(clip(candidates, chunks)) == chunks.length();
    const auto claim = single_sources_.find(metachunk);
    if (claim == single_sources_.end() && asked.may_claim && (whole || asked.is_seeder)) {
      single_sources_.emplace(metachunk, asked.neighbour);
    } else if (claim == single_sources_.end() || claim->second != asked.neighbour) {
      subtract(candidates, chunks);
    }
  }
}

// From the first MetaChunk that is not verified and lacks a digest on; what is verified on the way
// comes along.
std::optional<wire::DigestRequest> Download::digests_wanted() const {
  const content::Geometry& geometry = current().geometry();
  const uint32_t count = geometry.chunk_count();
  if (coding_ == content::Coding::kRepair) return coded_digests_wanted();
  for (const auto& missing : current().verified().missing_within({0, count - 1})) {
    for (uint64_t chunk = missing.first; chunk <= missing.last; ++chunk) {
      const auto first = static_cast<uint32_t>(chunk);
      if (current().has_digest(first)) continue;
      const uint32_t wanted = std::min<uint32_t>(wire::kDigestsMax, count - first);
      return wire::DigestRequest{current().info().id, first, static_cast<uint8_t>(wanted)};
    }
  }
  return {};
}

// With repair chunks: of what is held and not known to be right, and of what may come next in
// blocks that are under way; of the others there is time.
std::optional<wire::DigestRequest> Download::coded_digests_wanted() const {
  const content::Geometry& geometry = current().geometry();
  const auto lacking = [&](nois::Interval ids) -> std::optional<wire::DigestRequest> {
    for (uint64_t id = ids.first; id <= ids.last; ++id) {
      const auto first = static_cast<uint32_t>(id);
      if (current().has_digest(first) || current().checked().contains(first)) continue;
      const uint64_t wanted = std::min<uint64_t>(wire::kDigestsMax, ids.last - id + 1);
      return wire::DigestRequest{current().info().id, first, static_cast<uint8_t>(wanted)};
    }
    return {};
  };
  const bool small = geometry.block_count() == 1;
  for (uint32_t block = 0; block < geometry.block_count(); ++block) {
    if (current().block_verified(block)) continue;
    const nois::Interval source = geometry.source_chunks_of(block);
    const bool has_repair = geometry.block_size(block) > source.length();
    const nois::Interval repair = has_repair ? geometry.repair_chunks_of(block) : source;
    const bool under_way = small || current().held().count_in(source) > 0 ||
                           current().held().count_in(repair) > 0;
    if (!under_way) continue;
    if (auto wanted = lacking(source)) return wanted;
    if (!has_repair) continue;
    if (auto wanted = lacking(repair)) return wanted;
  }
  return {};
}

std::vector<uint32_t> Download::choose(std::span<const nois::Interval> offer, size_t count,
                                       const Asked& asked, Rng& rng) {
  std::vector<nois::Interval> looked_at(offer.begin(), offer.end());
  if (preferred_ && file() != nullptr && rng.below(4) != 0) {
    const auto near = candidates(clip(offer, {*preferred_, *preferred_ + kPreferredChunks}), asked);
    if (!near.empty()) looked_at = near;
  }
  if (total_length(looked_at) > kWindowChunks) {
    const auto centre = nois::random_id(looked_at, rng);
    if (centre) {
      const uint32_t last = *centre > UINT32_MAX - static_cast<uint32_t>(kWindowChunks)
                                ? UINT32_MAX
                                : *centre + static_cast<uint32_t>(kWindowChunks);
      const auto near = clip(looked_at, {*centre, last});
      if (!candidates(near, asked).empty()) looked_at = near;
    }
  }
  auto from = candidates(looked_at, asked);
  std::vector<uint32_t> out;
  out.reserve(std::min<uint64_t>(count, total_length(from)));
  while (out.size() < count) {
    const auto id = nois::random_id(from, rng);
    if (!id) break;
    take_out(from, *id);
    out.push_back(*id);
  }
  return out;
}

Download& Downloads::add(Instant now, const content::FileRecord& record,
                         std::unique_ptr<content::Storage> storage,
                         std::unique_ptr<content::Storage> repair) {
  all_.push_back(std::make_unique<Download>(now, static_cast<DownloadId>(next_id_++), record,
                                            std::move(storage), coding, std::move(repair)));
  active_.push_back(all_.back().get());
  return *all_.back();
}

void Downloads::retire(DownloadId id) {
  std::erase_if(active_, [&](const Download* d) { return d->id() == id; });
}

void Downloads::remove(DownloadId id) {
  retire(id);
  std::erase_if(all_, [&](const auto& d) { return d->id() == id; });
}

Download* Downloads::find(DownloadId id) {
  const auto found = std::ranges::find_if(all_, [&](const auto& d) { return d->id() == id; });
  return found == all_.end() ? nullptr : found->get();
}

Download* Downloads::fetching(content::FileId object) {
  const auto found = std::ranges::find_if(
      active_, [&](Download* d) { return d->current().info().id == object; });
  return found == active_.end() ? nullptr : *found;
}

// Of several, one that is complete, else the one that is being fetched: the others grow no more.
Downloads::Held Downloads::find_store(content::FileId file) const {
  Held best;
  bool best_grows = false;
  for (const auto& download : all_) {
    for (const auto& store : download->stores()) {
      if (store->info().id != file) continue;
      if (store->complete()) return {store.get(), download->cautious};
      const bool grows = std::ranges::find(active_, download.get()) != active_.end();
      if (best.store != nullptr && (best_grows || !grows)) continue;
      best = {store.get(), download->cautious};
      best_grows = grows;
    }
  }
  return best;
}

bool Downloads::knows(content::FileId file) { return find_store(file).store != nullptr; }

std::optional<std::vector<nois::Interval>> Downloads::lacking(
    content::FileId file, std::span<const nois::Interval> theirs) {
  const Held held = find_store(file);
  if (held.store == nullptr) return {};
  if (!relay_unverified) return held.store->verified().difference(theirs);
  return (held.cautious ? held.store->checked() : held.store->held()).difference(theirs);
}

Holdings::Chunk Downloads::read_chunk(content::FileId file, uint32_t chunk,
                                      std::span<uint8_t> out) {
  const Held held = find_store(file);
  if (held.store == nullptr || chunk >= held.store->geometry().coded_count()) return {};
  const content::Geometry& geometry = held.store->geometry();
  const bool verified = geometry.is_repair(chunk)
                            ? held.store->block_verified(geometry.block_of(chunk))
                            : held.store->metachunk_verified(geometry.metachunk_of(chunk));
  if (!verified && !relay_unverified) return {};
  if (held.cautious && !held.store->checked().contains(chunk)) return {};
  return {held.store->read_chunk(chunk, out), verified};
}

}  // namespace fb::roulette
