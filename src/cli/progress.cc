#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cli/quantity.h"

namespace fb::cli {
namespace {

constexpr Duration kRedraw = milliseconds(100);
constexpr Duration kRateWindow = seconds(3);

bool terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::string remaining(const Progress::State& state, BitRate rate) {
  if (!rate.limited() || state.all <= state.done) return {};
  const double left = rate.time_for(state.all - state.done).seconds();
  if (left >= 5400) return fmt::format(", {:.1f} h left", left / 3600);
  if (left >= 90) return fmt::format(", {:.0f} m left", left / 60);
  return fmt::format(", {:.0f} s left", left);
}

}  // namespace

Progress::Progress(bool wanted) : on_terminal_(wanted && terminal()) {}

Progress::~Progress() { clear(); }

void Progress::draw(Instant now, const State& state) {
  if (!on_terminal_ || now < due_) return;
  due_ = now + kRedraw;
  fmt::print(stderr, "\r{}\x1b[K", text(state, rate(now, state.done)));
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

std::string Progress::text(const State& state, BitRate rate) {
  const double part = state.all.bytes == 0 ? 0.0
                                           : 100.0 * static_cast<double>(state.done.bytes) /
                                                 static_cast<double>(state.all.bytes);
  return fmt::format("{:3.0f} %  {} of {}  {}/{} files  {}  {} neighbour{}{}", part,
                     for_people(state.done), for_people(state.all), state.files_done,
                     state.files_all, for_people(rate), state.peers, state.peers == 1 ? "" : "s",
                     remaining(state, rate));
}

BitRate Progress::rate(Instant now, ByteCount done) {
  samples_.push_back({now, done});
  while (samples_.size() > 2 && now - samples_.front().at > kRateWindow) samples_.pop_front();
  const Duration span = now - samples_.front().at;
  if (span.ns <= 0) return {};
  const double bytes = static_cast<double>((done - samples_.front().done).bytes);
  return {static_cast<uint64_t>(bytes * 8 / span.seconds())};
}

}  // namespace fb::cli
