// Faults that the kernel does not commit on demand, for tests. Production opens with an empty one.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>

#include "engine/udp_engine.h"

namespace fb::engine {

struct Seam {
  // Told the socket before anything is sent or received on it.
  std::function<void(int socket)> on_socket;
  // Asked before every hand-over of a train to the kernel: the errno with which to refuse it, or 0.
  std::function<int(size_t segments)> refuse_send;
  // Ring set-up flags to refuse as an older kernel would.
  unsigned refuse_ring_flags = 0;
  // Unless zero, the room of both of the ring's queues, so that they run full.
  unsigned ring_entries = 0;
  // Unless zero, what a receive buffer holds, so that whole trains do not fit.
  size_t buffer_bytes = 0;
  // Unless zero, how many of them the ring has (a power of two), so that they run out.
  size_t buffers = 0;
};

// UdpEngine::open with faults.
[[nodiscard]] std::expected<std::unique_ptr<UdpEngine>, EngineError> open_with_seam(
    const EngineOptions& options, Seam seam);

}  // namespace fb::engine
