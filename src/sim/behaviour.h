// Visitors that do not keep the rules: the same node, with other constants and a hand in what it
// sends. Works on datagrams (docs/protocol.md), so it holds on every wire.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"
#include "roulette/config.h"
#include "sim/scenario.h"
#include "wire/decode.h"

namespace fb::sim {

// The payload of a DATA or PIECE message; nothing for every other datagram.
[[nodiscard]] inline std::optional<ByteCount> data_payload(std::span<const uint8_t> datagram) {
  const auto at = wire::chunk_bytes_at(datagram);
  return at ? std::optional(ByteCount{datagram.size() - *at}) : std::nullopt;
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
    if (const auto at = wire::chunk_bytes_at(datagram)) datagram[*at] ^= 0x55;
    return true;
  }
  // No data, no offers.
  return type != wire::MessageType::kData && type != wire::MessageType::kFirstHandshakeReply &&
         type != wire::MessageType::kPiece;
}

}  // namespace fb::sim
