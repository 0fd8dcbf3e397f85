// The engine over io_uring: one ring, multishot receive into provided buffers, sends in batches.
#pragma once

#include "engine/engine_base.h"
#include "engine/ring.h"

namespace fb::engine {

// Takes an opened ring and what it was opened on.
[[nodiscard]] std::unique_ptr<UdpEngine> open_uring(UdpSocket socket, FileDescriptor event,
                                                    std::unique_ptr<Ring> ring, const Seam& seam);

}  // namespace fb::engine
