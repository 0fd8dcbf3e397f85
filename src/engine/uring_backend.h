// The engine over io_uring: one ring, a multishot receive for each socket into
// buffers that all share, sends in batches.
#pragma once

#include "engine/engine_base.h"
#include "engine/ring.h"

namespace fb::engine {

// Takes an opened ring and what it was opened on.
[[nodiscard]] std::unique_ptr<UdpEngine> open_uring(std::vector<UdpSocket> sockets,
                                                    FileDescriptor event,
                                                    std::unique_ptr<Ring> ring, const Seam& seam);

}  // namespace fb::engine
