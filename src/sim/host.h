// One node in the world: its lines, its place, what it fetches, and what became of it.
#pragma once

#include <memory>
#include <span>

#include "roulette/peer_node.h"
#include "roulette/sharded_seeder.h"
#include "sim/access_link.h"
#include "sim/checker.h"
#include "sim/population.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/visit.h"

namespace fb::sim {

struct Host;

// Takes what nodes send.
class HostOwner {
 public:
  virtual ~HostOwner() = default;
  virtual void transmit(Host& from, const Endpoint& to, std::span<const uint8_t> bytes) = 0;
};

struct Host final : roulette::Transport {
  Host(HostOwner& world, uint32_t host_number, const LinkOptions& link, const PeerPlan& its_plan)
      : owner(world),
        number(host_number),
        up(link.up, link.queue, {}),
        down(link.down, link.queue, {}),
        plan(its_plan) {}
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
    owner.transmit(*this, to, datagram);
  }
  [[nodiscard]] bool alive() const { return seeder != nullptr || peer != nullptr; }

  HostOwner& owner;
  uint32_t number;                   // 0: the seeder
  AccessLink up;
  AccessLink down;
  PeerPlan plan;
  Instant timer = Instant::never();  // the earliest timer event that is queued
  std::unique_ptr<roulette::ShardedSeeder> seeder;
  std::unique_ptr<roulette::PeerNode> peer;  // while it is in the swarm
  Visit visit;
  PeerRecord record;
  // Watched from outside, for the checks.
  PairAccounts pairs;
  uint64_t data_sent = 0, data_received = 0;        // payload of DATA
  uint64_t payload_sent = 0, payload_received = 0;  // of all datagrams
  uint64_t useful = 0;                              // new chunk bytes, at the last second
  Instant progress{};                               // when `useful` last grew
};

}  // namespace fb::sim
