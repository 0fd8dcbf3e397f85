// What a node keeps of one neighbour.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "nois/interval_set.h"
#include "roulette/estimator.h"
#include "roulette/ledger.h"
#include "roulette/partner.h"
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
  bool had_data = false;                 // in this round it offered something, if nothing new
  uint16_t request = 0;                  // number of the request that is out
  uint32_t tries = 0;                    // of it, without any answer
  content::FileId file{};
  std::vector<uint32_t> pending;         // requested, not arrived
  Instant asked_at{};
  uint32_t asked = 0;                    // size of the burst that is out
  uint32_t burst = 0;                    // allowed size of the next one
  uint32_t empties = 0;                  // rounds in a row in which it had nothing for us
  std::vector<nois::Interval> offer;     // what the neighbour promised
  std::vector<content::FileId> passed;   // files that it had nothing of in this round
};

// A move to another address waits until that address has echoed `nonce`.
struct PathCheck {
  Endpoint candidate;
  uint64_t nonce = 0;
  Instant sent{};
};

// What every datagram needs comes first: in a large swarm each cache line of it is a miss.
struct Neighbour {
  Endpoint endpoint;
  bool proven = false;         // it has echoed token_in (or a cookie) from `endpoint`
  bool is_seeder = false;
  NeighbourId id{};
  Instant heard{};
  Account account;
  Receiving receiving;
  wire::Token token_out = 0;   // we reach it by this; 0 until it told us
  Estimator estimator;
  wire::Token token_in = 0;    // it reaches us by this
  wire::Token name = 0;        // its own name, told in referrals
  size_t place = 0;            // in Core::neighbours(); Core's own
  uint32_t good_metachunks = 0;  // verified ones to which it gave
  uint32_t bad_chunks = 0;       // of its own that turned out wrong
  bool warned = false;         // at a seeder: it was told of pollution when it came
  Instant digests_asked{};     // at a seeder
  std::unique_ptr<PathCheck> path_check;
  std::unique_ptr<Partner> partner;  // profile v2's
};

}  // namespace fb::roulette
