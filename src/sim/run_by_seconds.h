// The loop that every kind of virtual run shares: a second at a time, until its stop rule.
#pragma once

#include <algorithm>

#include "sim/pool.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/simulate.h"

namespace fb::sim {

// `Crowd` has start() behind it and offers run_until(), sample(), idle(), arriving(),
// stop_arrivals(), expected(), events() and report(), as World does.
template <typename Crowd>
RunResult run_by_seconds(const Scenario& scenario, uint64_t seed, Crowd& crowd,
                         const OnSecond& on_second) {
  RunResult result;
  result.seed = seed;
  PoolMeter pool;
  const Instant limit = Instant{} + scenario.stop.limit;
  for (Instant second{}; !crowd.idle() && second < limit;) {
    second = std::min(limit, second + seconds(1));
    crowd.run_until(second);
    result.samples.push_back(crowd.sample());
    const Sample& sample = result.samples.back();
    // A pool that drains has not stabilised.
    if (crowd.arriving()) pool.add(sample.at, sample.pool);
    if (scenario.stop.rule == StopRule::kStabilisedPool && pool.stabilised_at()) {
      crowd.stop_arrivals();
    }
    const bool stopped = !on_second({sample, crowd.expected(), crowd.arriving(), crowd.events()});
    result.interrupted = stopped;
    if (stopped || (!crowd.arriving() && !scenario.stop.drain)) break;
  }
  crowd.report(result);
  leave_out_last(result, scenario.cool_down);
  result.stabilised_at = pool.stabilised_at();
  return result;
}

}  // namespace fb::sim
