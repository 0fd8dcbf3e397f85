// Profile v2, giving: to whom the next datagram of the uplink goes.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/unfilled.h"
#include "roulette/v2_exchange.h"

namespace fb::roulette {
namespace {

constexpr uint32_t kPushRoom = 20;
constexpr uint64_t kPushLack = 8;  // of the object, for others push too
// Pushes that one neighbour has not heard of yet. More fill its downlink: what waits there comes
// too late, and others have sent the same by then.
constexpr uint32_t kPushesOutMin = 1;
constexpr uint32_t kPushesOutFirst = 2;   // of who holds few chunks, and could not use its uplink
constexpr uint64_t kFewHeld = 30;         // else
constexpr uint32_t kPushesOutTotal = 12;  // of few neighbours, each may have more
// What is scarce goes before what is asked for until so many others are known to hold it; and no
// more of it unasked once one neighbour in so many does.
constexpr uint32_t kScarceHolders = 2;
constexpr uint32_t kCommonShare = 5;
constexpr uint32_t kScarceOut = 2;  // as kPushesOutMin

constexpr Duration kHeardLately = milliseconds(400);
constexpr uint32_t kRidersFew = 2;    // of our neighbours, and
constexpr uint32_t kRidersShare = 4;  // more than one in so many
constexpr Duration kAnnounceAfter = milliseconds(40);
constexpr uint32_t kAnnouncedAtOnce = 3;
// Chunks more than it was told of, or a quarter more, and it is told again.
constexpr uint64_t kNewsMin = 2;
constexpr uint64_t kNewsMax = 32;
constexpr uint64_t kNewcomerChunks = 8;  // who holds fewer is one
// Who has fewer contacts may owe more to each. So it says, and so it is where we have few, too.
constexpr uint64_t kLenders = 9;
constexpr uint64_t kLendersMin = 3;
constexpr uint64_t kNewcomerServed = 2;  // and has priority for so many

// Positions p with p % classes == its_class.
BlockBits class_bits(uint8_t its_class, uint8_t classes) {
  BlockBits out;
  for (uint32_t position = its_class; position < 256; position += classes) out.set(position);
  return out;
}

}  // namespace

// To begin with. Shared out among those who know us, so that the whole risk is bounded.
ByteCount V2Exchange::tab() const {
  const V2Config& v2 = core_.config.v2;
  const uint64_t sharers = std::max(1U, degree());
  return {std::clamp(v2.tab_total.bytes / sharers, v2.tab_min.bytes, v2.tab_max.bytes)};
}

// Grows with what it gave: of a large object two may owe each other now more, now less.
ByteCount V2Exchange::tab_of(const Neighbour& neighbour) const {
  return {tab().bytes + core_.ledger.credit(neighbour.account) * core_.config.v2.tab_percent / 100};
}

// Who has never given anything gets a few chunks to begin with. Where some have taken theirs and
// never gave, it is one chunk. Half the promise is for who pays.
bool V2Exchange::may_give(Instant now, const Neighbour& neighbour, uint64_t bytes) {
  if (!neighbour.proven || neighbour.token_out == 0 || neighbour.is_seeder) return false;
  ByteCount limit = tab_of(neighbour);
  if (neighbour.partner->got == 0) {
    const bool strict = wary_ || (riders_ >= kRidersFew && riders_ * kRidersShare > degree());
    const bool lends = neighbour.partner->newcomer && !strict;
    const uint64_t loan = core_.config.v2.stranger_tab.bytes;
    const uint64_t lenders = std::max<uint64_t>(neighbour.partner->in_classes, degree());
    const uint64_t most = loan * kLenders / std::clamp<uint64_t>(lenders, kLendersMin, kLenders);
    limit = {std::max(lends ? std::min(most, std::max(limit.bytes, loan)) : 0, bytes)};
    const uint64_t promise = core_.config.upload_promise.bytes;
    const uint64_t reserve = std::min(promise / 2, to_be_paid());
    if (core_.ledger.sent() + bytes + reserve > core_.ledger.received() + promise) return false;
  }
  return !core_.ledger.refuses(now, neighbour.account, neighbour.endpoint.address, bytes, limit);
}

// Bytes that are lacking. No end to them while nobody can tell, or nothing is lacking and something
// may be soon.
uint64_t V2Exchange::to_be_paid() const {
  if (link_.busy()) return UINT64_MAX;
  const auto lists = [](const Download* download) { return download->file() == nullptr; };
  if (std::ranges::any_of(downloads_.active(), lists)) return UINT64_MAX;
  uint64_t total = 0;
  for (const Object& known : objects_) {
    if (known.active) total += known.missing * known.geometry.chunk_size;
  }
  return total == 0 ? UINT64_MAX : total;
}

void V2Exchange::give(Instant now) {
  if (!admitted_ || objects_.empty()) return;
  // With nobody to give to, the next tick or datagram will see.
  next_give_ = Instant::never();
  std::optional<bool> scarce;  // stays so, whatever we give
  for (;;) {
    if (!uplink_.ready(now) && core_.config.v2.pacing) {
      next_give_ = uplink_.ready_at();
      return;
    }
    if (!scarce) scarce = core_.config.v2.scarce_first && any_scarce();
    if (!give_one(now, *scarce)) return;
  }
}

// The holders of a few blocks, so that they are counted once for all neighbours; right until
// something is heard or sent.
class V2Exchange::Counted {
 public:
  // Holds until the next call.
  const Holders& of(const V2Exchange& exchange, const Object& object, uint16_t block) {
    const auto found = std::ranges::find_if(
        some_, [&](const One& one) { return one.object == &object && one.block == block; });
    if (found != some_.end()) return found->holders;
    if (some_.size() >= kOpenBlocksMax) some_.clear();
    return some_.emplace_back(One{&object, block, exchange.holders_of(object, block)}).holders;
  }

 private:
  struct One {
    const Object* object;
    uint16_t block;
    Holders holders;
  };
  std::vector<One> some_;
};

bool V2Exchange::give_one(Instant now, bool scarce) {
  const bool push = core_.config.v2.push;
  if (push && scarce && push_one(now, Push::kScarce)) return true;
  if (give_wanted(now)) return true;
  return push && push_one(now, Push::kAny);
}

// All that we and our neighbours are known to hold of it does not make it whole. Then whoever has
// a chunk that others have not is to spread it; and what most have by now reaches the rest by
// itself, where many would push the same to the same.
bool V2Exchange::is_scarce(const Block& block, const BlockBits& elsewhere) {
  return !block.done && (block.held | elsewhere).count() < block.sources;
}

bool V2Exchange::any_scarce() const {
  return std::ranges::any_of(objects_, [&](const Object& object) {
    return object.active && std::ranges::any_of(object.open, [&](uint16_t block) {
      return is_scarce(object.blocks[block], known_elsewhere(object, block));
    });
  });
}

// Who was met lately first, so that newcomers can pay soon; then who lacks least.
bool V2Exchange::give_wanted(Instant now) {
  const V2Config& v2 = core_.config.v2;
  for (;;) {
    Neighbour* best = nullptr;
    double best_score = 0;
    for (const auto& owned : core_.neighbours()) {
      Neighbour& neighbour = *owned;
      Partner& partner = *neighbour.partner;
      if (partner.wanted.empty() && partner.any_in == 0) continue;
      const Object* first =
          partner.wanted.empty() ? lacked_by(partner, 1) : find_object(partner.wanted.front().file);
      const uint64_t size =
          first == nullptr ? content::kChunkSizeDefault : first->geometry.chunk_size;
      if (!may_give(now, neighbour, size)) continue;
      const View* view = first == nullptr ? nullptr : partner.find_view(first->id);
      const uint64_t holds = view == nullptr ? 0 : view->have.count();
      const Instant since =
          partner.wanted.empty() ? partner.any_since : partner.wanted.front().since;
      double score =
          v2.complete_first ? -static_cast<double>(holds) : static_cast<double>(since.ns);
      const bool is_new = partner.any_in > 0 || holds < kNewcomerChunks;
      if (v2.newcomers_first && is_new && neighbour.account.sent <= kNewcomerServed * size) {
        score -= 1e18;
      }
      if (best == nullptr || score < best_score) {
        best = &neighbour;
        best_score = score;
      }
    }
    if (best == nullptr) return false;
    Partner& partner = *best->partner;
    if (!partner.wanted.empty() && partner.any_in == 0) {
      const Wanted next = partner.wanted.front();
      partner.wanted.erase(partner.wanted.begin());
      Object* of = object(next.file);
      if (of != nullptr && of->blocks[next.chunk.block].held.test(next.chunk.position) &&
          send_piece(now, *best, *of, next.chunk, false)) {
        return true;
      }
      continue;
    }
    --partner.any_in;
    Object* of = lacked_by(partner, 1);
    Counted counted;
    const auto chunk =
        of == nullptr ? std::nullopt
                      : any_chunk(*of, partner, class_bits(partner.in_class, partner.in_classes),
                                  /*push=*/false, counted);
    if (!chunk) {
      partner.any_in = 0;
      continue;
    }
    if (send_piece(now, *best, *of, *chunk, false)) return true;
  }
}

std::optional<wire::ChunkName> V2Exchange::any_chunk(const Object& object, const Partner& partner,
                                                     const BlockBits& among, bool push,
                                                     Counted& counted) {
  const View* view = partner.find_view(object.id);
  const auto count = static_cast<uint32_t>(object.blocks.size());
  const auto start = static_cast<uint32_t>(core_.rng.below(count));
  for (uint32_t i = 0; i < count; ++i) {
    const auto block = static_cast<uint16_t>((start + i) % count);
    const Block& own = object.blocks[block];
    BlockBits bits = own.held & among;
    if (!bits.any()) continue;
    if (view != nullptr) bits = bits.minus(view->have.bits(block, own.size));
    const Holders& holders = counted.of(*this, object, block);
    if (push && core_.config.v2.scarce_first && is_scarce(own, holders.held_by(1))) {
      const uint32_t common = std::clamp(degree() / kCommonShare, kScarceHolders, Holders::kMost);
      bits = bits.minus(holders.held_by(common));
    }
    if (const auto position = pick_to_give(bits, holders)) return wire::ChunkName{block, *position};
  }
  return {};
}

// What few are known to hold, few are giving to it right now.
std::optional<uint8_t> V2Exchange::pick_to_give(const BlockBits& among, const Holders& holders) {
  return core_.config.v2.rarest_first ? holders.pick_rarest(among, core_.rng)
                                      : among.pick(core_.rng);
}

// What goes before requests, of a block that is fetched.
BlockBits V2Exchange::rare_of_scarce(const Object& object, uint16_t block, Counted& counted) const {
  const Block& own = object.blocks[block];
  const Holders& holders = counted.of(*this, object, block);
  if (!is_scarce(own, holders.held_by(1))) return {};
  return own.held.minus(holders.held_by(kScarceHolders));
}

std::optional<wire::ChunkName> V2Exchange::scarce_chunk(const Object& object,
                                                        const Partner& partner, Counted& counted) {
  if (!object.active) return {};
  const View* view = partner.find_view(object.id);
  for (const uint16_t block : object.open) {
    BlockBits bits = rare_of_scarce(object, block, counted) & partner.pushable;
    if (view != nullptr) bits = bits.minus(view->have.bits(block, object.blocks[block].size));
    const Holders& holders = counted.of(*this, object, block);
    if (const auto position = pick_to_give(bits, holders)) return wire::ChunkName{block, *position};
  }
  return {};
}

// Unasked, to somebody who shows room and has heard little from us: something when nobody waits,
// or what is scarce.
bool V2Exchange::push_one(Instant now, Push what) {
  uint64_t held = 0;
  for (const Object& object : objects_) held += object.held;
  if (held == 0) return false;
  Counted counted;
  const uint32_t pushes_min = held < kFewHeld ? kPushesOutFirst : kPushesOutMin;
  const uint32_t pushes_max = what == Push::kScarce
                                  ? kScarceOut
                                  : std::max(pushes_min, kPushesOutTotal / std::max(1U, degree()));
  if (what == Push::kScarce) {
    const bool any = std::ranges::any_of(objects_, [&](const Object& object) {
      return object.active && std::ranges::any_of(object.open, [&](uint16_t block) {
        return rare_of_scarce(object, block, counted).any();
      });
    });
    if (!any) return false;
  }
  Neighbour* best = nullptr;
  double best_score = 0;
  Object* best_object = nullptr;
  std::optional<wire::ChunkName> best_chunk;
  for (const auto& owned : core_.neighbours()) {
    Neighbour& neighbour = *owned;
    Partner& partner = *neighbour.partner;
    if (neighbour.is_seeder || partner.room < kPushRoom) continue;
    if (what != Push::kScarce && !partner.wanted.empty()) continue;
    if (partner.pushes_out(now) >= pushes_max || now - neighbour.heard > kHeardLately) continue;
    Object* of = lacked_by(partner, kPushLack);
    if (of == nullptr || !may_give(now, neighbour, of->geometry.chunk_size)) continue;
    const View* view = partner.find_view(of->id);
    const uint64_t holds = view == nullptr ? 0 : view->have.count();
    const double score =
        static_cast<double>(holds) + 4 * core_.rng.unit() + 8.0 * partner.pushes_out(now);
    if (best != nullptr && score >= best_score) continue;
    const auto chunk = what == Push::kScarce
                           ? scarce_chunk(*of, partner, counted)
                           : any_chunk(*of, partner, partner.pushable, /*push=*/true, counted);
    if (!chunk) continue;
    best = &neighbour;
    best_score = score;
    best_object = of;
    best_chunk = chunk;
  }
  if (best == nullptr) return false;
  return send_piece(now, *best, *best_object, *best_chunk, true);
}

bool V2Exchange::send_piece(Instant now, Neighbour& neighbour, Object& object,
                            wire::ChunkName chunk, bool pushed) {
  Partner& partner = *neighbour.partner;
  FB_UNFILLED std::array<uint8_t, content::kChunkSizeMax> bytes;
  const uint32_t id = object.geometry.id_at(chunk.block, chunk.position);
  const Holdings::Chunk held = downloads_.read_chunk(object.id, id, bytes);
  if (held.length == 0) {
    core_.drop(Drop::kSourceGone);
    object.blocks[chunk.block].held.reset(chunk.position);
    return false;
  }
  ask_along(now, neighbour);
  // What it was not told yet of our wants rides along, of another object if need be.
  const Object* about = &object;
  if (partner.dirty) {
    const auto untold =
        std::ranges::find_if(partner.out, [](const Outstanding& o) { return !o.told; });
    const Object* asked = untold == partner.out.end() ? nullptr : find_object(untold->file);
    if (asked != nullptr) about = asked;
  }
  constexpr size_t kFixed = wire::kHeaderSize + 25 + 6 + 8;  // the state's, and the piece's own
  const size_t spare = wire::kDatagramMax - kFixed - held.length;
  const size_t news_max = std::min<size_t>(4, spare / 4);
  wire::Piece message;
  message.state = state_for(now, neighbour, about, (spare - news_max * 4) / 4);
  if (about != &object) {
    message.other = object.id;
    partner.view(object.id).named_to_it = true;
  }
  message.chunk = chunk;
  message.pushed = pushed;
  message.verified = held.verified;
  const View* view = partner.find_view(object.id);
  for (size_t i = object.news.size(); i > 0 && message.news.count < news_max; --i) {
    const wire::ChunkName news = object.news[i - 1];
    if (view == nullptr || !view->have.contains(news)) message.news.add(news);
  }
  message.bytes = std::span(bytes).first(held.length);
  if (!send(now, neighbour, Lane::kData, message)) return false;
  core_.ledger.on_sent(neighbour.account, neighbour.endpoint.address, held.length);
  core_.stats.chunk_bytes_sent += held.length;
  core_.remember_trade(neighbour, object.id);
  partner.view(object.id).have.add(chunk);
  partner.note_sent(
      {message.state.sequence, object.id, chunk, pushed, now, held.length + kPieceOverhead});
  return true;
}

// It was told of noticeably less than is held now.
bool V2Exchange::has_grown(const Object& object, const View& told) {
  const uint64_t grown = object.held - std::min(told.told, object.held);
  if (grown == 0) return false;
  if (object.missing == 0) return true;  // so that it gets no more of it
  return told.told == 0 || grown >= std::clamp(object.held / 4, kNewsMin, kNewsMax);
}

// With nothing better to do: who lacks something that we got lately is told.
void V2Exchange::announce(Instant now) {
  if (objects_.empty() || !uplink_.idle(now)) return;
  uint32_t told = 0;
  for (const auto& owned : core_.neighbours()) {
    Neighbour& neighbour = *owned;
    Partner& partner = *neighbour.partner;
    if (neighbour.is_seeder || !neighbour.proven || !partner.wanted.empty()) continue;
    if (now - partner.last_sent < kAnnounceAfter) continue;
    if (partner.room == 0) continue;
    const bool news =
        std::ranges::any_of(objects_, [&](const Object& o) { return to_be_told(o, partner); });
    if (!news) continue;
    send_control(now, neighbour);
    if (++told >= kAnnouncedAtOnce) return;
  }
}

}  // namespace fb::roulette
