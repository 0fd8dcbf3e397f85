#include "cli/load_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/report.h"
#include "cli/report_json.h"

namespace fb::cli {
namespace {

constexpr double kNoiseFactor = 2;  // so many standard errors are noise

// How the noise of a figure is known.
enum class Noise {
  kMeasured,  // its standard error is under `error`, in units of the figure / `scale`
  kCount,     // of independent events
  kNone,      // any difference counts
  kUnknown,
};

struct Metric {
  const char* pointer;  // RFC 6901
  const char* name;
  Noise noise;
  const char* error = nullptr;  // pointer to the standard error of …
  const char* error_of = nullptr;  // … this figure, when it is not the metric itself
  bool neutral = false;            // neither more nor less of it is better
};

constexpr Metric kRunMetrics[] = {
    {"/completion_seconds/mean", "mean wait, s", Noise::kMeasured,
     "/completion_seconds/mean_error"},
    {"/completion_seconds/p50", "median wait, s", Noise::kUnknown},
    {"/completion_seconds/p95", "95 % wait, s", Noise::kUnknown},
    {"/completion_seconds/p99", "99 % wait, s", Noise::kUnknown},
    {"/completion_seconds/max", "longest wait, s", Noise::kUnknown},
    {"/ratio_to_limit", "mean / limit", Noise::kMeasured, "/completion_seconds/mean_error",
     "/completion_seconds/mean"},
    {"/incomplete", "unfinished", Noise::kCount},
    {"/abandoned", "gave up waiting", Noise::kCount},
    {"/pool/mean", "pool, mean", Noise::kUnknown},
    {"/pool/max", "pool, max", Noise::kUnknown},
    {"/received_bytes_mean", "received, bytes", Noise::kMeasured, "/received_bytes_mean_error"},
    {"/received_ratio", "received / file", Noise::kMeasured, "/received_bytes_mean_error",
     "/received_bytes_mean"},
    {"/upload_download_ratio/mean", "sent / received", Noise::kMeasured,
     "/upload_download_ratio/mean_error", nullptr, true},
    {"/upload_download_ratio/max", "the same, max", Noise::kUnknown},
    {"/seeder_bytes", "seeder, bytes", Noise::kUnknown},
    {"/chunk_bytes/seeder_share", "seeder's share", Noise::kUnknown},
    {"/promise_broken", "promises broken", Noise::kNone},
    {"/checks/violations", "violated checks", Noise::kNone},
};

constexpr Metric kClassMetrics[] = {
    {"/completion_seconds/mean", "mean wait, s", Noise::kMeasured,
     "/completion_seconds/mean_error"},
    {"/completion_seconds/p95", "95 % wait, s", Noise::kUnknown},
    {"/ratio_to_limit", "mean / limit", Noise::kMeasured, "/completion_seconds/mean_error",
     "/completion_seconds/mean"},
    {"/incomplete", "unfinished", Noise::kCount},
    {"/abandoned", "gave up waiting", Noise::kCount},
};

std::optional<double> number(const Json& json, const char* pointer) {
  const Json& value = json.at(Json::json_pointer(std::string(pointer)));
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<double> error_of(const Json& json, const Metric& metric) {
  const auto error = number(json, metric.error);
  if (!error || metric.error_of == nullptr) return error;
  const auto figure = number(json, metric.pointer);
  const auto base = number(json, metric.error_of);
  if (!figure || !base || *base == 0) return std::nullopt;
  return *error * *figure / *base;
}

std::optional<double> noise_of(const Json& a, const Json& b, const Metric& metric,
                               const Compared& row) {
  switch (metric.noise) {
    case Noise::kNone: return 0;
    case Noise::kUnknown: return std::nullopt;
    case Noise::kCount: return std::sqrt(*row.a + *row.b);
    case Noise::kMeasured: break;
  }
  const auto of_a = error_of(a, metric);
  const auto of_b = error_of(b, metric);
  if (!of_a || !of_b) return std::nullopt;
  return std::sqrt(*of_a * *of_a + *of_b * *of_b);
}

Verdict verdict_of(const Compared& row, bool neutral) {
  if (!row.a && !row.b) return Verdict::kSame;
  if (!row.a || !row.b) return Verdict::kDiffers;
  if (*row.a == *row.b) return Verdict::kSame;
  if (!row.noise) return Verdict::kDiffers;
  if (std::abs(*row.b - *row.a) <= kNoiseFactor * *row.noise) return Verdict::kWithinNoise;
  if (neutral) return Verdict::kDiffers;
  return *row.b < *row.a ? Verdict::kBetter : Verdict::kWorse;
}

// "/a/b" becomes "a.b".
std::string dotted(std::string_view pointer) {
  std::string out(pointer.substr(1));
  std::ranges::replace(out, '/', '.');
  return out;
}

template <size_t n>
void add_rows(Comparison& out, const std::string& scope, const Json& a, const Json& b,
              const Metric (&metrics)[n]) {
  for (const Metric& metric : metrics) {
    Compared row;
    row.scope = scope;
    row.metric = dotted(metric.pointer);
    row.name = metric.name;
    row.a = number(a, metric.pointer);
    row.b = number(b, metric.pointer);
    if (row.a && row.b) {
      if (*row.a != 0) row.percent = 100 * (*row.b - *row.a) / std::abs(*row.a);
      row.noise = noise_of(a, b, metric, row);
    }
    row.verdict = verdict_of(row, metric.neutral);
    out.rows.push_back(std::move(row));
  }
}

std::map<std::string, const Json*> classes_of(const Json& run) {
  std::map<std::string, const Json*> out;
  for (const Json& each : run["classes"]) out.emplace(each["name"].get<std::string>(), &each);
  return out;
}

// Every parameter by its dotted key.
std::map<std::string, std::string> parameters_of(const Json& run) {
  std::map<std::string, std::string> out;
  const auto add = [&](const std::string& prefix, const Json& json) {
    const Json flat = json.flatten();
    for (const auto& [pointer, value] : flat.items()) {
      if (!pointer.empty()) out[prefix + dotted(pointer)] = dump_line(value);
    }
  };
  add("", run["scenario"]);
  for (const auto& [name, each] : classes_of(run)) {
    add(fmt::format("class {}: ", name), (*each)["scenario"]);
  }
  for (const char* key : {"profile", "mode", "version"}) out[key] = dump_line(run[key]);
  return out;
}

void compare_scenarios(Comparison& out, const Json& a, const Json& b) {
  const auto of_a = parameters_of(a);
  auto of_b = parameters_of(b);
  for (const auto& [key, value] : of_a) {
    const auto at = of_b.find(key);
    if (at == of_b.end()) {
      out.differences.push_back(fmt::format("{}: {}, and not in the second", key, value));
      continue;
    }
    if (at->second != value) {
      out.differences.push_back(fmt::format("{}: {} and {}", key, value, at->second));
    }
    of_b.erase(at);
  }
  for (const auto& [key, value] : of_b) {
    out.differences.push_back(fmt::format("{}: not in the first, {} in the second", key, value));
  }
}

void warn_of(Comparison& out, std::string_view which, const Json& run) {
  const Json::json_pointer limit("/host/was_the_limit");
  if (run.contains(limit) && run.at(limit) == true) {
    out.warnings.push_back(
        fmt::format("{}: the host was the limit, its times are not the protocol's", which));
  }
  if (run["interrupted"] == true) {
    out.warnings.push_back(fmt::format("{}: the run was interrupted", which));
  }
  if (number(run, "/checks/violations").value_or(0) > 0) {
    out.warnings.push_back(fmt::format("{}: a check of the protocol did not hold", which));
  }
}

std::string figure(const std::optional<double>& value) {
  if (!value) return "-";
  const double size = std::abs(*value);
  if (size >= 10'000 || (size == std::floor(size) && size < 1e15)) {
    return fmt::format("{:.0f}", *value);
  }
  return fmt::format("{:.{}f}", *value, size >= 100 ? 1 : size >= 1 ? 2 : 4);
}

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame: return "same";
    case Verdict::kWithinNoise: return "within noise";
    case Verdict::kBetter: return "better";
    case Verdict::kWorse: return "worse";
    case Verdict::kDiffers: return "differs";
  }
  return "unknown";
}

bool Comparison::worse() const {
  return std::ranges::any_of(rows, [](const Compared& r) { return r.verdict == Verdict::kWorse; });
}

Comparison compare(std::string_view a_text, std::string_view b_text) {
  const Json a = Json::parse(a_text);
  const Json b = Json::parse(b_text);
  Comparison out;
  out.a_title = a["title"].get<std::string>();
  out.b_title = b["title"].get<std::string>();
  compare_scenarios(out, a, b);
  warn_of(out, "A", a);
  warn_of(out, "B", b);
  add_rows(out, "", a, b, kRunMetrics);
  const auto of_b = classes_of(b);
  const auto of_a = classes_of(a);
  if (of_a.size() < 2 && of_b.size() < 2) return out;
  for (const Json& each : a["classes"]) {  // in the order of the scenario
    const auto name = each["name"].get<std::string>();
    const auto other = of_b.find(name);
    if (other != of_b.end()) add_rows(out, name, each, *other->second, kClassMetrics);
  }
  return out;
}

std::string table(const Comparison& c) {
  std::string out = fmt::format("A: {}\nB: {}\n", c.a_title, c.b_title);
  for (const std::string& each : c.warnings) out += fmt::format("WARNING  {}\n", each);
  if (!c.differences.empty()) {
    out += "The scenarios differ:\n";
    for (const std::string& each : c.differences) out += fmt::format("  {}\n", each);
  }
  out += fmt::format("\n  {:<18} {:>12} {:>12} {:>9} {:>10}  {}\n", "", "A", "B", "change",
                     "noise ±", "verdict");
  std::string scope;
  for (const Compared& row : c.rows) {
    if (row.scope != scope) out += fmt::format("  class {}\n", row.scope);
    scope = row.scope;
    const std::string percent = row.percent ? fmt::format("{:+.1f} %", *row.percent) : "-";
    const std::string noise = row.noise && *row.noise > 0 ? figure(row.noise) : "-";
    out += fmt::format("  {:<18} {:>12} {:>12} {:>9} {:>10}  {}\n", row.name, figure(row.a),
                       figure(row.b), percent, noise, to_string(row.verdict));
  }
  return out;
}

std::string to_json(const Comparison& c) {
  Json rows = Json::array();
  for (const Compared& row : c.rows) {
    rows.push_back({{"scope", row.scope},
                    {"metric", row.metric},
                    {"a", or_null(row.a)},
                    {"b", or_null(row.b)},
                    {"percent", or_null(row.percent)},
                    {"noise", or_null(row.noise)},
                    {"verdict", to_string(row.verdict)}});
  }
  return dump({{"schema", kReportSchema},
               {"program", "fbload compare"},
               {"a", c.a_title},
               {"b", c.b_title},
               {"worse", c.worse()},
               {"differences", c.differences},
               {"warnings", c.warnings},
               {"rows", std::move(rows)}});
}

}  // namespace fb::cli
