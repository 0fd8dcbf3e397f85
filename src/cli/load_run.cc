// fbload run: a scenario in real time, over sockets.
#include <fmt/format.h>

#include <atomic>

#include "cli/commands.h"
#include "cli/live_run.h"
#include "cli/load_command.h"
#include "cli/load_line.h"
#include "cli/log.h"
#include "cli/peer_runtime.h"
#include "cli/peer_start.h"
#include "cli/signals.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "run";
constexpr const char* kExamples =
    "  fbload run conf/scenarios/pool.toml --arrivals 32/s\n"
    "  fbload run --target fb://127.0.0.1:4711/#KEY --peers 500 --arrivals 32/s\n"
    "  fbload run --target LINK --path img/a.png --link 400kbit/8Mbit,20ms --json result.json";

ExitCode run(const Arguments& arguments) {
  const auto start = start_load(arguments, kName);
  if (!start) return start.error();
  const ScenarioConfig& config = start->settings->config;
  LiveOptions options;
  options.io = config.io;
  options.threads = config.threads;
  options.sockets = config.sockets;
  options.on_warning = [](std::string_view what) { log_warning(what); };
  if (start->link) {
    const auto seeder = resolve_seeder(*start->link);
    if (!seeder) {
      log_error(seeder.error());
      return ExitCode::kUnreachable;
    }
    options.target = LiveTarget{*seeder, start->link->key};
  }
  raise_descriptor_limit();
  std::atomic<bool> interrupted = false;
  const SignalWatch signals([&](int) { interrupted = true; });
  LoadLine line(config.scenario, !arguments.has("quiet"), false);
  auto live = run_live(config.scenario, start->seed, start->content, options, [&](const auto& now) {
    line.draw(now);
    return !interrupted;
  });
  line.end();
  if (!live) {
    log_error(live.error());
    return ExitCode::kLocal;
  }
  live->run.target = start->target;
  LoadSummary summary = summarise(config.scenario, live->run);
  summary.io = live->io;
  summary.engine = live->engine;
  return finish_load(arguments, *start, summary, live->run);
}

}  // namespace

Command load_run_command() {
  return {.name = kName,
          .summary = "Runs a scenario in real time, against a seeder of its own or a live one",
          .examples = kExamples,
          .options = load_options(kName),
          .run = run};
}

}  // namespace fb::cli
