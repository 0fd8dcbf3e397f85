// fbload check: are scenarios good, and what would be in force?
#include <fmt/format.h>

#include <cstdio>
#include <iterator>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/scenario_file.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "check";

ExitCode run(const Arguments& arguments) {
  const ScenarioSettings defaults;
  if (arguments.has("example")) {
    fmt::print("{}", print_documented(defaults.table));
    return ExitCode::kOk;
  }
  const Sources layers = sources_of(arguments, defaults.table, kName);
  std::vector<std::string> files = arguments.list("SCENARIO");
  if (files.empty()) files.push_back(layers.file);
  ExitCode worst = ExitCode::kOk;
  for (const std::string& file : files) {
    ScenarioSources sources{.settings = layers, .link = {}, .content = ContentFrom::kScenario};
    sources.settings.file = file;
    const LoadedScenario loaded = load_scenario(std::move(sources));
    for (const std::string& warning : loaded.warnings) log_warning(warning);
    if (const ExitCode code = report(loaded.complaints); code != ExitCode::kOk) {
      worst = code;
    } else if (files.size() > 1) {
      fmt::print("{}: ok\n", file);
    } else {
      if (!arguments.has("print-config")) fmt::print("# ok\n");
      fmt::print("{}", print_settings(loaded.settings->table));
    }
  }
  return worst;
}

}  // namespace

Command load_check_command() {
  const ScenarioSettings defaults;
  Command out{.name = kName,
              .summary = "Checks scenarios and prints what they put in force",
              .examples = "  fbload check flood.toml              exit code 3 when it is wrong\n"
                          "  fbload check conf/scenarios/*.toml\n"
                          "  fbload check --example > fbload.toml",
              .options = {{.name = "SCENARIO",
                           .letter = 0,
                           .value = {},
                           .doc = "Scenarios (TOML); -: the standard input",
                           .positional = true,
                           .required = false,
                           .repeated = true}},
              .run = run};
  std::ranges::move(setting_options(defaults.table, kName, FileOption::kNone),
                    std::back_inserter(out.options));
  out.options.push_back({.name = "example", .letter = 0, .value = {},
                         .doc = "Prints a scenario with every key, its meaning and its default, "
                                "and ends"});
  return out;
}

}  // namespace fb::cli
