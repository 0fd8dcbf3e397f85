// A laboratory run as JSON. docs/report.md describes the keys; a key that changes its meaning
// raises kReportSchema.
#include <utility>

#include "cli/load_scenario_json.h"
#include "cli/load_summary.h"
#include "cli/report.h"
#include "cli/report_json.h"

namespace fb::cli {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json spread_json(const Spread& s) {
  if (s.count == 0) {
    return {{"mean", nullptr}, {"mean_error", nullptr}, {"p50", nullptr},
            {"p95", nullptr},  {"p99", nullptr},        {"max", nullptr}};
  }
  return {{"mean", s.mean}, {"mean_error", or_null(s.mean_error)}, {"p50", s.p50},
          {"p95", s.p95},   {"p99", s.p99},                        {"max", s.max}};
}

double share_of(ByteCount part, ByteCount rest) {
  const double all = static_cast<double>((part + rest).bytes);
  return all > 0 ? static_cast<double>(part.bytes) / all : 0;
}

// What the run has of all visitors and each class of its own.
void add_visitors(Json& out, const VisitorSummary& v) {
  out["arrived"] = v.arrived;
  out["completed"] = v.completed;
  out["abandoned"] = v.abandoned;
  out["killed"] = v.killed;
  out["incomplete"] = v.incomplete;
  out["failures"] = {{"wrong_content", v.wrong_content}, {"missing", v.missing},
                     {"unreachable", v.unreachable},     {"stalled", v.stalled},
                     {"refused", v.refused},             {"bad_manifest", v.bad_manifest},
                     {"storage", v.storage}};
  out["completion_seconds"] = spread_json(v.completion_seconds);
  out["first_byte_seconds"] = spread_json(v.first_byte_seconds);
  out["first_file_seconds"] = spread_json(v.first_file_seconds);
  out["limit_seconds"] = or_null(v.limit_seconds);
  out["ratio_to_limit"] = or_null(v.ratio_to_limit);
  out["received_bytes_mean"] =
      v.received_bytes.count > 0 ? Json(v.received_bytes.mean) : Json(nullptr);
  out["received_bytes_mean_error"] = or_null(v.received_bytes.mean_error);
  out["received_ratio"] = or_null(v.received_ratio);
  out["received_split_mean"] = {{"new_chunks", or_null(v.new_chunk_bytes_mean)},
                                {"duplicate_chunks", or_null(v.duplicate_chunk_bytes_mean)},
                                {"other", or_null(v.other_bytes_mean)}};
  out["upload_download_ratio"] = spread_json(v.upload_download_ratio);
  out["chunk_bytes"] = {{"from_seeder", v.chunks_from_seeder.bytes},
                        {"from_peers", v.chunks_from_peers.bytes},
                        {"duplicate", v.chunks_duplicate.bytes},
                        {"sent", v.chunks_sent.bytes},
                        {"seeder_share", share_of(v.chunks_from_seeder, v.chunks_from_peers)}};
  out["promise_broken"] = v.promise_broken;
}

void add_distribution(Json& out, const VisitorSummary& v) {
  Json cdf = Json::array();
  for (const CompletionPoint& each : v.cdf) cdf.push_back({each.seconds, each.visitors});
  out["completion_cdf"] = std::move(cdf);
  Json histogram = Json::array();
  for (const HistogramBin& each : v.histogram) {
    histogram.push_back({each.from_s, each.to_s, each.visitors});
  }
  out["completion_histogram"] = std::move(histogram);
}

Json violations_json(const LoadSummary& s) {
  Json listed = Json::array();
  for (const sim::Violation& each : s.violations) {
    listed.push_back({{"check", each.check}, {"at_s", each.at.seconds()}, {"what", each.what}});
  }
  return {{"violations", s.violations_total}, {"listed", std::move(listed)}};
}

Json network_json(const sim::NetworkDrops& n) {
  return {{"uplink_queue", n.uplink_queue}, {"downlink_queue", n.downlink_queue},
          {"loss", n.loss},                 {"nat", n.nat},
          {"partition", n.partition},       {"nobody", n.nobody}};
}

Json samples_json(const std::vector<sim::Sample>& samples) {
  Json out = Json::array();
  for (const sim::Sample& each : samples) {
    out.push_back({{"at_s", each.at.seconds()},
                   {"arrived", each.arrived},
                   {"completed", each.completed},
                   {"abandoned", each.abandoned},
                   {"failed", each.failed},
                   {"pool", each.pool},
                   {"seeder_sent_bytes", each.seeder_sent.bytes},
                   {"peers_sent_bytes", each.peers_sent.bytes},
                   {"useful_bytes", each.useful.bytes}});
  }
  return out;
}

Json host_json(const LoadSummary& s) {
  const std::vector<std::string> limits = host_limits(s);
  return {{"lateness_p50_ms", s.host.lateness_p50_ms},
          {"lateness_p99_ms", s.host.lateness_p99_ms},
          {"arrival_lateness_max_ms", s.host.arrival_lateness_max_ms},
          {"processor_share", s.host.processor_share},
          {"threads", s.host.threads},
          {"socket_drops", s.host.socket_drops},
          {"was_the_limit", !limits.empty()},
          {"why", limits}};
}

bool is_flat(const Json& json) {
  for (const Json& each : json) {
    if (each.is_structured()) return false;
  }
  return true;
}

// A key a line, and an element of an array, which is a row of the table that it is. A number is
// the shortest text that reads back as the same, so it depends on nothing else.
void write(std::string& out, const Json& json, size_t indent, bool row) {
  if (row || !json.is_structured() || json.empty()) {
    out += dump_line(json);
    return;
  }
  out += json.is_object() ? '{' : '[';
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(indent + 2, ' ');
    if (json.is_object()) {
      out += dump_line(key) + ": ";
    }
    write(out, value, indent + 2, json.is_array() && is_flat(value));
  }
  out += '\n';
  out.append(indent, ' ');
  out += json.is_object() ? '}' : ']';
}

}  // namespace

std::string to_json(const LoadSummary& s) {
  const bool real = s.mode == sim::Mode::kReal;
  Json out = {{"schema", kReportSchema},
              {"program", "fbload"},
              {"version", FB_VERSION},
              {"title", s.scenario.title},
              {"profile", profile_name(s.scenario)},
              {"mode", real ? "real" : "virtual"},
              {"seed", s.seed}};
  if (real) {
    out["io"] = s.io;
    out["target"] = s.target;
  }
  out["interrupted"] = s.interrupted;
  out["seconds"] = s.elapsed.seconds();
  if (!real) out["events"] = s.events;
  out["warm_up_visitors"] = s.warm_up_visitors;
  out["cool_down_visitors"] = s.cool_down_visitors;
  add_visitors(out, s.all);
  out["pool"] = {{"mean", or_null(s.pool.mean)},
                 {"max", s.pool.max},
                 {"stabilised", s.pool.stabilised_at_s.has_value()},
                 {"stabilised_at_s", or_null(s.pool.stabilised_at_s)}};
  const double elapsed = s.elapsed.seconds();
  out["seeder_bytes"] = s.seeder_sent.bytes;
  out["seeder_bits_per_second"] =
      elapsed > 0 ? Json(static_cast<double>(s.seeder_sent.bytes) * 8 / elapsed) : Json(nullptr);
  out["peers_bytes"] = s.peers_sent.bytes;
  roulette::DropCounters drops = s.peer_drops;
  drops += s.seeder_drops;
  out["drops"] = drops_json(drops);
  out["seeder_drops"] = drops_json(s.seeder_drops);
  out["network_drops"] = network_json(s.network);
  out["checks"] = violations_json(s);
  out["unmet"] = s.unmet;
  if (real) {
    out["host"] = host_json(s);
    if (s.engine) out["engine"] = engine_json(*s.engine);
  }
  out["scenario"] = scenario_json(s.scenario);
  Json classes = Json::array();
  for (size_t i = 0; i < s.classes.size(); ++i) {
    Json each = class_json(s.scenario.classes[i]);
    Json block = {{"name", s.scenario.classes[i].name}};
    each.erase("name");
    block["scenario"] = std::move(each);
    add_visitors(block, s.classes[i]);
    add_distribution(block, s.classes[i]);
    classes.push_back(std::move(block));
  }
  out["classes"] = std::move(classes);
  add_distribution(out, s.all);
  out["samples"] = samples_json(s.samples);
  std::string text;
  write(text, out, 0, false);
  return text + "\n";
}

}  // namespace fb::cli
