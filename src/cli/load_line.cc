#include "cli/load_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cli/quantity.h"

namespace fb::cli {
namespace {

constexpr double kRedraw_s = 0.1;
constexpr double kLine_s = 2;       // where there is no terminal
constexpr double kTooEarly_s = 1;   // to say when the arrivals will end

double clock_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool on_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::string rate_text(ByteCount in_a_second) { return for_people(BitRate{in_a_second.bytes * 8}); }

std::string count_text(double number) {
  if (number >= 999'500) return fmt::format("{:.2f} M ", number / 1e6);
  if (number >= 999.5) return fmt::format("{:.0f} k ", number / 1e3);
  return fmt::format("{:.0f} ", number);
}

std::string span_text(double seconds) {
  if (seconds >= 5400) return fmt::format("{:.1f} h", seconds / 3600);
  if (seconds >= 90) return fmt::format("{:.0f} m", seconds / 60);
  return fmt::format("{:.0f} s", seconds);
}

}  // namespace

std::string load_line(const LoadLineState& state) {
  const sim::Sample& s = state.now.sample;
  std::string out = fmt::format("{:6.1f} s  arrived {}", s.at.seconds(), s.arrived);
  if (state.now.expected > 0) out += fmt::format("/{}", state.now.expected);
  out += fmt::format("  complete {}  in the pool {}", s.completed, s.pool);
  if (s.abandoned > 0) out += fmt::format("  gave up {}", s.abandoned);
  if (s.failed > 0) out += fmt::format("  failed {}", s.failed);
  out += fmt::format("  seeder {}  peers {}", rate_text(s.seeder_sent), rate_text(s.peers_sent));
  if (state.events_per_second > 0) {
    out += fmt::format("  {}events/s", count_text(state.events_per_second));
  }
  if (!state.now.arriving) return out + "  all have arrived";
  const double part = state.arrived_part.value_or(0);
  if (part > 0 && part < 1 && state.real_s >= kTooEarly_s) {
    out += fmt::format("  arrivals end in {}", span_text(state.real_s * (1 - part) / part));
  }
  return out;
}

std::optional<double> arrived_part(const sim::Scenario& scenario, const sim::Progress& now) {
  const sim::Sample& s = now.sample;
  if (now.expected > 0) return static_cast<double>(s.arrived) / now.expected;
  if (scenario.stop.rule != sim::StopRule::kDuration) return {};
  return std::min(1.0, s.at.seconds() / scenario.stop.duration.seconds());
}

LoadLine::LoadLine(const sim::Scenario& scenario, bool wanted, bool events)
    : scenario_(scenario), wanted_(wanted), events_(events), terminal_(on_terminal()),
      start_s_(clock_s()), due_s_(start_s_ + (terminal_ ? 0 : kLine_s)), before_s_(start_s_) {}

void LoadLine::draw(const sim::Progress& now) {
  const double at = clock_s();
  if (!wanted_ || at < due_s_) return;
  due_s_ = at + (terminal_ ? kRedraw_s : kLine_s);
  LoadLineState state{now, at - start_s_, 0, arrived_part(scenario_, now)};
  if (events_ && at > before_s_) {
    state.events_per_second = static_cast<double>(now.events - events_before_) / (at - before_s_);
  }
  before_s_ = at;
  events_before_ = now.events;
  const std::string text = load_line(state);
  if (terminal_) {
    fmt::print(stderr, "\r{}\x1b[K", text);
    drawn_ = true;
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  std::fflush(stderr);
}

void LoadLine::end() {
  if (drawn_) fmt::print(stderr, "\n");
  drawn_ = false;
}

}  // namespace fb::cli
