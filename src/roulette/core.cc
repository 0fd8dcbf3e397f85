#include "roulette/core.h"

#include <algorithm>

#include "base/check.h"

namespace fb::roulette {
namespace {

constexpr uint64_t kTokenLowBits = (uint64_t{1} << 40) - 1;
constexpr size_t kWindowEntries = 4096;
constexpr Duration kPathCheckInterval = seconds(1);

}  // namespace

Core::Core(const RouletteConfig& configuration, const SecretRng::Seed& seed, uint64_t choice_seed,
           uint32_t token_prefix, Transport& transport)
    : config(configuration),
      secret(seed),
      rng(choice_seed),
      pacer(configuration.uplink, configuration.uplink_queue, transport),
      ledger(config),
      name(0),
      referred_(configuration.contact_window, kWindowEntries),
      prefix_(uint64_t{token_prefix} << 40) {
  name = new_token();
}

wire::Token Core::new_token() {
  for (;;) {
    const wire::Token token = prefix_ | (secret.next() & kTokenLowBits);
    if (!wire::is_ticket(token) && token != name && !by_token_.contains(token)) return token;
  }
}

Neighbour& Core::add_neighbour(Instant now, const Endpoint& endpoint, wire::Token its_name,
                               wire::Token token_in) {
  auto owned = std::make_unique<Neighbour>();
  Neighbour& neighbour = *owned;
  neighbour.id = static_cast<NeighbourId>(next_id_++);
  neighbour.endpoint = endpoint;
  neighbour.name = its_name;
  neighbour.token_in = token_in != 0 ? token_in : new_token();
  neighbour.heard = now;
  neighbour.receiving.burst = config.burst_initial;
  neighbour.place = neighbours_.size();
  by_token_.set(neighbour.token_in, &neighbour);
  by_id_.set(static_cast<uint32_t>(neighbour.id), &neighbour);
  neighbours_.push_back(std::move(owned));
  deadlines_.push_back(Instant::never());
  names_.push_back(its_name);
  return neighbour;
}

void Core::mark_proven(Neighbour& neighbour) {
  if (neighbour.proven) return;
  neighbour.proven = true;
  ++proven_;
  ++stats.neighbours_met;
}

void Core::mark_seeder(Neighbour& neighbour) {
  FB_CHECK(seeder_ == nullptr);
  neighbour.is_seeder = true;
  seeder_ = &neighbour;
}

void Core::remember_trade(const Neighbour& neighbour, content::FileId file) {
  cache.add(neighbour.id, file, std::clamp<size_t>(proven_, cache_slots_min, cache_slots_max));
}

void Core::remove_neighbour(Instant now, Neighbour& neighbour) {
  if (neighbour.proven) --proven_;
  if (&neighbour == seeder_) seeder_ = nullptr;
  ledger.on_removed(now, neighbour.account, neighbour.endpoint.address);
  cache.remove(neighbour.id);
  by_token_.erase(neighbour.token_in);
  by_id_.erase(static_cast<uint32_t>(neighbour.id));
  const size_t place = neighbour.place;
  FB_CHECK(neighbours_[place].get() == &neighbour);
  std::swap(neighbours_[place], neighbours_.back());
  neighbours_[place]->place = place;
  neighbours_.pop_back();
  deadlines_[place] = deadlines_.back();
  deadlines_.pop_back();
  names_[place] = names_.back();
  names_.pop_back();
}

Neighbour* Core::find(NeighbourId id) {
  Neighbour** found = by_id_.find(static_cast<uint32_t>(id));
  return found == nullptr ? nullptr : *found;
}

Neighbour* Core::find_by_token(wire::Token token_in) {
  Neighbour** found = by_token_.find(token_in);
  return found == nullptr ? nullptr : *found;
}

Neighbour* Core::find_by_name(const Endpoint& endpoint, wire::Token its_name) {
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == its_name && neighbours_[i]->endpoint == endpoint) return neighbours_[i].get();
  }
  return nullptr;
}

bool Core::send(Instant now, Lane lane, const Endpoint& to, std::span<const uint8_t> datagram) {
  if (!pacer.send(now, lane, to, datagram)) {
    drop(Drop::kQueueFull);
    return false;
  }
  accepted_bytes_ += datagram.size();
  return true;
}

bool Core::send(Instant now, Lane lane, const Neighbour& to, const wire::Message& message) {
  return send(now, lane, to.endpoint, to.token_out, message);
}

void Core::drop(wire::DecodeError error) {
  switch (error) {
    case wire::DecodeError::kTooShort: return drop(Drop::kTooShort);
    case wire::DecodeError::kVersion: return drop(Drop::kVersion);
    case wire::DecodeError::kUnknownType: return drop(Drop::kUnknownType);
    case wire::DecodeError::kMalformed: return drop(Drop::kMalformed);
  }
}

NodeStats Core::counted() const {
  NodeStats out = stats;
  out.datagrams_out = pacer.sent_datagrams();
  out.bytes_out = pacer.sent_bytes();
  out.neighbours_now = proven_;
  return out;
}

bool Core::accept_path(Instant now, Neighbour& neighbour, const Endpoint& from) {
  return accept_path(now, neighbour.endpoint, neighbour.token_out, neighbour.path_check, from);
}

bool Core::accept_path(Instant now, const Endpoint& known, wire::Token token_out,
                       std::unique_ptr<PathCheck>& check, const Endpoint& from) {
  if (known == from) return true;
  drop(Drop::kChangedAddress);
  const bool checking =
      check && check->candidate == from && now - check->sent < kPathCheckInterval;
  if (checking || token_out == 0) return false;
  check = std::make_unique<PathCheck>(PathCheck{from, secret.next(), now});
  send(now, Lane::kControl, from, token_out, wire::PathChallenge{check->nonce});
  return false;
}

void Core::on_path_challenge(Instant now, wire::Token token_out, const Endpoint& from,
                             const wire::PathChallenge& message) {
  send(now, Lane::kControl, from, token_out, wire::PathResponse{message.nonce});
}

bool Core::is_echo(const std::unique_ptr<PathCheck>& check, const Endpoint& from,
                   const wire::PathResponse& message) {
  if (check && check->candidate == from && check->nonce == message.nonce) return true;
  drop(Drop::kUnexpected);
  return false;
}

void Core::on_path_response(Neighbour& neighbour, const Endpoint& from,
                            const wire::PathResponse& message) {
  if (!is_echo(neighbour.path_check, from, message)) return;
  ledger.on_moved(neighbour.account, neighbour.endpoint.address, from.address);
  neighbour.endpoint = from;
  neighbour.path_check.reset();
}

std::optional<wire::Referral> Core::recommend(Instant now, wire::Token except,
                                              content::FileId file) {
  const auto fits = [&](bool any_file) {
    return [&, any_file](const RouletteCache::Slot& slot) {
      if (!any_file && slot.file != file) return false;
      const Neighbour* neighbour = find(slot.neighbour);
      return neighbour != nullptr && may_refer(now, *neighbour, except);
    };
  };
  auto picked = cache.pick(rng, fits(file == content::FileId{}));
  if (!picked && file != content::FileId{}) picked = cache.pick(rng, fits(true));
  if (!picked) return {};
  return refer(now, *find(*picked));
}

std::optional<wire::Referral> Core::refer(Instant now, const Neighbour& neighbour) {
  if (!referred_.admit(now, name_key(neighbour.name), config.referrals_per_target_max)) return {};
  const int64_t seconds = config.referral_lifetime.ns / 1'000'000'000;
  return wire::Referral{neighbour.endpoint, neighbour.name,
                        static_cast<uint8_t>(std::min<int64_t>(255, seconds))};
}

bool Core::may_refer(Instant now, const Neighbour& neighbour, wire::Token except) const {
  return neighbour.proven && !neighbour.is_seeder && neighbour.name != except &&
         neighbour.bad_chunks == 0 && now - neighbour.heard <= config.referral_lifetime;
}

bool Core::is_banned(const Endpoint& endpoint, wire::Token its_name) const {
  return bans_.contains(endpoint, its_name);
}

void Core::ban(Instant now, Neighbour& neighbour) {
  // On one host many peers may share a socket; there only the name tells them apart.
  const bool shared = neighbour.endpoint.address.is_loopback() && !config.limit_loopback;
  bans_.add(shared ? Endpoint{} : neighbour.endpoint, neighbour.name);
  ++stats.neighbours_cut_off;
  remove_neighbour(now, neighbour);
}

Endpoint Core::name_key(wire::Token its_name) {
  Endpoint key;
  for (size_t i = 0; i < 8; ++i) key.address.bytes[i] = static_cast<uint8_t>(its_name >> (8 * i));
  return key;
}

}  // namespace fb::roulette
