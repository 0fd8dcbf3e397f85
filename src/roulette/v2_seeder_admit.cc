// Profile v2's seeder, admitting: who waits for an answer to its JOIN, who is let in, and whom it
// is told of.
#include <algorithm>
#include <utility>

#include "base/probe.h"
#include "roulette/v2_seeder.h"
#include "wire/encode.h"

namespace fb::roulette {
namespace {

constexpr uint64_t kAmplificationMax = 3;  // RFC 9000, section 8.1
constexpr size_t kJoinsWaitingMax = 16'384;
constexpr uint32_t kRejoinTurns = 8;
constexpr size_t kAdmittedKept = 4096;
constexpr Duration kAdmittedLately = milliseconds(300);  // a JOIN sent again waits for so long
constexpr size_t kOldLookedAt = 64;     // of each kind,
constexpr size_t kOlderLookedAt = 512;  // among so many
constexpr size_t kNamesakesMax = 4;     // of a newcomer are passed over when they are drawn
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

double named_a_second(Instant now, const Visitor& one) {
  return one.named / (now - one.born + kNamedAtFirst).seconds();
}

}  // namespace

void V2Seeder::on_join(Instant now, const Endpoint& from, const wire::Join& message, size_t size) {
  if (message.profile != core_.config.profile) {
    core_.drop(Drop::kProfile);
    send(now, from, message.reply_token, Lane::kControl,
         wire::Refused{wire::RefusedReason::kProfile, core_.config.profile});
    return;
  }
  const uint32_t hash = hash_.of(from, message.reply_token);
  const auto again = [&](const auto& entry) {
    return entry.reply_token == message.reply_token && entry.endpoint == from;
  };
  if (joins_.find(kByReplyToken, hash, again) != nullptr ||
      rejoins_.find(kByReplyToken, hash, again) != nullptr) {
    return core_.drop(Drop::kUnexpected);
  }
  const Admitted* lately = admitted_.find(kByReplyToken, hash, again);
  if (lately != nullptr && now - lately->at < kAdmittedLately) {
    return core_.drop(Drop::kUnexpected);
  }
  if (joins_waiting() >= kJoinsWaitingMax) return core_.drop(Drop::kHalfOpenFull);
  const bool is_new = lately == nullptr;
  if (is_new) {
    join_times_.add(now);
    shards_.set_joins(now, shard_, join_times_.counted_in_last_second(now));
  }
  (is_new ? joins_ : rejoins_)
      .push({from, paths_.hold(message.path), static_cast<uint32_t>(size), message.reply_token,
             message.name, !is_new},
            {hash});
  FB_PROBE(seeder_join, from.port, joins_waiting(), is_new);
}

// Among those who are young enough to stay for a while. For each place two are drawn, and who was
// named less often for its age gets it: a neighbour more is as good as a contact more, and by plain
// chance some have half as many as others.
std::span<Visitor* const> V2Seeder::choose(Instant now, PathId path, const Endpoint& newcomer,
                                           wire::Token name, size_t count) {
  chosen_count_ = 0;
  count = std::min(count, chosen_.size());
  const std::span<uint32_t> all = visitors_.of_path(path);
  // Nobody is named to itself, so it stands at the very end for a while, where nobody looks.
  const Visitor* itself = visitors_.find_by_name(newcomer, name);
  const bool is_among = itself != nullptr && itself->path == path;
  const auto its_place = all.begin() + static_cast<ptrdiff_t>(
                                           is_among ? visitors_.rank_of(*itself) : all.size());
  if (is_among) std::rotate(its_place, its_place + 1, all.end());
  const std::span<uint32_t> others = all.first(all.size() - (is_among ? 1 : 0));
  const Duration age = std::max(scale(lifetime_, 0.4), lifetime_ - milliseconds(250));
  const auto old_end = std::ranges::partition_point(others, [&](uint32_t place) {
    return now - visitors_.at(place).born > age;
  });
  take_some(now, std::span(old_end, others.end()), name, count);
  if (chosen_count_ < count) take_older(now, std::span(others.begin(), old_end), name, count);
  if (is_among) std::rotate(its_place, all.end() - 1, all.end());
  return std::span(chosen_).first(chosen_count_);
}

// The first steps of a shuffle, from the newest on, which are taken back at the end.
void V2Seeder::take_some(Instant now, std::span<uint32_t> newest_last, wire::Token newcomer,
                         size_t count) {
  std::array<std::pair<size_t, size_t>, size_t{2} * (wire::kContactsMax + kNamesakesMax)> swaps;
  size_t swapped = 0;
  const auto at = [&](size_t i) -> uint32_t& { return newest_last[newest_last.size() - 1 - i]; };
  const auto swap = [&](size_t a, size_t b) {
    std::swap(at(a), at(b));
    swaps[swapped++] = {a, b};
  };
  const auto named = [&](size_t i) { return named_a_second(now, visitors_.at(at(i))); };
  for (size_t i = 0; i < newest_last.size() && chosen_count_ < count; ++i) {
    if (swapped + 2 > swaps.size()) break;
    swap(i, i + core_.rng.below(newest_last.size() - i));
    const size_t other = i + core_.rng.below(newest_last.size() - i);
    if (named(other) < named(i)) swap(i, other);
    Visitor& one = visitors_.at(at(i));
    if (one.name != newcomer) take_one(one);  // else perhaps itself, from another address
  }
  while (swapped > 0) {
    const auto [a, b] = swaps[--swapped];
    std::swap(at(a), at(b));
  }
}

// Of those who stay for long the youngest few: first who talks to us, then who has perhaps gone.
void V2Seeder::take_older(Instant now, std::span<const uint32_t> newest_last,
                          wire::Token newcomer, size_t count) {
  std::array<uint32_t, kOldLookedAt> old;
  std::array<uint32_t, kOldLookedAt> silent;
  size_t old_count = 0;
  size_t silent_count = 0;
  const size_t looked_at = std::min(newest_last.size(), kOlderLookedAt);
  for (size_t i = 0; i < looked_at && old_count < old.size(); ++i) {
    const uint32_t place = newest_last[newest_last.size() - 1 - i];
    if (now - visitors_.at(place).heard <= kHeardLately) {
      old[old.size() - ++old_count] = place;
    } else if (silent_count < silent.size()) {
      silent[silent.size() - ++silent_count] = place;
    }
  }
  take_some(now, std::span(old).last(old_count), newcomer, count);
  take_some(now, std::span(silent).last(silent_count), newcomer, count);
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
  JoinQueue& line = rejoin ? rejoins_ : joins_;
  const WaitingJoin newcomer = line.front();
  line.pop();
  const double rate = load(now);
  const Share share = share_of(newcomer, rate);
  auto& message = std::get<wire::Admit>(admit_);
  message.epoch = epoch(now);
  message.polluted = polluted(now);
  message.wary = wary_;
  message.confirm = false;
  message.up = up_rates_.typical();
  message.down = down_rates_.typical();
  const Address& address = newcomer.endpoint.address;
  message.ticket = make_ticket(own_key_, address, message.epoch, /*like=*/0);
  const auto chosen =
      choose(now, newcomer.path, newcomer.endpoint, newcomer.name, share.contacts);
  message.contacts.clear();
  for (const Visitor* one : chosen) {
    message.contacts.push_back({one->endpoint, ticket_to(*one, address, message.epoch)});
  }
  // It has not proved its address yet.
  wire::Buffer buffer;
  while (wire::encode(newcomer.reply_token, admit_, buffer).size() >
         newcomer.size * kAmplificationMax) {
    message.contacts.pop_back();
  }
  Chain behind_nat = 0;
  for (size_t i = message.contacts.size(); i-- > 0;) {  // so that the first is told first
    ++chosen[i]->named;
    if (chosen[i]->unreached >= kUnreached) behind_nat_.emplace(behind_nat, chosen[i]->id);
  }
  message.farewell = static_cast<uint8_t>(
      255 * std::min(1.0, line_for(kLineForFarewell) / of_all(join_times_.sustained(now))));
  message.grant = static_cast<uint8_t>(grant(rate));
  const bool crowd = rate > line_for(kLineForCrowd);
  // When many come at once, some get it here and hand it on to those whom they meet.
  const double may_ask =
      message.contacts.size() < 2
          ? kFirstMany
          : line_for(kManifestBytes) * (crowd ? kManifestShareCrowd : kManifestShare);
  message.ask_manifest = of_all(asked_.in_last_second(now)) < may_ask;
  if (message.ask_manifest) asked_.add(now);
  const bool token = is_among(rate, is_cold() ? kLineForTokenCold
                                    : crowd   ? kLineForTokenCrowd
                                              : kLineForToken);
  if (share.proves || message.contacts.empty()) {
    message.confirm = !token && !message.ask_manifest && !message.contacts.empty();
  } else {
    message.ticket = 0;
  }
  send(now, newcomer.endpoint, newcomer.reply_token, Lane::kControl, admit_);
  ++core_.stats.joins;
  FB_PROBE(seeder_admit, newcomer.endpoint.port, message.contacts.size(), joins_waiting());
  if (admitted_.size() >= kAdmittedKept) forget_oldest_admitted();
  admitted_.push({newcomer.endpoint, static_cast<uint8_t>(message.contacts.size()),
                  newcomer.again, token, newcomer.path, newcomer.reply_token, newcomer.name, now,
                  behind_nat},
                 {hash_.of(newcomer.endpoint, newcomer.reply_token),
                  hash_.of(newcomer.endpoint, newcomer.name), hash_.of(newcomer.name)});
}

void V2Seeder::forget_oldest_admitted() {
  Admitted& oldest = admitted_.front();
  behind_nat_.clear(oldest.behind_nat);
  paths_.release(oldest.path);
  admitted_.pop();
}

}  // namespace fb::roulette
