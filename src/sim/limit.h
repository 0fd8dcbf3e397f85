// The least time in which a visitor could have a file, whatever the protocol: what a run's mean is
// measured against.
//
// With OWD the mean one-way delay between two nodes, D the visitor's downlink, and F the file as
// it is on the wire when full datagrams carry it (file * 1500 / 1472, IP and UDP headers of 28
// bytes in packets of 1500):
//
//   L1 = 2 OWD + F / D   up to 4 arrivals a second: ask the seeder, and be served by it
//   L2 = 3 OWD + F / D   above: the seeder cannot serve everybody itself, so it takes one more leg
//                        to hear of somebody who can
//   one-shot of N visitors: L1 + ln N / 29.3 s + N * 56 bytes / U, U being the seeder's uplink: the
//                        number of copies has to grow to N, and the seeder answers each visitor at
//                        least once. The growth of 29.3 a second is that of lines of 800 kbit/s and
//                        of 60 ms; it is used for all others too, where the term is as small.
//
// F / D is of the downlink as it changes (LineEvents).
//
// It assumes that the swarm's uplinks suffice. Where classes have slower uplinks than downlinks the
// limit is lower than anybody could reach, and the ratio to it says less.
// Pure functions, any thread.
#pragma once

#include <cstddef>

#include "base/time.h"
#include "base/units.h"
#include "sim/scenario.h"

namespace fb::sim {

// Expected one-way delay between a visitor of this class and the seeder: two access lines, the
// mean distance of two points in the unit square (0.5214), and what the class and the seeder add.
// Requires: peer_class is an index of scenario.classes.
[[nodiscard]] Duration mean_one_way_delay(const Scenario& scenario, size_t peer_class);

// Visitors a second that the scenario offers around `arrived`, an instant since its start. Of a
// one-shot: all of them. Of a trace: its mean.
[[nodiscard]] double offered_rate(const Scenario& scenario, Duration arrived);

// L1, L2 or the one-shot's, of a visitor of this class that came at `arrived` for `file`.
// Requires: as above.
[[nodiscard]] Duration physical_limit(const Scenario& scenario, size_t peer_class, ByteCount file,
                                      Duration arrived);

}  // namespace fb::sim
