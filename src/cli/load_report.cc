#include "cli/load_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/quantity.h"
#include "cli/report.h"
#include "cli/report_json.h"

namespace fb::cli {
namespace {

// docs/measuring.md: beyond these the host was the limit.
constexpr double kLatenessMaxMs = 1.0;
constexpr double kArrivalLatenessMaxMs = 50.0;
constexpr double kProcessorShareMax = 0.8;

double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

Json json_of(const Distribution& d) {
  return {{"mean", d.mean}, {"p50", d.p50}, {"p95", d.p95}, {"p99", d.p99}, {"max", d.max}};
}

BitRate rate_of(ByteCount bytes, Duration time) {
  if (time.ns <= 0) return {};
  return {static_cast<uint64_t>(static_cast<double>(bytes.bytes) * 8 / time.seconds())};
}

void count_failure(LoadReport& report, const LoadPeerResult& result) {
  using End = LoadPeerResult::End;
  if (result.end == End::kWrongContent) {
    ++report.wrong_content;
  } else if (result.end == End::kMissing) {
    ++report.missing;
  } else if (result.end == End::kFailed && result.why == roulette::FetchFailure::kUnreachable) {
    ++report.unreachable;
  } else if (result.end == End::kFailed && result.why == roulette::FetchFailure::kStalled) {
    ++report.stalled;
  } else if (result.end == End::kFailed) {
    ++report.other_failures;
  }
}

}  // namespace

Distribution Distribution::of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), percentile(values, 0.5),
          percentile(values, 0.95), percentile(values, 0.99), values.back()};
}

bool HostReport::was_the_limit() const {
  return lateness_p99_ms > kLatenessMaxMs || arrival_lateness_max_ms > kArrivalLatenessMaxMs ||
         processor_share > kProcessorShareMax;
}

void add_results(LoadReport& report, const std::vector<LoadPeerResult>& results) {
  std::vector<double> seconds;
  std::vector<double> ratios;
  double received = 0;
  for (const LoadPeerResult& result : results) {
    const roulette::NodeStats& stats = result.stats;
    report.drops += stats.drops;
    report.chunk_bytes_from_seeder += stats.chunk_bytes_from_seeder;
    report.chunk_bytes_from_peers += stats.chunk_bytes_received - stats.chunk_bytes_from_seeder;
    if (stats.chunk_bytes_sent > stats.chunk_bytes_received + report.promise.bytes) {
      ++report.promise_broken;
    }
    count_failure(report, result);
    if (result.end != LoadPeerResult::End::kComplete) continue;
    seconds.push_back(result.took.seconds());
    received += static_cast<double>(stats.bytes_in + stats.datagrams_in * sim::kHeaders.bytes);
    if (stats.chunk_bytes_received > 0) {
      ratios.push_back(static_cast<double>(stats.chunk_bytes_sent) /
                       static_cast<double>(stats.chunk_bytes_received));
    }
  }
  if (!seconds.empty()) received /= static_cast<double>(seconds.size());
  report.received_bytes_mean = received;
  report.completion_seconds = Distribution::of(std::move(seconds));
  report.upload_download_ratio = Distribution::of(std::move(ratios));
  report.incomplete = report.end.arrived - report.end.complete - report.end.killed;
}

std::string to_json(const LoadReport& r) {
  return dump({{"schema", kReportSchema},
               {"program", "fbload"},
               {"mode", "run"},
               {"seed", r.seed},
               {"profile", r.profile == wire::Profile::kClassic ? "classic" : "v2"},
               {"io", r.io},
               {"path", r.path},
               {"file_bytes", r.file.bytes},
               {"peers", r.peers},
               {"offered_per_second", r.offered_per_second},
               {"achieved_per_second", r.achieved_per_second},
               {"seconds", r.end.elapsed.seconds()},
               {"arrived", r.end.arrived},
               {"completed", r.end.complete},
               {"incomplete", r.incomplete},
               {"killed", r.end.killed},
               {"completion_seconds", json_of(r.completion_seconds)},
               {"seeder_bytes", r.end.from_seeder.bytes},
               {"seeder_rate_bits_per_second",
                rate_of(r.end.from_seeder, r.end.elapsed).bits_per_second},
               {"peers_bytes", r.end.between_peers.bytes},
               {"chunk_bytes_from_seeder", r.chunk_bytes_from_seeder},
               {"chunk_bytes_from_peers", r.chunk_bytes_from_peers},
               {"received_bytes_mean", r.received_bytes_mean},
               {"upload_download_ratio", json_of(r.upload_download_ratio)},
               {"promise_bytes", r.promise.bytes},
               {"promise_broken", r.promise_broken},
               {"failures",
                {{"unreachable", r.unreachable},
                 {"stalled", r.stalled},
                 {"wrong_content", r.wrong_content},
                 {"missing", r.missing},
                 {"other", r.other_failures}}},
               {"line_drops", r.line_drops},
               {"drops", drops_json(r.drops)},
               {"host",
                {{"lateness_p99_ms", r.host.lateness_p99_ms},
                 {"arrival_lateness_max_ms", r.host.arrival_lateness_max_ms},
                 {"processor_share", r.host.processor_share},
                 {"was_the_limit", r.host.was_the_limit()}}},
               {"engine", engine_json(r.engine)}});
}

std::string table(const LoadReport& r) {
  const double total =
      static_cast<double>(r.chunk_bytes_from_seeder + r.chunk_bytes_from_peers);
  const double from_peers =
      total > 0 ? 100 * static_cast<double>(r.chunk_bytes_from_peers) / total : 0;
  const Distribution& t = r.completion_seconds;
  const Distribution& u = r.upload_download_ratio;
  std::string out = fmt::format("{} of {}, seed {}\n", r.path, for_people(r.file), r.seed);
  out += fmt::format("  visitors     {} arrived, {} complete, {} incomplete, {} killed\n",
                     r.end.arrived, r.end.complete, r.incomplete, r.end.killed);
  if (r.offered_per_second > 0) {
    out += fmt::format("  arrivals     {:.1f}/s offered, {:.1f}/s achieved\n",
                       r.offered_per_second, r.achieved_per_second);
  }
  out += fmt::format("  waited       mean {:.2f} s, p50 {:.2f}, p95 {:.2f}, p99 {:.2f}, max {:.2f}"
                     "\n",
                     t.mean, t.p50, t.p95, t.p99, t.max);
  const BitRate seeder_rate = rate_of(r.end.from_seeder, r.end.elapsed);
  out += fmt::format("  seeder sent  {} in {:.1f} s: {}\n", for_people(r.end.from_seeder),
                     r.end.elapsed.seconds(), for_people(seeder_rate));
  out += fmt::format("  peers sent   {}; {:.1f} % of all chunks\n",
                     for_people(r.end.between_peers), from_peers);
  const std::string broken =
      r.promise_broken == 0 ? "nobody" : fmt::format("{} VISITORS", r.promise_broken);
  out += fmt::format("  up/download  mean {:.2f}, p95 {:.2f}, max {:.2f}; "
                     "beyond download + {}: {}\n",
                     u.mean, u.p95, u.max, for_people(r.promise), broken);
  if (r.unreachable + r.stalled + r.wrong_content + r.missing + r.other_failures > 0) {
    out += fmt::format(
        "  failures     {} unreachable, {} stalled, {} wrong content, {} not found, {} other\n",
        r.unreachable, r.stalled, r.wrong_content, r.missing, r.other_failures);
  }
  if (r.host.was_the_limit()) {
    out += fmt::format(
        "  WARNING      this host was the limit (events late: p99 {:.1f} ms; arrivals: {:.0f} ms;\n"
        "               {:.0f} % of a core): the times above are not the protocol's\n",
        r.host.lateness_p99_ms, r.host.arrival_lateness_max_ms, 100 * r.host.processor_share);
  }
  return out;
}

}  // namespace fb::cli
