// One program under several names: `flashback seed …`, or `fbseed …` through a link.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace {

using namespace fb::cli;

std::vector<Program> programs() {
  std::vector<Program> out;
  out.push_back({"seed", "fbseed", "Serves a directory to a swarm of visitors.", "serve",
                 {seed_serve_command(), seed_check_command(), seed_keygen_command()}});
  out.push_back({"peer", "fbpeer", "Visits a site through its swarm.", "",
                 {peer_get_command(), peer_gateway_command(), peer_check_command()}});
  out.push_back({"load", "fbload", "Sends crowds of visitors to a site, to see what happens.", "",
                 {load_sim_command(), load_run_command(), load_check_command(),
                  load_compare_command(), load_report_command()}});
  return out;
}

void print_overview(std::FILE* out, const std::vector<Program>& all) {
  fmt::print(out, "flashback " FB_VERSION ": a peer-to-peer web server for flash crowds\n\n");
  for (const Program& program : all) {
    for (const Command& command : program.commands) {
      fmt::print(out, "  {:<18} {}\n", program.link + " " + command.name, command.summary);
    }
  }
  fmt::print(out,
             "\nThe names are links to this program; `flashback {} …` is the same as `{} …`.\n"
             "Each has --help.\n\n{}\n",
             all.front().name, all.front().link, kExitCodesHelp);
}

ExitCode run(const std::string& called, const std::vector<std::string>& arguments) {
  const auto all = programs();
  const std::string base = called.substr(called.rfind('/') + 1);
  const auto by_link = std::ranges::find(all, base, &Program::link);
  if (by_link != all.end()) return run_program(*by_link, base, arguments);
  const std::string first = arguments.empty() ? "" : arguments.front();
  if (first == "--version") {
    fmt::print("flashback " FB_VERSION "\n");
    return ExitCode::kOk;
  }
  if (first == "--help" || first == "-h") {
    print_overview(stdout, all);
    return ExitCode::kOk;
  }
  const auto program = std::ranges::find_if(
      all, [&](const Program& p) { return p.name == first || p.link == first; });
  if (program == all.end()) {
    if (!first.empty()) fmt::print(stderr, "flashback: there is no \"{}\"\n\n", first);
    print_overview(stderr, all);
    return ExitCode::kUsage;
  }
  return run_program(*program, "flashback " + program->name,
                     std::span(arguments).subspan(1));
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__x86_64__)
  // What the whole program is compiled for (meson.build).
  if (!__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("sse4.2")) {
    std::fputs("flashback: this build needs a processor with POPCNT and SSE4.2 (x86-64-v2)\n",
               stderr);
    return static_cast<int>(ExitCode::kLocal);
  }
#endif
  // A reader that went away is an error of the write, not the end of us.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const std::string called = argc > 0 ? argv[0] : "flashback";
    return static_cast<int>(run(called, {argv + std::min(argc, 1), argv + argc}));
  } catch (const std::exception& error) {
    fmt::print(stderr, "flashback: {}\n", error.what());
    return static_cast<int>(ExitCode::kLocal);
  }
}
