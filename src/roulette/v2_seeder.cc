// Profile v2's seeder: who proves its address, who asks, who leaves.
#include "roulette/v2_seeder.h"

#include <algorithm>
#include <utility>

#include "base/probe.h"
#include "base/unfilled.h"

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
constexpr Duration kDigestsAhead = milliseconds(250);  // of the line
// Visitors who are here for so long when others have come and gone do not give, or get nothing for
// it. Where there are several, and more than one in so many, the others are told.
constexpr Duration kLateAtLeast = seconds(5);
constexpr size_t kLateFew = 4;
constexpr size_t kLateShare = 10;
constexpr size_t kJoinsForIntroductions = 2;  // no more may wait
constexpr Duration kReferralInterval = milliseconds(450);
constexpr double kReferralShare = 0.08;  // of the uplink
constexpr double kLifetimeWeight = 0.02;
constexpr Duration kSweepGap = milliseconds(10);

}  // namespace

void V2Seeder::receive(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  ++core_.stats.datagrams_in;
  core_.stats.bytes_in += bytes.size();
  FB_UNFILLED const auto datagram = wire::decode(bytes);
  if (!datagram) {
    core_.drop(datagram.error());
    return;
  }
  const wire::Token to = datagram->header.to;
  if (to == 0) {
    const auto* join = std::get_if<wire::Join>(&datagram->message);
    if (join == nullptr) return core_.drop(Drop::kWrongRole);
    on_join(now, from, *join, bytes.size());
  } else if (visitors_.find_by_token(to) != nullptr) {
    on_neighbour(now, from, *datagram);
  } else if (ticket_valid(own_key_, from.address, epoch(now), to)) {
    if (const auto* greet = std::get_if<wire::Greet>(&datagram->message)) {
      on_greet(now, from, *greet);
    } else if (const auto* confirm = std::get_if<wire::Confirm>(&datagram->message)) {
      on_confirm(now, from, *confirm);
    } else if (const auto* request = std::get_if<wire::ManifestRequest>(&datagram->message)) {
      queue_manifest({from, request->request, {}, request->reply_token, now}, request->path);
    } else if (const auto* introduce = std::get_if<wire::Introduce>(&datagram->message)) {
      on_introduce(now, from, *introduce);
    } else {
      core_.drop(Drop::kWrongRole);
    }
  } else if (const uint32_t whose = SeederShards::shard_of(to);
             whose != shard_ && whose < shards_.count()) {
    --core_.stats.datagrams_in;  // it counts there
    core_.stats.bytes_in -= bytes.size();
    shards_.forward(shard_, whose, from, bytes);
  } else {
    core_.drop(Drop::kUnknownToken);
  }
  serve(now);
}

// It waits its turn as everything does, or a crowd that asks would keep the line from all else.
void V2Seeder::queue_manifest(QueuedManifest asked, std::string_view path) {
  const auto most =
      static_cast<size_t>(std::clamp(own_bytes_per_second() / kManifestBytes,
                                     double{kManifestsWaitingMin}, double{kManifestsWaitingMax}));
  if (manifests_.size() >= most) return core_.drop(Drop::kQueueFull);
  const uint32_t hash = hash_.of(asked.to);
  size_t its = 0;
  const QueuedManifest* in_its_way = manifests_.find(0, hash, [&](const QueuedManifest& waiting) {
    if (waiting.to != asked.to) return false;
    return waiting.request == asked.request || ++its == kManifestsWaitingEach;
  });
  if (in_its_way != nullptr) {
    const bool same = in_its_way->request == asked.request;
    return core_.drop(same ? Drop::kUnexpected : Drop::kAddressLimit);
  }
  asked.path = paths_.hold(path);
  manifests_.push(asked, {hash});
}

bool V2Seeder::manifest_is_next() const {
  if (manifests_.empty()) return false;
  if (shards_.manifest_credit() >= 0) return true;
  return joins_waiting() == 0 && chunks_waiting() == 0 &&
         shards_.waiting_at_others(shard_) == SeederShards::Waiting::kNothing;
}

void V2Seeder::send_manifest(Instant now) {
  const QueuedManifest next = manifests_.front();
  manifests_.pop();
  const uint64_t before = core_.accepted_bytes();
  // Else it has asked again, or has it from a neighbour.
  const bool waits = now - next.since <= kManifestWaitMax;
  if (waits) {
    desk_.send_manifest(now, next.to, next.token, next.request, paths_.text(next.path), UINT64_MAX);
  }
  paths_.release(next.path);
  if (!waits) return;
  const uint64_t size = core_.accepted_bytes() - before;
  uplink_.on_sent(now, size);
  shards_.add_manifest_credit(-static_cast<double>(size), -kManifestDebtMax, kManifestCreditMax);
}

// The newcomer has our answer at its address: from now on it is named to others.
std::optional<V2Seeder::Arrival> V2Seeder::arrive(Instant now, const Endpoint& from,
                                                  wire::Token reply_token, wire::Token name) {
  const uint32_t hash = hash_.of(from, name);
  Admitted* admitted = admitted_.find(
      kByName, hash, [&](const Admitted& a) { return a.name == name && a.endpoint == from; });
  if (admitted == nullptr) {
    core_.drop(Drop::kUnexpected);
    return {};
  }
  Visitor* visitor = visitors_.find_by_name(from, name);
  if (visitor != nullptr && visitor->foreign) {  // it was there, and is here now
    forget_foreign(*visitor);
    visitor = nullptr;
  }
  const bool again = visitor != nullptr && visitor->token_out == reply_token;
  if (visitor == nullptr) {
    if (!make_room(now)) {
      core_.drop(Drop::kTableFull);
      return {};
    }
    visitor = &enlist(now, *admitted);
  } else if (!again) {
    visitors_.begin_anew(*visitor);
  }
  visitor->token_out = reply_token;
  visitor->heard = now;
  if (!again) tell(*visitor, true);
  return Arrival{*admitted, *visitor, again};
}

wire::Token V2Seeder::unused_token() {
  wire::Token token = core_.new_token();
  while (visitors_.find_by_token(token) != nullptr) token = core_.new_token();
  return token;
}

Visitor& V2Seeder::enlist(Instant now, const Admitted& admitted) {
  Visitor& visitor =
      visitors_.add(now, admitted.endpoint, admitted.name, unused_token(), admitted.path);
  visitor.join_token = admitted.reply_token;
  visitor.warned = polluted(now);
  ++core_.stats.neighbours_met;
  if (listed_.size() >= 2 * size_t{seeder_.neighbours_max}) {
    listed_.erase_if([&](VisitorId id) { return visitors_.find(id) == nullptr; });
  }
  if (unserved_.size() >= seeder_.neighbours_max) unserved_.pop_front();
  listed_.push_back(visitor.id);
  unserved_.push_back(visitor.id);
  if (next_sweep_ == Instant::never()) next_sweep_ = now + seconds(1);
  FB_PROBE(seeder_listed, visitor.endpoint.port, visitors_.size());
  return visitor;
}

void V2Seeder::tell(const Visitor& visitor, bool here) {
  if (shards_.count() == 1) return;
  shards_.tell(shard_, {here, visitor.endpoint, visitor.name, visitor.token_out,
                        visitor.join_token,
                        here ? std::string_view(paths_.text(visitor.path)) : std::string_view()});
}

void V2Seeder::hear(Instant now, const ShardNews& news) {
  Visitor* known = visitors_.find_by_name(news.endpoint, news.name);
  if (!news.here) {
    if (known != nullptr && known->foreign && known->join_token == news.join_token) {
      forget_foreign(*known);
    }
    return;
  }
  if (known != nullptr && !known->foreign) {  // it has moved, and its datagrams come there now
    visitors_.remove(*known);
    known = nullptr;
  }
  if (known == nullptr) {
    if (visitors_.size() >= seeder_.neighbours_max) return;
    const PathId path = paths_.hold(news.path);
    known = &visitors_.add(now, news.endpoint, news.name, unused_token(), path);
    paths_.release(path);
    known->foreign = true;
    ++foreign_count_;
    if (foreign_.size() >= 2 * size_t{seeder_.neighbours_max}) {
      foreign_.erase_if([&](VisitorId id) { return visitors_.find(id) == nullptr; });
    }
    foreign_.push_back(known->id);
    if (next_sweep_ == Instant::never()) next_sweep_ = now + seconds(1);
  }
  known->token_out = news.token_out;
  known->join_token = news.join_token;
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
  Visitor& visitor = arrival->visitor;
  visitors_.hear(now, visitor, message.state);
  if (arrival->admitted.token) {
    wire::Greeted answer;
    answer.reply_token = visitor.token_in;
    visitor.counts.fill(now, answer.state);
    send(now, visitor, Lane::kControl, answer);
  }
  name_to(now, *arrival);
  if (!message.path.empty()) {
    queue_manifest({from, 0, {}, message.reply_token, now}, message.path);
  }
  give_first(now, *arrival, message.have, message.any);
}

// Neighbours who could not be named before.
void V2Seeder::name_to(Instant now, const Arrival& arrival) {
  auto& [admitted, visitor, again] = arrival;
  // It has proved its address, so these may be told to call it, for it will not reach them.
  if (core_.config.v2.introductions && joins_waiting() <= kJoinsForIntroductions) {
    behind_nat_.erase_if(admitted.behind_nat, [&](const BehindNat& one) {
      const Visitor* contact = visitors_.find(one.id);
      if (contact != nullptr) {
        send(now, *contact, Lane::kControl, wire::Introduce{visitor.endpoint, visitor.name});
      }
      return true;
    });
  }
  const bool many = load(now) > line_for(kLineForToken);
  if (admitted.contacts == 0 || (admitted.contacts < kContactsFew && !is_cold() && !many)) {
    // It came with the first; by now others have proved themselves.
    admitted.contacts = kContactsFew;
    recommend(now, visitor, admitted.path, many ? kContactsFew : wire::kReferralsMax);
  }
}

// Unasked, one or two fresh chunks, while such pushes stay within the uplink; what it asks for
// waits its turn. Who comes again and again gives nothing, mostly; it has to ask for what it needs.
void V2Seeder::give_first(Instant now, const Arrival& arrival,
                          const wire::BlockMaps& have, uint32_t any) {
  const auto object = catalog_.first_object(paths_.text(arrival.admitted.path));
  if (!object || arrival.again || arrival.admitted.again) return;
  for (const wire::BlockMap& map : have) {
    visitors_.note_held(arrival.visitor, *object, map.block, map.bits);
  }
  const double rate = load(now);
  const double pushes_max =
      bytes_per_second() * (favours_askers(rate) ? kFirstShareLess : kFirstShare) / kFirstBytes -
      rate * 0.15;
  const uint32_t most = core_.config.v2.seeder_push;
  uint32_t pushed = 0;
  if (most > 0 && of_all(pushes_.in_last_second(now)) < pushes_max && joins_waiting() < 3) {
    pushed = std::clamp(static_cast<uint32_t>(pushes_max / rate), 1U, most);
  }
  push(now, arrival.visitor, pushed, /*first=*/true);
  const uint32_t more = std::min<uint32_t>(any, grant(rate));
  if (more > pushed) push(now, arrival.visitor, more - pushed, /*first=*/false);
}

void V2Seeder::on_neighbour(Instant now, const Endpoint& from, const wire::Datagram& datagram) {
  Visitor& visitor = *visitors_.find_by_token(datagram.header.to);
  if (const auto* challenge = std::get_if<wire::PathChallenge>(&datagram.message)) {
    return core_.on_path_challenge(now, visitor.token_out, from, *challenge);
  }
  if (const auto* response = std::get_if<wire::PathResponse>(&datagram.message)) {
    if (!core_.is_echo(visitor.path_check, from, *response)) return;
    visitor.path_check.reset();
    // It may have joined anew from there meanwhile, and two must not have one endpoint and name.
    Visitor* const there = visitors_.find_by_name(from, visitor.name);
    if (there != nullptr && there != &visitor) {
      there->foreign ? forget_foreign(*there) : visitors_.remove(*there);
    }
    Visitor& moved = *visitors_.find_by_token(datagram.header.to);
    tell(moved, false);
    visitors_.move(moved, from);
    return tell(moved, true);
  }
  if (!core_.accept_path(now, visitor.endpoint, visitor.token_out, visitor.path_check, from)) {
    return;
  }
  visitor.heard = now;
  if (const auto* control = std::get_if<wire::Control>(&datagram.message)) {
    on_control(now, visitor, *control);
  } else if (const auto* request = std::get_if<wire::ManifestRequest>(&datagram.message)) {
    queue_manifest({from, request->request, {}, visitor.token_out, now}, request->path);
  } else if (const auto* digests = std::get_if<wire::DigestRequest>(&datagram.message)) {
    on_digest_request(now, visitor, *digests);
  } else if (const auto* introduce = std::get_if<wire::Introduce>(&datagram.message)) {
    on_introduce(now, from, *introduce);
  } else if (const auto* bye = std::get_if<wire::Bye>(&datagram.message)) {
    on_bye(visitor, *bye);
  } else {
    core_.drop(Drop::kWrongRole);
  }
}

// The answer is many times as long, and nothing waits for it. So who asks and asks could fill the
// line far ahead; beyond a part of a second it has to ask again.
void V2Seeder::on_digest_request(Instant now, Visitor& from, const wire::DigestRequest& message) {
  if (uplink_.ready_at() - now > kDigestsAhead) return core_.drop(Drop::kQueueFull);
  const uint64_t before = core_.accepted_bytes();
  desk_.on_digest_request(now, {from.endpoint, from.token_out, from.warned, from.digests_asked},
                          message);
  uplink_.on_sent(now, core_.accepted_bytes() - before);
  if (desk_.polluted(now)) shards_.set_polluted_until(desk_.polluted_until());
}

void V2Seeder::on_control(Instant now, Visitor& from, const wire::Control& message) {
  if (!visitors_.hear(now, from, message.state)) return;
  if (message.state.want_referrals) refer(now, from);
  queue_wanted(now, from, message.state.file, message.state.wants);
  for (const wire::Holding& more : message.more) queue_wanted(now, from, more.file, more.wants);
}

// Neighbours for somebody who stalls; joins come first, and nobody gets them by the dozen.
void V2Seeder::refer(Instant now, Visitor& to) {
  const double rate = own_bytes_per_second() * kReferralShare / 60;
  referral_tokens_ =
      std::min(20.0, referral_tokens_ + (now - referral_tokens_at_).seconds() * rate);
  referral_tokens_at_ = now;
  if (referral_tokens_ < 1 || joins_waiting() > 0) return;
  if (now - to.referrals_asked < kReferralInterval) return;
  to.referrals_asked = now;
  referral_tokens_ -= 1;
  recommend(now, to, to.path, 2);
}

void V2Seeder::recommend(Instant now, Visitor& to, PathId path, size_t count) {
  auto& answer = std::get<wire::Recommendation>(recommendation_);
  answer.referrals.clear();
  const int64_t lives = core_.config.referral_lifetime.ns / 1'000'000'000;
  for (Visitor* one : choose(now, path, to.endpoint, to.name, count)) {
    ++one->named;
    answer.referrals.push_back({one->endpoint, ticket_to(*one, to.endpoint.address, epoch(now)),
                                static_cast<uint8_t>(std::min<int64_t>(255, lives))});
  }
  if (!answer.referrals.empty()) send(now, to, Lane::kControl, recommendation_);
}

// It has no answer from a contact that we named: perhaps that one's NAT lets in only whom it has
// called.
void V2Seeder::on_introduce(Instant now, const Endpoint& from, const wire::Introduce& message) {
  if (!core_.config.v2.introductions || joins_waiting() > kJoinsForIntroductions) return;
  const Visitor* asker = visitors_.latest_at(from, [](const Visitor&) { return true; });
  Visitor* contact = visitors_.latest_at(message.endpoint, [&](const Visitor& v) {
    return v.name >> wire::kPrefixShift == message.name >> wire::kPrefixShift;
  });
  if (asker == nullptr || contact == nullptr) return;
  ++contact->unreached;
  send(now, *contact, Lane::kControl, wire::Introduce{from, asker->name});
}

void V2Seeder::on_bye(Visitor& from, const wire::Bye& message) {
  if (message.lifetime_ms > 0) {
    const Duration lived = milliseconds(std::min<int64_t>(message.lifetime_ms, 600'000));
    lifetime_ = scale(lifetime_, 1 - kLifetimeWeight) + scale(lived, kLifetimeWeight);
  }
  up_rates_.add(message.up);
  down_rates_.add(message.down);
  FB_PROBE(seeder_bye, from.endpoint.port, message.lifetime_ms, visitors_.size());
  tell(from, false);
  visitors_.remove(from);
}

// To look through all takes long, and where the table is full every newcomer asks for it.
bool V2Seeder::make_room(Instant now) {
  if (visitors_.size() < seeder_.neighbours_max) return true;
  if (now - swept_ < kSweepGap) return false;
  forget_old(now);
  return visitors_.size() < seeder_.neighbours_max;
}

// Who says no BYE is forgotten when it must have left.
void V2Seeder::forget_old(Instant now) {
  const bool many = join_rate(now) > line_for(kLineForToken);
  const Duration stays = scale(lifetime_, many ? 1.5 : 4) + milliseconds(500);
  size_t here = 0;
  size_t late = 0;
  std::vector<VisitorId> gone;
  listed_.erase_if([&](VisitorId id) {
    Visitor* one = visitors_.find(id);
    if (one == nullptr) return true;
    const bool heard = now - one->heard <= kHeardLately;
    here += heard ? 1U : 0U;
    late += heard && now - one->born > std::max(lifetime_ * 3, kLateAtLeast) ? 1U : 0U;
    const bool silent = now - one->heard > std::max(stays, seconds(2));
    if (!silent && now - one->born <= kListedMax) return false;
    tell(*one, false);
    gone.push_back(id);
    return true;
  });
  // Of a foreign one nothing is heard but that it has gone; and that may get lost.
  foreign_.erase_if([&](VisitorId id) {
    const Visitor* one = visitors_.find(id);
    if (one == nullptr) return true;
    if (now - one->born <= kListedMax) return false;
    --foreign_count_;
    gone.push_back(id);
    return true;
  });
  visitors_.remove(gone);
  shards_.set_joins(now, shard_, join_times_.counted_in_last_second(now));
  wary_ = late >= kLateFew && late * kLateShare > here;
  swept_ = now;
}

void V2Seeder::advance(Instant now) {
  if (next_sweep_ <= now) {
    forget_old(now);
    next_sweep_ = visitors_.empty() ? Instant::never() : now + milliseconds(250);
  }
  serve(now);
}

Instant V2Seeder::next_deadline() const {
  Instant next = std::min(next_idle_, next_sweep_);
  if (any_waiting()) {
    next = std::min(next, std::max(uplink_.ready_at(), yielded_until_));
  }
  return next;
}

void V2Seeder::close(Instant now) {
  for (uint32_t place = visitors_.places(); place-- > 0;) {
    Visitor& visitor = visitors_.at(place);
    if (!visitor.is_here() || visitor.foreign) continue;
    core_.send(now, Lane::kControl, visitor.endpoint, visitor.token_out, wire::Bye{});
    visitors_.remove(visitor);
  }
}

NodeStats V2Seeder::stats() const {
  NodeStats out = core_.counted();
  out.neighbours_now = visitors_.size() - foreign_count_;
  return out;
}

std::unique_ptr<SeederProfile> make_v2_seeder(const SeederOptions& options,
                                              content::SiteCatalog& catalog, Transport& transport) {
  return std::make_unique<V2Seeder>(options, catalog, transport);
}

}  // namespace fb::roulette
