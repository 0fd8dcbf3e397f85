// fbload sim: a scenario in virtual time.
#include <atomic>

#include "cli/commands.h"
#include "cli/load_command.h"
#include "cli/load_line.h"
#include "cli/signals.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "sim";
constexpr const char* kExamples =
    "  fbload sim conf/scenarios/pool.toml --arrivals 64/s --seed 1\n"
    "  fbload sim flood.toml --set stop.peers=10000 --report flood.html\n"
    "  fbload sim flood.toml --print-config > everything.toml";

ExitCode run(const Arguments& arguments) {
  const auto start = start_load(arguments, kName);
  if (!start) return start.error();
  std::atomic<bool> interrupted = false;
  const SignalWatch signals([&](int) { interrupted = true; });
  LoadLine line(start->scenario(), !arguments.has("quiet"), true);
  const sim::RunResult result =
      sim::simulate(start->scenario(), start->seed, start->content, [&](const auto& now) {
        line.draw(now);
        return !interrupted;
      });
  line.end();
  return finish_load(arguments, *start, summarise(start->scenario(), result), result);
}

}  // namespace

Command load_sim_command() {
  return {.name = kName,
          .summary = "Simulates a scenario in virtual time; the same seed, the same result",
          .examples = kExamples,
          .options = load_options(kName),
          .run = run};
}

}  // namespace fb::cli
