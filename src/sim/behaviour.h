// Visitors that do not keep the rules: the same node, with other constants and a hand in what it
// sends. Works on datagrams (docs/protocol.md), so it holds on every wire.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "base/check.h"
#include "base/units.h"
#include "roulette/config.h"
#include "sim/scenario.h"
#include "wire/decode.h"
#include "wire/encode.h"

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

// What a free rider sends in place of a datagram of profile v2: no chunk, and that it holds
// nothing, so that nobody asks it for any; all else is what an honest node says. Nothing when it
// may stay as it is; otherwise it is no longer than it was.
[[nodiscard]] inline std::optional<std::span<const uint8_t>> empty_handed(
    std::span<const uint8_t> datagram, wire::Buffer& buffer) {
  auto decoded = wire::decode(datagram);
  if (!decoded) return std::nullopt;
  wire::Message& message = decoded->message;
  if (auto* greet = std::get_if<wire::Greet>(&message)) {
    greet->have.clear();
  } else if (auto* greeted = std::get_if<wire::Greeted>(&message)) {
    greeted->whole = {};
    greeted->have.clear();
  } else if (auto* control = std::get_if<wire::Control>(&message)) {
    control->whole = {};
    control->have.clear();
  } else if (const auto* piece = std::get_if<wire::Piece>(&message)) {
    message = wire::Control{piece->state, {}, {}};
  } else {
    return std::nullopt;
  }
  return wire::encode(decoded->header.to, message, buffer);
}

// What becomes of a datagram that it sends, changed in place: the size that is left, 0 when it is
// not sent.
[[nodiscard]] inline size_t misbehave(Behaviour behaviour, std::span<uint8_t> datagram) {
  if (behaviour == Behaviour::kHonest || datagram.size() < wire::kHeaderSize) {
    return datagram.size();
  }
  if (behaviour == Behaviour::kPolluter) {
    if (const auto at = wire::chunk_bytes_at(datagram)) datagram[*at] ^= 0x55;
    return datagram.size();
  }
  // No data, no offers.
  const auto type = static_cast<wire::MessageType>(datagram[1]);
  if (type == wire::MessageType::kData || type == wire::MessageType::kFirstHandshakeReply) return 0;
  wire::Buffer buffer;
  const auto instead = empty_handed(datagram, buffer);
  if (!instead) return datagram.size();
  FB_CHECK(instead->size() <= datagram.size());
  std::ranges::copy(*instead, datagram.begin());
  return instead->size();
}

}  // namespace fb::sim
