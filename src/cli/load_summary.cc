#include "cli/load_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "cli/load_histogram.h"
#include "sim/limit.h"

namespace fb::cli {
namespace {

// docs/measuring.md: beyond these the host was the limit.
constexpr double kLatenessMaxMs = 1.0;
constexpr double kArrivalLatenessMaxMs = 50.0;
constexpr double kProcessorShareMax = 0.8;

constexpr size_t kBatches = 20;

using Records = std::vector<const sim::PeerRecord*>;

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double each : values) sum += each;
  return sum / static_cast<double>(values.size());
}

std::optional<double> error_of_mean(std::span<const double> in_order_of_arrival) {
  const size_t n = in_order_of_arrival.size();
  if (n < 2 * kBatches) return std::nullopt;
  std::array<double, kBatches> means{};
  for (size_t i = 0; i < kBatches; ++i) {
    const size_t from = i * n / kBatches;
    means[i] = mean_of(in_order_of_arrival.subspan(from, (i + 1) * n / kBatches - from));
  }
  const double middle = mean_of(means);
  double squares = 0;
  for (const double each : means) squares += (each - middle) * (each - middle);
  return std::sqrt(squares / static_cast<double>(kBatches - 1) / static_cast<double>(kBatches));
}

// The value of which `share` of all are at most as large. Requires: not empty.
double by_rank(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Leaves `values` sorted.
Spread spread_of(std::vector<double>& values) {
  if (values.empty()) return {};
  Spread out;
  out.count = values.size();
  out.mean = mean_of(values);
  out.mean_error = error_of_mean(values);
  std::ranges::sort(values);
  out.p50 = by_rank(values, 0.5);
  out.p95 = by_rank(values, 0.95);
  out.p99 = by_rank(values, 0.99);
  out.max = values.back();
  return out;
}

std::vector<CompletionPoint> cdf_of(const std::vector<double>& sorted) {
  std::vector<CompletionPoint> out;
  const size_t points = std::min(sorted.size(), kCdfPoints);
  for (size_t i = 0; i < points; ++i) {
    // The first and the last are always among them.
    const size_t at = points < 2 ? 0 : i * (sorted.size() - 1) / (points - 1);
    out.push_back({sorted[at], at + 1});
  }
  return out;
}

void count_failure(VisitorSummary& out, roulette::FetchFailure why) {
  switch (why) {
    case roulette::FetchFailure::kUnreachable: ++out.unreachable; return;
    case roulette::FetchFailure::kStalled: ++out.stalled; return;
    case roulette::FetchFailure::kRefused: ++out.refused; return;
    case roulette::FetchFailure::kBadManifest: ++out.bad_manifest; return;
    case roulette::FetchFailure::kStorage: ++out.storage; return;
  }
}

void count_end(VisitorSummary& out, const sim::PeerRecord& peer) {
  ++out.arrived;
  switch (peer.end) {
    case sim::PeerEnd::kComplete: ++out.completed; return;
    case sim::PeerEnd::kAbandoned: ++out.abandoned; return;
    case sim::PeerEnd::kKilled: ++out.killed; return;
    case sim::PeerEnd::kNotYet: break;
    case sim::PeerEnd::kFailed: count_failure(out, peer.why); break;
    case sim::PeerEnd::kMissing: ++out.missing; break;
    case sim::PeerEnd::kWrongContent: ++out.wrong_content; break;
  }
  ++out.incomplete;
}

double as_double(ByteCount count) { return static_cast<double>(count.bytes); }

// What is measured of the completed only.
void summarise_completed(VisitorSummary& out, const Records& peers) {
  std::vector<double> seconds, first_bytes, first_files, received, ratios;
  double on_wire = 0, files = 0, fresh = 0, duplicate = 0, other = 0;
  for (const sim::PeerRecord* peer : peers) {
    if (peer->end != sim::PeerEnd::kComplete) continue;
    seconds.push_back(peer->took.seconds());
    if (peer->first_byte) first_bytes.push_back(peer->first_byte->seconds());
    if (peer->first_file) first_files.push_back(peer->first_file->seconds());
    received.push_back(as_double(peer->received));
    on_wire += as_double(peer->received);
    files += as_double(peer->file);
    fresh += as_double(peer->chunks_received - peer->chunks_duplicate);
    duplicate += as_double(peer->chunks_duplicate);
    other += as_double(peer->received - peer->chunks_received);
    if (peer->chunks_received.bytes > 0) {
      ratios.push_back(as_double(peer->chunks_sent) / as_double(peer->chunks_received));
    }
  }
  out.completion_seconds = spread_of(seconds);
  out.first_byte_seconds = spread_of(first_bytes);
  out.first_file_seconds = spread_of(first_files);
  out.histogram = histogram_of(seconds);
  out.cdf = cdf_of(seconds);
  out.received_bytes = spread_of(received);
  out.upload_download_ratio = spread_of(ratios);
  if (seconds.empty()) return;
  const auto completed = static_cast<double>(seconds.size());
  out.new_chunk_bytes_mean = fresh / completed;
  out.duplicate_chunk_bytes_mean = duplicate / completed;
  out.other_bytes_mean = other / completed;
  if (files > 0) out.received_ratio = on_wire / files;
}

VisitorSummary summarise_visitors(const sim::Scenario& scenario, const Records& peers) {
  VisitorSummary out;
  double limits = 0;
  uint64_t limited = 0;
  for (const sim::PeerRecord* peer : peers) {
    count_end(out, *peer);
    out.chunks_from_seeder += peer->chunks_from_seeder;
    out.chunks_from_peers += peer->chunks_received - peer->chunks_from_seeder;
    out.chunks_duplicate += peer->chunks_duplicate;
    out.chunks_sent += peer->chunks_sent;
    if (peer->promise_broken) ++out.promise_broken;
    if (peer->file.bytes == 0) continue;
    limits += sim::physical_limit(scenario, peer->peer_class, peer->file, peer->arrived).seconds();
    ++limited;
  }
  summarise_completed(out, peers);
  if (limited > 0) {
    out.limit_seconds = limits / static_cast<double>(limited);
    if (out.completed > 0) out.ratio_to_limit = out.completion_seconds.mean / *out.limit_seconds;
  }
  return out;
}

PoolSummary summarise_pool(const sim::Scenario& scenario, const sim::RunResult& result) {
  PoolSummary out;
  if (result.stabilised_at) out.stabilised_at_s = result.stabilised_at->seconds();
  // Of a one-shot the last arrival is the first, and its pool only shrinks: all of the run.
  Duration last = Duration::max();
  if (scenario.arrivals.kind != sim::ArrivalKind::kOneShot && !result.peers.empty()) {
    last = result.peers.back().arrived + seconds(1);
  }
  double sum = 0;
  uint64_t samples = 0;
  for (const sim::Sample& each : result.samples) {
    out.max = std::max(out.max, each.pool);
    if (each.at < scenario.warm_up || each.at > last) continue;
    sum += each.pool;
    ++samples;
  }
  if (samples > 0) out.mean = sum / static_cast<double>(samples);
  return out;
}

// A threshold and what was seen of it.
struct Bound {
  std::string what;
  std::string unit;  // with its space
  std::optional<double> wanted;
  std::optional<double> seen;
  bool least = false;  // the wanted value is the smallest that will do
};

void judge(std::vector<std::string>& out, const std::string& whose, const Bound& bound) {
  if (!bound.wanted) return;
  const std::string wanted = fmt::format("wanted at {} {:.10g}{}", bound.least ? "least" : "most",
                                         *bound.wanted, bound.unit);
  if (!bound.seen) {
    out.push_back(fmt::format("{}{}: unknown, {}", whose, bound.what, wanted));
  } else if (bound.least ? *bound.seen < *bound.wanted : *bound.seen > *bound.wanted) {
    out.push_back(
        fmt::format("{}{}: {:.6g}{}, {}", whose, bound.what, *bound.seen, bound.unit, wanted));
  }
}

std::optional<double> if_any(const Spread& spread, double value) {
  return spread.count > 0 ? std::optional(value) : std::nullopt;
}

std::optional<double> seeder_share(const VisitorSummary& visitors) {
  const double all = as_double(visitors.chunks_from_seeder + visitors.chunks_from_peers);
  if (all <= 0) return std::nullopt;
  return as_double(visitors.chunks_from_seeder) / all;
}

}  // namespace

LoadSummary summarise(const sim::Scenario& scenario, const sim::RunResult& result) {
  LoadSummary out;
  out.scenario = scenario;
  out.mode = result.mode;
  out.seed = result.seed;
  out.target = result.target;
  out.interrupted = result.interrupted;
  out.elapsed = result.elapsed;
  out.events = result.events;
  Records all;
  std::vector<Records> classes(scenario.classes.size());
  for (const sim::PeerRecord& peer : result.peers) {
    out.peers_sent += peer.sent;
    if (!peer.counted) {
      ++(peer.arrived < scenario.warm_up ? out.warm_up_visitors : out.cool_down_visitors);
      continue;
    }
    all.push_back(&peer);
    classes[peer.peer_class].push_back(&peer);
  }
  out.all = summarise_visitors(scenario, all);
  for (const Records& each : classes) out.classes.push_back(summarise_visitors(scenario, each));
  out.pool = summarise_pool(scenario, result);
  out.seeder_sent = result.seeder_sent;
  out.peer_drops = result.peer_drops;
  out.seeder_drops = result.seeder_drops;
  out.network = result.network;
  out.violations = result.violations;
  out.violations_total = result.violations.size() + result.violations_more;
  out.samples = result.samples;
  if (result.mode == sim::Mode::kReal) out.host = result.host;
  out.unmet = unmet(scenario, out);
  return out;
}

std::vector<std::string> unmet(const sim::Scenario& scenario, const LoadSummary& summary) {
  const sim::Expectation& expect = scenario.expect;
  const VisitorSummary& all = summary.all;
  const Spread& took = all.completion_seconds;
  const Spread& ratio = all.upload_download_ratio;
  std::vector<std::string> out;
  const std::vector<Bound> bounds = {
      {"mean completion time", " s", expect.mean_s_max, if_any(took, took.mean)},
      {"median completion time", " s", expect.p50_s_max, if_any(took, took.p50)},
      {"95th percentile of the completion time", " s", expect.p95_s_max, if_any(took, took.p95)},
      {"99th percentile of the completion time", " s", expect.p99_s_max, if_any(took, took.p99)},
      {"longest completion time", " s", expect.max_s_max, if_any(took, took.max)},
      {"mean completion time by the physical limit", "", expect.ratio_to_limit_max,
       all.ratio_to_limit},
      {"incomplete visitors", "", expect.incomplete_max, all.incomplete},
      {"completed visitors", "", expect.completed_min, all.completed, true},
      {"largest pool", "", expect.pool_max, summary.pool.max},
      {"received bytes by the file's", "", expect.received_ratio_max, all.received_ratio},
      {"largest ratio of upload to download", "", expect.upload_download_ratio_max,
       if_any(ratio, ratio.max)},
      {"the seeder's share of all chunk bytes", "", expect.seeder_share_max, seeder_share(all)},
  };
  for (const Bound& bound : bounds) judge(out, "", bound);
  const bool stabilised = summary.pool.stabilised_at_s.has_value();
  if (expect.stabilised && *expect.stabilised != stabilised) {
    out.emplace_back(stabilised ? "pool: stabilised, wanted that it does not"
                                : "pool: never stabilised, wanted that it does");
  }
  for (size_t i = 0; i < scenario.classes.size(); ++i) {
    const sim::PeerClass& peers = scenario.classes[i];
    const VisitorSummary& seen = summary.classes[i];
    const std::string whose = fmt::format("class {}: ", peers.name);
    const Spread& time = seen.completion_seconds;
    judge(out, whose, {"mean completion time", " s", peers.mean_s_max, if_any(time, time.mean)});
    judge(out, whose, {"95th percentile of the completion time", " s", peers.p95_s_max,
                       if_any(time, time.p95)});
    judge(out, whose, {"incomplete visitors", "", peers.incomplete_max, seen.incomplete});
  }
  return out;
}

std::vector<std::string> host_limits(const LoadSummary& summary) {
  std::vector<std::string> out;
  if (summary.mode == sim::Mode::kVirtual) return out;
  const sim::HostLoad& host = summary.host;
  if (host.lateness_p99_ms > kLatenessMaxMs) {
    out.push_back(fmt::format("timers were late: p99 {:.1f} ms, {:.0f} ms is the most that is "
                              "harmless", host.lateness_p99_ms, kLatenessMaxMs));
  }
  if (host.arrival_lateness_max_ms > kArrivalLatenessMaxMs) {
    out.push_back(fmt::format("a visitor came {:.0f} ms late, {:.0f} ms is the most that is "
                              "harmless", host.arrival_lateness_max_ms, kArrivalLatenessMaxMs));
  }
  if (host.processor_share > kProcessorShareMax) {
    out.push_back(fmt::format("a thread used {:.0f} % of its core, {:.0f} % is the most that is "
                              "harmless", 100 * host.processor_share, 100 * kProcessorShareMax));
  }
  if (host.socket_drops > 0) {
    out.push_back(fmt::format("the kernel dropped {} datagrams before they were read",
                              host.socket_drops));
  }
  return out;
}

}  // namespace fb::cli
