#include "roulette/overlay.h"

#include <algorithm>
#include <utility>

namespace fb::roulette {
namespace {

constexpr size_t kWaitingMax = 32;
constexpr size_t kContactsRemembered = 512;
constexpr uint32_t kHalfOpenPerAddress = 8;
constexpr Duration kHalfOpenLifetime = seconds(3);
constexpr Duration kSilenceMax = seconds(5);     // of a neighbour that we want nothing from
constexpr Duration kSeederSilence = seconds(2);  // then it may have restarted: join again
constexpr Duration kCollectInterval = seconds(1);
constexpr Duration kReviveAfter = seconds(1);
constexpr uint32_t kRepairDoublingsMax = 3;

}  // namespace

Overlay::Overlay(Core& core, Downloads& downloads, SendSide& send_side, ReceiveSide& receive_side,
                 SeederLink& link)
    : core_(core),
      downloads_(downloads),
      send_side_(send_side),
      receive_side_(receive_side),
      link_(link),
      contacts_(core.config.contact_window, kContactsRemembered) {}

void Overlay::on_referrals(Instant now, const std::vector<wire::Referral>& referrals) {
  for (const wire::Referral& referral : referrals) {
    if (waiting_.size() >= kWaitingMax) waiting_.erase(waiting_.begin());
    waiting_.push_back({referral, now + seconds(referral.expires_in_s)});
  }
  greet(now);
}

void Overlay::greet(Instant now) {
  if (downloads_.active().empty()) return;
  if (next_seek_ == Instant::never()) {
    next_seek_ = now + core_.config.seek_interval;
    next_repair_ = now + core_.config.partition_timeout;
    next_collect_ = now + kCollectInterval;
  }
  contact_seeder(now);
  for (const Waiting& next : std::exchange(waiting_, {})) {
    if (next.expires < now) {
      core_.drop(Drop::kStaleReferral);
    } else {
      contact(now, next.referral);
    }
  }
}

void Overlay::contact(Instant now, const wire::Referral& referral) {
  if (referral.name == core_.name || referral.name == 0 || referral.endpoint.port == 0) {
    core_.drop(Drop::kStaleReferral);
    return;
  }
  if (core_.is_banned(referral.endpoint, referral.name)) {
    core_.drop(Drop::kBanned);
    return;
  }
  if (core_.find_by_name(referral.endpoint, referral.name) != nullptr) return;
  if (core_.neighbours().size() >= core_.config.degree_max) {
    core_.drop(Drop::kTableFull);
    return;
  }
  const Address& address = referral.endpoint.address;
  if ((!address.is_loopback() || core_.config.limit_loopback) &&
      !contacts_.admit(now, {address.limit_prefix(), 0}, core_.config.contacts_unanswered_max)) {
    core_.drop(Drop::kContactLimit);
    return;
  }
  receive_side_.start(now, core_.add_neighbour(now, referral.endpoint, referral.name));
}

void Overlay::contact_seeder(Instant now) {
  if (!link_.joined()) return;
  Neighbour* known = core_.seeder();
  if (known != nullptr) {
    // A WELCOME under another name: the seeder has started anew and knows no neighbour.
    const bool silent = known->proven && now - known->heard > kSeederSilence;
    if (known->name == link_.seeder_name() && !silent) return;
    remove(now, *known);
  }
  Neighbour& neighbour = core_.add_neighbour(now, link_.seeder(), link_.seeder_name());
  core_.mark_seeder(neighbour);
  receive_side_.start(now, neighbour);
}

void Overlay::on_hello(Instant now, const Endpoint& from, const wire::Hello& message) {
  if (message.profile != core_.config.profile) {
    core_.drop(Drop::kProfile);
    return;
  }
  if (message.name == core_.name || core_.is_banned(from, message.name)) {
    core_.drop(Drop::kBanned);
    return;
  }
  Neighbour stranger;  // for a greeting on no account at all
  stranger.endpoint = from;
  wire::Token token_in = 0;
  Neighbour* known = core_.find_by_name(from, message.name);
  if (known != nullptr && !known->proven) known->token_out = message.reply_token;  // both called
  if (known != nullptr && known->token_out == message.reply_token) {
    token_in = known->token_in;
    stranger.account = known->account;
  } else {
    const HalfOpen* half_open = half_open_for(now, from, message);
    if (half_open == nullptr) return;
    token_in = half_open->token_in;
  }
  const auto greeting = send_side_.greet(now, stranger, message.file, message.have);
  core_.send(now, Lane::kControl, from, message.reply_token,
             wire::HelloReply{token_in, from, greeting.status, message.file, greeting.offer});
}

Overlay::HalfOpen* Overlay::half_open_for(Instant now, const Endpoint& from,
                                          const wire::Hello& message) {
  const auto is_young = [now](const HalfOpen& e) { return now - e.since <= kHalfOpenLifetime; };
  half_open_.erase(half_open_.begin(), std::ranges::find_if(half_open_, is_young));
  uint32_t same_address = 0;
  for (HalfOpen& entry : half_open_) {
    if (entry.endpoint == from && entry.name == message.name &&
        entry.token_out == message.reply_token) {
      return &entry;
    }
    if (entry.endpoint.address.limit_prefix() == from.address.limit_prefix()) ++same_address;
  }
  const bool limited = !from.address.is_loopback() || core_.config.limit_loopback;
  if (limited && same_address >= kHalfOpenPerAddress) {
    core_.drop(Drop::kAddressLimit);
    return nullptr;
  }
  if (half_open_.size() >= core_.config.half_open_max) {
    core_.drop(Drop::kHalfOpenFull);
    return nullptr;
  }
  half_open_.push_back({from, message.name, core_.new_token(), message.reply_token, now});
  return &half_open_.back();
}

Neighbour* Overlay::promote(Instant now, const Endpoint& from, wire::Token token) {
  const auto found = std::ranges::find(half_open_, token, &HalfOpen::token_in);
  if (found == half_open_.end()) {
    core_.drop(Drop::kUnknownToken);
    return nullptr;
  }
  if (found->endpoint != from) {
    core_.drop(Drop::kChangedAddress);
    return nullptr;
  }
  if (!make_room(now)) {
    core_.drop(Drop::kTableFull);
    return nullptr;
  }
  const HalfOpen stranger = *found;
  half_open_.erase(found);
  // The same peer under an older token: it has begun anew.
  if (Neighbour* before = core_.find_by_name(stranger.endpoint, stranger.name)) {
    remove(now, *before);
  }
  Neighbour& neighbour =
      core_.add_neighbour(now, stranger.endpoint, stranger.name, stranger.token_in);
  neighbour.token_out = stranger.token_out;
  core_.mark_proven(neighbour);
  receive_side_.start(now, neighbour);
  return &neighbour;
}

// Who calls may take the place of a neighbour that never paid and is of no use; never of one that
// pays.
bool Overlay::make_room(Instant now) {
  const size_t places = core_.config.degree_max + core_.config.degree_max / 2;
  if (core_.neighbours().size() < places) return true;
  Neighbour* victim = nullptr;
  for (const auto& neighbour : core_.neighbours()) {
    const ReceiveState state = neighbour->receiving.state;
    const bool useless = state == ReceiveState::kSevered || state == ReceiveState::kIdle;
    if (!useless || neighbour->is_seeder || core_.ledger.credit(neighbour->account) > 0) continue;
    if (victim == nullptr || neighbour->heard < victim->heard) victim = neighbour.get();
  }
  if (victim == nullptr) return false;
  remove(now, *victim);
  return true;
}

void Overlay::on_hello_reply(Instant now, Neighbour& from, const wire::HelloReply& message) {
  if (from.proven && from.receiving.state != ReceiveState::kFirstHandshake) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  from.token_out = message.reply_token;
  core_.mark_proven(from);
  contacts_.forgive({from.endpoint.address.limit_prefix(), 0});
  switch (message.status) {
    case wire::HandshakeStatus::kOffer:
      receive_side_.on_offer(now, from, message.file, from.receiving.request, message.offer);
      return;
    case wire::HandshakeStatus::kNoFile:
      receive_side_.on_no_file(now, from, message.file);
      return;
    case wire::HandshakeStatus::kContact:
      return;  // met, but over the tab: the handshake's time-out asks again
  }
}

void Overlay::on_recommend_request(Instant now, const Neighbour& from,
                                   const wire::RecommendRequest& message) {
  wire::Recommendation answer;
  if (const auto referral = core_.recommend(now, from.name, message.file)) {
    answer.referrals.push_back(*referral);
  }
  core_.send(now, Lane::kControl, from, answer);
}

void Overlay::remove(Instant now, Neighbour& neighbour) {
  receive_side_.give_up(neighbour, /*for_good=*/true);
  core_.remove_neighbour(now, neighbour);
}

void Overlay::bury(Instant now) {
  for (const NeighbourId id : dead_) {
    if (Neighbour* neighbour = core_.find(id)) remove(now, *neighbour);
  }
  dead_.clear();
}

void Overlay::on_progress(Instant now) {
  repairs_in_vain_ = 0;
  next_repair_ = now + core_.config.partition_timeout;
}

void Overlay::leave(Instant now, Duration lifetime) {
  const auto lifetime_ms =
      static_cast<uint32_t>(std::clamp<int64_t>(lifetime.ns / 1'000'000, 0, UINT32_MAX));
  while (!core_.neighbours().empty()) {
    Neighbour& neighbour = *core_.neighbours().back();
    if (neighbour.proven) core_.send(now, Lane::kControl, neighbour, wire::Bye{lifetime_ms});
    remove(now, neighbour);
  }
  half_open_.clear();
  waiting_.clear();
  dead_.clear();
  next_seek_ = next_repair_ = next_collect_ = Instant::never();
  repairs_in_vain_ = 0;
}

uint32_t Overlay::useful_degree() const {
  return static_cast<uint32_t>(std::ranges::count_if(core_.neighbours(), [](const auto& n) {
    return n->receiving.state != ReceiveState::kSevered;
  }));
}

// Below the minimal degree every interval, above it slower with degree, at the maximum not at all.
void Overlay::seek(Instant now) {
  const uint32_t degree = useful_degree();
  const RouletteConfig& config = core_.config;
  const int64_t slower = degree < config.degree_min ? 1 : int64_t{degree} - config.degree_min + 2;
  next_seek_ = now + config.seek_interval * slower;
  if (degree >= config.degree_max || downloads_.active().empty()) return;
  std::vector<const Neighbour*> askable;
  for (const auto& neighbour : core_.neighbours()) {
    if (neighbour->proven) askable.push_back(neighbour.get());
  }
  if (askable.empty()) return;  // the repair asks the seeder
  const auto& active = downloads_.active();
  const auto file = active[core_.rng.below(active.size())]->current().info().id;
  core_.send(now, Lane::kControl, *askable[core_.rng.below(askable.size())],
             wire::RecommendRequest{file});
}

// No new data for a while: the overlay may have parted from the rest, so the seeder is asked.
void Overlay::repair(Instant now) {
  const uint32_t doublings = std::min(repairs_in_vain_, kRepairDoublingsMax);
  next_repair_ = now + core_.config.partition_timeout * (int64_t{1} << doublings);
  if (downloads_.active().empty()) return;
  ++repairs_in_vain_;
  const Neighbour* known = core_.seeder();
  if (known != nullptr && known->proven && now - known->heard <= kSeederSilence) {
    core_.send(now, Lane::kControl, *known,
               wire::RecommendRequest{downloads_.active().front()->current().info().id});
  } else {
    link_.rejoin(now);
  }
}

// Lets go of neighbours that are silent and of no use, and asks the severed again who went on.
void Overlay::collect(Instant now) {
  next_collect_ = now + kCollectInterval;
  for (const auto& neighbour : core_.neighbours()) {
    const ReceiveState state = neighbour->receiving.state;
    const bool waits = state == ReceiveState::kIdle || state == ReceiveState::kSevered;
    if (waits && !neighbour->is_seeder && now - neighbour->heard > kSilenceMax) {
      mark_dead(*neighbour);
    } else if (state == ReceiveState::kSevered && now - neighbour->heard < kReviveAfter) {
      neighbour->receiving.empties = 0;
      receive_side_.start(now, *neighbour);
    }
  }
  bury(now);
}

void Overlay::advance(Instant now) {
  if (next_seek_ <= now) seek(now);
  if (next_repair_ <= now) repair(now);
  if (next_collect_ <= now) collect(now);
}

Instant Overlay::next_deadline() const {
  return std::min({next_seek_, next_repair_, next_collect_});
}

}  // namespace fb::roulette
