// Profile v2's seeder, admitting: who is let in, and whom it is told of.
#include "roulette/v2_seeder.h"

#include <algorithm>
#include <utility>

namespace fb::roulette {
namespace {

constexpr uint64_t kAmplificationMax = 3;  // RFC 9000, section 8.1
constexpr size_t kJoinsWaitingMax = 16'384;
constexpr uint32_t kRejoinTurns = 8;
constexpr size_t kAdmittedKept = 4096;
constexpr Duration kAdmittedLately = milliseconds(300);  // a JOIN sent again waits for so long
constexpr Duration kListedMax = seconds(60);
constexpr size_t kOldLookedAt = 64;
constexpr Duration kHeardLately = seconds(3);
constexpr size_t kContactsFew = 3;       // also for who comes again
constexpr double kJoinShare = 0.85;      // of the bytes an arrival, for its admission
constexpr double kManifestShare = 0.15;  // of the uplink; contacts have it too
constexpr double kManifestShareCrowd = 0.05;
constexpr double kManifestBytes = 600;  // about
constexpr size_t kManifestsWaitingMin = 16;
constexpr size_t kManifestsWaitingMax = 4096;
constexpr size_t kManifestsWaitingEach = 64;  // of one endpoint
constexpr Duration kManifestWaitMax = milliseconds(600);
// Bytes. What went while nothing else waited is nobody's debt, so at most one long one's.
constexpr double kManifestDebtMax = wire::kManifestPartsMax * wire::kManifestPartSize;
constexpr double kFirstMany = 8;  // of those without contacts, a second
// What is for some only where many come: so many bytes of the line there are for each that gets it.
constexpr double kLineForFarewell = 1667;     // of the sustained rate
constexpr double kLineForToken = 1000;        // a token of ours, so that it can ask for chunks;
constexpr double kLineForTokenCold = 10'000;  // while nobody else gets chunks into the swarm
constexpr double kLineForTokenCrowd = 5000;
constexpr double kLineForCrowd = 200;  // less, and it is needed for ADMIT
constexpr double kListenShare = 0.9;   // of what our line carries towards us, for JOIN and CONFIRM
constexpr double kProofsMin = 0.1;     // of those who come
// Visitors who are here for so long when others have come and gone do not give, or get nothing for
// it. Where there are several, and more than one in so many, the others are told.
constexpr Duration kLateAtLeast = seconds(5);
constexpr size_t kLateFew = 4;
constexpr size_t kLateShare = 10;
constexpr uint32_t kUnreached = 2;            // in vain, and it is taken to be behind a NAT
constexpr size_t kJoinsForIntroductions = 2;  // no more may wait
constexpr Duration kReferralInterval = milliseconds(450);
constexpr double kReferralShare = 0.08;  // of the uplink
constexpr double kLifetimeWeight = 0.02;
constexpr Duration kNamedAtFirst = milliseconds(100);  // so young, the first time counts for less

double named_a_second(Instant now, const Listed& one) {
  return one.named / (now - one.at + kNamedAtFirst).seconds();
}

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

void V2Seeder::on_join(Instant now, const Endpoint& from, const wire::Join& message, size_t size) {
  if (message.profile != core_.config.profile) {
    core_.drop(Drop::kProfile);
    send(now, from, message.reply_token, Lane::kControl,
         wire::Refused{wire::RefusedReason::kProfile, core_.config.profile});
    return;
  }
  const auto again = [&](const auto& entry) {
    return entry.reply_token == message.reply_token && entry.endpoint == from;
  };
  if (std::ranges::any_of(joins_, again) || std::ranges::any_of(rejoins_, again)) {
    return core_.drop(Drop::kUnexpected);
  }
  const auto lately = std::ranges::find_if(admitted_.rbegin(), admitted_.rend(), again);
  if (lately != admitted_.rend() && now - lately->at < kAdmittedLately) {
    return core_.drop(Drop::kUnexpected);
  }
  if (joins_waiting() >= kJoinsWaitingMax) return core_.drop(Drop::kHalfOpenFull);
  const bool is_new = lately == admitted_.rend();
  if (is_new) join_times_.add(now);
  (is_new ? joins_ : rejoins_)
      .push_back({from, message.reply_token, message.name, message.path, size, !is_new});
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
  return manifest_credit_ >= 0 || (joins_waiting() == 0 && queue_.empty());
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

// Among those who are young enough to stay for a while. For each place two are drawn, and who was
// named less often for its age gets it: a neighbour more is as good as a contact more, and by plain
// chance some have half as many as others.
std::vector<const Listed*> V2Seeder::choose(Instant now, uint64_t path, wire::Token newcomer,
                                            size_t count) {
  const Duration age = std::max(scale(lifetime_, 0.4), lifetime_ - milliseconds(250));
  std::vector<Listed*> young;
  std::vector<Listed*> old;     // and here, for they talk to us
  std::vector<Listed*> silent;  // perhaps gone
  for (auto it = listed_.rbegin(); it != listed_.rend(); ++it) {
    if (it->path != path || it->name == newcomer) continue;
    if (gone_.contains(static_cast<uint32_t>(it->id))) continue;
    const Neighbour* neighbour = core_.find(it->id);
    if (neighbour == nullptr || neighbour->bad_chunks > 0) continue;
    if (now - it->at <= age) {
      young.push_back(&*it);
    } else if (now - neighbour->heard <= kHeardLately) {
      old.push_back(&*it);
    } else if (silent.size() < kOldLookedAt) {
      silent.push_back(&*it);
    }
    if (old.size() >= kOldLookedAt) break;
  }
  const auto take = [&](std::vector<Listed*>& from, std::vector<const Listed*>& out) {
    for (size_t i = 0; i < from.size() && out.size() < count; ++i) {
      std::swap(from[i], from[i + core_.rng.below(from.size() - i)]);
      Listed*& other = from[i + core_.rng.below(from.size() - i)];
      if (named_a_second(now, *other) < named_a_second(now, *from[i])) std::swap(from[i], other);
      ++from[i]->named;
      out.push_back(from[i]);
    }
  };
  std::vector<const Listed*> chosen;
  take(young, chosen);
  take(old, chosen);
  take(silent, chosen);
  return chosen;
}

void V2Seeder::admit(Instant now) {
  // Who comes again has had its chance; in a crowd that never ends it gets one turn in so many.
  const bool rejoin = joins_.empty() || (++turns_ % kRejoinTurns == 0 && !rejoins_.empty());
  std::deque<WaitingJoin>& line = rejoin ? rejoins_ : joins_;
  const WaitingJoin newcomer = std::move(line.front());
  line.pop_front();
  const V2Config& v2 = core_.config.v2;
  const double rate = load(now);
  const double budget = bytes_per_second() / rate;
  // What comes here has a line, too, and nobody keeps newcomers from calling. So not all may prove
  // themselves and be named; who may not is named more others, for nobody will call it.
  const double proofs =
      std::clamp((kListenShare * budget - kIpUdpHeaderBytes - static_cast<double>(newcomer.size)) /
                     (kIpUdpHeaderBytes + wire::kConfirmSize),
                 kProofsMin, 1.0);
  const bool proves = proofs >= 1 || core_.rng.unit() < proofs;
  const double mean =
      (kJoinShare * budget - kIpUdpHeaderBytes - wire::kAdmitSize) / wire::kContactSize;
  const double few = std::max<double>(v2.contacts_min, mean * proofs);
  double affordable = mean;
  if (proofs < 1) affordable = proves ? few : (mean - proofs * few) / (1 - proofs);
  const size_t answer_max = newcomer.size * kAmplificationMax;
  auto count = static_cast<size_t>(
      std::clamp<double>(affordable, v2.contacts_min, std::max(v2.contacts, v2.contacts_min)));
  count =
      std::min({count, wire::kContactsMax, (answer_max - wire::kAdmitSize) / wire::kContactSize});
  // Who comes again is named fewer: an honest one seldom does, and who never gives does it often.
  if (newcomer.again) count = std::min(count, kContactsFew);
  wire::Admit message;
  message.epoch = epoch(now);
  message.polluted = desk_.polluted(now);
  message.wary = wary_;
  message.up = up_rates_.median();
  message.down = down_rates_.median();
  const uint64_t path = std::hash<std::string_view>{}(newcomer.path);
  size_t size = wire::kAdmitSize;
  std::vector<NeighbourId> behind_nat;
  for (const Listed* one : choose(now, path, newcomer.name, count)) {
    size += one->endpoint.address.is_v4() ? wire::kContactSize : wire::kContactSizeV6;
    if (one->name >> wire::kPrefixShift != 0) size += wire::kContactExtraMax;
    if (size > answer_max) break;
    message.contacts.push_back({one->endpoint, make_ticket(one->key, newcomer.endpoint.address,
                                                           message.epoch, one->name)});
    if (one->unreached >= kUnreached) behind_nat.push_back(one->id);
  }
  message.farewell = static_cast<uint8_t>(
      255 * std::min(1.0, line_for(kLineForFarewell) / join_times_.sustained(now)));
  message.grant = static_cast<uint8_t>(grant(rate));
  const bool crowd = rate > line_for(kLineForCrowd);
  // When many come at once, some get it here and hand it on to those whom they meet.
  const double may_ask =
      message.contacts.size() < 2
          ? kFirstMany
          : line_for(kManifestBytes) * (crowd ? kManifestShareCrowd : kManifestShare);
  message.ask_manifest = asked_.in_last_second(now) < may_ask;
  if (message.ask_manifest) asked_.add(now);
  const bool token = is_among(rate, is_cold() ? kLineForTokenCold
                                    : crowd   ? kLineForTokenCrowd
                                              : kLineForToken);
  if (message.contacts.empty() || proves) {
    message.ticket = make_ticket(own_key_, newcomer.endpoint.address, message.epoch, core_.name);
    message.confirm = !token && !message.ask_manifest && !message.contacts.empty();
  }
  send(now, newcomer.endpoint, newcomer.reply_token, Lane::kControl, message);
  ++core_.stats.joins;
  admitted_.push_back({newcomer.endpoint, newcomer.reply_token, newcomer.name, path, newcomer.path,
                       now, newcomer.again, token, message.contacts.size(), std::move(behind_nat)});
  if (admitted_.size() > kAdmittedKept) admitted_.pop_front();
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
      bytes_per_second() * 0.93 / (content::kChunkSizeDefault + 84.0) - rate * 0.15;
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
  if (now - partner.any_asked < kReferralInterval) return;
  const auto found = std::ranges::find(listed_, to.id, &Listed::id);
  if (found == listed_.end()) return;
  partner.any_asked = now;
  referral_tokens_ -= 1;
  recommend(now, to, found->path, 2);
}

void V2Seeder::recommend(Instant now, Neighbour& to, uint64_t path, size_t count) {
  wire::Recommendation answer;
  const int64_t lives = core_.config.referral_lifetime.ns / 1'000'000'000;
  for (const Listed* one : choose(now, path, to.name, count)) {
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
  if (joins_waiting() > 0 || !queue_.empty() || !manifests_.empty()) {
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
