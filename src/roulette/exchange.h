// How a peer trades with its neighbours: whom it meets, what it asks for, what it gives. One class
// a profile; the node (peer_node.cc) keeps what both have in common: files, credit and pollution.
#pragma once

#include <functional>
#include <optional>

#include "content/chunk_store.h"
#include "roulette/core.h"
#include "roulette/downloads.h"
#include "wire/decode.h"

namespace fb::roulette {

class Exchange {
 public:
  // What the node has to act on, told synchronously.
  struct Hooks {
    // A chunk was new: `result` says what became of it. The neighbour may be removed inside, and
    // the download may end.
    std::function<void(Instant, Download&, const content::ChunkStore::Result&)> on_chunk;
  };

  virtual ~Exchange() = default;

  // The seeder has let us in: WELCOME or ADMIT, for which the seeder link has waited.
  virtual void on_admitted(Instant now, const wire::Message& message) = 0;
  // A datagram whose token is no neighbour's: our own name, a ticket, or a stranger's. The result
  // is the neighbour that it makes of the sender, for which the message is then meant.
  [[nodiscard]] virtual Neighbour* on_stranger(Instant now, const Endpoint& from,
                                               const wire::Datagram& datagram) = 0;
  // False when it is no message for a peer of this profile.
  virtual bool on_message(Instant now, Neighbour& from, const wire::Message& message) = 0;
  // New data came in.
  virtual void on_progress(Instant now) = 0;
  virtual void on_download_began(Instant now) = 0;
  // One that is no longer active, or whose next object is fetched now; `object` is what it was
  // about.
  virtual void on_object_ended(Instant now, content::FileId object) = 0;
  // What is held of this object has changed other than by chunks that came in.
  virtual void on_held_changed(Download& download) = 0;
  // It is about to be removed for good.
  virtual void give_up(Neighbour& neighbour) = 0;
  // Neighbours found dead during a call; to be called at its end.
  virtual void bury(Instant now) = 0;
  // BYE to everybody, and nothing is kept.
  virtual void leave(Instant now, Duration lifetime) = 0;
  virtual void advance(Instant now) = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;
  [[nodiscard]] virtual size_t strangers() const = 0;
};

// How senders are named to the chunk store: a neighbour vouches for chunks that it verified, and
// merely relays others, so each has two names.
[[nodiscard]] inline content::SenderId sender_of(NeighbourId neighbour, bool verified) {
  return static_cast<content::SenderId>(static_cast<uint32_t>(neighbour) * 2 + (verified ? 1 : 0));
}
[[nodiscard]] inline NeighbourId neighbour_of(content::SenderId sender) {
  return static_cast<NeighbourId>(static_cast<uint32_t>(sender) / 2);
}
[[nodiscard]] inline bool vouched(content::SenderId sender) {
  return static_cast<uint32_t>(sender) % 2 == 1;
}

}  // namespace fb::roulette
