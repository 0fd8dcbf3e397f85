// The baseline: visitors that fetch by plain HTTP from one server, behind the same lines.
//
// A fluid model of TCP that flatters it: every transfer has at once its max-min fair share of the
// server's uplink, bounded by its own downlink; no loss, no slow start, no refused or timed-out
// connection. What it costs is counted: a round trip for the connection, one for the request, and
// 40 bytes of headers on each segment of 1460.
#pragma once

#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/simulate.h"

namespace fb::sim {

// As simulate(); of the scenario's behaviours only abandoning means anything here.
[[nodiscard]] RunResult simulate_http(const Scenario& scenario, uint64_t seed,
                                      const WorldContent& content, const OnSecond& on_second);

}  // namespace fb::sim
