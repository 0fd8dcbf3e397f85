// What a node keeps of one neighbour.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "nois/interval_set.h"
#include "roulette/estimator.h"
#include "roulette/ledger.h"
#include "roulette/roulette_cache.h"
#include "wire/message.h"

namespace fb::roulette {

// Receive side (paper, Fig. 4). See receive_side.h for the transitions.
enum class ReceiveState : uint8_t {
  kInit,             // choose a file to ask for
  kFirstHandshake,   // our intervals are told, the offer is awaited
  kSecondHandshake,  // an offer is at hand, chunks are to be requested
  kWaitForData,      // chunks are requested
  kBackoff,          // it had nothing new; INIT again later
  kIdle,             // nothing to fetch
  kSevered,          // it had nothing for too long; served still, asked no more
};

struct Receiving {
  ReceiveState state = ReceiveState::kIdle;
  content::FileId file{};
  uint16_t request = 0;                  // number of the request that is out
  uint32_t tries = 0;                    // of it, without any answer
  Instant asked_at{};
  std::vector<nois::Interval> offer;     // what the neighbour promised
  std::vector<uint32_t> pending;         // requested, not arrived
  uint32_t asked = 0;                    // size of the burst that is out
  uint32_t burst = 0;                    // allowed size of the next one
  uint32_t empties = 0;                  // rounds in a row in which it had nothing for us
  bool had_data = false;                 // in this round it offered something, if nothing new
  std::vector<content::FileId> passed;   // files that it had nothing of in this round
};

// A move to another address waits until that address has echoed `nonce`.
struct PathCheck {
  Endpoint candidate;
  uint64_t nonce = 0;
  Instant sent{};
};

struct Neighbour {
  NeighbourId id{};
  size_t place = 0;            // in Core::neighbours(); Core's own
  Endpoint endpoint;
  wire::Token name = 0;        // its own name, told in referrals
  wire::Token token_in = 0;    // it reaches us by this
  wire::Token token_out = 0;   // we reach it by this; 0 until it told us
  bool proven = false;         // it has echoed token_in (or a cookie) from `endpoint`
  bool is_seeder = false;
  Instant met{};
  Instant heard{};
  Account account;
  Estimator estimator;
  Receiving receiving;
  std::optional<PathCheck> path_check;
  Instant digests_asked{};     // at a seeder
  bool warned = false;         // at a seeder: it was told of pollution when it came
  uint32_t good_metachunks = 0;  // verified ones to which it gave
  uint32_t bad_chunks = 0;       // of its own that turned out wrong
};

}  // namespace fb::roulette
