#include "roulette/partner.h"

#include <algorithm>

namespace fb::roulette {
namespace {

uint16_t clock_of(Instant now) { return static_cast<uint16_t>(now.ns / 250'000); }

}  // namespace

void Partner::begin_anew() {
  any_heard = false;
  heard = delay = echoed = 0;
  got = acknowledged = 0;
  sent.clear();
  wanted.clear();
  any_in = 0;
  delay_base.reset();
}

void Partner::fill(Instant now, wire::TradeState& state) {
  if (++sequence == 0) ++sequence;
  state.sequence = sequence;
  state.clock = clock_of(now);
  state.heard = any_heard ? heard : uint16_t{0};
  state.delay = delay;
  state.received = static_cast<uint32_t>(got & 0xffffffU);
}

bool Partner::hear(Instant now, const wire::TradeState& state, uint64_t sent_bytes) {
  const auto ahead = static_cast<int16_t>(state.sequence - heard);
  if (any_heard && ahead < 0) return false;
  any_heard = true;
  heard = state.sequence;
  delay = static_cast<uint16_t>(clock_of(now) - state.clock);
  if (sequence != 0 && state.heard != 0 && state.heard != echoed) {
    echoed = state.heard;
    // The least delay ever is the way itself; what is more than that waited in our line or in its
    // own.
    if (!delay_base || static_cast<int16_t>(state.delay - *delay_base) < 0) {
      delay_base = state.delay;
    }
    queueing = microseconds(250) * static_cast<uint16_t>(state.delay - *delay_base);
    queueing_at = now;
  }
  const auto told = static_cast<uint32_t>(state.received - acknowledged) & 0xffffffU;
  if (told < 0x800000U) acknowledged += told;
  acknowledged = std::min(acknowledged, sent_bytes);
  room = state.room;
  tab = {uint64_t{state.tab} * 256};
  pushable = BlockBits::half(state.salt);
  std::erase_if(sent, [&](const SentPiece& s) {
    return static_cast<int16_t>(state.heard - s.sequence) >= 0;
  });
  return true;
}

bool Partner::on_its_way(Instant now, content::FileId file, wire::ChunkName chunk) const {
  return std::ranges::any_of(sent, [&](const SentPiece& s) {
    return s.file == file && s.chunk == chunk && now - s.at < kLost;
  });
}

void Partner::note_sent(const SentPiece& piece) {
  if (sent.size() >= kSentMax) sent.erase(sent.begin());
  sent.push_back(piece);
}

}  // namespace fb::roulette
