// fbload run: a crowd of visitors against a live seeder.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <iterator>

#include "cli/commands.h"
#include "cli/load_config.h"
#include "cli/load_report.h"
#include "cli/load_swarm.h"
#include "cli/log.h"
#include "cli/peer_start.h"
#include "cli/quantity.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/system_random.h"
#include "content/link.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "run";
constexpr const char* kExamples =
    "  fbload run --target fb://127.0.0.1:4711/#KEY --peers 500 --arrivals 32\n"
    "  fbload run --target LINK --peers 500 --arrivals 0 --link 400kbit/8Mbit,20ms\n"
    "  fbload run --target LINK --path img/a.png --json result.json --kill-every 5s";
constexpr Duration kLineInterval = seconds(2);  // of progress where there is no terminal

struct Target {
  content::Link link;
  LoadOptions options;
};

ExitCode usage(const std::string& sentence) {
  log_error(sentence);
  return ExitCode::kUsage;
}

std::expected<Target, ExitCode> target_of(const Arguments& arguments, const LoadConfig& config) {
  if (!arguments.has("target")) {
    return std::unexpected(usage("--target is missing: the link that fbseed prints"));
  }
  Target out;
  const auto link = content::Link::parse(arguments.text("target"));
  if (!link) return std::unexpected(usage("--target: " + link.error()));
  const auto line = LoadLink::parse(config.link);
  if (!line) return std::unexpected(usage("--link: " + line.error()));
  const std::string& rate = config.arrivals;
  double arrivals = -1;
  const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), arrivals);
  if (error != std::errc{} || end != rate.data() + rate.size() || !(arrivals >= 0) ||
      arrivals > 1e6) {
    return std::unexpected(
        usage("--arrivals: \"" + rate + "\" is no number of visitors a second, such as 32 or 0.5"));
  }
  out.link = *link;
  out.options.key = link->key;
  out.options.path = config.path.empty() ? link->path : config.path;
  if (out.options.path.empty() || out.options.path.ends_with('/')) out.options.path += "index.html";
  out.options.peers = config.peers;
  out.options.arrivals_per_second = arrivals;
  out.options.link = *line;
  out.options.seed = config.seed != 0 ? config.seed : random_number() >> 32;
  out.options.kill_every = config.kill_every;
  out.options.kill_percent = config.kill_percent;
  out.options.config = config.roulette;
  const auto seeder = engine::resolve(link->host, link->port);
  if (!seeder || seeder->empty()) {
    log_error(seeder ? link->host + " has no address" : seeder.error());
    return std::unexpected(ExitCode::kUnreachable);
  }
  out.options.seeder = seeder->front();
  return out;
}

// One line, redrawn on a terminal, or every few seconds in a log.
class LiveLine {
 public:
  explicit LiveLine(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~LiveLine() {
    if (drawn_) fmt::print(stderr, "\n");
  }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  void draw(const LoadProgress& now, uint32_t peers) {
    if (quiet_ || (!terminal_ && now.elapsed < due_)) return;
    due_ = now.elapsed + kLineInterval;
    const Duration step = now.elapsed - last_.elapsed;
    const auto rate = [&](ByteCount bytes, ByteCount before) {
      return step.ns > 0 ? for_people(BitRate{static_cast<uint64_t>(
                               static_cast<double>((bytes - before).bytes) * 8 / step.seconds())})
                         : std::string("-");
    };
    const std::string text = fmt::format(
        "{:6.1f} s  arrived {}/{}  complete {}  in swarm {}  failed {}  seeder {}  peers {}",
        now.elapsed.seconds(), now.arrived, peers, now.complete, now.in_swarm, now.failed,
        rate(now.from_seeder, last_.from_seeder), rate(now.between_peers, last_.between_peers));
    if (terminal_) {
      fmt::print(stderr, "\r{}\x1b[K", text);
      drawn_ = true;
    } else {
      fmt::print(stderr, "{}\n", text);
    }
    std::fflush(stderr);
    // Rates over about a second, so that they can be read.
    if (!terminal_ || step >= seconds(1)) last_ = now;
  }

 private:
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Duration due_{};
  LoadProgress last_;
};

double processor_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

LoadReport report_of(const LoadSwarm& swarm, const LoadOptions& options,
                     const engine::UdpEngine& engine, double processor) {
  LoadReport report;
  report.seed = options.seed;
  report.profile = options.config.profile;
  report.io = to_string(engine.backend());
  report.path = options.path;
  report.file = swarm.file_length();
  report.peers = options.peers;
  report.promise = options.config.upload_promise;
  report.end = swarm.progress();
  report.offered_per_second = options.arrivals_per_second;
  const double elapsed = report.end.elapsed.seconds();
  const double arriving = options.arrivals_per_second > 0
                              ? std::min(elapsed, report.end.arrived / options.arrivals_per_second +
                                                      swarm.arrival_lateness_max_ms() / 1000)
                              : elapsed;
  report.achieved_per_second = arriving > 0 ? report.end.arrived / arriving : 0;
  report.line_drops = swarm.line_drops();
  report.host = {swarm.lateness_ms(0.99), swarm.arrival_lateness_max_ms(),
                 elapsed > 0 ? processor / elapsed : 0};
  report.engine = engine.stats();
  add_results(report, swarm.results());
  return report;
}

ExitCode end_of(const LoadReport& report, bool stopped) {
  if (stopped) return ExitCode::kInterrupted;
  if (report.incomplete == 0) return ExitCode::kOk;
  if (report.end.complete == 0 && report.unreachable > 0) return ExitCode::kUnreachable;
  if (report.end.complete == 0 && report.missing > 0) return ExitCode::kNotFound;
  return ExitCode::kFailed;
}

ExitCode run(const Arguments& arguments) {
  LoadSettings settings;
  std::vector<std::string> warnings;
  const auto complaints = settings.load(sources_of(arguments, settings.table, kName), warnings);
  if (const ExitCode code = report(complaints); code != ExitCode::kOk) return code;
  log_start(settings.config.log_level, settings.config.json_log);
  for (const std::string& warning : warnings) log_warning(warning);
  if (arguments.has("print-config")) {
    fmt::print("{}", print_settings(settings.table));
    return ExitCode::kOk;
  }
  const auto target = target_of(arguments, settings.config);
  if (!target) return target.error();

  const bool v4 = target->options.seeder.address.is_v4();
  engine::EngineOptions engine_options;
  engine_options.listen = {v4 ? Address::v4(0, 0, 0, 0) : Address{}, 0};
  engine_options.backend = settings.config.io;
  engine_options.receive_buffer_bytes = 32 << 20;  // a whole crowd's lines end here
  engine_options.on_fallback = [](std::string_view why) {
    log_warning(fmt::format("io_uring is not used: {}; using epoll", why));
  };
  std::atomic<bool> interrupted = false;
  const SignalWatch signals([&](int) { interrupted = true; });
  auto engine = engine::UdpEngine::open(engine_options);
  if (!engine) {
    log_error(engine.error().detail);
    return ExitCode::kLocal;
  }
  LoadSwarm swarm(target->options, **engine);
  LiveLine line(arguments.has("quiet"));
  const double before = processor_seconds();
  swarm.run([&](const LoadProgress& now) {
    line.draw(now, target->options.peers);
    if (interrupted) swarm.stop();
  });
  const LoadReport result =
      report_of(swarm, target->options, **engine, processor_seconds() - before);
  if (arguments.has("json")) {
    const auto written = write_file_atomically(arguments.text("json"), to_json(result));
    if (!written) {
      log_error(written.error());
      return ExitCode::kLocal;
    }
  }
  fmt::print("{}", table(result));
  return end_of(result, swarm.stopped());
}

}  // namespace

Command load_run_command() {
  const LoadSettings settings;
  std::vector<Option> options = {
      {.name = "target", .value = "LINK",
       .doc = "The link that fbseed prints: fb://HOST:PORT/#PUBLICKEY"},
      {.name = "json", .value = "FILE", .doc = "Writes the report as JSON to FILE"},
      {.name = "quiet", .letter = 'q', .value = {}, .doc = "No live line"},
  };
  std::ranges::move(setting_options(settings.table, kName), std::back_inserter(options));
  return {.name = kName,
          .summary = "Sends a crowd of visitors to a seeder, each behind a line of its own",
          .examples = kExamples,
          .options = std::move(options),
          .run = run};
}

}  // namespace fb::cli
