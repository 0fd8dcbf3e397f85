// Tickets: how the seeder introduces a newcomer to a peer without a word to that peer.
//
// A ticket is a token by which a newcomer reaches a peer (or the seeder). It is a keyed hash over
// the newcomer's address and the time, so who presents it from that address has received the
// seeder's answer there: its address is proved, and it was referred. Key: the reply token and the
// name that the peer told in its JOIN, which only the seeder knows; or the seeder's own secret.
//
//   ticket = prefix (the high 24 bits of the peer's tokens), 16 zero bits, the low 24 bits of
//            SipHash-2-4 over address (16 bytes, IPv4 mapped) and epoch (1 byte)
//
// Short, because the seeder's line is spent on them where many come. Who guesses sends six million
// datagrams for one that hits; what that draws is a loan of a few chunks.
//
// Epochs are the seeder's: ADMIT tells the count. A ticket holds while the receiver counts its
// epoch, the one before or the one after.
// Pure functions.
#pragma once

#include <array>
#include <cstdint>

#include "base/endpoint.h"
#include "base/time.h"
#include "wire/message.h"

namespace fb::roulette {

inline constexpr Duration kTicketEpoch = seconds(8);

using TicketKey = std::array<uint8_t, 16>;
[[nodiscard]] TicketKey ticket_key(wire::Token reply_token, wire::Token name);
// `like`: any token of the peer that is to be reached.
[[nodiscard]] wire::Token make_ticket(const TicketKey& key, const Address& newcomer, uint8_t epoch,
                                      wire::Token like);
// Of this epoch or of the one before or after.
[[nodiscard]] bool ticket_valid(const TicketKey& key, const Address& newcomer, uint8_t epoch,
                                wire::Token ticket);

}  // namespace fb::roulette
