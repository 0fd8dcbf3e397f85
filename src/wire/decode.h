// Bytes to messages. Remote bytes end here: what comes out obeys every bound of message.h.
#pragma once

#include <expected>
#include <optional>
#include <span>

#include "wire/message.h"

namespace fb::wire {

// Why a datagram is not a message.
enum class DecodeError {
  kTooShort,     // no whole header
  kVersion,      // another protocol, or another version of this one
  kUnknownType,  // no such message
  kMalformed,    // bytes missing or left over, or a field out of its range
};

struct Header {
  MessageType type{};
  Token to = 0;
};

// The first kHeaderSize bytes only: enough to find the receiver among many peers on one socket.
[[nodiscard]] std::expected<Header, DecodeError> decode_header(std::span<const uint8_t> datagram);

struct Datagram {
  Header header;
  Message message;  // its spans and paths borrow the datagram
};
[[nodiscard]] std::expected<Datagram, DecodeError> decode(std::span<const uint8_t> datagram);

// Where the bytes of the chunk begin in a DATA or PIECE; nothing for every other datagram. For who
// watches datagrams without reading them whole.
[[nodiscard]] std::optional<size_t> chunk_bytes_at(std::span<const uint8_t> datagram);

}  // namespace fb::wire
