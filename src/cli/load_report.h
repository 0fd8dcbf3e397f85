// What a load run came to: a table for people, JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "cli/load_swarm.h"
#include "engine/udp_engine.h"
#include "roulette/stats.h"
#include "wire/message.h"

namespace fb::cli {

struct Distribution {
  double mean = 0, p50 = 0, p95 = 0, p99 = 0, max = 0;
  // All zero when there are no values.
  static Distribution of(std::vector<double> values);
};

// Whether the host rather than the protocol set the pace. A run of which this says yes measures
// nothing.
struct HostReport {
  double lateness_p99_ms = 0;
  double arrival_lateness_max_ms = 0;
  double processor_share = 0;  // of one core, by this process
  [[nodiscard]] bool was_the_limit() const;
};

struct LoadReport {
  uint64_t seed = 0;
  wire::Profile profile = wire::Profile::kClassic;
  std::string io;
  std::string path;
  ByteCount file;
  uint32_t peers = 0;              // that were to come
  double offered_per_second = 0;   // 0: all at once
  double achieved_per_second = 0;
  LoadProgress end;
  Distribution completion_seconds;
  Distribution upload_download_ratio;
  double received_bytes_mean = 0;  // a complete peer's, with IP and UDP headers
  uint64_t chunk_bytes_from_seeder = 0, chunk_bytes_from_peers = 0;
  uint32_t incomplete = 0;         // arrived, neither complete nor killed
  uint32_t unreachable = 0, stalled = 0, wrong_content = 0, missing = 0, other_failures = 0;
  uint32_t promise_broken = 0;     // uploaded more than downloaded plus the promise
  ByteCount promise;
  uint64_t line_drops = 0;
  roulette::DropCounters drops;    // of all peers
  HostReport host;
  engine::EngineStats engine;
};

// The parts that come from the peers' results.
void add_results(LoadReport& report, const std::vector<LoadPeerResult>& results);

// Keys: schema, program, mode, seed, profile, io, path, file_bytes, peers, offered_per_second,
// achieved_per_second, seconds, arrived, completed, incomplete, killed,
// completion_seconds {mean, p50, p95, p99, max}, seeder_bytes (on the wire, with
// headers), seeder_rate_bits_per_second, peers_bytes, chunk_bytes_from_seeder,
// chunk_bytes_from_peers, received_bytes_mean, upload_download_ratio {likewise}, promise_bytes,
// promise_broken, failures {unreachable, stalled, wrong_content, missing, other}, line_drops,
// drops, host {lateness_p99_ms, arrival_lateness_max_ms, processor_share, was_the_limit}, engine.
[[nodiscard]] std::string to_json(const LoadReport& report);
// Lines for a terminal.
[[nodiscard]] std::string table(const LoadReport& report);

}  // namespace fb::cli
