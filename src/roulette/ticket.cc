#include "roulette/ticket.h"

#include <sodium/crypto_shorthash.h>

#include <algorithm>

namespace fb::roulette {
namespace {

constexpr wire::Token kPrefixBits = ~wire::Token{0} << wire::kPrefixShift;
constexpr wire::Token kHashBits = (wire::Token{1} << 24) - 1;

}  // namespace

TicketKey ticket_key(wire::Token reply_token, wire::Token name) {
  TicketKey key;
  for (size_t i = 0; i < 8; ++i) {
    key[i] = static_cast<uint8_t>(reply_token >> (56 - 8 * i));
    key[i + 8] = static_cast<uint8_t>(name >> (56 - 8 * i));
  }
  return key;
}

wire::Token make_ticket(const TicketKey& key, const Address& newcomer, uint8_t epoch,
                        wire::Token like) {
  std::array<uint8_t, 17> text;
  std::ranges::copy(newcomer.bytes, text.begin());
  text.back() = epoch;
  std::array<uint8_t, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), text.data(), text.size(), key.data());
  wire::Token low = 0;
  for (const uint8_t byte : hash) low = low << 8 | byte;
  return (like & kPrefixBits) | std::max<wire::Token>(low & kHashBits, 1);  // 0 is everybody's
}

bool ticket_valid(const TicketKey& key, const Address& newcomer, uint8_t epoch,
                  wire::Token ticket) {
  if (!wire::is_ticket(ticket)) return false;
  const uint8_t before = epoch - 1;
  const uint8_t after = epoch + 1;
  return std::ranges::any_of(std::array{epoch, before, after}, [&](uint8_t e) {
    return make_ticket(key, newcomer, e, ticket) == ticket;
  });
}

}  // namespace fb::roulette
