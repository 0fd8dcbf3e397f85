#include "cli/scenario_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "cli/load_link.h"
#include "cli/nearest.h"
#include "cli/quantity.h"
#include "cli/roulette_settings.h"
#include "cli/scenario_trace.h"

namespace fb::cli {
namespace {

constexpr std::string_view kClassPrefix = "class.";

// "dsl" of "class.dsl.up=1Mbit"; empty for every other --set.
std::string class_in(std::string_view set) {
  const std::string_view key = set.substr(0, set.find('='));
  if (!key.starts_with(kClassPrefix)) return {};
  const std::string_view rest = key.substr(kClassPrefix.size());
  const size_t dot = rest.find('.');
  return dot == std::string_view::npos ? std::string() : std::string(rest.substr(0, dot));
}

bool gives_share(const std::vector<std::string>& sets, const std::string& name) {
  return std::ranges::any_of(
      sets, [&](const std::string& set) { return set.starts_with("class." + name + ".share="); });
}

// The names that file and --set use. A name of --set beside the file's own classes is a slip,
// unless it is told how many visitors are of it.
std::vector<std::string> class_names(std::string_view text, const std::vector<std::string>& sets,
                                     std::vector<Complaint>& complaints) {
  std::vector<std::string> names = tables_within(text, "class");
  std::erase_if(names, [](const std::string& n) { return n.find('.') != std::string::npos; });
  const std::vector<std::string> in_file = names;
  for (const std::string& set : sets) {
    const std::string name = class_in(set);
    if (name.empty() || std::ranges::count(names, name)) continue;
    if (!in_file.empty() && !gives_share(sets, name)) {
      const auto guess = nearest(name, in_file);
      complaints.push_back({Layer::kFlag, "--set " + set.substr(0, set.find('=')),
                            guess ? fmt::format("there is no class \"{}\"; did you mean \"{}\"?",
                                                name, *guess)
                                  : fmt::format("there is no class \"{0}\"; set class.{0}.share to "
                                                "add one",
                                                name)});
    }
    names.push_back(name);
  }
  if (names.empty()) names.emplace_back("peer");
  return names;
}

// --link as the settings that it stands for.
void add_link(ScenarioSources& sources, const std::vector<std::string>& classes,
              std::vector<Complaint>& complaints) {
  if (sources.link.empty()) return;
  const auto link = LoadLink::parse(sources.link);
  if (!link || classes.size() != 1) {
    complaints.push_back({Layer::kFlag, "--link",
                          link ? fmt::format("the scenario has {} classes; write --set "
                                             "class.{}.up=… and the like",
                                             classes.size(), classes.front())
                               : link.error()});
    return;
  }
  const auto set = [&](const char* key, std::string text) {
    sources.settings.flags.push_back(
        {fmt::format("class.{}.{}", classes.front(), key), "--link", std::move(text)});
  };
  set("up", to_text(link->up));
  set("down", to_text(link->down));
  set("delay", to_text(link->delay));
  set("queue", to_text(link->queue));
}

// For a POSIX shell.
std::string shell_quoted(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("%+,-./:=@_").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

void load_trace(ScenarioSettings& settings, const std::string& file,
                std::vector<Complaint>& complaints) {
  ScenarioConfig& config = settings.config;
  sim::ArrivalSpec& arrivals = config.scenario.arrivals;
  if (arrivals.kind != sim::ArrivalKind::kTrace || config.trace_file.empty()) return;
  const Setting& row = *settings.table.find("arrivals.trace");
  auto trace = read_trace(path_beside(row, file));
  if (trace) {
    arrivals.trace = std::move(*trace);
  } else {
    complaints.push_back({row.origin.layer, row.origin.text, trace.error()});
  }
}

void check_site(ScenarioSettings& settings, const ScenarioSources& sources,
                std::vector<Complaint>& complaints) {
  if (settings.config.scenario.content.site.empty()) return;
  if (sources.content == ContentFrom::kTarget) return;
  const Setting& row = *settings.table.find("content.site");
  const std::string path = path_beside(row, sources.settings.file);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return;
  complaints.push_back(
      {row.origin.layer, row.origin.text,
       fmt::format("{}: {}", path, error ? error.message() : "is not a directory")});
}

// A server's line carries as much down as up, unless the scenario says otherwise.
void level_seeder(ScenarioSettings& settings) {
  Setting& down = *settings.table.find("seeder.downlink");
  const Setting& up = *settings.table.find("seeder.uplink");
  if (down.origin.layer != Layer::kDefault || up.origin.layer == Layer::kDefault) return;
  settings.config.scenario.seeder.down = settings.config.scenario.seeder.up;
  down.origin = {up.origin.layer, "as seeder.uplink"};
}

}  // namespace

LoadedScenario load_scenario(ScenarioSources sources) {
  LoadedScenario out;
  Sources& from = sources.settings;
  if (!from.file.empty() && !from.text) {
    auto text = read_settings_file(from.file);
    if (text) {
      from.text = std::move(*text);
    } else {
      out.complaints.push_back(text.error());
      from.file.clear();
    }
  }
  const auto classes = class_names(from.text.value_or(""), from.sets, out.complaints);
  add_link(sources, classes, out.complaints);
  out.settings = std::make_unique<ScenarioSettings>(classes);
  ScenarioSettings& settings = *out.settings;
  auto found = load_settings(settings.table, from, out.warnings);
  std::ranges::move(found, std::back_inserter(out.complaints));
  level_seeder(settings);
  load_trace(settings, from.file, out.complaints);
  // What contradicts what is only known of values that were understood.
  if (!out.complaints.empty()) return out;
  out.complaints = check_scenario(settings, sources.content);
  check_site(settings, sources, out.complaints);
  auto more = check_roulette(settings.table, settings.config.scenario.roulette);
  std::ranges::move(more, std::back_inserter(out.complaints));
  return out;
}

std::string scenario_arguments(const ScenarioSettings& settings, const std::string& file) {
  std::string out = shell_quoted(file);
  if (file.empty()) out.clear();
  for (const Setting& row : settings.table.rows()) {
    if (row.origin.layer < Layer::kEnvironment || row.key == "seed") continue;
    if (!out.empty()) out += ' ';
    out += "--set " + shell_quoted(row.key + "=" + text_of(row));
  }
  return out;
}

std::string path_beside(const Setting& row, const std::string& scenario_file) {
  const std::string path = text_of(row);
  const bool in_file = row.origin.layer == Layer::kFile && scenario_file != "-";
  if (!in_file || path.empty()) return path;
  return (std::filesystem::path(scenario_file).parent_path() / path).string();
}

}  // namespace fb::cli
