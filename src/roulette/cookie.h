// Stateless proof that a sender receives at its address (as RFC 9000, section 8.1.3, and DTLS):
// a keyed hash over the address, the port and the time of issue.
#pragma once

#include <array>

#include "base/endpoint.h"
#include "base/rng.h"
#include "base/time.h"
#include "wire/message.h"

namespace fb::roulette {

class CookieJar {
 public:
  CookieJar(SecretRng& secret, Duration lifetime);

  [[nodiscard]] wire::Cookie issue(Instant now, const Endpoint& to) const;
  // Issued by this jar to this very endpoint within the lifetime.
  [[nodiscard]] bool valid(Instant now, const Endpoint& from, const wire::Cookie& cookie) const;

 private:
  [[nodiscard]] wire::Cookie make(uint32_t second, const Endpoint& endpoint) const;

  std::array<uint8_t, 32> key_{};
  Duration lifetime_;
};

}  // namespace fb::roulette
