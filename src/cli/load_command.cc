#include "cli/load_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>

#include "cli/load_html.h"
#include "cli/log.h"
#include "cli/nearest.h"
#include "cli/report.h"
#include "cli/site_content.h"
#include "cli/system_random.h"

namespace fb::cli {
namespace {

constexpr const char* kStandardOutput = "-";
constexpr const char* kOutputs[] = {"json", "csv", "peers-csv", "report"};

ExitCode failed(ExitCode code, const std::string& sentence) {
  log_error(sentence);
  return code;
}

bool to_standard_output(const Arguments& arguments) {
  return std::ranges::any_of(
      kOutputs, [&](const char* name) { return arguments.text(name) == kStandardOutput; });
}

// Before the run, so that an hour of it is not lost to a slip.
ExitCode check_outputs(const Arguments& arguments) {
  int standard = 0;
  std::set<std::string> paths;
  for (const char* name : kOutputs) {
    if (!arguments.has(name)) continue;
    const std::string path = arguments.text(name);
    if (path == kStandardOutput) {
      ++standard;
      continue;
    }
    if (!paths.insert(std::filesystem::weakly_canonical(path).string()).second) {
      return failed(ExitCode::kUsage,
                    fmt::format("--{} {}: another output goes there too", name, path));
    }
    auto writable = std::filesystem::path(path);
    // A file is replaced, so its directory counts; a device or a pipe is written to.
    std::error_code error;
    if (const auto kind = std::filesystem::status(path, error).type();
        kind == std::filesystem::file_type::regular ||
        kind == std::filesystem::file_type::not_found) {
      writable = writable.has_parent_path() ? writable.parent_path() : ".";
    }
    if (std::filesystem::is_directory(path) || ::access(writable.c_str(), W_OK) != 0) {
      const char* why = std::filesystem::is_directory(path) ? std::strerror(EISDIR)
                                                            : std::strerror(errno);
      return failed(ExitCode::kLocal, fmt::format("--{} {}: cannot be written: {}", name, path,
                                                  why));
    }
  }
  if (standard > 1) return failed(ExitCode::kUsage, "only one file can be the standard output");
  return ExitCode::kOk;
}

ExitCode take_target(const Arguments& arguments, LoadStart& start) {
  start.target = arguments.text("target");
  if (start.target.empty()) return ExitCode::kOk;
  auto link = content::Link::parse(start.target);
  if (!link) return failed(ExitCode::kUsage, "--target: " + link.error());
  start.link = std::move(*link);
  return ExitCode::kOk;
}

// What a foreign seeder has is its own affair; one of its files is named.
sim::WorldContent foreign_content(const std::string& wanted, const content::Link& link) {
  std::string path = wanted.empty() ? link.path : wanted;
  if (path.empty() || path.ends_with('/')) path += "index.html";
  return {nullptr, {std::move(path)}, {}};
}

ExitCode take_content(LoadStart& start) {
  const sim::ContentSpec& spec = start.scenario().content;
  if (start.link) {
    start.content = foreign_content(spec.path, *start.link);
    return ExitCode::kOk;
  }
  if (spec.site.empty()) {
    start.content = sim::generated_content(spec, start.seed);
    return ExitCode::kOk;
  }
  const Setting& row = *start.settings->table.find("content.site");
  auto content = read_site_content(path_beside(row, start.file));
  if (!content) return report({{row.origin.layer, row.origin.text, content.error()}});
  start.content = std::move(*content);
  if (spec.path.empty()) return ExitCode::kOk;
  std::vector<std::string>& paths = start.content.paths;
  if (!std::ranges::count(paths, spec.path)) {
    const auto guess = nearest(spec.path, paths);
    return failed(ExitCode::kNotFound,
                  fmt::format("{}: the site has no such file{}", spec.path,
                              guess ? fmt::format("; did you mean {}?", *guess) : ""));
  }
  paths = {spec.path};
  if (!spec.page) return ExitCode::kOk;
  start.content.page = shown_by(*start.content.site, spec.path);
  if (start.content.page.empty()) log_warning(spec.path + " shows no other file of its site");
  return ExitCode::kOk;
}

ExitCode check_client(const LoadStart& start) {
  if (start.command != "run" || start.scenario().client != sim::ClientKind::kHttp) {
    return ExitCode::kOk;
  }
  const Setting& row = *start.settings->table.find("client");
  return report({{row.origin.layer, row.origin.text,
                  "plain HTTP clients can only be simulated: fbload sim"}});
}

std::expected<void, std::string> write_output(const std::string& path, std::string_view text) {
  if (path != kStandardOutput) return write_file_atomically(path, text);
  return write_standard_output(text);
}

bool write_outputs(const Arguments& arguments, const LoadStart& start, const LoadSummary& summary,
                   const sim::RunResult& result) {
  bool good = true;
  const auto write = [&](const char* name, const auto& text) {
    if (!arguments.has(name)) return;
    const auto written = write_output(arguments.text(name), text());
    if (!written) log_error(written.error());
    good = good && written;
  };
  const std::string json =
      arguments.has("json") || arguments.has("report") ? to_json(summary) : std::string();
  write("json", [&] { return json; });
  write("csv", [&] { return time_series_csv(result); });
  write("peers-csv", [&] { return peers_csv(start.scenario(), result); });
  write("report", [&] { return html_report(json); });
  return good;
}

}  // namespace

std::vector<Option> load_options(const std::string& command) {
  const ScenarioSettings settings;
  std::vector<Option> options = {
      {.name = "SCENARIO",
       .letter = 0,
       .value = {},
       .doc = "The scenario (TOML); -: the standard input [$FBLOAD_CONFIG, or the defaults]",
       .positional = true},
      {.name = "link", .value = "UP[/DOWN],DELAY[,QUEUE]",
       .doc = "The line of the only class of visitors, such as 800kbit,20ms"},
      {.name = "json", .value = "FILE",
       .doc = "Writes the result as JSON; -: instead of the table"},
      {.name = "csv", .value = "FILE", .doc = "Writes a line a second as CSV"},
      {.name = "peers-csv", .value = "FILE", .doc = "Writes a line a visitor as CSV"},
      {.name = "report", .value = "FILE", .doc = "Writes a page with plots (HTML)"},
      {.name = "quiet", .letter = 'q', .value = {}, .doc = "No live line"},
  };
  if (command == "run") {
    options.push_back({.name = "target", .value = "LINK",
                       .doc = "The link that fbseed prints; without it, a seeder of our own serves "
                              "the scenario's content"});
  }
  std::ranges::move(setting_options(settings.table, command, FileOption::kNone),
                    std::back_inserter(options));
  return options;
}

std::expected<LoadStart, ExitCode> start_load(const Arguments& arguments,
                                              const std::string& command) {
  LoadStart start;
  start.command = command;
  if (const ExitCode code = take_target(arguments, start); code != ExitCode::kOk) {
    return std::unexpected(code);
  }
  ScenarioSources sources;
  sources.settings = sources_of(arguments, ScenarioSettings().table, command);
  if (arguments.has("SCENARIO")) sources.settings.file = arguments.text("SCENARIO");
  sources.link = arguments.text("link");
  if (start.link) sources.content = ContentFrom::kTarget;
  start.file = sources.settings.file;
  LoadedScenario loaded = load_scenario(std::move(sources));
  if (const ExitCode code = report(loaded.complaints); code != ExitCode::kOk) {
    return std::unexpected(code);
  }
  start.settings = std::move(loaded.settings);
  const ScenarioConfig& config = start.settings->config;
  log_start(config.log_level, config.json_log);
  for (const std::string& warning : loaded.warnings) log_warning(warning);
  if (arguments.has("print-config")) {
    fmt::print("{}", print_settings(start.settings->table));
    return std::unexpected(ExitCode::kOk);
  }
  // 32 bits are enough to choose from, and short to type.
  start.seed = config.seed != 0 ? config.seed : std::max<uint64_t>(random_number() >> 32, 1);
  for (const auto& step : {+[](const Arguments&, LoadStart& s) { return check_client(s); },
                           +[](const Arguments& a, LoadStart&) { return check_outputs(a); },
                           +[](const Arguments&, LoadStart& s) { return take_content(s); }}) {
    if (const ExitCode code = step(arguments, start); code != ExitCode::kOk) {
      return std::unexpected(code);
    }
  }
  return start;
}

ExitCode finish_load(const Arguments& arguments, const LoadStart& start,
                     const LoadSummary& summary, const sim::RunResult& result) {
  bool written = write_outputs(arguments, start, summary, result);
  const ExitCode code = exit_code_of(start.scenario(), summary);
  if (to_standard_output(arguments)) {
    for (const std::string& sentence : summary.unmet) log_error(sentence);
    for (const sim::Violation& each : summary.violations) {
      log_error(fmt::format("{} at {:.3f} s: {}", each.check, each.at.seconds(), each.what));
    }
  } else {
    if (const auto told = write_standard_output(table(summary)); !told) {
      log_error(told.error());
      written = false;
    }
  }
  if (summary.violations_total > 0) {
    fmt::print(stderr, "A rule did not hold. The same again:\n  {}\n", replay_command(start));
  }
  return written ? code : ExitCode::kLocal;
}

std::string replay_command(const LoadStart& start) {
  std::string out = "fbload " + start.command;
  const std::string rest = scenario_arguments(*start.settings, start.file);
  if (!rest.empty()) out += ' ' + rest;
  if (!start.target.empty()) out += fmt::format(" --target '{}'", start.target);
  return out + fmt::format(" --seed {}", start.seed);
}

ExitCode exit_code_of(const sim::Scenario& scenario, const LoadSummary& summary) {
  if (summary.violations_total > 0) return ExitCode::kNotAsExpected;
  if (summary.interrupted) return ExitCode::kInterrupted;
  if (!summary.unmet.empty()) return ExitCode::kNotAsExpected;
  const VisitorSummary& all = summary.all;
  // Of whom the scenario says how many may be left, its thresholds have judged.
  uint64_t left = all.incomplete;
  for (size_t i = 0; i < summary.classes.size(); ++i) {
    if (scenario.classes[i].incomplete_max) left -= summary.classes[i].incomplete;
  }
  if (scenario.expect.incomplete_max || scenario.expect.completed_min) left = 0;
  if (left == 0 || !scenario.stop.drain) return ExitCode::kOk;
  if (all.completed == 0 && all.unreachable > 0) return ExitCode::kUnreachable;
  if (all.completed == 0 && all.missing > 0) return ExitCode::kNotFound;
  return ExitCode::kFailed;
}

}  // namespace fb::cli
