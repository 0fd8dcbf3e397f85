// Where a node's datagrams go: the engine, the simulator, or a test.
#pragma once

#include <cstdint>
#include <span>

#include "base/endpoint.h"

namespace fb::roulette {

class Transport {
 public:
  virtual ~Transport() = default;
  // Borrows `datagram` for the call. Never calls back into the node.
  virtual void send(const Endpoint& to, std::span<const uint8_t> datagram) = 0;
};

}  // namespace fb::roulette
