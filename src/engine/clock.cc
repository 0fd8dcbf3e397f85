#include <ctime>

#include "engine/udp_engine.h"

namespace fb::engine {

Instant monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return {static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec};
}

}  // namespace fb::engine
