// What profile v2's seeder remembers of visitors, from their JOIN on.
#pragma once

#include <cstdint>
#include <string>

#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/roulette_cache.h"
#include "roulette/ticket.h"
#include "wire/message.h"

namespace fb::roulette {

struct WaitingJoin {
  Endpoint endpoint;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  std::string path;
  size_t size = 0;
};
// Who was let in, for its greeting, and for a JOIN that is sent again.
struct Admitted {
  Endpoint endpoint;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  uint64_t path = 0;
  std::string path_text;
  Instant at{};
  size_t contacts = 0;  // that it was named
};
// Who has proved its address, in the order of admission.
struct Listed {
  NeighbourId id{};
  Endpoint endpoint;
  TicketKey key{};
  wire::Token name = 0;
  uint64_t path = 0;
  Instant at{};
};
struct QueuedChunk {
  NeighbourId to{};
  content::FileId file{};
  wire::ChunkName chunk;
  bool pushed = false;
};

}  // namespace fb::roulette
