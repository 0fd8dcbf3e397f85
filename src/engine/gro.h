// Takes a received train apart (UDP_GRO) and reads the control messages that come with it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace fb::engine {

// What we read from a message's control bytes.
struct ReceiveControl {
  size_t segment_bytes = 0;       // UDP_GRO; zero for a lone datagram, which carries none
  std::optional<uint32_t> drops;  // SO_RXQ_OVFL: since the socket was opened, modulo 2^32
};

// Room for what the kernel attaches to one message: two control messages of an int.
inline constexpr size_t kReceiveControlBytes = 64;

// Accepts any bytes; what is malformed or unknown is passed over.
[[nodiscard]] ReceiveControl parse_control(std::span<const uint8_t> bytes);

// Calls `on_segment(span)` for each datagram of a train, the last of which may be shorter.
// `segment_bytes` zero means that the payload is one datagram, which may be empty.
template <typename OnSegment>
void split_train(std::span<const uint8_t> payload, size_t segment_bytes, OnSegment&& on_segment) {
  if (segment_bytes == 0 || payload.size() <= segment_bytes) {
    on_segment(payload);
    return;
  }
  while (!payload.empty()) {
    const size_t length = std::min(segment_bytes, payload.size());
    on_segment(payload.first(length));
    payload = payload.subspan(length);
  }
}

}  // namespace fb::engine
