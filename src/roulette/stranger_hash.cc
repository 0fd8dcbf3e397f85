#include "roulette/stranger_hash.h"

#include <sodium/crypto_shorthash.h>

#include <array>
#include <cstring>
#include <span>

#include "base/cursor.h"

namespace fb::roulette {
namespace {

constexpr size_t kTextSize = 16 + 2 + 8;

uint64_t sip(const TicketKey& key, std::span<const uint8_t> text) {
  std::array<uint8_t, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), text.data(), text.size(), key.data());
  uint64_t out = 0;
  std::memcpy(&out, hash.data(), hash.size());
  return out;
}

}  // namespace

StrangerHash::StrangerHash(const TicketKey& secret) {
  std::array<uint8_t, kTextSize> text{};
  const uint64_t first = sip(secret, text);
  text.back() = 1;
  key_ = ticket_key(first, sip(secret, text));
}

uint32_t StrangerHash::of(const Endpoint& endpoint, wire::Token token) const {
  std::array<uint8_t, kTextSize> text;
  Writer out(text);
  out.bytes(endpoint.address.bytes);
  out.u16(endpoint.port);
  out.u64(token);
  return static_cast<uint32_t>(sip(key_, text));
}

uint32_t StrangerHash::of(std::string_view text) const {
  return static_cast<uint32_t>(
      sip(key_, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

}  // namespace fb::roulette
