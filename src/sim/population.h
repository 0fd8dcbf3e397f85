// Who comes, when, as what, and where it stands: decided by scenario and seed alone, visitor by
// visitor, so that every shard of a real run and every kind of client sees the same crowd.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/rng.h"
#include "base/time.h"
#include "sim/scenario.h"

namespace fb::sim {

// Where a host stands in the network; see NetworkSpec.
struct Place {
  double x = 0, y = 0;
  Duration access{};
};

struct PeerPlan {
  Duration arrives{};            // since the run's start
  uint32_t peer_class = 0;
  uint32_t path = 0;             // index in WorldContent::paths
  Place place;
  uint64_t secret_number = 0;    // for SecretRng::from_number()
  uint64_t choice_seed = 0;
  bool cut_off = false;          // on the small side of a partition
  double patience = 1;           // part of abandon_after, of a class whose patience is drawn
};

class Population {
 public:
  // Borrows the scenario. `paths` is how many there are to choose from.
  Population(const Scenario& scenario, uint64_t seed, size_t paths);

  // The plan of visitor `number` (from 0, ascending arrival); null when no such visitor comes.
  [[nodiscard]] const PeerPlan* plan(uint32_t number);
  // The seeder's place, and what its node is made from.
  [[nodiscard]] const PeerPlan& seeder() const { return seeder_; }
  // A visitor as the scenario would have it, whose arrival is not yet set.
  [[nodiscard]] PeerPlan draw(uint64_t number) const;
  // How many will come; 0 when the arrivals end by time or by the pool.
  [[nodiscard]] uint32_t expected() const;

 private:
  [[nodiscard]] std::optional<Duration> next_arrival();

  const Scenario& scenario_;
  uint64_t seed_;
  size_t paths_;
  PeerPlan seeder_;
  std::deque<PeerPlan> plans_;  // a deque, so that pointers stay good
  Rng arrivals_;
  Duration last_{};
  bool exhausted_ = false;
};

// When such a visitor leaves, since its arrival, if it has not all by then; 0: never.
[[nodiscard]] Duration patience_of(const PeerClass& its_class, const PeerPlan& plan);

// One-way delay between two places, queues not counted.
[[nodiscard]] Duration delay_between(const NetworkSpec& network, const Place& a, const Place& b);

}  // namespace fb::sim
