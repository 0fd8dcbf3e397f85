#include "roulette/partner.h"

#include <algorithm>

namespace fb::roulette {
namespace {

uint16_t clock_of(Instant now) { return static_cast<uint16_t>(now.ns / kTradeClockTick.ns); }

}  // namespace

void TradeCounts::fill(Instant now, wire::TradeState& state) {
  if (++sequence == 0) ++sequence;
  state.sequence = sequence;
  state.clock = clock_of(now);
  state.heard = any_heard ? heard : uint16_t{0};
  state.delay = delay;
}

bool TradeCounts::hear(Instant now, const wire::TradeState& state) {
  const auto ahead = static_cast<int16_t>(state.sequence - heard);
  if (any_heard && ahead < 0) return false;
  any_heard = true;
  heard = state.sequence;
  delay = static_cast<uint16_t>(clock_of(now) - state.clock);
  return true;
}

void Partner::begin_anew() {
  TradeCounts::begin_anew();
  echoed = 0;
  got = acknowledged = 0;
  sent.clear();
  wanted.clear();
  any_in = 0;
  way_there = way_here = {};
}

void Partner::fill(Instant now, wire::TradeState& state) {
  TradeCounts::fill(now, state);
  state.received = static_cast<uint32_t>(got & 0xffffffU);
}

bool Partner::hear(Instant now, const wire::TradeState& state, uint64_t sent_bytes) {
  if (!TradeCounts::hear(now, state)) return false;
  if (sequence != 0 && state.heard != 0 && state.heard != echoed) {
    echoed = state.heard;
    // The least delay ever is the way itself; what is more than that waited in our line or in its
    // own.
    const auto piece = std::ranges::find(sent, state.heard, &SentPiece::sequence);
    echoed_size = piece == sent.end() ? 0 : piece->size;
    queueing = way_there.add(state.delay, echoed_size == 0);
    queueing_at = now;
  }
  const auto told = static_cast<uint32_t>(state.received - acknowledged) & 0xffffffU;
  if (told < 0x800000U) acknowledged += told;
  acknowledged = std::min(acknowledged, sent_bytes);
  room = state.room;
  tab = {uint64_t{state.tab} * 256};
  pushable = BlockBits::half(state.salt);
  delivered = 0;
  std::erase_if(sent, [&](const SentPiece& s) {
    const bool told_of = static_cast<int16_t>(state.heard - s.sequence) >= 0;
    if (told_of) delivered += s.size;
    return told_of;
  });
  return true;
}

void Partner::mark_on_its_way(Instant now, content::FileId file, ChunkMarks& marks) const {
  for (const SentPiece& s : sent) {
    if (s.file == file && now - s.at < kLost) marks.mark(s.chunk);
  }
}

void Partner::note_sent(const SentPiece& piece) {
  if (sent.size() >= kSentMax) sent.erase(sent.begin());
  sent.push_back(piece);
}

}  // namespace fb::roulette
