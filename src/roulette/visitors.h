// The visitors whose address is proved, as profile v2's seeder keeps them: some hundred bytes each,
// found by token, by endpoint and name, by endpoint, and in their order by path.
//
// A seeder needs less of a neighbour than a peer does (neighbour.h, partner.h): it holds everything
// and is given nothing, so there is no credit, no offer and no request of its own to remember.
//
// A table for one thread. References to visitors hold until the next add() or remove().
// Invariants: of_path() lists the visitors of a path, oldest first; no two visitors have the same
// endpoint and name, as long as its user adds and moves none to where another is.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/chain_index.h"
#include "roulette/chain_pool.h"
#include "roulette/chunk_marks.h"
#include "roulette/neighbour.h"
#include "roulette/partner.h"
#include "roulette/path_table.h"
#include "roulette/stranger_hash.h"

namespace fb::roulette {

// A visitor, or one that was: another in its place has another number.
struct VisitorId {
  uint32_t place = 0;
  uint32_t number = 0;  // in the order of their coming, from 1
  bool operator==(const VisitorId&) const = default;
};

// What every datagram needs comes first.
struct Visitor {
  Endpoint endpoint;
  bool warned = false;   // it was told of pollution when it came
  bool served = false;   // it got chunks, or they wait for it
  bool foreign = false;  // another shard lists it; it is only named here
  VisitorId id;
  TradeCounts counts;
  Instant heard{};
  Instant last_sent{};   // a chunk
  wire::Token token_out = 0;   // we reach it by this
  wire::Token token_in = 0;    // it reaches us by this
  wire::Token name = 0;
  wire::Token join_token = 0;  // the reply token of its JOIN: with the name its tickets' key
  Instant born{};
  PathId path{};
  uint32_t named = 0;      // to so many
  uint32_t unreached = 0;  // how many of those whom it was named to had no answer of it
  uint16_t asked_waiting = 0, firsts_waiting = 0;  // chunks that are queued for it
  uint8_t given_count = 0;
  Chain given = 0, held = 0;
  Instant referrals_asked{};
  Instant digests_asked{};
  std::unique_ptr<PathCheck> path_check;

  // False for a place that is free.
  [[nodiscard]] bool is_here() const { return id.number != 0; }
};

class Visitors {
 public:
  static constexpr uint8_t kGivenMax = 128;  // chunks on their way to one visitor;
  static constexpr uint8_t kGivenKept = 64;  // with more, the latest of them
  static constexpr size_t kHeldMax = 64;     // blocks of one visitor, over all objects

  // Borrows both.
  Visitors(const StrangerHash& hash, PathTable& paths) : hash_(hash), paths_(paths) {}

  [[nodiscard]] size_t size() const { return by_token_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  // Requires that nobody has this token. The path is held as long as the visitor is here.
  Visitor& add(Instant now, const Endpoint& endpoint, wire::Token name, wire::Token token_in,
               PathId path);
  void remove(Visitor& visitor);
  // Many at once, each of them here; the work is that of looking through the paths' lists once.
  void remove(std::span<const VisitorId> gone);
  // It is at another address now.
  void move(Visitor& visitor, const Endpoint& to);

  // Null when there is none, or no more.
  [[nodiscard]] Visitor* find(VisitorId id);
  [[nodiscard]] Visitor* find_by_token(wire::Token token_in);
  [[nodiscard]] Visitor* find_by_name(const Endpoint& endpoint, wire::Token name);
  // The latest at this endpoint for which `fits` holds; of those who share it the latest are looked
  // at, so that it does not matter how many they are.
  template <typename Predicate>
  [[nodiscard]] Visitor* latest_at(const Endpoint& endpoint, Predicate fits) {
    size_t looked_at = 0;
    for (uint32_t place = by_endpoint_.first(hash_.of(endpoint));
         place != ChainIndex::kNone && looked_at < kSharersMax;
         place = by_endpoint_.next(place), ++looked_at) {
      if (slots_[place].endpoint == endpoint && fits(slots_[place])) return &slots_[place];
    }
    return nullptr;
  }
  // At the place of an id, in a list of of_path(), or below places(), where some are free.
  [[nodiscard]] Visitor& at(uint32_t place) { return slots_[place]; }
  [[nodiscard]] uint32_t places() const { return static_cast<uint32_t>(slots_.size()); }
  // Places of the visitors that wait for this path, oldest first. Its user may change their order
  // for a while, and puts it back before anybody comes or goes.
  [[nodiscard]] std::span<uint32_t> of_path(PathId path);
  // Where in of_path() it is.
  [[nodiscard]] size_t rank_of(const Visitor& visitor);

  // What it holds, as far as known: what it told, and what went to it. Of more than kHeldMax blocks
  // the one that came up longest ago is forgotten.
  void note_held(Visitor& visitor, content::FileId file, uint16_t block,
                 const std::array<uint64_t, 4>& bits);
  void note_held(Visitor& visitor, content::FileId file, wire::ChunkName chunk);
  [[nodiscard]] bool holds(const Visitor& visitor, content::FileId file, wire::ChunkName chunk);

  // A chunk went to it in a datagram of this count.
  void note_given(Instant now, Visitor& visitor, uint16_t sequence, content::FileId file,
                  wire::ChunkName chunk);
  // Marks those that went to it lately, and of which it had not heard when it spoke last.
  void mark_on_its_way(Instant now, const Visitor& visitor, content::FileId file,
                       ChunkMarks& marks) const;
  // Takes in what a datagram of it says of ours; false when that is stale.
  bool hear(Instant now, Visitor& visitor, const wire::TradeState& state);
  // It has met us anew, so its counts begin anew too.
  void begin_anew(Visitor& visitor);

 private:
  static constexpr size_t kSharersMax = 256;
  // Takes it out of all but its path's list.
  void forget(Visitor& visitor);
  void shrink(std::vector<uint32_t>& line);

  static constexpr size_t kPlacesKept = 64;  // of a path that nobody waits for any more
  struct Given {
    content::FileId file{};
    Instant at{};
    wire::ChunkName chunk;
    uint16_t sequence = 0;
    uint32_t next = 0;
  };
  struct Held {
    content::FileId file{};
    std::array<uint64_t, 4> bits{};
    uint16_t block = 0;
    uint32_t next = 0;
  };

  const StrangerHash& hash_;
  PathTable& paths_;
  std::vector<Visitor> slots_;
  std::vector<uint32_t> free_;
  uint32_t last_number_ = 0;
  ChainIndex by_token_;  // tokens are ours, and random
  ChainIndex by_name_;   // and endpoint
  ChainIndex by_endpoint_;
  std::vector<std::vector<uint32_t>> by_path_;  // places, oldest first
  ChainPool<Given> given_;
  ChainPool<Held> held_;
};

}  // namespace fb::roulette
