// What profile v2 keeps of one neighbour, beyond what every profile does (neighbour.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/time.h"
#include "content/object.h"
#include "roulette/chunk_marks.h"
#include "roulette/coded_set.h"
#include "roulette/line_proof.h"
#include "wire/message.h"

namespace fb::roulette {

// A chunk that was asked of a neighbour and has not come.
struct Outstanding {
  content::FileId file{};
  wire::ChunkName chunk;
  Instant asked{};
  bool twice = false;  // another neighbour was asked for it too
  bool told = false;   // it was on a want list since
};

// A chunk that a neighbour has asked for.
struct Wanted {
  content::FileId file{};
  wire::ChunkName chunk;
  Instant since{};
};

// A chunk on its way to a neighbour: until it says that it has heard `sequence`, its want list may
// still name the chunk.
struct SentPiece {
  uint16_t sequence = 0;
  content::FileId file{};
  wire::ChunkName chunk;
  bool pushed = false;
  Instant at{};
  uint64_t size = 0;  // with headers
};

// What a neighbour holds of one object, as far as known.
struct View {
  content::FileId file{};
  CodedSet have;
  uint64_t told = 0;         // chunks that we held when it was last told
  std::vector<uint16_t> told_of;  // likewise of each block, where there are many
  bool named_by_it = false;  // so it wants or keeps it
  bool named_to_it = false;
};

// The counts and clocks of the datagrams between two traders.
struct TradeCounts {
  uint16_t sequence = 0;  // of the last one to it
  uint16_t heard = 0;     // the latest that came
  uint16_t delay = 0;     // see wire::TradeState
  bool any_heard = false;

  // The count, clock and echo of the next datagram to it.
  void fill(Instant now, wire::TradeState& state);
  // Takes in those of a datagram of it; false when a later one has come before.
  bool hear(Instant now, const wire::TradeState& state);
  // It counts from the beginning again.
  void begin_anew() {
    any_heard = false;
    heard = delay = 0;
  }
};

struct Partner : TradeCounts {
  static constexpr size_t kAwaitsMax = 16;
  static constexpr size_t kSentMax = 64;
  static constexpr size_t kViewsMax = 64;
  static constexpr Duration kLost = milliseconds(450);       // of a datagram: is not on its way
  static constexpr Duration kForgotten = milliseconds(800);  // of a push: another may follow

  std::vector<View> views;
  bool told_us = false;  // it has said what it holds

  // Asked of it.
  std::deque<Outstanding> out;  // mostly the first comes first
  uint8_t any_out = 0;  // of the greeting's "any"
  uint8_t any_class = 0, any_classes = 1;
  Instant any_asked{};
  bool dirty = false;  // `out` has to be told
  Instant dirty_since{};
  Duration service = milliseconds(150);  // from request to arrival, moving average
  Instant last_data{};
  uint32_t strikes = 0;  // time-outs since the last answer
  uint8_t grant = 0;     // of a seeder: what may still be asked
  uint64_t got = 0;      // credited chunk bytes from it

  // It asks of us.
  std::vector<Wanted> wanted;
  uint8_t any_in = 0, in_class = 0, in_classes = 1;
  Instant any_since{};
  std::vector<SentPiece> sent;  // latest last
  uint64_t acknowledged = 0;    // of the chunk bytes that went to it
  uint8_t room = 0;
  ByteCount tab{};     // that it grants us
  BlockBits pushable;  // positions that it does not ask for as long as it can

  // The datagrams themselves, beyond their counts.
  uint16_t echoed = 0;  // the latest of ours that it has measured
  Instant born{};
  Instant last_sent{};
  bool ask_referrals = false;
  Instant referrals_asked{};  // of a seeder
  bool called_again = false;  // it did not answer at once
  bool reached = false;       // by strangers, it says
  bool newcomer = false;      // it came by a ticket, so it has just been admitted
  // Manifests that it asked for and that we had not: it gets them when they come.
  struct Awaited {
    uint16_t request = 0;  // as in MANIFEST REQUEST; 0: asked by GREET
    std::string path;
  };
  std::vector<Awaited> awaits;  // at most kAwaitsMax

  // The way to it, as it tells: how much longer than the least the latest datagram was under way,
  // and its size with headers when it was a piece, else 0.
  WayDelays way_there;
  Duration queueing{};
  Instant queueing_at{};
  uint64_t echoed_size = 0;
  uint64_t delivered = 0;  // bytes of pieces, with headers, that the last hear() told of
  // The way from it, likewise.
  WayDelays way_here;

  View& view(content::FileId file) {
    for (View& v : views) {
      if (v.file == file) return v;
    }
    if (views.size() >= kViewsMax) views.erase(views.begin());
    views.emplace_back().file = file;
    return views.back();
  }
  [[nodiscard]] const View* find_view(content::FileId file) const {
    for (const View& v : views) {
      if (v.file == file) return &v;
    }
    return nullptr;
  }
  [[nodiscard]] size_t asked() const { return out.size() + any_out; }

  // It has another token for us than before, so it has met us anew, and its counts begin anew too.
  void begin_anew();
  // As TradeCounts::fill, and what came from it so far.
  void fill(Instant now, wire::TradeState& state);
  // Takes in what a datagram of it says of ours; `sent_bytes` of chunks went to it so far. False
  // when a later one has come before, so that the rest of this one is stale.
  bool hear(Instant now, const wire::TradeState& state, uint64_t sent_bytes);
  // Marks the chunks that went to it lately, in datagrams that it had not heard of when it spoke
  // last. What it has not heard of for longer is lost.
  void mark_on_its_way(Instant now, content::FileId file, ChunkMarks& marks) const;
  void note_sent(const SentPiece& piece);
  // Pushed chunks that it had not heard of when it spoke last.
  [[nodiscard]] uint32_t pushes_out(Instant now) const {
    return static_cast<uint32_t>(std::ranges::count_if(
        sent, [now](const SentPiece& s) { return s.pushed && now - s.at < kForgotten; }));
  }
};

}  // namespace fb::roulette
