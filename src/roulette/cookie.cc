#include "roulette/cookie.h"

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include <cstring>

#include "base/check.h"
#include "base/cursor.h"

namespace fb::roulette {
namespace {

uint32_t second_of(Instant now) { return static_cast<uint32_t>(now.ns / 1'000'000'000); }

}  // namespace

CookieJar::CookieJar(SecretRng& secret, Duration lifetime) : lifetime_(lifetime) {
  secret.fill(key_);
}

wire::Cookie CookieJar::issue(Instant now, const Endpoint& to) const {
  return make(second_of(now), to);
}

bool CookieJar::valid(Instant now, const Endpoint& from, const wire::Cookie& cookie) const {
  Reader in(cookie);
  const uint32_t second = in.u32();
  const uint32_t age = second_of(now) - second;  // wraps: a time to come is an enormous age
  if (age > static_cast<uint64_t>(lifetime_.ns / 1'000'000'000)) return false;
  const wire::Cookie expected = make(second, from);
  return sodium_memcmp(expected.data(), cookie.data(), cookie.size()) == 0;
}

wire::Cookie CookieJar::make(uint32_t second, const Endpoint& endpoint) const {
  std::array<uint8_t, 4 + 16 + 2> input{};
  Writer text(input);
  text.u32(second);
  text.bytes(endpoint.address.bytes);
  text.u16(endpoint.port);
  wire::Cookie out{};
  std::memcpy(out.data(), input.data(), 4);
  FB_CHECK(crypto_generichash(out.data() + 4, out.size() - 4, input.data(), input.size(),
                              key_.data(), key_.size()) == 0);
  return out;
}

}  // namespace fb::roulette
