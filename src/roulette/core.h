// What both kinds of node share: identity, neighbours, sending, limits and counters.
//
// The sides (send_side.h, receive_side.h, overlay.h) work on this one structure; it owns every
// Neighbour. Pointers to neighbours hold until remove() of that neighbour. One thread at a time.
#pragma once

#include <memory>
#include <vector>

#include "base/number_map.h"
#include "base/probe.h"
#include "base/rng.h"
#include "base/unfilled.h"
#include "roulette/admission.h"
#include "roulette/config.h"
#include "roulette/ledger.h"
#include "roulette/neighbour.h"
#include "roulette/pacer.h"
#include "roulette/roulette_cache.h"
#include "roulette/stats.h"
#include "roulette/transport.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace fb::roulette {

class Core {
 public:
  Core(const RouletteConfig& configuration, const SecretRng::Seed& seed, uint64_t choice_seed,
       uint32_t token_prefix, Transport& transport);

  // A fresh token with this node's prefix; never 0.
  [[nodiscard]] wire::Token new_token();

  // With a token that was drawn before, or a fresh one for 0.
  Neighbour& add_neighbour(Instant now, const Endpoint& endpoint, wire::Token its_name,
                           wire::Token token_in = 0);
  void remove_neighbour(Instant now, Neighbour& neighbour);
  [[nodiscard]] Neighbour* find(NeighbourId id);
  [[nodiscard]] Neighbour* find_by_token(wire::Token token_in);
  [[nodiscard]] Neighbour* find_by_name(const Endpoint& endpoint, wire::Token its_name);
  // The seeder as a neighbour, proven or not; null when there is none.
  [[nodiscard]] Neighbour* seeder() { return seeder_; }
  void mark_seeder(Neighbour& neighbour);
  // In the order they were met, but for gaps filled from the end.
  [[nodiscard]] const std::vector<std::unique_ptr<Neighbour>>& neighbours() const {
    return neighbours_;
  }
  // When to call the receive side for the neighbour; never() at first.
  void set_deadline(const Neighbour& neighbour, Instant deadline) {
    deadlines_[neighbour.place] = deadline;
  }
  // In the order of neighbours(), and apart from them: after each datagram the earliest is sought.
  [[nodiscard]] const std::vector<Instant>& deadlines() const { return deadlines_; }
  // Neighbours that have answered.
  [[nodiscard]] uint32_t degree() const { return proven_; }
  void mark_proven(Neighbour& neighbour);
  // Data went to or came from the neighbour: into the Roulette cache with it.
  void remember_trade(const Neighbour& neighbour, content::FileId file);

  // Sends one message; false (and a counted drop) when the uplink's queue is full.
  // `message` is a wire::Message or one of its alternatives.
  template <typename Message>
  bool send(Instant now, Lane lane, const Endpoint& to, wire::Token token,
            const Message& message) {
    FB_UNFILLED wire::Buffer buffer;
    return send(now, lane, to, wire::encode(token, message, buffer));
  }
  bool send(Instant now, Lane lane, const Neighbour& to, const wire::Message& message);
  // Bytes that send() took, sent or still queued.
  [[nodiscard]] uint64_t accepted_bytes() const { return accepted_bytes_; }
  // All that is counted, up to now.
  [[nodiscard]] NodeStats counted() const;
  void drop(Drop reason) {
    FB_PROBE(drop, static_cast<int>(reason));
    stats.drops.add(reason);
  }
  void drop(wire::DecodeError error);

  // The datagram came for `neighbour` from `from`. True when that is its address; otherwise the
  // new address is challenged, the datagram is dropped, and nothing else happens yet.
  bool accept_path(Instant now, Neighbour& neighbour, const Endpoint& from);
  // The same for who is kept elsewhere: `known` is its address, `check` its move that waits.
  bool accept_path(Instant now, const Endpoint& known, wire::Token token_out,
                   std::unique_ptr<PathCheck>& check, const Endpoint& from);
  void on_path_challenge(Instant now, wire::Token token_out, const Endpoint& from,
                         const wire::PathChallenge& message);
  // True when it echoes the challenge that waits, from where that went; else it is dropped.
  bool is_echo(const std::unique_ptr<PathCheck>& check, const Endpoint& from,
               const wire::PathResponse& message);
  void on_path_response(Neighbour& neighbour, const Endpoint& from,
                        const wire::PathResponse& message);

  // A neighbour to recommend to somebody who trades in `file`: drawn from the Roulette cache,
  // alive, not `except`, not referred too often. `file` 0 fits every slot.
  [[nodiscard]] std::optional<wire::Referral> recommend(Instant now, wire::Token except,
                                                        content::FileId file);
  [[nodiscard]] bool may_refer(Instant now, const Neighbour& neighbour, wire::Token except) const;
  // None when it has been referred often enough lately.
  [[nodiscard]] std::optional<wire::Referral> refer(Instant now, const Neighbour& neighbour);

  [[nodiscard]] bool is_banned(const Endpoint& endpoint, wire::Token its_name) const;
  void ban(Instant now, Neighbour& neighbour);

  RouletteConfig config;
  SecretRng secret;
  Rng rng;
  NodeStats stats;
  Pacer pacer;
  Ledger ledger;
  RouletteCache cache;
  // The cache has as many slots as there are neighbours (paper, 2.1), within these bounds.
  size_t cache_slots_min = 1;
  size_t cache_slots_max = SIZE_MAX;
  wire::Token name;

 private:
  bool send(Instant now, Lane lane, const Endpoint& to, std::span<const uint8_t> datagram);
  [[nodiscard]] static Endpoint name_key(wire::Token its_name);

  WindowCounter referred_;  // by name, held in the port-less key's address bytes
  uint64_t prefix_;
  uint64_t accepted_bytes_ = 0;
  uint32_t next_id_ = 1;
  uint32_t proven_ = 0;
  std::vector<std::unique_ptr<Neighbour>> neighbours_;
  // Of the neighbours, in their order.
  std::vector<Instant> deadlines_;
  std::vector<wire::Token> names_;
  Neighbour* seeder_ = nullptr;
  NumberMap<Neighbour*> by_token_;
  NumberMap<Neighbour*> by_id_;
  BanList bans_;
};

}  // namespace fb::roulette
