// One line on a terminal, redrawn in place; nothing anywhere else.
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/time.h"
#include "base/units.h"

namespace fb::cli {

class Progress {
 public:
  struct State {
    uint64_t files_done = 0, files_all = 0;
    ByteCount done, all;
    uint64_t peers = 0;
  };

  // `wanted` false, or a stderr that is no terminal: draws nothing.
  explicit Progress(bool wanted);
  ~Progress();  // removes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws at most ten times a second.
  void draw(Instant now, const State& state);
  void clear();
  [[nodiscard]] bool on_terminal() const { return on_terminal_; }

  // The line's text, with the rate of the last seconds.
  [[nodiscard]] static std::string text(const State& state, BitRate rate);

 private:
  [[nodiscard]] BitRate rate(Instant now, ByteCount done);

  struct Sample {
    Instant at;
    ByteCount done;
  };
  bool on_terminal_ = false;
  bool drawn_ = false;
  Instant due_;
  std::deque<Sample> samples_;  // of the last seconds, oldest first
};

}  // namespace fb::cli
