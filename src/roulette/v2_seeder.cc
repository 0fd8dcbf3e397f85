// Profile v2's seeder: who proves its address, who asks, who leaves.
#include "roulette/v2_seeder.h"

#include <algorithm>
#include <utility>

namespace fb::roulette {
namespace {

constexpr Duration kListedMax = seconds(60);
constexpr double kFirstShare = 0.93;  // of the uplink, for first chunks
constexpr double kFirstShareLess = 0.5;
constexpr double kFirstBytes = content::kChunkSizeDefault + 84.0;
constexpr size_t kManifestsWaitingMin = 16;
constexpr size_t kManifestsWaitingMax = 4096;
constexpr size_t kManifestsWaitingEach = 64;  // of one endpoint
constexpr Duration kManifestWaitMax = milliseconds(600);
// Bytes. What went while nothing else waited is nobody's debt, so at most one long one's.
constexpr double kManifestDebtMax = wire::kManifestPartsMax * wire::kManifestPartSize;
// Visitors who are here for so long when others have come and gone do not give, or get nothing for
// it. Where there are several, and more than one in so many, the others are told.
constexpr Duration kLateAtLeast = seconds(5);
constexpr size_t kLateFew = 4;
constexpr size_t kLateShare = 10;
constexpr size_t kJoinsForIntroductions = 2;  // no more may wait
constexpr Duration kReferralInterval = milliseconds(450);
constexpr double kReferralShare = 0.08;  // of the uplink
constexpr double kLifetimeWeight = 0.02;

}  // namespace

bool V2Seeder::send(Instant now, const Endpoint& to, wire::Token token, Lane lane,
                    const wire::Message& message) {
  const uint64_t before = core_.accepted_bytes();
  const bool sent = core_.send(now, lane, to, token, message);
  uplink_.on_sent(now, core_.accepted_bytes() - before);
  return sent;
}

void V2Seeder::receive(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  ++core_.stats.datagrams_in;
  core_.stats.bytes_in += bytes.size();
  const auto datagram = wire::decode(bytes);
  if (!datagram) {
    core_.drop(datagram.error());
    return;
  }
  const wire::Token to = datagram->header.to;
  if (to == 0) {
    const auto* join = std::get_if<wire::Join>(&datagram->message);
    if (join == nullptr) return core_.drop(Drop::kWrongRole);
    on_join(now, from, *join, bytes.size());
  } else if (core_.find_by_token(to) != nullptr) {
    on_neighbour(now, from, *datagram);
  } else if (ticket_valid(own_key_, from.address, epoch(now), to)) {
    if (const auto* greet = std::get_if<wire::Greet>(&datagram->message)) {
      on_greet(now, from, *greet);
    } else if (const auto* confirm = std::get_if<wire::Confirm>(&datagram->message)) {
      on_confirm(now, from, *confirm);
    } else if (const auto* request = std::get_if<wire::ManifestRequest>(&datagram->message)) {
      queue_manifest({from, request->reply_token, request->request, request->path, now});
    } else if (const auto* introduce = std::get_if<wire::Introduce>(&datagram->message)) {
      on_introduce(now, from, *introduce);
    } else {
      core_.drop(Drop::kWrongRole);
    }
  } else {
    core_.drop(Drop::kUnknownToken);
  }
  serve(now);
}

// It waits its turn as everything does, or a crowd that asks would keep the line from all else.
void V2Seeder::queue_manifest(QueuedManifest asked) {
  const auto most =
      static_cast<size_t>(std::clamp(bytes_per_second() / kManifestBytes,
                                     double{kManifestsWaitingMin}, double{kManifestsWaitingMax}));
  if (manifests_.size() >= most) return core_.drop(Drop::kQueueFull);
  size_t its = 0;
  for (const QueuedManifest& waiting : manifests_) {
    if (waiting.to != asked.to) continue;
    if (waiting.request == asked.request) return core_.drop(Drop::kUnexpected);
    if (++its == kManifestsWaitingEach) return core_.drop(Drop::kAddressLimit);
  }
  manifests_.push_back(std::move(asked));
}

bool V2Seeder::manifest_is_next() const {
  if (manifests_.empty()) return false;
  return manifest_credit_ >= 0 || (joins_waiting() == 0 && chunks_waiting() == 0);
}

void V2Seeder::send_manifest(Instant now) {
  const QueuedManifest next = std::move(manifests_.front());
  manifests_.pop_front();
  // It has asked again, or has it from a neighbour.
  if (now - next.since > kManifestWaitMax) return;
  const uint64_t before = core_.accepted_bytes();
  desk_.send_manifest(now, next.to, next.token, next.request, next.path, UINT64_MAX);
  const uint64_t size = core_.accepted_bytes() - before;
  uplink_.on_sent(now, size);
  manifest_credit_ = std::max(manifest_credit_ - static_cast<double>(size), -kManifestDebtMax);
}

// The newcomer has our answer at its address: from now on it is named to others.
std::optional<V2Seeder::Arrival> V2Seeder::arrive(Instant now, const Endpoint& from,
                                                  wire::Token reply_token, wire::Token name) {
  const auto found = std::ranges::find_if(admitted_.rbegin(), admitted_.rend(), [&](const auto& a) {
    return a.name == name && a.endpoint == from;
  });
  if (found == admitted_.rend()) {
    core_.drop(Drop::kUnexpected);
    return {};
  }
  Neighbour* neighbour = core_.find_by_name(from, name);
  const bool again = neighbour != nullptr && neighbour->token_out == reply_token;
  if (neighbour == nullptr) {
    if (!make_room(now)) {
      core_.drop(Drop::kTableFull);
      return {};
    }
    neighbour = &core_.add_neighbour(now, from, name);
    neighbour->partner = std::make_unique<Partner>();
    neighbour->partner->born = now;
    neighbour->token_out = reply_token;
    neighbour->warned = desk_.polluted(now);
    core_.mark_proven(*neighbour);
    if (listed_.size() >= 2 * size_t{seeder_.neighbours_max}) {
      std::erase_if(listed_,
                    [&](const Listed& l) { return gone_.contains(static_cast<uint32_t>(l.id)); });
      gone_.clear();
    }
    if (unserved_.size() >= seeder_.neighbours_max) unserved_.erase(unserved_.begin());
    listed_.push_back({neighbour->id, from, ticket_key(found->reply_token, found->name), name,
                       found->path, now});
    unserved_.push_back(neighbour->id);
    if (next_sweep_ == Instant::never()) next_sweep_ = now + seconds(1);
  }
  if (neighbour->token_out != reply_token) neighbour->partner->begin_anew();
  neighbour->token_out = reply_token;
  neighbour->heard = now;
  return Arrival{*found, *neighbour, again};
}

void V2Seeder::on_confirm(Instant now, const Endpoint& from, const wire::Confirm& message) {
  const auto arrival = arrive(now, from, message.reply_token, message.name);
  if (!arrival) return;
  name_to(now, *arrival);
  give_first(now, *arrival, {}, 0);
}

void V2Seeder::on_greet(Instant now, const Endpoint& from, const wire::Greet& message) {
  if (message.profile != core_.config.profile) return core_.drop(Drop::kProfile);
  const auto arrival = arrive(now, from, message.reply_token, message.name);
  if (!arrival) return;
  Neighbour& neighbour = arrival->neighbour;
  neighbour.partner->hear(now, message.state, neighbour.account.sent);
  if (arrival->admitted.token) {
    wire::Greeted answer;
    answer.reply_token = neighbour.token_in;
    neighbour.partner->fill(now, answer.state);
    send(now, neighbour, Lane::kControl, answer);
  }
  name_to(now, *arrival);
  if (!message.path.empty()) {
    queue_manifest({from, message.reply_token, 0, message.path, now});
  }
  give_first(now, *arrival, message.have, message.any);
}

// Neighbours who could not be named before.
void V2Seeder::name_to(Instant now, const Arrival& arrival) {
  auto& [admitted, neighbour, again] = arrival;
  // It has proved its address, so these may be told to call it, for it will not reach them.
  if (core_.config.v2.introductions && joins_waiting() <= kJoinsForIntroductions) {
    for (const NeighbourId id : std::exchange(admitted.behind_nat, {})) {
      Neighbour* contact = core_.find(id);
      if (contact != nullptr)
        send(now, *contact, Lane::kControl, wire::Introduce{neighbour.endpoint, neighbour.name});
    }
  }
  const bool many = load(now) > line_for(kLineForToken);
  if (admitted.contacts == 0 || (admitted.contacts < kContactsFew && !is_cold() && !many)) {
    // It came with the first; by now others have proved themselves.
    admitted.contacts = kContactsFew;
    recommend(now, neighbour, admitted.path, many ? kContactsFew : wire::kReferralsMax);
  }
}

// Unasked, one or two fresh chunks, while such pushes stay within the uplink; what it asks for
// waits its turn. Who comes again and again gives nothing, mostly; it has to ask for what it needs.
void V2Seeder::give_first(Instant now, const Arrival& arrival,
                          const std::vector<wire::BlockMap>& have, uint32_t any) {
  const auto object = catalog_.first_object(arrival.admitted.path_text);
  if (!object || arrival.again || arrival.admitted.again) return;
  View& view = arrival.neighbour.partner->view(*object);
  for (const wire::BlockMap& map : have) view.have.add(map.block, {map.bits});
  const double rate = load(now);
  const double pushes_max =
      bytes_per_second() * (favours_askers(rate) ? kFirstShareLess : kFirstShare) / kFirstBytes -
      rate * 0.15;
  const uint32_t most = core_.config.v2.seeder_push;
  uint32_t pushed = 0;
  if (most > 0 && pushes_.in_last_second(now) < pushes_max && joins_waiting() < 3) {
    pushed = std::clamp(static_cast<uint32_t>(pushes_max / rate), 1U, most);
  }
  push(now, arrival.neighbour, pushed, /*first=*/true);
  const uint32_t more = std::min<uint32_t>(any, grant(rate));
  if (more > pushed) push(now, arrival.neighbour, more - pushed, /*first=*/false);
}

void V2Seeder::on_neighbour(Instant now, const Endpoint& from, const wire::Datagram& datagram) {
  Neighbour* neighbour = core_.find_by_token(datagram.header.to);
  if (const auto* challenge = std::get_if<wire::PathChallenge>(&datagram.message)) {
    return core_.on_path_challenge(now, *neighbour, from, *challenge);
  }
  if (const auto* response = std::get_if<wire::PathResponse>(&datagram.message)) {
    return core_.on_path_response(*neighbour, from, *response);
  }
  if (!core_.accept_path(now, *neighbour, from)) return;
  neighbour->heard = now;
  if (const auto* control = std::get_if<wire::Control>(&datagram.message)) {
    on_control(now, *neighbour, *control);
  } else if (const auto* request = std::get_if<wire::ManifestRequest>(&datagram.message)) {
    queue_manifest({from, neighbour->token_out, request->request, request->path, now});
  } else if (const auto* digests = std::get_if<wire::DigestRequest>(&datagram.message)) {
    desk_.on_digest_request(now, *neighbour, *digests);
  } else if (const auto* introduce = std::get_if<wire::Introduce>(&datagram.message)) {
    on_introduce(now, from, *introduce);
  } else if (const auto* bye = std::get_if<wire::Bye>(&datagram.message)) {
    on_bye(now, *neighbour, *bye);
  } else {
    core_.drop(Drop::kWrongRole);
  }
}

void V2Seeder::on_control(Instant now, Neighbour& from, const wire::Control& message) {
  if (!from.partner->hear(now, message.state, from.account.sent)) return;
  if (message.state.want_referrals) refer(now, from);
  queue_wanted(now, from, message.state.file, message.state.wants);
  for (const wire::Holding& more : message.more) queue_wanted(now, from, more.file, more.wants);
}

// Neighbours for somebody who stalls; joins come first, and nobody gets them by the dozen.
void V2Seeder::refer(Instant now, Neighbour& to) {
  const double rate = bytes_per_second() * kReferralShare / 60;
  referral_tokens_ =
      std::min(20.0, referral_tokens_ + (now - referral_tokens_at_).seconds() * rate);
  referral_tokens_at_ = now;
  Partner& partner = *to.partner;
  if (referral_tokens_ < 1 || joins_waiting() > 0) return;
  if (now - partner.referrals_asked < kReferralInterval) return;
  const auto found = std::ranges::find(listed_, to.id, &Listed::id);
  if (found == listed_.end()) return;
  partner.referrals_asked = now;
  referral_tokens_ -= 1;
  recommend(now, to, found->path, 2);
}

void V2Seeder::recommend(Instant now, Neighbour& to, uint64_t path, size_t count) {
  wire::Recommendation answer;
  const int64_t lives = core_.config.referral_lifetime.ns / 1'000'000'000;
  for (Listed* one : choose(now, path, to.name, count)) {
    ++one->named;
    answer.referrals.push_back({one->endpoint,
                                make_ticket(one->key, to.endpoint.address, epoch(now), one->name),
                                static_cast<uint8_t>(std::min<int64_t>(255, lives))});
  }
  if (!answer.referrals.empty()) send(now, to, Lane::kControl, answer);
}

// It has no answer from a contact that we named: perhaps that one's NAT lets in only whom it has
// called.
void V2Seeder::on_introduce(Instant now, const Endpoint& from, const wire::Introduce& message) {
  if (!core_.config.v2.introductions || joins_waiting() > kJoinsForIntroductions) return;
  const auto asker = std::ranges::find_if(listed_.rbegin(), listed_.rend(),
                                          [&](const Listed& l) { return l.endpoint == from; });
  const auto contact = std::ranges::find_if(listed_.rbegin(), listed_.rend(), [&](const Listed& l) {
    return l.endpoint == message.endpoint && l.name >> 40 == message.name >> 40;
  });
  if (asker == listed_.rend() || contact == listed_.rend()) return;
  Neighbour* neighbour = core_.find(contact->id);
  if (neighbour == nullptr) return;
  ++contact->unreached;
  send(now, *neighbour, Lane::kControl, wire::Introduce{from, asker->name});
}

void V2Seeder::on_bye(Instant now, Neighbour& from, const wire::Bye& message) {
  if (message.lifetime_ms > 0) {
    const Duration lived = milliseconds(std::min<int64_t>(message.lifetime_ms, 600'000));
    lifetime_ = scale(lifetime_, 1 - kLifetimeWeight) + scale(lived, kLifetimeWeight);
  }
  up_rates_.add(message.up);
  down_rates_.add(message.down);
  remove(now, from);
}

void V2Seeder::remove(Instant now, Neighbour& neighbour) {
  gone_[static_cast<uint32_t>(neighbour.id)] = now;
  core_.remove_neighbour(now, neighbour);
}

bool V2Seeder::make_room(Instant now) {
  if (core_.neighbours().size() < seeder_.neighbours_max) return true;
  forget_old(now);
  return core_.neighbours().size() < seeder_.neighbours_max;
}

// Who says no BYE is forgotten when it must have left.
void V2Seeder::forget_old(Instant now) {
  const bool many = join_rate(now) > line_for(kLineForToken);
  const Duration stays = scale(lifetime_, many ? 1.5 : 4) + milliseconds(500);
  size_t here = 0;
  size_t late = 0;
  std::erase_if(listed_, [&](const Listed& one) {
    Neighbour* neighbour = core_.find(one.id);
    if (neighbour != nullptr) {
      const bool heard = now - neighbour->heard <= kHeardLately;
      here += heard ? 1U : 0U;
      late += heard && now - one.at > std::max(lifetime_ * 3, kLateAtLeast) ? 1U : 0U;
      const bool silent = now - neighbour->heard > std::max(stays, seconds(2));
      if (!silent && now - one.at <= kListedMax) return false;
      remove(now, *neighbour);
    }
    gone_.erase(static_cast<uint32_t>(one.id));
    return true;
  });
  wary_ = late >= kLateFew && late * kLateShare > here;
}

void V2Seeder::advance(Instant now) {
  if (next_sweep_ <= now) {
    forget_old(now);
    next_sweep_ = core_.neighbours().empty() ? Instant::never() : now + milliseconds(250);
  }
  serve(now);
}

Instant V2Seeder::next_deadline() const {
  Instant next = std::min(next_idle_, next_sweep_);
  if (joins_waiting() > 0 || chunks_waiting() > 0 || !manifests_.empty()) {
    next = std::min(next, uplink_.ready_at());
  }
  return next;
}

void V2Seeder::close(Instant now) {
  while (!core_.neighbours().empty()) {
    Neighbour& neighbour = *core_.neighbours().back();
    core_.send(now, Lane::kControl, neighbour, wire::Bye{});
    remove(now, neighbour);
  }
}

std::unique_ptr<SeederProfile> make_v2_seeder(const SeederOptions& options,
                                              content::SiteCatalog& catalog, Transport& transport) {
  return std::make_unique<V2Seeder>(options, catalog, transport);
}

}  // namespace fb::roulette
