// Profile v2, listening: what neighbours say, and what it changes.
#include <algorithm>
#include <utility>

#include "base/unfilled.h"
#include "roulette/v2_exchange.h"

namespace fb::roulette {
namespace {

constexpr size_t kEarlyMax = 64;

}  // namespace

bool V2Exchange::on_message(Instant now, Neighbour& from, const wire::Message& message) {
  // Our token is known to nobody else.
  if (from.token_out != 0) core_.mark_proven(from);
  if (const auto* piece = std::get_if<wire::Piece>(&message)) {
    on_piece(now, from, *piece);
  } else if (const auto* control = std::get_if<wire::Control>(&message)) {
    on_control(now, from, control->state, control->whole, control->have, control->more);
  } else if (const auto* greeted = std::get_if<wire::Greeted>(&message)) {
    on_greeted(now, from, *greeted);
  } else if (const auto* told = std::get_if<wire::Recommendation>(&message)) {
    on_recommendation(now, *told);
  } else if (const auto* introduce = std::get_if<wire::Introduce>(&message)) {
    if (!from.is_seeder) return false;
    on_introduce(now, *introduce);
  } else if (const auto* request = std::get_if<wire::ManifestRequest>(&message)) {
    answer_manifest_request(now, from, request->request, request->path);
  } else if (std::holds_alternative<wire::Bye>(message)) {
    remove(now, from);
    pull(now);
  } else {
    return false;
  }
  return true;
}

void V2Exchange::on_greeted(Instant now, Neighbour& from, const wire::Greeted& message) {
  Partner& partner = *from.partner;
  const bool first = from.token_out == 0;
  set_token_out(from, message.reply_token);
  core_.mark_proven(from);
  contacts_.forgive({from.endpoint.address.limit_prefix(), 0});
  if (first) partner.service = std::max(milliseconds(30), now - partner.born + milliseconds(20));
  on_control(now, from, message.state, message.whole, message.have, {});
}

void V2Exchange::on_control(Instant now, Neighbour& from, const wire::TradeState& state,
                            const wire::Intervals& whole, const wire::BlockMaps& have,
                            const std::vector<wire::Holding>& more) {
  Partner& partner = *from.partner;
  const bool fresh = read_state(now, from, state);
  if (fresh) partner.way_here.add(partner.delay, true);
  partner.strikes = 0;
  partner.told_us = true;
  for (const wire::Holding& other : more) {
    note_holding(partner, other.file, other.whole, other.have);
    if (fresh) read_wants(now, partner, other.file, other.wants);
  }
  if (state.file != content::FileId{}) note_holding(partner, state.file, whole, have);
  if (state.want_referrals) answer_referral_request(now, from);
  stirred_ = true;
}

void V2Exchange::note_holding(Partner& partner, content::FileId file, const wire::Intervals& whole,
                              const wire::BlockMaps& have) {
  View& view = partner.view(file);
  view.named_by_it = true;
  const Object* known = find_object(file);
  for (const nois::Interval& blocks : whole.span()) {
    // Of an object that we know nothing of, nobody can have a say on its length.
    if (known == nullptr) break;
    const auto last = static_cast<uint32_t>(known->blocks.size() - 1);
    if (blocks.first <= last) view.have.add_whole({blocks.first, std::min(blocks.last, last)});
  }
  for (const wire::BlockMap& map : have) view.have.add(map.block, {map.bits});
}

// What every datagram of a trader tells. False when a later one has come before it.
bool V2Exchange::read_state(Instant now, Neighbour& from, const wire::TradeState& state) {
  Partner& partner = *from.partner;
  if (!partner.hear(now, state, from.account.sent)) return false;
  up_.on_delivered(partner.delivered);
  if (partner.queueing_at == now) {
    up_.on_delay(partner.queueing);
    if (partner.way_there.least_was_small()) up_.on_full(partner.echoed_size, partner.queueing);
  }
  partner.reached = state.reached;
  if (!from.is_seeder) read_wants(now, partner, state.file, state.wants);
  return true;
}

// All that it wants of this object.
void V2Exchange::read_wants(Instant now, Partner& partner, content::FileId file,
                            const wire::ChunkNames<wire::kWantsMax>& wants) {
  Object* about = object_kept(file);
  if (about == nullptr) return;
  std::vector<Wanted> before = std::move(partner.wanted);
  partner.wanted.clear();
  for (const Wanted& old : before) {
    if (old.file != file) partner.wanted.push_back(old);
  }
  View& view = partner.view(file);
  view.named_by_it = true;
  FB_UNFILLED ChunkMarks on_its_way(wants.span());
  partner.mark_on_its_way(now, file, on_its_way);
  for (const wire::ChunkName chunk : wants.span()) {
    if (chunk.block >= about->blocks.size() ||
        !about->blocks[chunk.block].held.test(chunk.position))
      continue;
    if (on_its_way.marked(chunk)) continue;
    const auto old = std::ranges::find_if(
        before, [&](const Wanted& w) { return w.file == file && w.chunk == chunk; });
    partner.wanted.push_back({file, chunk, old == before.end() ? now : old->since});
    view.have.remove(chunk);
  }
}

void V2Exchange::on_piece(Instant now, Neighbour& from, const wire::Piece& message) {
  Partner& partner = *from.partner;
  const uint64_t length = message.bytes.size();
  core_.stats.chunk_bytes_received += length;
  if (from.is_seeder) {
    core_.stats.chunk_bytes_from_seeder += length;
    partner.grant = message.grant;
  }
  const uint64_t size = length + kPieceOverhead;
  if (read_state(now, from, message.state)) {
    const Duration beyond = partner.way_here.add(partner.delay, false);
    if (partner.way_here.least_was_small()) down_.on_full(size, beyond);
  }
  partner.strikes = 0;
  partner.last_data = now;
  down_.on_arrival(now, size);
  View& view = partner.view(message.file());
  for (const wire::ChunkName chunk : message.news.span()) view.have.add(chunk);
  view.have.add(message.chunk);
  const Arrived piece{message.file(), message.chunk, message.pushed, message.verified,
                      message.bytes};
  if (link_.busy() && early_.size() < kEarlyMax &&
      downloads_.store_of(message.file()) == nullptr) {
    settle_arrival(now, from, piece.file, piece.chunk, piece.pushed);
    Early& kept = early_.emplace_back(
        Early{from.id, piece, {piece.bytes.begin(), piece.bytes.end()}});
    kept.piece.bytes = kept.bytes;
    return;
  }
  const NeighbourId id = from.id;
  take(now, from, piece);
  if (Neighbour* still = core_.find(id); still != nullptr && message.state.want_referrals) {
    answer_referral_request(now, *still);
  }
  stirred_ = true;
}

// At once, or when it has come.
void V2Exchange::answer_manifest_request(Instant now, Neighbour& from, uint16_t request,
                                         std::string_view path) {
  const auto parts = link_.manifest_parts(path);
  for (auto part : parts) {
    part.request = request;
    send(now, from, Lane::kControl, part);
  }
  std::vector<Partner::Awaited>& awaits = from.partner->awaits;
  const bool known = std::ranges::any_of(awaits, [&](const auto& a) { return a.path == path; });
  if (!parts.empty() || known || awaits.size() >= Partner::kAwaitsMax) return;
  awaits.push_back({request, std::string(path)});
}

void V2Exchange::hand_on_manifests(Instant now) {
  for (const auto& neighbour : core_.neighbours()) {
    for (const auto& [request, path] : std::exchange(neighbour->partner->awaits, {})) {
      answer_manifest_request(now, *neighbour, request, path);
    }
  }
}

void V2Exchange::answer_referral_request(Instant now, const Neighbour& from) {
  // Only who has paid is told of others.
  if (from.partner->got == 0 || from.partner->got * 2 + 1024 < from.account.sent) return;
  // The young ones stay longest; and who is behind a NAT cannot be called.
  std::vector<const Neighbour*> others;
  for (const auto& other : core_.neighbours()) {
    if (other->partner->reached && core_.may_refer(now, *other, from.name)) {
      others.push_back(other.get());
    }
  }
  wire::Recommendation answer;
  for (int i = 0; i < 2; ++i) {
    std::optional<wire::Referral> referral;
    if (!others.empty()) {
      const size_t one = core_.rng.below(others.size());
      const size_t two = core_.rng.below(others.size());
      const size_t younger = others[one]->partner->born < others[two]->partner->born ? two : one;
      referral = core_.refer(now, *others[younger]);
      others.erase(others.begin() + static_cast<ptrdiff_t>(younger));
    } else {
      referral = core_.recommend(now, from.name, content::FileId{});
    }
    if (!referral) break;
    const bool twice = !answer.referrals.empty() && answer.referrals.front() == *referral;
    if (!twice) answer.referrals.push_back(*referral);
  }
  if (!answer.referrals.empty()) core_.send(now, Lane::kControl, from, answer);
}

void V2Exchange::on_recommendation(Instant now, const wire::Recommendation& message) {
  size_t asked = 0;
  for (const wire::Referral& referral : message.referrals) {
    if (!may_contact(now, referral.endpoint, referral.name)) continue;
    Neighbour* neighbour = meet(now, referral.endpoint, referral.name);
    if (neighbour == nullptr) continue;
    greet(now, *neighbour, asked++ < kManifestAsked ? link_.wanted_path() : std::string{});
  }
}

void V2Exchange::on_introduce(Instant now, const wire::Introduce& message) {
  if (!may_contact(now, message.endpoint, message.name)) return;
  if (Neighbour* neighbour = meet(now, message.endpoint, message.name)) greet(now, *neighbour, {});
}

}  // namespace fb::roulette
