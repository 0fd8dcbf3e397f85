// Hashes of what strangers choose, for tables in memory: addresses, tokens, names and paths. Keyed
// (SipHash-2-4), because who can foresee them makes a table a list.
// Pure functions of the key.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/endpoint.h"
#include "roulette/ticket.h"

namespace fb::roulette {

class StrangerHash {
 public:
  // Derived from a secret that is used for other texts too; none is as long as these.
  explicit StrangerHash(const TicketKey& secret);

  [[nodiscard]] uint32_t of(const Endpoint& endpoint, wire::Token token) const;
  [[nodiscard]] uint32_t of(const Endpoint& endpoint) const { return of(endpoint, 0); }
  [[nodiscard]] uint32_t of(wire::Token name) const { return of({}, name); }
  [[nodiscard]] uint32_t of(std::string_view text) const;

 private:
  TicketKey key_{};
};

}  // namespace fb::roulette
