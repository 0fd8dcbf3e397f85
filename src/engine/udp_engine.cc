#include "engine/udp_engine.h"

#include "engine/epoll_backend.h"
#include "engine/seam.h"
#include "engine/socket.h"
#include "engine/uring_backend.h"

namespace fb::engine {

EngineStats& EngineStats::operator+=(const EngineStats& o) {
  datagrams_sent += o.datagrams_sent;
  bytes_sent += o.bytes_sent;
  datagrams_received += o.datagrams_received;
  bytes_received += o.bytes_received;
  trains_sent += o.trains_sent;
  trains_received += o.trains_received;
  send_dropped += o.send_dropped;
  receive_truncated += o.receive_truncated;
  receive_rearmed += o.receive_rearmed;
  segmentation_refused += o.segmentation_refused;
  kernel_receive_drops += o.kernel_receive_drops;
  system_calls += o.system_calls;
  return *this;
}

std::expected<std::unique_ptr<UdpEngine>, EngineError> UdpEngine::open(
    const EngineOptions& options) {
  return open_with_seam(options, {});
}

std::expected<std::unique_ptr<UdpEngine>, EngineError> open_with_seam(const EngineOptions& options,
                                                                      Seam seam) {
  auto sockets = open_sockets(options);
  if (!sockets) return std::unexpected(sockets.error());
  for (const UdpSocket& socket : *sockets) {
    if (seam.on_socket) seam.on_socket(socket.fd.get());
  }
  auto event = open_event();
  if (!event) return std::unexpected(event.error());
  if (options.backend == IoBackend::kEpoll) {
    return open_epoll(std::move(*sockets), std::move(*event), seam);
  }

  auto ring = Ring::open(*sockets, event->get(), seam);
  if (ring) return open_uring(std::move(*sockets), std::move(*event), std::move(*ring), seam);
  if (options.backend == IoBackend::kIoUring) {
    return std::unexpected(
        EngineError{EngineError::Code::kIoUring,
                    "io_uring was demanded, but it is refused here: " + ring.error()});
  }
  if (options.on_fallback) options.on_fallback("io_uring is refused here: " + ring.error());
  return open_epoll(std::move(*sockets), std::move(*event), seam);
}

}  // namespace fb::engine
