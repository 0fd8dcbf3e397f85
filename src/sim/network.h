// What lies between two access lines: delay, loss, reordering, corruption, duplication, a partition
// and NATs. It decides what becomes of a datagram; the world carries it out.
// One thread at a time, but for a NatBook that locks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/rng.h"
#include "sim/nat.h"
#include "sim/population.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace fb::sim {

// The NATs of all hosts. A crowd on several threads shares one, which then locks.
class NatBook {
 public:
  virtual ~NatBook() = default;
  virtual void note_sent(Instant now, uint32_t from, uint32_t to);
  virtual void note_heard(Instant now, uint32_t host, uint32_t from);
  virtual bool admits(Instant now, uint32_t from, Nat from_nat, uint32_t to, Nat to_nat);

 private:
  NatTable& table(uint32_t host);
  std::vector<NatTable> tables_;  // by host
};

class Network {
 public:
  // A host as the network sees it. The seeder is number 0; a null plan is nobody's.
  struct End {
    uint32_t number = 0;
    const PeerPlan* plan = nullptr;
  };
  // When a datagram arrives at the receiver's side, and when a copy of it does.
  struct Passage {
    std::optional<Instant> arrives;
    std::optional<Instant> copy_arrives;
  };

  // Borrows scenario and nats (null: its own). `start` is when the run began.
  Network(const Scenario& scenario, uint64_t seed, Instant start, NatBook* nats);

  // A foreign seeder stands where it stands: only the visitor's own access is emulated.
  void seeder_is_foreign() { foreign_seeder_ = true; }

  // The datagram leaves its sender's line at `now`; it may be changed.
  Passage pass(Instant now, const End& from, const End& to, std::span<uint8_t> datagram);
  // Whether the receiver's NAT lets it in.
  bool admits(Instant now, const End& from, const End& to);

  NetworkDrops drops;  // the lines' are counted by the world

 private:
  [[nodiscard]] const PeerClass* class_of(const End& end) const;
  [[nodiscard]] bool lost(const End& from, const End& to);
  [[nodiscard]] bool parted(Instant now, const End& from, const End& to) const;
  [[nodiscard]] Duration delay(const End& from, const End& to) const;

  const Scenario& scenario_;
  Instant start_;
  NatBook own_nats_;
  NatBook& nats_;
  bool any_nat_;
  bool any_loss_;
  bool foreign_seeder_ = false;
  Rng rng_;
};

}  // namespace fb::sim
