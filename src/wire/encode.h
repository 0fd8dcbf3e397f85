// Messages to bytes. Layouts: docs/protocol.md.
#pragma once

#include <array>
#include <span>

#include "wire/message.h"

namespace fb::wire {

using Buffer = std::array<uint8_t, kDatagramMax>;

// Writes one datagram for the holder of `to` into `buffer`; the result is its written part.
// Requires a message within the bounds of message.h (FB_CHECK: they are our own).
[[nodiscard]] std::span<const uint8_t> encode(Token to, const Message& message, Buffer& buffer);
// The same for what is sent most, without a Message's copy of it.
[[nodiscard]] std::span<const uint8_t> encode(Token to, const Piece& piece, Buffer& buffer);

// The least length of this JOIN when it has no cookie.
[[nodiscard]] size_t join_padding(const Join& join);

}  // namespace fb::wire
