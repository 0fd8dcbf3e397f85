// fbseed serve: a directory, served until a signal ends it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/peer_start.h"
#include "cli/seed_config.h"
#include "cli/seed_server.h"
#include "cli/service_notify.h"
#include "cli/signals.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "serve";
constexpr const char* kExamples =
    "  fbseed ./site                          serve a directory; the link is printed\n"
    "  fbseed ./site --uplink 800kbit         … and keep within a slow line\n"
    "  fbseed serve --config fbseed.toml      all from a file; SIGHUP reads it again\n"
    "  fbseed ./site --print-config           what would be in force, and why";

Sources sources(const Arguments& arguments, const SettingTable& table) {
  Sources out = sources_of(arguments, table, kName);
  if (arguments.has("DIR")) out.flags.push_back({"site", "DIR", arguments.text("DIR")});
  return out;
}

// Who gets the signals. They may come before there is a server, while the site is scanned.
// Thread safety: any thread.
class Receiver {
 public:
  void set(SeedServer* server) {
    const std::lock_guard lock(mutex_);
    server_ = server;
  }
  void on_signal(int signal) {
    const std::lock_guard lock(mutex_);
    if (server_ != nullptr) {
      signal == SIGHUP ? server_->reload() : server_->stop();
    } else if (signal != SIGHUP) {
      std::_Exit(static_cast<int>(ExitCode::kInterrupted));  // nothing is open yet
    }
  }

 private:
  std::mutex mutex_;
  SeedServer* server_ = nullptr;
};

// SIGHUP: the same layers once more. Nothing when they are wrong, after saying what is.
std::unique_ptr<SeedSettings> load_again(const Arguments& arguments) {
  auto fresh = std::make_unique<SeedSettings>();
  std::vector<std::string> warnings;
  const auto complaints = fresh->load(sources(arguments, fresh->table), warnings);
  for (const std::string& warning : warnings) log_warning(warning);
  for (const Complaint& complaint : complaints) log_error(complaint.text());
  if (!complaints.empty()) return nullptr;
  return fresh;
}

// Empty when the site can be tried.
std::string site_problem(const SeedConfig& config) {
  if (config.site.empty()) return "no site: give a directory, such as: fbseed ./site";
  struct stat info{};
  if (::stat(config.site.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return fmt::format("\"{}\" is neither a command (serve, check, keygen) nor a directory",
                       config.site);
  }
  return {};
}

ExitCode fail(ExitCode code, const std::string& what) {
  log_error(what);
  return code;
}

ExitCode serve(const Arguments& arguments) {
  auto settings = std::make_unique<SeedSettings>();
  std::vector<std::string> warnings;
  const auto complaints = settings->load(sources(arguments, settings->table), warnings);
  if (const ExitCode code = report(complaints); code != ExitCode::kOk) return code;
  log_start(settings->config.log_level, settings->config.json_log);
  for (const std::string& warning : warnings) log_warning(warning);
  if (arguments.has("print-config")) {
    fmt::print("{}", print_settings(settings->table));
    return ExitCode::kOk;
  }
  if (const auto problem = site_problem(settings->config); !problem.empty()) {
    const bool flag = settings->table.find("site")->origin.layer == Layer::kFlag;
    return fail(flag || settings->config.site.empty() ? ExitCode::kUsage : ExitCode::kConfiguration,
                problem);
  }
  const auto key = load_or_create_key(settings->config.key);
  if (!key) return fail(ExitCode::kLocal, key.error());
  if (key->created) {
    log_info(fmt::format("made a new key for this site: \"{}\"; keep it, or the link changes",
                         key->path));
  }
  raise_descriptor_limit();
  Receiver receiver;
  const SignalWatch signals([&](int signal) { receiver.on_signal(signal); });
  auto server = SeedServer::open(std::move(settings), *key,
                                 [&arguments] { return load_again(arguments); });
  if (!server) return fail(server.error().code, server.error().what);
  receiver.set(server->get());
  (*server)->log_start();
  fmt::print("{}\n", (*server)->link().to_string());
  std::fflush(stdout);
  service_notify("READY=1");
  (*server)->run();
  receiver.set(nullptr);
  return ExitCode::kOk;
}

}  // namespace

Command seed_serve_command() {
  const SeedSettings settings;
  Command out{.name = kName,
              .summary = "Serves a directory and prints the link to it",
              .examples = kExamples,
              .options = setting_options(settings.table, kName),
              .run = serve};
  out.options.insert(out.options.begin(),
                     {.name = "DIR", .letter = 0, .value = {}, .doc = "The directory to serve",
                      .positional = true});
  return out;
}

}  // namespace fb::cli
