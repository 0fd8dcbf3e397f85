// Profile v2's seeder, admitting: who waits for an answer to its JOIN, who is let in, and whom it
// is told of.
#include <algorithm>
#include <utility>

#include "roulette/v2_seeder.h"
#include "wire/encode.h"

namespace fb::roulette {
namespace {

constexpr uint64_t kAmplificationMax = 3;  // RFC 9000, section 8.1
constexpr size_t kJoinsWaitingMax = 16'384;
constexpr uint32_t kRejoinTurns = 8;
constexpr size_t kAdmittedKept = 4096;
constexpr Duration kAdmittedLately = milliseconds(300);  // a JOIN sent again waits for so long
constexpr size_t kOldLookedAt = 64;
constexpr Duration kNamedAtFirst = milliseconds(100);  // so young, the first time counts for less
constexpr uint32_t kUnreached = 2;       // in vain, and it is taken to be behind a NAT
constexpr double kJoinShare = 0.85;      // of the bytes an arrival, for its admission
constexpr double kListenShare = 0.9;     // of what our line carries towards us, to JOIN and CONFIRM
constexpr double kProofsMin = 0.1;       // of those who come
constexpr double kManifestShare = 0.15;  // of the uplink; contacts have it too
constexpr double kManifestShareCrowd = 0.05;
constexpr double kFirstMany = 8;  // of those without contacts, a second
// What is for some only where many come: so many bytes of the line there are for each that gets it.
constexpr double kLineForFarewell = 1667;     // of the sustained rate
constexpr double kLineForTokenCold = 10'000;  // while nobody else gets chunks into the swarm
constexpr double kLineForTokenCrowd = 5000;

double named_a_second(Instant now, const Listed& one) {
  return one.named / (now - one.at + kNamedAtFirst).seconds();
}

}  // namespace

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

// Among those who are young enough to stay for a while. For each place two are drawn, and who was
// named less often for its age gets it: a neighbour more is as good as a contact more, and by plain
// chance some have half as many as others.
std::vector<Listed*> V2Seeder::choose(Instant now, uint64_t path, wire::Token newcomer,
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
  const auto take = [&](std::vector<Listed*>& from, std::vector<Listed*>& out) {
    for (size_t i = 0; i < from.size() && out.size() < count; ++i) {
      std::swap(from[i], from[i + core_.rng.below(from.size() - i)]);
      Listed*& other = from[i + core_.rng.below(from.size() - i)];
      if (named_a_second(now, *other) < named_a_second(now, *from[i])) std::swap(from[i], other);
      out.push_back(from[i]);
    }
  };
  std::vector<Listed*> chosen;
  take(young, chosen);
  take(old, chosen);
  take(silent, chosen);
  return chosen;
}

// What comes here has a line, too, and nobody keeps newcomers from calling. So not all may prove
// themselves and be named; who may not is named more others, for nobody will call it.
V2Seeder::Share V2Seeder::share_of(const WaitingJoin& newcomer, double rate) {
  const V2Config& v2 = core_.config.v2;
  const double budget = bytes_per_second() / rate;
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
  const auto most = static_cast<double>(std::max(v2.contacts, v2.contacts_min));
  const auto count = static_cast<size_t>(std::clamp<double>(affordable, v2.contacts_min, most));
  // Who comes again is named fewer: an honest one seldom does, and who never gives does it often.
  return {proves, std::min(count, newcomer.again ? kContactsFew : wire::kContactsMax)};
}

void V2Seeder::admit(Instant now) {
  // Who comes again has had its chance; in a crowd that never ends it gets one turn in so many.
  const bool rejoin = joins_.empty() || (++turns_ % kRejoinTurns == 0 && !rejoins_.empty());
  std::deque<WaitingJoin>& line = rejoin ? rejoins_ : joins_;
  const WaitingJoin newcomer = std::move(line.front());
  line.pop_front();
  const double rate = load(now);
  const Share share = share_of(newcomer, rate);
  wire::Admit message;
  message.epoch = epoch(now);
  message.polluted = desk_.polluted(now);
  message.wary = wary_;
  message.up = up_rates_.typical();
  message.down = down_rates_.typical();
  const uint64_t path = std::hash<std::string_view>{}(newcomer.path);
  message.ticket = make_ticket(own_key_, newcomer.endpoint.address, message.epoch, core_.name);
  const auto chosen = choose(now, path, newcomer.name, share.contacts);
  for (const Listed* one : chosen) {
    message.contacts.push_back({one->endpoint, make_ticket(one->key, newcomer.endpoint.address,
                                                           message.epoch, one->name)});
  }
  // It has not proved its address yet.
  wire::Buffer buffer;
  while (wire::encode(newcomer.reply_token, message, buffer).size() >
         newcomer.size * kAmplificationMax) {
    message.contacts.pop_back();
  }
  std::vector<NeighbourId> behind_nat;
  for (size_t i = 0; i < message.contacts.size(); ++i) {
    ++chosen[i]->named;
    if (chosen[i]->unreached >= kUnreached) behind_nat.push_back(chosen[i]->id);
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
  if (share.proves || message.contacts.empty()) {
    message.confirm = !token && !message.ask_manifest && !message.contacts.empty();
  } else {
    message.ticket = 0;
  }
  send(now, newcomer.endpoint, newcomer.reply_token, Lane::kControl, message);
  ++core_.stats.joins;
  admitted_.push_back({newcomer.endpoint, newcomer.reply_token, newcomer.name, path, newcomer.path,
                       now, newcomer.again, token, message.contacts.size(), std::move(behind_nat)});
  if (admitted_.size() > kAdmittedKept) admitted_.pop_front();
}

}  // namespace fb::roulette
