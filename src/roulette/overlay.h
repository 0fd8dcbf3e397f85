// The overlay (paper, section 2.1): finding neighbours by recommendation, answering strangers,
// repairing partitions, and letting go of who is silent.
#pragma once

#include <vector>

#include "roulette/core.h"
#include "roulette/downloads.h"
#include "roulette/receive_side.h"
#include "roulette/seeder_link.h"
#include "roulette/send_side.h"

namespace fb::roulette {

class Overlay {
 public:
  Overlay(Core& core, Downloads& downloads, SendSide& send_side, ReceiveSide& receive_side,
          SeederLink& link);

  // Referrals from WELCOME or a RECOMMENDATION: contact is made when there is a file to ask for.
  void on_referrals(Instant now, const std::vector<wire::Referral>& referrals);
  // To be called after WELCOME and when a download began: greets seeder and waiting referrals.
  void greet(Instant now);

  void on_hello(Instant now, const Endpoint& from, const wire::Hello& message);
  void on_hello_reply(Instant now, Neighbour& from, const wire::HelloReply& message);
  // A stranger has used the token that HELLO_REPLY gave it, so it receives at its address.
  // Null, with a counted drop, when `token` is no stranger's or there is no place.
  [[nodiscard]] Neighbour* promote(Instant now, const Endpoint& from, wire::Token token);
  void on_recommend_request(Instant now, const Neighbour& from,
                            const wire::RecommendRequest& message);
  void remove(Instant now, Neighbour& neighbour);
  // Neighbours found dead during a call; to be called at its end.
  void bury(Instant now);
  void mark_dead(const Neighbour& neighbour) { dead_.push_back(neighbour.id); }
  // New data came in at `now`.
  void on_progress(Instant now);
  // BYE to everybody, and nothing is kept.
  void leave(Instant now, Duration lifetime);

  [[nodiscard]] size_t strangers() const { return half_open_.size(); }
  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;

 private:
  struct HalfOpen {
    Endpoint endpoint;
    wire::Token name = 0;
    wire::Token token_in = 0;
    wire::Token token_out = 0;
    Instant since{};
  };
  struct Waiting {
    wire::Referral referral;
    Instant expires{};
  };
  void contact(Instant now, const wire::Referral& referral);
  void contact_seeder(Instant now);
  HalfOpen* half_open_for(Instant now, const Endpoint& from, const wire::Hello& message);
  bool make_room(Instant now);
  void seek(Instant now);
  void repair(Instant now);
  void collect(Instant now);
  [[nodiscard]] uint32_t useful_degree() const;

  Core& core_;
  Downloads& downloads_;
  SendSide& send_side_;
  ReceiveSide& receive_side_;
  SeederLink& link_;
  WindowCounter contacts_;
  std::vector<HalfOpen> half_open_;  // oldest first
  std::vector<Waiting> waiting_;     // likewise
  std::vector<NeighbourId> dead_;
  Instant next_seek_ = Instant::never();
  Instant next_repair_ = Instant::never();
  Instant next_collect_ = Instant::never();
  uint32_t repairs_in_vain_ = 0;
};

}  // namespace fb::roulette
