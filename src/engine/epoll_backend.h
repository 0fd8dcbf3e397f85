// The engine over epoll, sendmmsg and recvmmsg, with the same trains as over io_uring.
#pragma once

#include "engine/engine_base.h"

namespace fb::engine {

// Takes the socket and the event. Errors: kSystem.
[[nodiscard]] std::expected<std::unique_ptr<UdpEngine>, EngineError> open_epoll(
    std::vector<UdpSocket> sockets, FileDescriptor event, const Seam& seam);

}  // namespace fb::engine
