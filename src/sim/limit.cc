#include "sim/limit.h"

#include <algorithm>
#include <cmath>

namespace fb::sim {
namespace {

constexpr double kMeanDistance = 0.5214054331647207;  // of two points in the unit square
constexpr uint64_t kPacket = 1500, kPayload = 1472;   // with and without headers of IP and UDP
constexpr double kSeederAlone = 4;                    // arrivals a second up to which L1 holds
constexpr double kGrowth = 29.3;                      // of the number of copies, a second
constexpr uint64_t kAnswer = 56;                      // bytes of the seeder for each visitor

// Between two hosts that add nothing of their own.
Duration network_delay(const NetworkSpec& network) {
  return network.access_min + network.access_max + scale(network.plane, kMeanDistance);
}

// What the visitor at the other end of the third leg adds.
Duration mean_class_delay(const Scenario& scenario) {
  double share = 0;
  double delay = 0;
  for (const PeerClass& each : scenario.classes) {
    share += each.share;
    delay += each.share * static_cast<double>(each.delay.ns);
  }
  return share > 0 ? Duration{static_cast<int64_t>(delay / share)} : Duration{};
}

// Of `on_wire` bytes whose first may come so long after the arrival, through the downlink as it is.
Duration download_time(const PeerClass& visitor, Duration begins, ByteCount on_wire) {
  const BitRate before = visitor.link.down;
  const BitRate after = visitor.events.down_after;
  const Duration whole = before.time_for(on_wire);
  const Duration until_change = std::max(Duration{}, visitor.events.change_after - begins);
  if (!after.limited() || whole <= until_change) return whole;
  return until_change + after.time_for(on_wire - before.bytes_in(until_change));
}

}  // namespace

Duration mean_one_way_delay(const Scenario& scenario, size_t peer_class) {
  return network_delay(scenario.network) + scenario.classes[peer_class].delay +
         scenario.seeder_delay;
}

double offered_rate(const Scenario& scenario, Duration arrived) {
  const ArrivalSpec& arrivals = scenario.arrivals;
  switch (arrivals.kind) {
    case ArrivalKind::kConstant:
    case ArrivalKind::kPoisson: return arrivals.rate;
    case ArrivalKind::kOneShot: return scenario.stop.peers;
    case ArrivalKind::kRamp: {
      if (arrivals.ramp.ns <= 0) return arrivals.rate_end;
      const double share = arrived.seconds() / arrivals.ramp.seconds();
      return arrivals.rate + (arrivals.rate_end - arrivals.rate) * std::clamp(share, 0.0, 1.0);
    }
    case ArrivalKind::kTrace: {
      if (arrivals.trace.empty()) return 0;
      const Duration span = arrivals.trace.back() - arrivals.trace.front();
      const auto visitors = static_cast<double>(arrivals.trace.size());
      return span.ns > 0 ? (visitors - 1) / span.seconds() : visitors;
    }
  }
  return arrivals.rate;
}

Duration physical_limit(const Scenario& scenario, size_t peer_class, ByteCount file,
                        Duration arrived) {
  const PeerClass& visitor = scenario.classes[peer_class];
  const ByteCount on_wire{file.bytes * kPacket / kPayload};
  Duration begins = mean_one_way_delay(scenario, peer_class) * 2;
  if (scenario.arrivals.kind == ArrivalKind::kOneShot) {
    const double visitors = std::max(1U, scenario.stop.peers);
    const ByteCount answers{std::max(1U, scenario.stop.peers) * kAnswer};
    begins += Duration{std::llround(std::log(visitors) / kGrowth * 1e9)} +
              scenario.seeder.up.time_for(answers);
  } else if (offered_rate(scenario, arrived) > kSeederAlone) {
    // Seeder to another visitor, who sends to this one.
    begins += network_delay(scenario.network) + mean_class_delay(scenario);
  }
  return begins + download_time(visitor, begins, on_wire);
}

}  // namespace fb::sim
