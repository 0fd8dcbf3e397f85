// fbpeer gateway: a site in the browser, fetched from its swarm.
#include <fmt/format.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/log.h"
#include "cli/peer_start.h"
#include "cli/report.h"
#include "cli/service_notify.h"
#include "cli/signals.h"
#include "cli/swarm_client.h"
#include "web/gateway.h"

namespace fb::cli {
namespace {

constexpr const char* kName = "gateway";
constexpr const char* kExamples =
    "  fbpeer gateway fb://192.0.2.1:4711/#KEY                  then open the URL it prints\n"
    "  fbpeer gateway fb://192.0.2.1:4711/#KEY --listen 127.0.0.1:0";

// One thread waits for what any other tells.
class End {
 public:
  void tell(int signal) {
    {
      const std::lock_guard lock(mutex_);
      signal_ = signal;
    }
    told_.notify_all();
  }
  int wait() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return signal_ != 0; });
    return signal_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  int signal_ = 0;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) out.emplace_back(part);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

web::GatewayOptions gateway_options(const PeerStart& start, const SwarmClient& swarm) {
  const PeerConfig& config = start.settings->config;
  web::GatewayOptions out;
  out.listen = config.gateway_listen;
  out.connections_max = config.gateway_connections_max;
  out.swarm_timeout = config.roulette.give_up;
  out.site_origin = start.link.to_string();
  out.host_names = split(config.gateway_hosts);
  out.status_json = [&swarm] { return swarm.status_json(); };
  out.log = [](std::string_view line) { log_info(line); };
  return out;
}

ExitCode gateway(const Arguments& arguments) {
  auto start = start_peer(arguments, kName);
  if (!start) return start.error();
  const PeerConfig& config = start->settings->config;
  End end;
  const SignalWatch signals([&](int signal) { end.tell(signal); });
  auto swarm = SwarmClient::start(config, start->seeder, start->link);
  if (!swarm) {
    log_error(swarm.error());
    return ExitCode::kLocal;
  }
  auto server = web::Gateway::start(gateway_options(*start, **swarm), **swarm);
  if (!server) {
    log_error(server.error());
    return ExitCode::kLocal;
  }
  fmt::print("http://{}/{}\n", (*server)->local().to_string(), start->link.path);
  std::fflush(stdout);
  service_notify("READY=1");
  end.wait();
  service_notify("STOPPING=1");
  (*server)->stop();
  (*swarm)->stop();
  const auto node = (*swarm)->snapshot().node;
  log_info(fmt::format("{} requests; {}", (*server)->stats().requests,
                       traffic_text(node, config.roulette.upload_promise)));
  return ExitCode::kOk;
}

}  // namespace

Command peer_gateway_command() {
  const PeerSettings settings;
  std::vector<Option> options = {link_option()};
  for (Option& option : setting_options(settings.table, kName)) {
    options.push_back(std::move(option));
  }
  return {.name = kName,
          .summary = "Serves a site to your browser, fetched from its swarm",
          .examples = kExamples,
          .options = std::move(options),
          .run = gateway};
}

}  // namespace fb::cli
