// How far a laboratory run is: one line that is redrawn on a terminal, or a line every few seconds
// where there is none. To stderr.
// Thread safety: one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "sim/scenario.h"
#include "sim/simulate.h"

namespace fb::cli {

// What the line is made from.
struct LoadLineState {
  sim::Progress now;
  double real_s = 0;             // since the start, on this machine's clock
  double events_per_second = 0;  // of that clock; 0: not told
  std::optional<double> arrived_part;  // of all visitors that will come; 0 to 1
};
[[nodiscard]] std::string load_line(const LoadLineState& state);

// How much of the arrivals is over, where the scenario tells.
[[nodiscard]] std::optional<double> arrived_part(const sim::Scenario& scenario,
                                                 const sim::Progress& now);

class LoadLine {
 public:
  // Borrows the scenario. `wanted` false: draws nothing. `events`: tell how many a second.
  LoadLine(const sim::Scenario& scenario, bool wanted, bool events);
  ~LoadLine() { end(); }
  LoadLine(const LoadLine&) = delete;
  LoadLine& operator=(const LoadLine&) = delete;

  void draw(const sim::Progress& now);
  // Leaves the last line standing.
  void end();

 private:
  const sim::Scenario& scenario_;
  bool wanted_;
  bool events_;
  bool terminal_;
  bool drawn_ = false;
  double start_s_ = 0, due_s_ = 0;
  double before_s_ = 0;  // of the last line, and its events
  uint64_t events_before_ = 0;
};

}  // namespace fb::cli
