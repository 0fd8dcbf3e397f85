// Round-trip time and per-chunk time of one neighbour, for its timeouts.
#pragma once

#include <algorithm>

#include "base/time.h"
#include "roulette/config.h"

namespace fb::roulette {

class Estimator {
 public:
  // A handshake that was sent once and answered after `sample`.
  void on_round_trip(Duration sample) {
    srtt_ = known_ ? srtt_ * 8 / 10 + sample * 2 / 10 : sample;
    known_ = true;
  }
  // A whole burst of `chunks` arrived `elapsed` after its request.
  void on_burst(Duration elapsed, uint32_t chunks) {
    const Duration sample = std::max((elapsed - srtt_) / chunks, milliseconds(1));
    chunk_time_ = chunk_time_ * 7 / 10 + sample * 3 / 10;
  }

  [[nodiscard]] Duration handshake_timeout(const RouletteConfig& config) const {
    if (!known_) return config.handshake_timeout;
    return std::max(config.handshake_timeout_min, srtt_ * 2 + milliseconds(100));
  }
  [[nodiscard]] Duration data_timeout(const RouletteConfig& config, uint32_t chunks) const {
    const Duration rtt = std::max(srtt_, milliseconds(100));
    return std::max(config.data_timeout_min, rtt * 2 + chunk_time_ * chunks * 3 / 2);
  }
  [[nodiscard]] Duration srtt() const { return srtt_; }

 private:
  bool known_ = false;
  Duration srtt_{};
  Duration chunk_time_ = milliseconds(10);
};

}  // namespace fb::roulette
