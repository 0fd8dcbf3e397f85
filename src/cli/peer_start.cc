#include "cli/peer_start.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <utility>

#include "cli/log.h"
#include "cli/peer_runtime.h"

namespace fb::cli {

std::expected<PeerStart, ExitCode> start_peer(const Arguments& arguments,
                                              const std::string& command) {
  PeerStart out;
  out.settings = std::make_unique<PeerSettings>();
  SettingTable& table = out.settings->table;
  std::vector<std::string> warnings;
  const auto complaints = out.settings->load(sources_of(arguments, table, command), warnings);
  if (const ExitCode code = report(complaints); code != ExitCode::kOk) {
    return std::unexpected(code);
  }
  log_start(out.settings->config.log_level, out.settings->config.json_log);
  for (const std::string& warning : warnings) log_warning(warning);
  if (arguments.has("print-config")) {
    fmt::print("{}", print_settings(table));
    return std::unexpected(ExitCode::kOk);
  }
  if (!arguments.has("LINK")) {
    log_error("LINK is missing; it is what fbseed prints: fb://HOST:PORT/#PUBLICKEY");
    return std::unexpected(ExitCode::kUsage);
  }
  auto link = content::Link::parse(arguments.text("LINK"));
  if (!link) {
    log_error(link.error());
    return std::unexpected(ExitCode::kUsage);
  }
  out.link = std::move(*link);
  const auto seeder = resolve_seeder(out.link);
  if (!seeder) {
    log_error(seeder.error());
    return std::unexpected(ExitCode::kUnreachable);
  }
  out.seeder = *seeder;
  return out;
}

Option link_option() {
  return {.name = "LINK",
          .letter = 0,
          .value = {},
          .doc = "The link that fbseed prints: fb://HOST:PORT/#PUBLICKEY",
          .positional = true};
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where it is refused, the smaller limit does too.
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace fb::cli
