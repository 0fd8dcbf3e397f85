// Profile v2, asking: which chunk of whom, what to do with it when it comes, and what when not.
#include <algorithm>
#include <array>
#include <utility>

#include "base/probe.h"
#include "base/unfilled.h"
#include "roulette/v2_exchange.h"

namespace fb::roulette {
namespace {

constexpr int64_t kAskedAtOnce = 2;   // of one neighbour
// A request that rides on a piece costs four bytes, alone it costs ninety. So while more than
// kLastOnes are lacking, none goes alone before one in so many places of the window is free; and
// those that ride may go beyond the window by one in so many.
constexpr int64_t kAloneShare = 4;
constexpr int64_t kAlongShare = 4;
constexpr int64_t kLastOnes = 8;
constexpr uint32_t kSlack = 3;        // chunks that are asked for beyond those needed,
constexpr uint32_t kSlackShare = 32;  // and at most one in so many
constexpr Duration kOutstandingCost = milliseconds(80);  // of each chunk that it owes us
constexpr Duration kOverdue = milliseconds(400);
constexpr Duration kJitter = milliseconds(10);
constexpr Duration kDebtorBonus = milliseconds(10);  // a chunk that it owes
constexpr Duration kDebtorBonusMax = milliseconds(60);
constexpr Duration kNearlyDoneCost = milliseconds(100);
constexpr Duration kHold = milliseconds(20);
constexpr size_t kHoldChunks = 6;
constexpr size_t kHoldShare = 4;
constexpr size_t kNewsKept = 8;
constexpr uint32_t kEndgameMissing = 8;
constexpr uint32_t kEndgameExtra = 6;
constexpr Duration kEndgameAge = milliseconds(400);
constexpr size_t kOrderedBlocks = 4;  // of an object with more, who is alone asks in order
constexpr uint32_t kOpenTries = 16;

}  // namespace

uint32_t V2Exchange::window() const {
  const V2Config& v2 = core_.config.v2;
  const Object* first = nullptr;
  for (const Object& known : objects_) {
    if (known.active) {
      first = &known;
      break;
    }
  }
  const uint64_t size = first == nullptr ? content::kChunkSizeDefault : first->geometry.chunk_size;
  const uint64_t chunks = down_.rate().bytes_in(v2.window).bytes / size;
  return std::max<uint32_t>(v2.window_min, static_cast<uint32_t>(std::min<uint64_t>(chunks, 4096)));
}

// Of few neighbours more has to be asked, but no more than one want list can tell.
size_t V2Exchange::most_asked(const Neighbour& of) const {
  if (of.is_seeder) return wire::kWantsMax;
  const uint32_t share = std::max(core_.config.v2.per_neighbour, window() / std::max(1U, degree()));
  return std::min<size_t>(share, wire::kWantsMax);
}

uint64_t V2Exchange::lacking() const {
  uint64_t total = 0;
  bool any = false;
  for (const Object& known : objects_) {
    if (!known.active) continue;
    total += known.missing;
    any = true;
  }
  return any || !link_.busy() ? total : 255;  // no manifest yet, so everything
}

// What is overdue keeps nobody from asking others.
uint32_t V2Exchange::outstanding(Instant now) const {
  size_t total = 0;
  for (const auto& neighbour : core_.neighbours()) {
    const Partner& partner = *neighbour->partner;
    const Duration expected = neighbour->proven ? kOverdue : kSilentAfter;
    if (now - partner.any_asked < expected) total += partner.any_out;
    total += static_cast<size_t>(std::ranges::count_if(
        partner.out, [now](const Outstanding& o) { return now - o.asked < kOverdue; }));
  }
  return static_cast<uint32_t>(total);
}

BlockBits V2Exchange::wanted_of(const Object& object, uint16_t block) const {
  const Block& b = object.blocks[block];
  return BlockBits::all(tradeable(object, block)).minus(b.held).minus(b.flying);
}

// What it would give us beyond what it has: the tab that it grants, what we gave, less what we got
// and what is on its way.
int64_t V2Exchange::credit_at(const Neighbour& neighbour) const {
  if (neighbour.is_seeder) return INT64_MAX / 2;
  const Partner& partner = *neighbour.partner;
  const Object* first = objects_.empty() ? nullptr : &objects_.front();
  const int64_t size = first == nullptr ? content::kChunkSizeDefault : first->geometry.chunk_size;
  return static_cast<int64_t>(partner.tab.bytes + partner.acknowledged) -
         static_cast<int64_t>(partner.got) - static_cast<int64_t>(partner.asked()) * size;
}

// How long a chunk asked of it now will take, as far as can be told.
double V2Exchange::cost_of(Instant /*now*/, const Neighbour& neighbour) {
  const Partner& partner = *neighbour.partner;
  const auto jitter = static_cast<double>(core_.rng.below(static_cast<uint64_t>(kJitter.ns)));
  double cost = static_cast<double>(partner.service.ns) + jitter +
                static_cast<double>(kOutstandingCost.ns) * static_cast<double>(partner.asked());
  if (neighbour.is_seeder) return cost;
  const auto owed = static_cast<double>(neighbour.account.sent) - static_cast<double>(partner.got);
  cost -= std::clamp(owed / 1024 * static_cast<double>(kDebtorBonus.ns), 0.0,
                     static_cast<double>(kDebtorBonusMax.ns));
  return cost;
}

// One or two chunks, or more, of the neighbour that will bring them soonest, or of `only`.
bool V2Exchange::ask_one(Instant now, int64_t& room, bool also_pushable, const Neighbour* only) {
  for (Object& wanted : objects_) {
    if (!wanted.active) continue;
    const auto size = static_cast<int64_t>(wanted.geometry.chunk_size);
    uint32_t slack = std::min(kSlack, wanted.geometry.chunk_count() / kSlackShare);
    // The seeder would code them for us alone, and while there are other blocks, what is lost can
    // be asked for again.
    if (degree() == 0 && wanted.open.size() > 1) slack = 0;
    const bool last_third = wanted.missing * 10 < uint64_t{wanted.geometry.chunk_count()} * 3;
    for (size_t i = 0; i < wanted.open.size(); ++i) {
      const uint16_t block = wanted.open[i];
      if (wanted.blocks[block].done) continue;  // the slack would be asked for again and again
      const uint32_t lack = wanted.blocks[block].needed() + slack;
      const uint32_t flying = wanted.blocks[block].flying.count();
      if (flying >= lack) continue;
      BlockBits free = wanted_of(wanted, block);
      if (!also_pushable) free = free.minus(pushable_);
      if (!free.any()) continue;
      const uint32_t sources = wanted.blocks[block].sources;
      Neighbour* best = nullptr;
      double best_cost = 0;
      for (const auto& owned : core_.neighbours()) {
        Neighbour& neighbour = *owned;
        const Partner& partner = *neighbour.partner;
        if (only != nullptr && only != &neighbour) continue;
        if (!partner.told_us || neighbour.token_out == 0) continue;
        if (partner.asked() >= most_asked(neighbour)) continue;
        if (neighbour.is_seeder && partner.grant == 0) continue;
        if (credit_at(neighbour) < size) continue;
        const View* view = neighbour.is_seeder ? nullptr : partner.find_view(wanted.id);
        if (!neighbour.is_seeder &&
            (view == nullptr || !(view->have.offers(block, sources) & free).any())) {
          continue;
        }
        double cost = cost_of(now, neighbour);
        if (last_third && view != nullptr &&
            view->have.count() * 100 > uint64_t{wanted.geometry.chunk_count()} * 85) {
          cost += static_cast<double>(kNearlyDoneCost.ns);
        }
        if (best == nullptr || cost < best_cost) {
          best = &neighbour;
          best_cost = cost;
        }
      }
      if (best == nullptr) continue;
      Partner& partner = *best->partner;
      const View* view = best->is_seeder ? nullptr : partner.find_view(wanted.id);
      const bool alone = best->is_seeder && degree() == 0;
      // Of a large object who is alone asks for all at once that is to be had, in the order of a
      // reader. Its newcomers mostly begin with different blocks, so they do not ask for the same.
      const bool in_order = alone && wanted.blocks.size() > kOrderedBlocks;
      int64_t at_once = best->is_seeder ? 1 : kAskedAtOnce;
      if (in_order) {
        at_once = static_cast<int64_t>(
            std::min<size_t>({lack - flying, partner.grant, most_asked(*best) - partner.asked()}));
      }
      for (int64_t n = 0; n < at_once && room > 0; ++n) {
        if (credit_at(*best) < size || partner.asked() >= most_asked(*best)) break;
        BlockBits from = wanted_of(wanted, block);
        if (alone) {
          // Nobody to trade with, so what needs neither coding there nor decoding here.
          const BlockBits plain = from & BlockBits::all(wanted.blocks[block].sources);
          if (plain.any()) from = plain;
          if (in_order) from = from.first();
        } else if (!also_pushable) {
          from = from.minus(pushable_);
        }
        if (view != nullptr) from = from & view->have.offers(block, sources);
        std::optional<uint8_t> position;
        if (best->is_seeder) {  // what some neighbour has need not come from it
          position = from.minus(known_elsewhere(wanted, block)).pick(core_.rng);
        }
        if (!position) position = from.pick(core_.rng);
        if (!position) break;
        partner.out.push_back({wanted.id, {block, *position}, now, false, false});
        wanted.blocks[block].flying.set(*position);
        if (!partner.dirty) partner.dirty_since = now;
        partner.dirty = true;
        if (best->is_seeder) --partner.grant;
        --room;
      }
      return true;
    }
  }
  return false;
}

// One more block to work on: where a reader is, or one that somebody can give something of.
bool V2Exchange::open_block(Object& object) {
  std::erase_if(object.open, [&](uint16_t block) { return object.blocks[block].done; });
  if (object.open.size() >= kOpenBlocksMax || object.open.size() >= object.blocks.size()) {
    return false;
  }
  const auto closed = [&](uint16_t block) {
    return !object.blocks[block].done && std::ranges::find(object.open, block) == object.open.end();
  };
  const auto count = static_cast<uint32_t>(object.blocks.size());
  Download* download = downloads_.fetching(object.id);
  const auto preferred = download == nullptr ? std::nullopt : download->preferred();
  if (preferred && *preferred < object.geometry.chunk_count()) {
    for (uint32_t block = object.geometry.block_of(*preferred); block < count; ++block) {
      if (!closed(static_cast<uint16_t>(block))) continue;
      object.open.push_back(static_cast<uint16_t>(block));
      return true;
    }
  }
  std::optional<uint16_t> found;
  const auto start = static_cast<uint32_t>(core_.rng.below(count));
  uint32_t tries = 0;
  for (uint32_t i = 0; i < count && tries < kOpenTries; ++i) {
    const auto block = static_cast<uint16_t>((start + i) % count);
    if (!closed(block)) continue;
    ++tries;
    const bool given = std::ranges::any_of(core_.neighbours(), [&](const auto& n) {
      const View* view = n->partner->find_view(object.id);
      return view != nullptr && view->have.has_any(block);
    });
    if (!found || given) found = block;
    if (given) break;
  }
  if (!found) return false;
  object.open.push_back(*found);
  return true;
}

// A piece is about to go there: what is asked in return rides on it.
void V2Exchange::ask_along(Instant now, const Neighbour& receiver) {
  if (!core_.config.v2.ask_along) return;
  const auto most = static_cast<int64_t>(window());
  if (most + most / kAlongShare <= static_cast<int64_t>(outstanding(now))) return;
  int64_t one = 1;
  if (!ask_one(now, one, false, &receiver)) ask_one(now, one, true, &receiver);
}

void V2Exchange::pull(Instant now) {
  if (!admitted_ || objects_.empty()) return;
  const auto asked = static_cast<int64_t>(outstanding(now));
  const auto most = static_cast<int64_t>(window());
  const auto lack = static_cast<int64_t>(lacking());
  const bool waits = core_.config.v2.ask_along && lack - asked > kLastOnes;
  int64_t room = std::min(most - asked, lack + kSlack - asked);
  if (waits && most - asked < most / kAloneShare) room = 0;
  while (room > 0) {
    if (ask_one(now, room, false) || ask_one(now, room, true)) continue;
    bool opened = false;
    for (Object& object : objects_) {
      if (object.active && open_block(object)) {
        opened = true;
        break;
      }
    }
    if (!opened) break;
  }
  flush(now);
}

// Requests ride on data where some is about to go that way; else they go alone.
void V2Exchange::flush(Instant now) {
  for (const auto& owned : core_.neighbours()) {
    Neighbour& neighbour = *owned;
    Partner& partner = *neighbour.partner;
    if (!partner.dirty || partner.out.empty() || neighbour.token_out == 0) continue;
    const auto fresh = static_cast<size_t>(
        std::ranges::count_if(partner.out, [](const Outstanding& o) { return !o.told; }));
    const bool carried = !partner.wanted.empty() && may_give(now, neighbour, 1);
    const bool busy_seeder = neighbour.is_seeder && seeder_is_busy();
    const bool starving = partner.out.front().asked == partner.dirty_since;
    const Duration hold = carried || busy_seeder ? kHold : starving ? Duration{} : kHold / 2;
    // Where much is asked at once, more of it goes together.
    const size_t together = std::max(kHoldChunks, partner.out.size() / kHoldShare);
    if (now - partner.dirty_since < hold && fresh < together) continue;
    send_control(now, neighbour, /*with_holdings=*/false);
  }
}

// It will not bring what it was asked for.
void V2Exchange::forget_asked(Neighbour& neighbour) {
  Partner& partner = *neighbour.partner;
  partner.any_out = 0;
  for (const Outstanding& gone : std::exchange(partner.out, {})) {
    const bool elsewhere = std::ranges::any_of(core_.neighbours(), [&](const auto& n) {
      return std::ranges::any_of(n->partner->out, [&](const Outstanding& o) {
        return o.file == gone.file && o.chunk == gone.chunk;
      });
    });
    if (Object* of = object(gone.file); of != nullptr && !elsewhere) {
      of->blocks[gone.chunk.block].flying.reset(gone.chunk.position);
    }
  }
}

// The block is whole: the next want lists leave out what was asked for beyond that.
void V2Exchange::cancel(Object& object, uint16_t block) {
  for (const auto& n : core_.neighbours()) {
    std::erase_if(n->partner->out, [&](const Outstanding& o) {
      return o.file == object.id && o.chunk.block == block;
    });
  }
  object.blocks[block].flying = {};
}

// What came is no longer outstanding.
void V2Exchange::settle_arrival(Instant now, Neighbour& from, content::FileId file,
                                wire::ChunkName chunk, bool pushed) {
  Partner& partner = *from.partner;
  const auto asked = std::ranges::find_if(
      partner.out, [&](const Outstanding& o) { return o.file == file && o.chunk == chunk; });
  Instant since{};
  if (asked != partner.out.end()) {
    since = asked->asked;
    // It sends in our order: what it was asked for before has been lost. Our next list says so.
    if (asked != partner.out.begin() && !partner.dirty) {
      partner.dirty = true;
      partner.dirty_since = now;
    }
    if (asked == partner.out.begin()) {
      partner.out.pop_front();
    } else {
      partner.out.erase(asked);
    }
  } else if (partner.any_out > 0 && !pushed) {
    since = partner.any_asked;
    --partner.any_out;
  }
  if (since != Instant{} && !pushed)
    partner.service = partner.service * 7 / 10 + (now - since) * 3 / 10;
  // Whoever else was asked for it learns by the next want list that it is not wanted any more.
  for (const auto& other : core_.neighbours()) {
    if (other.get() == &from) continue;
    std::erase_if(other->partner->out,
                  [&](const Outstanding& o) { return o.file == file && o.chunk == chunk; });
  }
  if (Object* of = object(file); of != nullptr && chunk.block < of->blocks.size()) {
    of->blocks[chunk.block].flying.reset(chunk.position);
  }
}

// The chunk is held already, and this is what it says.
bool V2Exchange::is_true_copy(const Object& object, const Arrived& piece) {
  if (piece.chunk.block >= object.blocks.size() ||
      piece.chunk.position >= object.blocks[piece.chunk.block].size) {
    return false;
  }
  FB_UNFILLED std::array<uint8_t, content::kChunkSizeMax> bytes;
  const uint32_t id = object.geometry.id_at(piece.chunk.block, piece.chunk.position);
  const Holdings::Chunk held = downloads_.read_chunk(object.id, id, bytes);
  return held.length > 0 && std::ranges::equal(std::span(bytes).first(held.length), piece.bytes);
}

void V2Exchange::take(Instant now, Neighbour& from, const Arrived& piece) {
  const uint64_t length = piece.bytes.size();
  const auto useless = [&](Drop why) {
    core_.ledger.on_received(from.account, from.endpoint.address, length, false);
    core_.drop(why);
  };
  settle_arrival(now, from, piece.file, piece.chunk, piece.pushed);
  Download* download = downloads_.fetching(piece.file);
  Object* of = object(piece.file);
  // It did what it was asked, so it is paid; what it pushed in vain is its own affair.
  const auto pay_for_copy = [&] {
    if (!piece.pushed && is_true_copy(*of, piece)) from.partner->got += length;
  };
  if (download == nullptr || of == nullptr) {
    if (of != nullptr) pay_for_copy();
    return useless(Drop::kUnknownFile);
  }
  const content::Geometry& geometry = of->geometry;
  if (piece.chunk.block >= of->blocks.size() ||
      piece.chunk.position >= of->blocks[piece.chunk.block].size) {
    return useless(Drop::kBadChunk);
  }
  Partner& partner = *from.partner;
  const uint32_t id = geometry.id_at(piece.chunk.block, piece.chunk.position);
  using Outcome = content::ChunkStore::Outcome;
  content::ChunkStore& store = download->current();
  const content::SenderId sender = sender_of(from.id, piece.verified);
  auto result = store.add(id, piece.bytes, sender);
  if (result.outcome == Outcome::kBadDigest && from.is_seeder) {
    store.forget_digest(id);  // one of the two was spoilt on its way; the hash decides
    result = store.add(id, piece.bytes, sender);
  }
  FB_PROBE(peer_piece, from.endpoint.port, piece.chunk.block, piece.chunk.position,
           static_cast<int>(result.outcome), piece.pushed);
  switch (result.outcome) {
    case Outcome::kDuplicate:
      core_.stats.chunk_bytes_duplicate += length;
      pay_for_copy();
      resync_block(*of, piece.chunk.block, store);  // or it is asked for again and again
      return useless(Drop::kDuplicateChunk);
    case Outcome::kOutOfRange:
      return useless(Drop::kBadChunk);
    case Outcome::kBadDigest:
      core_.ledger.on_received(from.account, from.endpoint.address, length, false);
      core_.drop(Drop::kPolluted);
      hooks_.on_chunk(now, *download, result);
      return;
    default:
      break;
  }
  partner.got += length;
  core_.ledger.on_received(from.account, from.endpoint.address, length, true);
  core_.remember_trade(from, piece.file);
  of->news.push_back(piece.chunk);
  if (of->news.size() > kNewsKept) of->news.erase(of->news.begin());
  if (result.outcome == Outcome::kStored && !of->cautious) {
    Block& block = of->blocks[piece.chunk.block];
    const uint32_t before = block.needed();
    block.held.set(piece.chunk.position);
    ++of->held;
    of->missing -= before - block.needed();
  } else {
    resync_block(*of, piece.chunk.block, store);
    if (of->blocks[piece.chunk.block].done) cancel(*of, piece.chunk.block);
  }
  const bool opened = of->blocks[piece.chunk.block].done ||
                      std::ranges::find(of->open, piece.chunk.block) != of->open.end();
  if (!opened && of->open.size() < kOpenBlocksMax) of->open.push_back(piece.chunk.block);
  hooks_.on_chunk(now, *download, result);
}

// The last chunks are on their way; who has been asked for long is not waited for alone.
void V2Exchange::endgame(Instant now) {
  for (Object& object : objects_) {
    if (!object.active || object.missing == 0 || object.missing > kEndgameMissing) continue;
    uint32_t extra = 0;
    for (const auto& n : core_.neighbours()) {
      extra += static_cast<uint32_t>(
          std::ranges::count_if(n->partner->out, [](const Outstanding& o) { return o.twice; }));
    }
    for (const auto& slow : core_.neighbours()) {
      for (size_t i = 0; i < slow->partner->out.size() && extra < kEndgameExtra; ++i) {
        const Outstanding late = slow->partner->out[i];
        if (late.file != object.id || late.twice || now - late.asked < kEndgameAge) continue;
        Neighbour* best = nullptr;
        double best_cost = 0;
        for (const auto& other : core_.neighbours()) {
          const Partner& partner = *other->partner;
          if (other == slow || other->token_out == 0 || !partner.told_us) continue;
          if (other->is_seeder && partner.grant == 0) continue;
          const View* view = partner.find_view(object.id);
          const uint32_t sources = object.blocks[late.chunk.block].sources;
          if (!other->is_seeder &&
              (view == nullptr ||
               !view->have.offers(late.chunk.block, sources).test(late.chunk.position))) {
            continue;
          }
          if (credit_at(*other) < object.geometry.chunk_size) continue;
          const bool asked = std::ranges::any_of(partner.out, [&](const Outstanding& o) {
            return o.file == late.file && o.chunk == late.chunk;
          });
          if (asked) {
            best = nullptr;
            break;
          }
          const double cost = cost_of(now, *other);
          if (best == nullptr || cost < best_cost) {
            best = other.get();
            best_cost = cost;
          }
        }
        slow->partner->out[i].twice = true;
        if (best == nullptr) continue;
        best->partner->out.push_back({late.file, late.chunk, now, true, false});
        if (best->is_seeder) --best->partner->grant;
        if (!best->partner->dirty) best->partner->dirty_since = now;
        best->partner->dirty = true;
        ++extra;
      }
    }
  }
}

}  // namespace fb::roulette
