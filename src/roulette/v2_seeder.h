// Profile v2's seeder: admits newcomers in the order they came, names them neighbours, and spends
// what is left of its uplink on chunks that the swarm has seen least of.
//
// Joins come before data, but for a cold start. A stranger costs a place in a bounded queue and an
// answer of at most three times its JOIN; what it gets is a ticket by which it proves its address.
// Who has done so is listed, and named to those who come after it.
//
// In three files: v2_seeder_admit.cc answers JOIN, v2_seeder.cc deals with who has an answer, and
// v2_seeder_give.cc gives chunks. One thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ring.h"
#include "roulette/core.h"
#include "roulette/fresh_chunks.h"
#include "roulette/recent_rates.h"
#include "roulette/seeder_desk.h"
#include "roulette/seeder_profile.h"
#include "roulette/seeder_shards.h"
#include "roulette/stranger_hash.h"
#include "roulette/ticket.h"
#include "roulette/uplink.h"
#include "roulette/v2_seeder_tables.h"
#include "roulette/visitors.h"

namespace fb::roulette {

class V2Seeder final : public SeederProfile {
 public:
  V2Seeder(const SeederOptions& options, content::SiteCatalog& site, Transport& transport)
      : seeder_(options.seeder),
        catalog_(site),
        own_shards_(options.shards != nullptr
                        ? nullptr
                        : std::make_unique<SeederShards>(1, options.config.uplink,
                                                         options.config.v2.backlog,
                                                         options.choice_seed)),
        shards_(options.shards != nullptr ? *options.shards : *own_shards_),
        shard_(options.shard),
        // So that a token tells the shard (SeederShards::shard_of).
        core_(options.config, options.secret, options.choice_seed, /*token_prefix=*/shard_,
              transport),
        desk_(core_, site),
        fresh_(site, shards_.order_seed(), options.config.v2.repair, shard_, shards_.count()),
        uplink_(shards_.uplink()),
        own_key_(ticket_key(core_.secret.next(), core_.secret.next())),
        hash_(own_key_),
        paths_(hash_),
        visitors_(hash_, paths_) {
    core_.pacer.set_rate({}, {});  // paced here
  }

  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void advance(Instant now) override;
  [[nodiscard]] Instant next_deadline() const override;
  void hear(Instant now, const ShardNews& news) override;
  void set_uplink(Instant now, BitRate uplink) override { uplink_.set_rate(now, uplink); }
  void close(Instant now) override;
  [[nodiscard]] NodeStats stats() const override;
  [[nodiscard]] Footprint footprint() const override { return {visitors_.size(), 0, 0}; }

 private:
  static constexpr size_t kContactsFew = 3;      // also for who comes again
  static constexpr double kLineForToken = 1000;  // bytes; a token of ours, to ask for chunks
  static constexpr double kLineForCrowd = 200;   // less, and it is needed for ADMIT
  static constexpr double kManifestBytes = 600;  // about
  static constexpr double kManifestCreditMax = 2048;  // bytes
  // What went while nothing else waited is nobody's debt, so at most one long one's.
  static constexpr double kManifestDebtMax = wire::kManifestPartsMax * wire::kManifestPartSize;
  static constexpr Duration kHeardLately = seconds(3);

  void on_join(Instant now, const Endpoint& from, const wire::Join& message, size_t size);
  // A newcomer whose address is proved.
  struct Arrival {
    Admitted& admitted;
    Visitor& visitor;
    bool again;  // it said so before
  };
  std::optional<Arrival> arrive(Instant now, const Endpoint& from, wire::Token reply_token,
                                wire::Token name);
  [[nodiscard]] wire::Token unused_token();
  Visitor& enlist(Instant now, const Admitted& admitted);
  void on_confirm(Instant now, const Endpoint& from, const wire::Confirm& message);
  void on_greet(Instant now, const Endpoint& from, const wire::Greet& message);
  void name_to(Instant now, const Arrival& arrival);
  void give_first(Instant now, const Arrival& arrival, const wire::BlockMaps& have,
                  uint32_t any);
  void on_neighbour(Instant now, const Endpoint& from, const wire::Datagram& datagram);
  void on_control(Instant now, Visitor& from, const wire::Control& message);
  void on_digest_request(Instant now, Visitor& from, const wire::DigestRequest& message);
  void queue_wanted(Instant now, Visitor& from, content::FileId file,
                    const wire::ChunkNames<wire::kWantsMax>& wants);
  void on_bye(Visitor& from, const wire::Bye& message);
  void on_introduce(Instant now, const Endpoint& from, const wire::Introduce& message);
  void queue_manifest(QueuedManifest asked, std::string_view path);
  [[nodiscard]] bool manifest_is_next() const;
  void send_manifest(Instant now);
  void admit(Instant now);
  // What a newcomer gets of our line, both ways.
  struct Share {
    bool proves;  // it may prove its address
    size_t contacts;
  };
  [[nodiscard]] Share share_of(const WaitingJoin& newcomer, double rate);
  void serve(Instant now);
  [[nodiscard]] SeederShards::Waiting waiting() const;
  void take_turn(Instant now, uint64_t bytes);
  void give_turn(Instant now, Duration how_long);
  [[nodiscard]] bool is_others_turn(Instant now) const;
  [[nodiscard]] bool any_waiting() const {
    return joins_waiting() > 0 || chunks_waiting() > 0 || !manifests_.empty();
  }
  bool serve_one(Instant now);
  [[nodiscard]] SentSoFar sent_so_far() const;
  [[nodiscard]] bool is_cold() const;
  [[nodiscard]] bool owes_chunks() const;
  bool inject(Instant now);
  bool send_piece(Instant now, Visitor& to, const QueuedChunk& queued);
  std::optional<wire::ChunkName> fresh_for(Visitor& to, content::FileId object);
  [[nodiscard]] std::optional<content::FileId> wanted_by(const Visitor& visitor);
  void push(Instant now, Visitor& to, uint32_t count, bool first);
  void refer(Instant now, Visitor& to);
  void recommend(Instant now, Visitor& to, PathId path, size_t count);
  void forget_old(Instant now);
  bool make_room(Instant now);
  // Up to `count` visitors to be named; valid until somebody comes or goes.
  [[nodiscard]] std::span<Visitor* const> choose(Instant now, PathId path,
                                                 const Endpoint& newcomer, wire::Token name,
                                                 size_t count);
  void take_some(Instant now, std::span<uint32_t> newest_last, wire::Token newcomer, size_t count);
  void take_older(Instant now, std::span<const uint32_t> newest_last, wire::Token newcomer,
                  size_t count);
  void take_one(Visitor& visitor) { chosen_[chosen_count_++] = &visitor; }
  void ask_for(Visitor& to, content::FileId file, wire::ChunkName chunk, bool pushed);
  void forget_oldest_admitted();
  [[nodiscard]] size_t joins_waiting() const { return joins_.size() + rejoins_.size(); }
  [[nodiscard]] size_t chunks_waiting() const { return firsts_.size() + queue_.size(); }
  // Another shard's visitor, which is only named here.
  void forget_foreign(Visitor& visitor) {
    --foreign_count_;
    visitors_.remove(visitor);
  }
  // For the other shards.
  void tell(const Visitor& visitor, bool here);
  [[nodiscard]] bool polluted(Instant now) const { return shards_.polluted(now); }
  // λ of docs/protocol.md.
  [[nodiscard]] double load(Instant now) {
    return join_rate(now) + static_cast<double>(joins_waiting());
  }
  [[nodiscard]] double join_rate(Instant now) {
    return join_times_.in_last_second(now) + shards_.joins_of_others(now, shard_);
  }
  // Of what is counted here, where all shards together have a bound.
  [[nodiscard]] double of_all(double here) const { return here * shards_.count(); }
  [[nodiscard]] uint8_t epoch(Instant now) const {
    return static_cast<uint8_t>(now.ns / kTicketEpoch.ns);
  }
  // By which `newcomer` reaches the visitor.
  [[nodiscard]] static wire::Token ticket_to(const Visitor& visitor, const Address& newcomer,
                                             uint8_t epoch) {
    return make_ticket(ticket_key(visitor.join_token, visitor.name), newcomer, epoch,
                       visitor.name);
  }
  [[nodiscard]] uint32_t grant(double rate) const;
  [[nodiscard]] bool favours_askers(double rate) const;
  [[nodiscard]] size_t queue_max() const;
  [[nodiscard]] double bytes_per_second() const {
    return uplink_.rate().limited() ? static_cast<double>(uplink_.rate().bits_per_second) / 8 : 1e9;
  }
  // Our share of it, for what each shard does for itself.
  [[nodiscard]] double own_bytes_per_second() const { return bytes_per_second() / shards_.count(); }
  // How many a second have `bytes` of the line each; and whether one of `rate` is among them.
  [[nodiscard]] double line_for(double bytes) const { return bytes_per_second() / bytes; }
  [[nodiscard]] bool is_among(double rate, double bytes) {
    return rate <= line_for(bytes) || core_.rng.unit() * rate < line_for(bytes);
  }
  template <typename Message>
  bool send(Instant now, const Endpoint& to, wire::Token token, Lane lane, const Message& message) {
    const uint64_t before = core_.accepted_bytes();
    const bool sent = core_.send(now, lane, to, token, message);
    uplink_.on_sent(now, core_.accepted_bytes() - before);
    return sent;
  }
  template <typename Message>
  bool send(Instant now, const Visitor& to, Lane lane, const Message& message) {
    return send(now, to.endpoint, to.token_out, lane, message);
  }

  SeederConfig seeder_;
  content::SiteCatalog& catalog_;
  std::unique_ptr<SeederShards> own_shards_;  // null when they are somebody else's
  SeederShards& shards_;
  uint32_t shard_;
  Core core_;
  SeederDesk desk_;
  FreshChunks fresh_;
  Uplink& uplink_;
  TicketKey own_key_;
  StrangerHash hash_;
  PathTable paths_;
  Visitors visitors_;
  JoinQueue joins_;
  JoinQueue rejoins_;  // of who was admitted before; they come after the others
  uint32_t turns_ = 0;
  uint32_t turns_asked_ = 0;
  RecentTimes join_times_, asked_;  // asked_: whom we told to ask us for the manifest
  AdmittedQueue admitted_;          // latest last
  ChainPool<BehindNat> behind_nat_;
  std::array<Visitor*, wire::kContactsMax> chosen_{};
  size_t chosen_count_ = 0;
  wire::Message admit_{wire::Admit{}};  // the one that is written: its memory is used again
  wire::Message recommendation_{wire::Recommendation{}};
  Ring<VisitorId> listed_;     // oldest first; those gone stay until they are swept up
  Ring<VisitorId> foreign_;    // likewise, other shards'
  Instant swept_{};
  Ring<QueuedChunk> firsts_;   // to newcomers; the newest first
  Ring<QueuedChunk> queue_;    // asked for by name, mostly
  ManifestQueue manifests_;
  RecentTimes pushes_;
  Ring<VisitorId> unserved_;           // newest last
  RecentRates up_rates_, down_rates_;  // of those who left
  Duration lifetime_ = seconds(2);
  bool wary_ = false;
  size_t foreign_count_ = 0;
  SentSoFar sent_when_empty_;  // when nobody was here, last time
  double referral_tokens_ = 0;
  Instant referral_tokens_at_{};
  Instant next_idle_ = Instant::never();
  Duration turn_{};  // that the line was ours while others waited
  Instant yielded_until_{};
  SeederShards::Waiting yielded_{};  // what waited then
  Instant next_sweep_ = Instant::never();
};

}  // namespace fb::roulette
