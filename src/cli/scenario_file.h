// The scenario file: fbload's configuration, a TOML file whose every key is a row of one table. So
// it is checked as strictly as the other programs' files, any key can be given with --set or as a
// variable FBLOAD_…, and --print-config writes the scenario that is in force.
//
// Classes of visitors are tables [class.NAME] with names of the author's choice; a first look at
// the file and at --set finds them, and each gets rows of its own. A scenario that names none has
// one class, "peer".
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/setting.h"
#include "cli/setting_load.h"
#include "engine/udp_engine.h"
#include "sim/scenario.h"

namespace fb::cli {

inline constexpr size_t kClassesMax = 64;

struct ScenarioConfig {
  sim::Scenario scenario;  // complete once it was loaded, with shares and the trace
  uint32_t seed = 0;       // 0: to be drawn
  std::string trace_file;
  std::vector<std::optional<double>> shares;  // by class, as written; none: of what is left
  // Of real time.
  engine::IoBackend io = engine::IoBackend::kAuto;
  uint32_t threads = 0;    // 0: one for each core
  uint32_t sockets = 1;    // of each thread
  LogLevel log_level = LogLevel::kInfo;
  bool json_log = false;
};

// A scenario and the table that fills it. Cannot be moved: the table points into it.
struct ScenarioSettings {
  // Requires: different names, at least one.
  explicit ScenarioSettings(const std::vector<std::string>& classes = {"peer"});

  ScenarioConfig config;
  SettingTable table{"fbload", "A scenario"};
};

// What the visitors fetch.
enum class ContentFrom : uint8_t {
  kScenario,  // the scenario's own files or site
  kTarget,    // whatever a foreign seeder has; content.path names one of its files
};

struct ScenarioSources {
  Sources settings;   // settings.file is the scenario, "-" the standard input, empty the defaults
  std::string link;   // of --link: the line of the only class; empty: not given
  ContentFrom content = ContentFrom::kScenario;
};

struct LoadedScenario {
  std::unique_ptr<ScenarioSettings> settings;
  std::vector<Complaint> complaints;  // when there are any, the scenario is of no use
  std::vector<std::string> warnings;
};

// Reads the file and the trace that it names, and puts all layers together.
[[nodiscard]] LoadedScenario load_scenario(ScenarioSources sources);

// What single rows cannot see: values that contradict each other, shares that do not make 100 %.
// Fills in what follows from others: shares, and bounds that do not apply.
[[nodiscard]] std::vector<Complaint> check_scenario(ScenarioSettings& settings,
                                                    ContentFrom content);

// The arguments that repeat this scenario: its file, and a --set for each value that came from the
// command line or the environment; the seed is not among them. Quoted for a shell.
[[nodiscard]] std::string scenario_arguments(const ScenarioSettings& settings,
                                             const std::string& file);

// A path that stands in a scenario is relative to the scenario's directory; one of the command line
// or the environment to the working directory.
[[nodiscard]] std::string path_beside(const Setting& row, const std::string& scenario_file);

}  // namespace fb::cli
