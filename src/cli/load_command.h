// What `fbload sim` and `fbload run` share: the scenario from the command line, and the end of a
// run, when it is written down and judged.
// Thread safety: one thread at a time.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/load_summary.h"
#include "cli/scenario_file.h"
#include "content/link.h"
#include "sim/simulate.h"

namespace fb::cli {

struct LoadStart {
  std::string command;  // "sim" or "run"
  std::string file;     // the scenario as named; empty: the defaults
  std::string target;   // of run, as given; empty: none
  std::optional<content::Link> link;   // the same, parsed
  std::unique_ptr<ScenarioSettings> settings;
  uint64_t seed = 0;                   // never 0
  sim::WorldContent content;           // without a site for a foreign seeder

  [[nodiscard]] const sim::Scenario& scenario() const { return settings->config.scenario; }
};

// SCENARIO, --target (of run), --json and the other files, --quiet, and the settings.
[[nodiscard]] std::vector<Option> load_options(const std::string& command);

// Loads the scenario and its content, draws a seed, starts the log, and makes sure that the files
// can be written. Prints what is wrong; the error is how the command ends, which is kOk after
// --print-config.
[[nodiscard]] std::expected<LoadStart, ExitCode> start_load(const Arguments& arguments,
                                                            const std::string& command);

// Writes the files, prints the table, and tells how the command ends.
[[nodiscard]] ExitCode finish_load(const Arguments& arguments, const LoadStart& start,
                                   const LoadSummary& summary, const sim::RunResult& result);

// The one command that does the same again.
[[nodiscard]] std::string replay_command(const LoadStart& start);

// How a run ends. Somebody who did not complete is a failure, unless the scenario says how many
// may, or lets nobody finish.
[[nodiscard]] ExitCode exit_code_of(const sim::Scenario& scenario, const LoadSummary& summary);

}  // namespace fb::cli
