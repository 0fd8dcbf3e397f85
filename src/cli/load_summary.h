// What a laboratory run came to, as plain numbers: for people as a table (table()), for programs
// as JSON and CSV, for readers as a page (load_html.h). docs/report.md describes every figure.
//
// Everything is over the counted visitors, who came after the warm-up, unless a name says
// otherwise. The block of all visitors has everybody in it, cheats too; the classes tell them
// apart.
//
// A virtual run's summary holds nothing of the wall clock: the same scenario and seed give the
// same bytes with every compiler.
// Thread safety: pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "engine/udp_engine.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace fb::cli {

// Of a quantity over `count` visitors; percentiles by nearest rank. Without a visitor nothing is
// known, and JSON says null.
struct Spread {
  uint64_t count = 0;
  double mean = 0, p50 = 0, p95 = 0, p99 = 0, max = 0;
  // The mean's standard error by batch means: visitors of one time are correlated, so 20 batches
  // in the order of arrival are compared. None with fewer than two visitors a batch.
  std::optional<double> mean_error;
};

// Visitors whose completion time is in [from_s, to_s).
struct HistogramBin {
  double from_s = 0, to_s = 0;
  uint64_t visitors = 0;
};

// By `seconds`, `visitors` were complete.
struct CompletionPoint {
  double seconds = 0;
  uint64_t visitors = 0;
};

// Of the visitors of one class, or of all.
struct VisitorSummary {
  // arrived = completed + abandoned + killed + incomplete.
  uint32_t arrived = 0, completed = 0, abandoned = 0, killed = 0;
  uint32_t incomplete = 0;   // still fetching at the end, or failed
  // Parts of incomplete, with the wrong answers of the protocol first.
  uint32_t wrong_content = 0, missing = 0;
  uint32_t unreachable = 0, stalled = 0, refused = 0, bad_manifest = 0, storage = 0;

  Spread completion_seconds;             // of the completed, since the scheduled arrival
  Spread first_byte_seconds, first_file_seconds;  // of the same: PeerRecord::first_byte, first_file
  std::vector<HistogramBin> histogram;   // of the same, without empty bins
  std::vector<CompletionPoint> cdf;      // of the same, ascending, at most kCdfPoints
  std::optional<double> limit_seconds;   // mean of sim::physical_limit
  std::optional<double> ratio_to_limit;  // the mean time / the mean limit

  Spread received_bytes;                  // of the completed, on the wire
  std::optional<double> received_ratio;   // of the same: bytes on the wire / bytes of their files
  Spread upload_download_ratio;           // of the same: chunk bytes sent / received
  // Where a completed visitor's received bytes went, mean.
  std::optional<double> new_chunk_bytes_mean, duplicate_chunk_bytes_mean, other_bytes_mean;
  // Of all, completed or not.
  ByteCount chunks_from_seeder, chunks_from_peers, chunks_duplicate, chunks_sent;
  uint32_t promise_broken = 0;
};
inline constexpr size_t kCdfPoints = 201;

struct PoolSummary {
  std::optional<double> mean;  // over the seconds from the warm-up to the last arrival
  uint32_t max = 0;            // of the whole run
  std::optional<double> stabilised_at_s;
};

struct LoadSummary {
  sim::Scenario scenario;
  sim::Mode mode = sim::Mode::kVirtual;
  uint64_t seed = 0;
  std::string target;
  bool interrupted = false;
  Duration elapsed;             // of the run's own time
  uint64_t events = 0;          // of a virtual run
  uint32_t warm_up_visitors = 0;    // that are not counted,
  uint32_t cool_down_visitors = 0;  // nor these

  VisitorSummary all;
  std::vector<VisitorSummary> classes;  // as Scenario::classes
  PoolSummary pool;
  // Of the whole run, on the wire.
  ByteCount seeder_sent, peers_sent;
  roulette::DropCounters peer_drops, seeder_drops;
  sim::NetworkDrops network;
  std::vector<sim::Violation> violations;
  uint64_t violations_total = 0;  // those and the ones that were not listed
  std::vector<sim::Sample> samples;
  std::vector<std::string> unmet;  // see below
  sim::HostLoad host;

  // Of a real run; for its caller to fill in.
  std::string io;  // "io_uring" or "epoll"
  std::optional<engine::EngineStats> engine;

  // Nothing is wrong with the run itself: all checks held, and every expectation.
  [[nodiscard]] bool passed() const { return violations_total == 0 && unmet.empty(); }
};

// Requires: every PeerRecord::peer_class is an index of scenario.classes.
[[nodiscard]] LoadSummary summarise(const sim::Scenario& scenario, const sim::RunResult& result);

// One sentence for each threshold in the scenario that does not hold, with the wanted and the seen
// value; the classes' too. summarise() has called it. A threshold on something that is not known,
// such as the mean when nobody completed, does not hold.
[[nodiscard]] std::vector<std::string> unmet(const sim::Scenario& scenario,
                                             const LoadSummary& summary);

// One sentence for each way in which the host rather than the protocol set the pace; empty for a
// virtual run. A run of which this says anything measures the host.
[[nodiscard]] std::vector<std::string> host_limits(const LoadSummary& summary);

// Keys: docs/report.md.
[[nodiscard]] std::string to_json(const LoadSummary& summary);
// Lines for a terminal.
[[nodiscard]] std::string table(const LoadSummary& summary);
// With a line of names; a row a second, and a row a visitor (of the warm-up too).
[[nodiscard]] std::string time_series_csv(const sim::RunResult& result);
[[nodiscard]] std::string peers_csv(const sim::Scenario& scenario, const sim::RunResult& result);

}  // namespace fb::cli
