// fbseed check and fbpeer check: is a configuration good, and what would be in force?
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/peer_config.h"
#include "cli/seed_config.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "check";

template <typename Settings>
ExitCode check(const Arguments& arguments) {
  Settings settings;
  if (arguments.has("example")) {
    fmt::print("{}", print_documented(settings.table));
    return ExitCode::kOk;
  }
  std::vector<std::string> warnings;
  const auto complaints =
      settings.load(sources_of(arguments, settings.table, kName), warnings);
  for (const std::string& warning : warnings) log_warning(warning);
  if (const ExitCode code = report(complaints); code != ExitCode::kOk) return code;
  if (!arguments.has("print-config")) fmt::print("# ok\n");
  fmt::print("{}", print_settings(settings.table));
  return ExitCode::kOk;
}

template <typename Settings>
Command check_command(const char* examples) {
  const Settings settings;
  Command out{.name = kName,
              .summary = "Checks a configuration and prints what it puts in force",
              .examples = examples,
              .options = setting_options(settings.table, kName),
              .run = check<Settings>};
  out.options.push_back({.name = "example", .letter = 0, .value = {},
                         .doc = "Prints a configuration file with every key, its meaning and its "
                                "default, and ends"});
  return out;
}

}  // namespace

Command seed_check_command() {
  return check_command<SeedSettings>(
      "  fbseed check --config fbseed.toml    exit code 3 when it is wrong\n"
      "  fbseed check --example > fbseed.toml");
}

Command peer_check_command() {
  return check_command<PeerSettings>(
      "  fbpeer check --config fbpeer.toml    exit code 3 when it is wrong\n"
      "  fbpeer check --example > fbpeer.toml");
}

}  // namespace fb::cli
