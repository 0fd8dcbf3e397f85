// Every constant of the protocol that may be chosen, with the paper's values as defaults.
//
// Profile `classic` is the paper's Roulette (sections 2 and 3 of "Flashback: A Peer-to-Peer Web
// Server for Flash Crowds", ICDCS 2007); where a value is not the paper's, the comment says whose
// it is. docs/protocol.md has the reasons.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "base/units.h"
#include "wire/message.h"

namespace fb::roulette {

// Profile v2. Every rule that can be switched off has its switch, so that its worth can be measured
// (bench/v2_rules).
struct V2Config {
  bool repair = true;                        // trade repair chunks too

  // Admission, at the seeder.
  uint32_t contacts = 10;                    // named to a newcomer; fewer when joins are dear
  uint32_t contacts_min = 2;
  bool introductions = true;                 // contacts are told of the newcomer, for NATs
  uint32_t seeder_push = 2;                  // chunks that a newcomer gets unasked

  // Pulling.
  Duration window = milliseconds(170);       // of the downlink, is asked for at a time
  uint32_t window_min = 8;                   // chunks
  uint32_t per_neighbour = 4;                // chunks asked of one
  uint32_t any = 3;                          // chunks that a greeting asks for
  Duration timeout_min = milliseconds(400);
  uint32_t strikes = 3;                      // time-outs in a row; then it is dead
  bool ask_along = true;                     // pieces carry a request each; alone go several
  bool endgame = true;                       // the last chunks are asked of several

  // Giving.
  ByteCount tab_total = kib(64);             // shared out among the neighbours, within:
  ByteCount tab_min = kib(6);
  ByteCount tab_max = kib(16);
  uint32_t tab_percent = 25;                 // of what it gave, on top of that
  ByteCount unverified_credit = kib(64);     // in blocks that are not whole, of one neighbour
  ByteCount stranger_tab = kib(3);           // to who has never given; one chunk at least
  bool push = true;                          // idle uplink: unasked chunks to who shows room
  bool rarest_first = true;                  // of these, what the fewest neighbours hold
  bool scarce_first = true;                  // where a block is nowhere whole, before requests
  bool newcomers_first = true;               // greetings before other requests
  bool complete_first = true;                // then who lacks least; else first come, first served
  bool pacing = true;                        // data waits for the uplink here, not in the line
  Duration backlog = milliseconds(8);        // at most so much waits in the line

  // Overlay.
  bool referrals = true;                     // seek neighbours beyond those of the seeder
  uint32_t useful_min = 4;                   // with fewer neighbours that have something, seek
  Duration stall = milliseconds(400);        // without new data: ask the seeder
};

struct RouletteConfig {
  wire::Profile profile = wire::Profile::kV2;

  // Overlay (2.1).
  uint32_t degree_min = 4;
  uint32_t degree_max = 32;
  Duration seek_interval = milliseconds(100);       // below degree_min
  Duration partition_timeout = milliseconds(500);   // without new data: ask the seeder
  uint32_t welcome_referrals = 4;                   // ours: degree_min of them
  Duration referral_lifetime = seconds(10);         // ours: security rule 2

  // Receive side (3.1.1).
  uint32_t intervals_max = 8;                       // in one handshake; at most wire::kIntervalsMax
  uint32_t request_tries = 4;                       // resent this often, then it is dead
  Duration handshake_timeout = milliseconds(500);   // ours: before an RTT is known
  Duration handshake_timeout_min = milliseconds(200);
  Duration data_timeout_min = milliseconds(200);
  Duration empty_backoff = milliseconds(100);       // ours: nothing new, but it does have data
  Duration poor_backoff = milliseconds(200);        // ours: it has nothing for us at all
  uint32_t empty_limit = 8;                         // ours: then the neighbour is severed
  bool avoid_duplicates = true;                     // ours: do not ask two neighbours for one chunk
  bool relay_unverified = true;                     // pass on before the MetaChunk verified

  // Flow (3.1.3).
  uint32_t burst_initial = 16;
  uint32_t burst_max = 64;                          // ours; at most wire::kRequestChunksMax

  // Tit-for-tat (3.1.2).
  ByteCount tab = kib(4);
  uint32_t tab_percent = 90;                        // of what was received, when that is more
  ByteCount unverified_credit = kib(16);            // ours: security rule 3, a neighbour
  ByteCount stranger_credit_total = kib(32);        // ours: rule 3, over all who never paid
  ByteCount stranger_credit_address = kib(8);       // ours: rule 3, per address or /64
  ByteCount upload_promise = kib(8);                // sent <= received + this, over all

  // Joining; ours.
  Duration join_timeout = milliseconds(500);        // doubles to eight times this
  Duration give_up = seconds(30);                   // a fetch without any progress fails
  Duration linger = {};                             // stay this long with nothing to fetch

  // Sending.
  BitRate uplink = {};                              // 0: not paced (v2: found out)
  BitRate downlink = {};                            // v2; 0: found out
  ByteCount uplink_queue = kib(64);                 // behind the pacer; more is dropped

  // Bounds; ours: security rule 5.
  uint32_t half_open_max = 64;                      // strangers that have not proved an address
  uint32_t contacts_unanswered_max = 3;             // to one address in contact_window
  Duration contact_window = seconds(10);
  uint32_t referrals_per_target_max = 64;           // of one neighbour in contact_window
  uint32_t pollution_strikes = 4;                   // bad chunks, and more than good MetaChunks
  bool limit_loopback = false;                      // count 127.0.0.0/8 and ::1 as strangers too

  V2Config v2;
};

// The seeder's own; the protocol's constants are in RouletteConfig.
struct SeederConfig {
  uint32_t neighbours_max = 8192;
  Duration neighbour_idle = seconds(15);            // unheard for this long: forgotten
  Duration cookie_lifetime = seconds(60);
};

}  // namespace fb::roulette
