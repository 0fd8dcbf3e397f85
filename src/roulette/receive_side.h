// The receive side (paper, section 3.1.1 and Fig. 4): one state machine a neighbour.
//
//   INIT              choose a file that the neighbour may have        -> FIRST HANDSHAKE
//                     none left in this round                          -> BACKOFF, or SEVERED
//   FIRST HANDSHAKE   tell our top intervals, await the offer
//                     offer with something new                         -> SECOND HANDSHAKE
//                     nothing new, or NO_FILE                          -> INIT, with the next file
//                     time out                                         -> again, or dead
//   SECOND HANDSHAKE  request a burst of random chunks of the offer    -> WAIT FOR DATA
//                     offer exhausted                                  -> FIRST HANDSHAKE
//   WAIT FOR DATA     all arrived: burst + 1                           -> SECOND HANDSHAKE
//                     time out, some arrived: burst = that many        -> SECOND HANDSHAKE
//                     time out, none arrived: half the burst           -> SECOND HANDSHAKE, or dead
//   any waiting state NOT NOW                                          -> INIT, with the next file
//   BACKOFF           wait a little                                    -> INIT
//
// To a neighbour that has not answered yet, the first handshake is sent as HELLO. The seeder is
// known to hold everything, so its offer is not asked for again after the first contact.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "roulette/core.h"
#include "roulette/downloads.h"
#include "roulette/exchange.h"

namespace fb::roulette {

class ReceiveSide {
 public:
  // What the node has to act on, told synchronously.
  struct Hooks {
    // A chunk was new: `result` says what became of its MetaChunk. The neighbour may be removed
    // inside.
    std::function<void(Instant, Download&, const content::ChunkStore::Result&)> on_chunk;
    // The neighbour did not answer in time, or has nothing for us. Do not remove it inside.
    std::function<void(Instant, Neighbour&)> on_dead;
    // The cookie for HELLO to a seeder.
    std::function<std::optional<wire::Cookie>()> cookie;
  };
  ReceiveSide(Core& core, Downloads& downloads, Hooks hooks)
      : core_(core), downloads_(downloads), hooks_(std::move(hooks)) {}

  // INIT: begins, or begins anew, to ask this neighbour.
  void start(Instant now, Neighbour& neighbour);
  // A download began: whoever is idle, severed or waiting is asked for it.
  void on_new_download(Instant now);
  // A download ended: requests for it are called off.
  void on_download_ended(Instant now, content::FileId object);

  void on_offer(Instant now, Neighbour& from, content::FileId file, uint16_t request,
                const wire::Intervals& offer);
  void on_no_file(Instant now, Neighbour& from, content::FileId file);
  void on_not_now(Instant now, Neighbour& from, const wire::NotNow& message);
  void on_data(Instant now, Neighbour& from, const wire::Data& message);
  // The neighbour's deadline is due.
  void on_timer(Instant now, Neighbour& neighbour);
  // The neighbour is being removed, or has failed us: what it was asked for is free again, and so
  // is what it was to give alone. `for_good`: it will not come back to it.
  void give_up(Neighbour& neighbour, bool for_good = false);

 private:
  void first_handshake(Instant now, Neighbour& neighbour);
  void second_handshake(Instant now, Neighbour& neighbour);
  void next_file(Instant now, Neighbour& neighbour);
  [[nodiscard]] Download::Asked asked_of(const Neighbour& neighbour) const;
  void backoff(Instant now, Neighbour& neighbour, Duration wait);
  void retry(Instant now, Neighbour& neighbour);
  // What was requested and did not come may be asked for elsewhere.
  void release(Neighbour& neighbour);

  Core& core_;
  Downloads& downloads_;
  Hooks hooks_;
};

}  // namespace fb::roulette
