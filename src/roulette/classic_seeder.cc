// A datagram's way through the seeder of profile classic:
//   1. receive(): header; token 0 is for everybody, the seeder's name for HELLO, anything else is
//      a neighbour's token;
//   2. JOIN and MANIFEST REQUEST are answered out of nothing but the message and the catalog;
//   3. HELLO with a valid cookie makes a neighbour;
//   4. neighbours' handshakes go to the send side, paced to the uplink.
#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "roulette/cookie.h"
#include "roulette/core.h"
#include "roulette/seeder_desk.h"
#include "roulette/seeder_profile.h"
#include "roulette/send_side.h"

namespace fb::roulette {
namespace {

constexpr uint64_t kAmplificationMax = 3;  // RFC 9000, section 8.1
constexpr Duration kSweepInterval = seconds(1);
constexpr size_t kCacheSlotsMin = 16;
constexpr size_t kCacheSlotsMax = 256;
constexpr size_t kNewcomersMax = 16;
constexpr Duration kSilenceForRoom = seconds(1);

// The whole site, seen as what a node can give away.
class SiteHoldings final : public Holdings {
 public:
  explicit SiteHoldings(content::SiteCatalog& catalog) : catalog_(catalog) {}

  bool knows(content::FileId file) override { return catalog_.object(file).has_value(); }
  std::optional<std::vector<nois::Interval>> lacking(
      content::FileId file, std::span<const nois::Interval> theirs) override {
    const auto geometry = catalog_.object(file);
    if (!geometry) return {};
    std::vector<nois::Interval> sorted(theirs.begin(), theirs.end());
    std::ranges::sort(sorted);
    std::vector<nois::Interval> out;
    uint64_t next = 0;
    const uint64_t count = geometry->chunk_count();
    for (const auto& interval : sorted) {
      const uint64_t first = std::min<uint64_t>(interval.first, count);
      if (first > next) {
        out.push_back({static_cast<uint32_t>(next), static_cast<uint32_t>(first - 1)});
      }
      next = std::max(next, uint64_t{interval.last} + 1);
    }
    if (next < count) {
      out.push_back({static_cast<uint32_t>(next), static_cast<uint32_t>(count - 1)});
    }
    return out;
  }
  Chunk read_chunk(content::FileId file, uint32_t chunk, std::span<uint8_t> out) override {
    const auto geometry = catalog_.object(file);
    if (!geometry || geometry->is_repair(chunk)) return {};  // classic knows no repair chunks
    return {catalog_.read_chunk(file, chunk, out), true};
  }

 private:
  content::SiteCatalog& catalog_;
};

class ClassicSeeder final : public SeederProfile {
 public:
  ClassicSeeder(const SeederOptions& options, content::SiteCatalog& site, Transport& transport)
      : seeder(options.seeder),
        core(options.config, options.secret, options.choice_seed, /*token_prefix=*/0, transport),
        cookies(core.secret, options.seeder.cookie_lifetime),
        holdings(site),
        desk(core, site),
        send_side(core, holdings, /*generous=*/true) {
    core.cache_slots_min = kCacheSlotsMin;
    core.cache_slots_max = kCacheSlotsMax;
  }

  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void advance(Instant now) override;
  [[nodiscard]] Instant next_deadline() const override;
  void hear(Instant /*now*/, const ShardNews& /*news*/) override {}  // it has no other shards
  void set_uplink(Instant now, BitRate uplink) override;
  void close(Instant now) override;
  [[nodiscard]] NodeStats stats() const override { return core.counted(); }
  [[nodiscard]] Footprint footprint() const override {
    return {core.neighbours().size(), 0, core.pacer.queued().bytes};
  }

 private:
  void on_join(Instant now, const Endpoint& from, const wire::Join& message, size_t size);
  void on_manifest_request(Instant now, const Endpoint& from,
                           const wire::ManifestRequest& message);
  void on_hello(Instant now, const Endpoint& from, const wire::Hello& message);
  void on_neighbour(Instant now, const Endpoint& from, const wire::Datagram& datagram);
  [[nodiscard]] std::vector<wire::Referral> referrals(Instant now, wire::Token newcomer);
  [[nodiscard]] Neighbour* known(const Endpoint& from, wire::Token reply_token);
  bool make_room(Instant now);
  void remove(Instant now, Neighbour& neighbour);
  void sweep(Instant now);

  SeederConfig seeder;
  Core core;
  CookieJar cookies;
  SiteHoldings holdings;
  SeederDesk desk;
  SendSide send_side;
  std::deque<NeighbourId> newcomers;  // most recent last
  // By their reply token, for a HELLO that is sent again. Looked up only.
  std::unordered_map<wire::Token, NeighbourId> by_reply_token;
  Instant next_sweep = Instant::never();
  Instant no_room_until{};  // the table is full, and nobody in it is silent for long before this
};

void ClassicSeeder::receive(Instant now, const Endpoint& from,
                               std::span<const uint8_t> bytes) {
  ++core.stats.datagrams_in;
  core.stats.bytes_in += bytes.size();
  const auto datagram = wire::decode(bytes);
  if (!datagram) {
    core.drop(datagram.error());
    return;
  }
  const wire::Token to = datagram->header.to;
  if (const auto* join = std::get_if<wire::Join>(&datagram->message); join != nullptr && to == 0) {
    on_join(now, from, *join, bytes.size());
  } else if (const auto* request = std::get_if<wire::ManifestRequest>(&datagram->message);
             request != nullptr && to == 0) {
    on_manifest_request(now, from, *request);
  } else if (to == 0) {
    core.drop(Drop::kWrongRole);
  } else if (to == core.name) {
    if (const auto* hello = std::get_if<wire::Hello>(&datagram->message)) {
      on_hello(now, from, *hello);
    } else {
      core.drop(Drop::kWrongRole);
    }
  } else {
    on_neighbour(now, from, *datagram);
  }
}

void ClassicSeeder::on_join(Instant now, const Endpoint& from, const wire::Join& message,
                               size_t size) {
  const bool proven = message.cookie && cookies.valid(now, from, *message.cookie);
  if (message.cookie && !proven) return core.drop(Drop::kBadCookie);
  if (message.profile != core.config.profile) {
    core.drop(Drop::kProfile);
    core.send(now, Lane::kControl, from, message.reply_token,
              wire::Refused{wire::RefusedReason::kProfile, core.config.profile});
    return;
  }
  const uint64_t before = core.accepted_bytes();
  core.send(now, Lane::kControl, from, message.reply_token,
            wire::Welcome{cookies.issue(now, from), core.name, from, referrals(now, message.name),
                          desk.polluted(now)});
  ++core.stats.joins;
  if (message.path.empty()) return;
  const uint64_t used = core.accepted_bytes() - before;
  desk.send_manifest(now, from, message.reply_token, 0, message.path,
                proven ? UINT64_MAX : size * kAmplificationMax - used);
}

void ClassicSeeder::on_manifest_request(Instant now, const Endpoint& from,
                                           const wire::ManifestRequest& message) {
  if (!cookies.valid(now, from, message.cookie)) return core.drop(Drop::kBadCookie);
  desk.send_manifest(now, from, message.reply_token, message.request, message.path, UINT64_MAX);
}

// Different neighbours out of the Roulette cache, then the latest newcomers.
std::vector<wire::Referral> ClassicSeeder::referrals(Instant now, wire::Token newcomer) {
  std::vector<wire::Referral> out;
  const size_t wanted = std::min<size_t>(core.config.welcome_referrals, wire::kReferralsMax);
  const auto is_new = [&](wire::Token name) {
    return std::ranges::find(out, name, &wire::Referral::name) == out.end();
  };
  for (size_t i = 0; i < 2 * wanted && out.size() < wanted; ++i) {
    const auto referral = core.recommend(now, newcomer, content::FileId{});
    if (!referral) break;
    if (is_new(referral->name)) out.push_back(*referral);
  }
  for (auto it = newcomers.rbegin(); it != newcomers.rend() && out.size() < wanted; ++it) {
    const Neighbour* neighbour = core.find(*it);
    if (neighbour == nullptr || !core.may_refer(now, *neighbour, newcomer)) continue;
    if (!is_new(neighbour->name)) continue;
    if (const auto referral = core.refer(now, *neighbour)) out.push_back(*referral);
  }
  return out;
}

Neighbour* ClassicSeeder::known(const Endpoint& from, wire::Token reply_token) {
  const auto found = by_reply_token.find(reply_token);
  Neighbour* neighbour = found == by_reply_token.end() ? nullptr : core.find(found->second);
  return neighbour != nullptr && neighbour->endpoint == from ? neighbour : nullptr;
}

void ClassicSeeder::on_hello(Instant now, const Endpoint& from, const wire::Hello& message) {
  if (message.profile != core.config.profile) return core.drop(Drop::kProfile);
  if (!message.cookie || !cookies.valid(now, from, *message.cookie)) {
    return core.drop(Drop::kBadCookie);
  }
  Neighbour* neighbour = known(from, message.reply_token);
  if (neighbour == nullptr) {
    if (!make_room(now)) {
      core.drop(Drop::kTableFull);
      return;
    }
    neighbour = &core.add_neighbour(now, from, message.name);
    neighbour->token_out = message.reply_token;
    neighbour->warned = desk.polluted(now);
    by_reply_token[message.reply_token] = neighbour->id;
    core.mark_proven(*neighbour);
    newcomers.push_back(neighbour->id);
    if (newcomers.size() > kNewcomersMax) newcomers.pop_front();
    if (next_sweep == Instant::never()) next_sweep = now + kSweepInterval;
  }
  neighbour->heard = now;
  const auto greeting = send_side.greet(now, *neighbour, message.file, message.have);
  core.send(now, Lane::kControl, *neighbour,
            wire::HelloReply{neighbour->token_in, from, greeting.status, message.file,
                             greeting.offer});
}

void ClassicSeeder::on_neighbour(Instant now, const Endpoint& from,
                                    const wire::Datagram& datagram) {
  Neighbour* neighbour = core.find_by_token(datagram.header.to);
  if (neighbour == nullptr) return core.drop(Drop::kUnknownToken);
  if (const auto* challenge = std::get_if<wire::PathChallenge>(&datagram.message)) {
    return core.on_path_challenge(now, neighbour->token_out, from, *challenge);
  }
  if (const auto* response = std::get_if<wire::PathResponse>(&datagram.message)) {
    return core.on_path_response(*neighbour, from, *response);
  }
  if (!core.accept_path(now, *neighbour, from)) return;
  neighbour->heard = now;
  if (const auto* request = std::get_if<wire::SecondHandshake>(&datagram.message)) {
    send_side.on_second_handshake(now, *neighbour, *request);
  } else if (const auto* first = std::get_if<wire::FirstHandshake>(&datagram.message)) {
    send_side.on_first_handshake(now, *neighbour, *first);
  } else if (const auto* ask = std::get_if<wire::RecommendRequest>(&datagram.message)) {
    wire::Recommendation answer;
    if (const auto referral = core.recommend(now, neighbour->name, ask->file)) {
      answer.referrals.push_back(*referral);
    }
    core.send(now, Lane::kControl, *neighbour, answer);
  } else if (const auto* digests = std::get_if<wire::DigestRequest>(&datagram.message)) {
    desk.on_digest_request(now,
                           {neighbour->endpoint, neighbour->token_out, neighbour->warned,
                            neighbour->digests_asked},
                           *digests);
  } else if (std::holds_alternative<wire::Bye>(datagram.message)) {
    remove(now, *neighbour);
  } else {
    core.drop(Drop::kWrongRole);
  }
}

// Who has been silent for longest makes room, if it has been silent for a while.
bool ClassicSeeder::make_room(Instant now) {
  if (core.neighbours().size() < seeder.neighbours_max) return true;
  if (now < no_room_until) return false;  // a crowd at the door must not cost a search each
  Neighbour* victim = nullptr;
  for (const auto& neighbour : core.neighbours()) {
    if (victim == nullptr || neighbour->heard < victim->heard) victim = neighbour.get();
  }
  if (victim == nullptr) return false;
  if (now - victim->heard < kSilenceForRoom) {
    no_room_until = victim->heard + kSilenceForRoom;
    return false;
  }
  remove(now, *victim);
  return true;
}

void ClassicSeeder::remove(Instant now, Neighbour& neighbour) {
  const auto reply_token = by_reply_token.find(neighbour.token_out);
  if (reply_token != by_reply_token.end() && reply_token->second == neighbour.id) {
    by_reply_token.erase(reply_token);
  }
  core.remove_neighbour(now, neighbour);
}

void ClassicSeeder::sweep(Instant now) {
  next_sweep = core.neighbours().empty() ? Instant::never() : now + kSweepInterval;
  std::vector<NeighbourId> silent;
  for (const auto& neighbour : core.neighbours()) {
    if (now - neighbour->heard > seeder.neighbour_idle) silent.push_back(neighbour->id);
  }
  for (const NeighbourId id : silent) remove(now, *core.find(id));
}

void ClassicSeeder::advance(Instant now) {
  core.pacer.advance(now);
  if (next_sweep <= now) sweep(now);
}

Instant ClassicSeeder::next_deadline() const {
  return std::min(core.pacer.next_deadline(), next_sweep);
}

void ClassicSeeder::set_uplink(Instant now, BitRate uplink) {
  core.config.uplink = uplink;
  core.pacer.set_rate(now, uplink);
}

void ClassicSeeder::close(Instant now) {
  core.pacer.set_rate(now, BitRate{});  // the farewell is short and must not wait
  core.pacer.advance(now);
  while (!core.neighbours().empty()) {
    Neighbour& neighbour = *core.neighbours().back();
    core.send(now, Lane::kControl, neighbour, wire::Bye{});
    remove(now, neighbour);
  }
}

}  // namespace

std::unique_ptr<SeederProfile> make_classic_seeder(const SeederOptions& options,
                                                   content::SiteCatalog& catalog,
                                                   Transport& transport) {
  return std::make_unique<ClassicSeeder>(options, catalog, transport);
}

}  // namespace fb::roulette
