// Figures as JSON, with a schema number that grows when a key changes its meaning.
//
// Common parts. "node" is roulette::NodeStats by field name, and "drops" in it every reason that
// counted anything, by its stable name. "engine" is engine::EngineStats by field name. Byte counts
// of the node are datagrams without IP and UDP headers.
// Thread safety: pure functions, any thread, but for write_file_atomically().
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "engine/udp_engine.h"
#include "roulette/stats.h"

namespace fb::cli {

inline constexpr int kReportSchema = 1;

// Keys: schema, program, link, io, threads, letters_lost (what they had to tell each other, and
// found no room for), uptime_seconds, site {version, files, bytes}, node, engine.
struct SeedReport {
  std::string link;
  std::string io;
  Duration uptime;
  uint32_t threads = 1;
  uint64_t letters_lost = 0;
  uint64_t site_version = 0;
  uint64_t site_files = 0;
  uint64_t site_bytes = 0;
  roulette::NodeStats node;
  engine::EngineStats engine;
};
[[nodiscard]] std::string to_json(const SeedReport& report);

// Keys: schema, program, files (fetched now), skipped (identical already), bytes (of files
// fetched), bytes_from_seeder, bytes_from_peers, uploaded, downloaded (all of chunks),
// upload_promise_bytes (uploaded is never more than downloaded and this), neighbours_met, seconds,
// upload_download_ratio, drops, failed [{path, reason}].
struct GetReport {
  struct Failed {
    std::string path;
    std::string reason;
  };
  uint64_t files = 0;
  uint64_t skipped = 0;
  uint64_t bytes = 0;
  ByteCount upload_promise;
  Duration took;
  roulette::NodeStats node;
  std::vector<Failed> failed;
};
[[nodiscard]] std::string to_json(const GetReport& report);

// Keys: schema, program, link, in_swarm, files_held, files_fetching, memory_bytes, disk_bytes,
// readers_waiting, uploaded, downloaded, upload_promise_bytes, upload_download_ratio, node, engine.
struct GatewayReport {
  std::string link;
  bool in_swarm = false;
  uint64_t files_held = 0;
  uint64_t files_fetching = 0;
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t readers_waiting = 0;
  ByteCount upload_promise;
  roulette::NodeStats node;
  engine::EngineStats engine;
};
[[nodiscard]] std::string to_json(const GatewayReport& report);

// What the visitor gave for what it got, in chunks, and what it was promised: "downloaded 9.8 MiB,
// uploaded 8.1 MiB; never more than was downloaded + 8 KiB".
[[nodiscard]] std::string traffic_text(const roulette::NodeStats& node, ByteCount upload_promise);

// "tit_for_tat 3, queue_full 1"; empty when nothing was dropped.
[[nodiscard]] std::string drops_text(const roulette::DropCounters& drops);

[[nodiscard]] std::string_view to_string(engine::IoBackend backend);

// All of it, flushed; the error is a sentence. One thread at a time.
[[nodiscard]] std::expected<void, std::string> write_standard_output(std::string_view text);

// Writes `text` beside `path` and renames it over, so that a reader sees the old or the new. Into
// what is no file (a device, a pipe) it is written directly; of a link, what it names is replaced.
// The error is a sentence. One thread a path.
[[nodiscard]] std::expected<void, std::string> write_file_atomically(const std::string& path,
                                                                     std::string_view text);

}  // namespace fb::cli
