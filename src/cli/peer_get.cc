// fbpeer get: files of a site, or all of it, into a directory.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/get_driver.h"
#include "cli/log.h"
#include "cli/mirror.h"
#include "cli/peer_start.h"
#include "cli/quantity.h"
#include "cli/report.h"
#include "cli/signals.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "get";
constexpr const char* kExamples =
    "  fbpeer get fb://192.0.2.1:4711/#KEY                   the site's index.html\n"
    "  fbpeer get fb://192.0.2.1:4711/#KEY a.iso -o dir      one file\n"
    "  fbpeer get fb://192.0.2.1:4711/#KEY --all -o mirror   everything";
constexpr const char* kIndexPage = "index.html";
constexpr size_t kFailuresShown = 10;
// The whole visit is one stay in the swarm; it ends when we say so.
constexpr Duration kStay = seconds(86'400);

// The paths asked for as the site names them, or a sentence about one that cannot be.
std::expected<std::vector<std::string>, std::string> paths_of(const Arguments& arguments,
                                                              const content::Link& link) {
  std::vector<std::string> paths = arguments.list("PATH");
  if (paths.empty()) paths.push_back(link.path);
  for (std::string& path : paths) {
    path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
    if (path.empty() || path.ends_with('/')) path += kIndexPage;
    if (!content::valid_path(path)) {
      return std::unexpected(fmt::format("\"{}\" can be no path in a site", path));
    }
  }
  std::ranges::sort(paths);
  const auto twice = std::ranges::unique(paths);
  paths.erase(twice.begin(), twice.end());
  return paths;
}

void print_failures(const GetReport& report) {
  size_t shown = 0;
  for (const auto& failed : report.failed) {
    if (++shown > kFailuresShown) break;
    log_error(fmt::format("{}: {}", failed.path, failed.reason));
  }
  if (report.failed.size() > kFailuresShown) {
    log_error(fmt::format("… and {} more", report.failed.size() - kFailuresShown));
  }
}

void print_summary(const GetReport& report) {
  const double received = static_cast<double>(report.node.chunk_bytes_received);
  const double peers =
      received - static_cast<double>(report.node.chunk_bytes_from_seeder);
  fmt::print(stderr, "{} file{} ({}) in {:.1f} s, {:.0f} % from peers{}\n", report.files,
             report.files == 1 ? "" : "s", for_people(ByteCount{report.bytes}),
             report.took.seconds(), received > 0 ? 100 * peers / received : 0.0,
             report.skipped == 0 ? "" : fmt::format("; {} already here", report.skipped));
}

void print_traffic(const GetReport& report) {
  fmt::print(stderr, "{}\n", traffic_text(report.node, report.upload_promise));
}

ExitCode get(const Arguments& arguments) {
  const Instant started = engine::monotonic_now();
  auto start = start_peer(arguments, kName);
  if (!start) return start.error();
  PeerConfig& config = start->settings->config;
  config.roulette.linger = kStay;
  const bool all = arguments.has("all");
  if (all && !arguments.list("PATH").empty()) {
    log_error("give either --all or paths");
    return ExitCode::kUsage;
  }
  const auto paths = paths_of(arguments, start->link);
  if (!paths) {
    log_error(paths.error());
    return ExitCode::kUsage;
  }
  const std::string directory = arguments.has("output") ? arguments.text("output") : ".";
  const auto output = OutputDirectory::open(directory);
  if (!output) {
    log_error(output.error());
    return ExitCode::kLocal;
  }
  raise_descriptor_limit();
  JobQueue queue;
  const SignalWatch signals([&](int) { queue.push(Interrupted{}); });
  GetDriver driver(queue, config.kept);
  auto runtime = PeerRuntime::start(config, start->seeder, start->link.key, driver);
  if (!runtime) {
    log_error(runtime.error());
    return ExitCode::kLocal;
  }
  Progress progress(!arguments.has("quiet"));
  Mirror mirror(**runtime, driver, queue, *output, progress, config.window);
  all ? mirror.run_all() : mirror.run(*paths);
  progress.clear();
  (*runtime)->stop();
  GetReport report = mirror.report();
  report.took = engine::monotonic_now() - started;
  report.node = (*runtime)->snapshot().node;
  report.upload_promise = config.roulette.upload_promise;
  print_failures(report);
  if (progress.on_terminal() && report.failed.empty()) print_summary(report);
  if (progress.on_terminal()) print_traffic(report);
  if (arguments.has("json")) fmt::print("{}", to_json(report));
  return mirror.exit_code();
}

}  // namespace

Command peer_get_command() {
  const PeerSettings settings;
  std::vector<Option> options = {
      link_option(),
      {.name = "PATH", .value = {}, .doc = "Files of the site [the link's path, or index.html]",
       .positional = true, .repeated = true},
      {.name = "output", .letter = 'o', .value = "DIR",
       .doc = "The directory to write to, which is made if need be [.]"},
      {.name = "all", .value = {}, .doc = "Fetches every file of the site"},
      {.name = "json", .value = {}, .doc = "Prints a summary as JSON to stdout at the end"},
      {.name = "quiet", .letter = 'q', .value = {}, .doc = "No progress line"},
  };
  std::ranges::move(setting_options(settings.table, kName), std::back_inserter(options));
  return {.name = kName,
          .summary = "Fetches files of a site into a directory",
          .examples = kExamples,
          .options = std::move(options),
          .run = get};
}

}  // namespace fb::cli
