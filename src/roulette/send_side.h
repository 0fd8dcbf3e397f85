// The send side (paper, section 3.1.2 and Fig. 5): tit-for-tat first, silence over the tab, then
// the offer or the chunks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "roulette/core.h"

namespace fb::roulette {

// What a node can give away. The peer's is its downloads, the seeder's the whole site.
class Holdings {
 public:
  virtual ~Holdings() = default;
  [[nodiscard]] virtual bool knows(content::FileId file) = 0;
  // Chunks of `file` that are held and not in `theirs`; nothing when the file is unknown.
  [[nodiscard]] virtual std::optional<std::vector<nois::Interval>> lacking(
      content::FileId file, std::span<const nois::Interval> theirs) = 0;
  struct Chunk {
    size_t length = 0;      // 0: not held, or no longer readable
    bool verified = false;  // its MetaChunk has been verified here
  };
  virtual Chunk read_chunk(content::FileId file, uint32_t chunk, std::span<uint8_t> out) = 0;
};

class SendSide {
 public:
  // `generous`: a seeder, which keeps no tab.
  SendSide(Core& core, Holdings& holdings, bool generous)
      : core_(core), holdings_(holdings), generous_(generous) {}

  // The file part of an answer to HELLO.
  struct Greeting {
    wire::HandshakeStatus status = wire::HandshakeStatus::kContact;
    wire::Intervals offer;
  };
  [[nodiscard]] Greeting greet(Instant now, const Neighbour& neighbour, content::FileId file,
                               const wire::Intervals& have);
  void on_first_handshake(Instant now, Neighbour& from, const wire::FirstHandshake& message);
  void on_second_handshake(Instant now, Neighbour& from, const wire::SecondHandshake& message);

 private:
  // Why `bytes` may not go to it, counted; nothing when they may.
  std::optional<Drop> refuses(Instant now, const Neighbour& neighbour, uint64_t bytes);
  // As refuses(), but tells the neighbour when it is not its fault: NOT NOW. A neighbour over its
  // own tab gets the paper's silence.
  bool may_serve(Instant now, const Neighbour& neighbour, uint64_t bytes, content::FileId file,
                 uint16_t request);
  [[nodiscard]] wire::Intervals top(std::vector<nois::Interval> intervals);

  Core& core_;
  Holdings& holdings_;
  bool generous_;
};

// The `k` longest intervals, longest first; ties fall at random, so that not everybody is offered
// the same low chunks.
[[nodiscard]] std::vector<nois::Interval> top_intervals(std::vector<nois::Interval> intervals,
                                                        size_t k, Rng& rng);

}  // namespace fb::roulette
