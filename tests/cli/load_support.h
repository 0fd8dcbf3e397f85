// Runs made by hand, for the tests of their summaries and reports.
#pragma once

#include "sim/result.h"
#include "sim/scenario.h"

namespace fb::cli {

// A visitor that completed 128 KiB after `took_ms`, having arrived as the `number`th of 2 a second.
inline sim::PeerRecord completed_peer(uint32_t number, int64_t took_ms, uint32_t peer_class = 0) {
  sim::PeerRecord out;
  out.number = number;
  out.peer_class = peer_class;
  out.end = sim::PeerEnd::kComplete;
  out.arrived = milliseconds(500) * number;
  out.took = milliseconds(took_ms);
  out.file = kib(128);
  out.first_byte = milliseconds(took_ms / 4);
  out.first_file = milliseconds(took_ms / 2);
  out.received = {150'000};
  out.sent = {120'000};
  out.chunks_received = {140'000};
  out.chunks_sent = {112'000};
  out.chunks_from_seeder = {14'000};
  out.chunks_duplicate = {8'000};
  return out;
}

inline sim::PeerRecord ended_peer(uint32_t number, sim::PeerEnd end, uint32_t peer_class = 0) {
  sim::PeerRecord out = completed_peer(number, 0, peer_class);
  out.end = end;
  out.chunks_received = out.chunks_sent = out.chunks_duplicate = {1'000};
  out.chunks_from_seeder = {};
  return out;
}

// Two classes, six visitors, one of them of the warm-up, and something of every counter.
inline sim::Scenario small_scenario() {
  sim::Scenario out;
  out.title = "small";
  out.classes.resize(2);
  out.classes[0].name = "dsl";
  out.classes[0].share = 0.75;
  out.classes[1].name = "rider";
  out.classes[1].share = 0.25;
  out.classes[1].behaviour = sim::Behaviour::kFreeRider;
  out.classes[1].delay = milliseconds(20);
  out.classes[1].mean_s_max = 100;
  out.arrivals.rate = 2;
  out.stop.peers = 6;
  out.warm_up = milliseconds(400);
  out.expect.mean_s_max = 2.5;
  out.expect.incomplete_max = 0;
  return out;
}

inline sim::RunResult small_run() {
  sim::RunResult out;
  out.seed = 7;
  out.elapsed = seconds(5);
  out.events = 1234;
  out.peers = {completed_peer(0, 900), completed_peer(1, 2'000), completed_peer(2, 4'000),
               completed_peer(3, 9'000, 1), ended_peer(4, sim::PeerEnd::kFailed),
               ended_peer(5, sim::PeerEnd::kAbandoned, 1)};
  out.peers[0].counted = false;
  out.peers[4].why = roulette::FetchFailure::kStalled;
  out.peers[2].promise_broken = true;
  for (int64_t i = 1; i <= 5; ++i) {
    sim::Sample sample;
    sample.at = seconds(i);
    sample.arrived = static_cast<uint32_t>(i < 3 ? 2 * i : 6);
    sample.completed = static_cast<uint32_t>(i - 1);
    sample.pool = sample.arrived - sample.completed;
    sample.seeder_sent = {10'000};
    sample.peers_sent = {50'000};
    sample.useful = {45'000};
    out.samples.push_back(sample);
  }
  out.stabilised_at = seconds(4);
  out.seeder_sent = {50'000};
  out.peer_drops.add(roulette::Drop::kTitForTat);
  out.seeder_drops.add(roulette::Drop::kBadCookie);
  out.network.loss = 3;
  out.violations = {{"content", milliseconds(2'500), "visitor 3 has \"other\" bytes"}};
  out.violations_more = 2;
  return out;
}

}  // namespace fb::cli
