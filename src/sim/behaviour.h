// Visitors that do not keep the rules: the same node, with other constants and a hand in what it
// sends. Works on datagrams (docs/protocol.md), so it holds on every wire.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"
#include "roulette/config.h"
#include "sim/scenario.h"
#include "wire/message.h"

namespace fb::sim {

// Where the payload of DATA begins, behind header, file, chunk and flag.
inline constexpr size_t kDataPayloadAt = 25;

// The payload of a DATA message; nothing for every other datagram.
[[nodiscard]] inline std::optional<ByteCount> data_payload(std::span<const uint8_t> datagram) {
  if (datagram.size() <= kDataPayloadAt ||
      datagram[1] != static_cast<uint8_t>(wire::MessageType::kData)) {
    return {};
  }
  return ByteCount{datagram.size() - kDataPayloadAt};
}

// What such a visitor's node is told.
inline void adapt(Behaviour behaviour, roulette::RouletteConfig& config) {
  if (behaviour != Behaviour::kLargeView) return;
  config.degree_min = 500;
  config.degree_max = 1000;
  config.seek_interval = milliseconds(20);
}

// What becomes of a datagram that it sends, changed in place. False: it is not sent.
[[nodiscard]] inline bool misbehave(Behaviour behaviour, std::span<uint8_t> datagram) {
  if (behaviour == Behaviour::kHonest || datagram.size() < wire::kHeaderSize) return true;
  const auto type = static_cast<wire::MessageType>(datagram[1]);
  if (behaviour == Behaviour::kPolluter) {
    if (data_payload(datagram)) datagram[kDataPayloadAt] ^= 0x55;
    return true;
  }
  // No data, no offers.
  return type != wire::MessageType::kData && type != wire::MessageType::kFirstHandshakeReply;
}

}  // namespace fb::sim
