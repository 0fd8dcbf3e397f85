#include "roulette/send_side.h"

#include <algorithm>
#include <array>
#include <functional>

namespace fb::roulette {

SendSide::Greeting SendSide::greet(Instant now, const Neighbour& neighbour, content::FileId file,
                                   const wire::Intervals& have) {
  if (refuses(now, neighbour, 1)) return {};
  const auto lacking = holdings_.lacking(file, have.span());
  if (!lacking) return {wire::HandshakeStatus::kNoFile, {}};
  return {wire::HandshakeStatus::kOffer, top(*lacking)};
}

void SendSide::on_first_handshake(Instant now, Neighbour& from,
                                  const wire::FirstHandshake& message) {
  if (!may_serve(now, from, 1, message.file, message.request)) return;
  const auto lacking = holdings_.lacking(message.file, message.have.span());
  if (!lacking) {
    core_.send(now, Lane::kControl, from, wire::NoFile{message.file, message.request});
    return;
  }
  core_.send(now, Lane::kControl, from,
             wire::FirstHandshakeReply{message.file, message.request, top(*lacking)});
}

void SendSide::on_second_handshake(Instant now, Neighbour& from,
                                   const wire::SecondHandshake& message) {
  if (!holdings_.knows(message.file)) {
    core_.send(now, Lane::kControl, from, wire::NoFile{message.file, message.request});
    return;
  }
  std::array<uint8_t, content::kChunkSizeMax> bytes;
  for (const uint32_t chunk : message.chunks) {
    const Holdings::Chunk held = holdings_.read_chunk(message.file, chunk, bytes);
    if (held.length == 0) {
      core_.drop(Drop::kSourceGone);
      continue;
    }
    if (!may_serve(now, from, held.length, message.file, message.request)) return;
    const wire::Data data{message.file, message.request, chunk, held.verified,
                          std::span(bytes).first(held.length)};
    if (!core_.send(now, Lane::kData, from, data)) return;
    if (!generous_) core_.ledger.on_sent(from.account, from.endpoint.address, held.length);
    core_.stats.chunk_bytes_sent += held.length;
    core_.remember_trade(from, message.file);
  }
}

std::optional<Drop> SendSide::refuses(Instant now, const Neighbour& neighbour, uint64_t bytes) {
  if (generous_) return {};
  const auto refusal =
      core_.ledger.refuses(now, neighbour.account, neighbour.endpoint.address, bytes);
  if (refusal) core_.drop(*refusal);
  return refusal;
}

bool SendSide::may_serve(Instant now, const Neighbour& neighbour, uint64_t bytes,
                         content::FileId file, uint16_t request) {
  const auto refusal = refuses(now, neighbour, bytes);
  if (refusal == Drop::kUploadPromise || refusal == Drop::kStrangerCredit) {
    core_.send(now, Lane::kControl, neighbour, wire::NotNow{file, request});
  }
  return !refusal;
}

wire::Intervals SendSide::top(std::vector<nois::Interval> intervals) {
  return wire::Intervals::of(
      top_intervals(std::move(intervals), core_.config.intervals_max, core_.rng));
}

std::vector<nois::Interval> top_intervals(std::vector<nois::Interval> intervals, size_t k,
                                          Rng& rng) {
  if (intervals.size() <= k) return intervals;
  for (size_t i = intervals.size(); i > 1; --i) {
    std::swap(intervals[i - 1], intervals[rng.below(i)]);
  }
  // Not std::partial_sort: which of equals it prefers is up to the standard library.
  std::vector<nois::Interval> best;
  best.reserve(k + 1);
  for (const nois::Interval& interval : intervals) {
    if (best.size() == k && interval.length() <= best.back().length()) continue;
    best.insert(std::ranges::upper_bound(best, interval.length(), std::greater{},
                                         &nois::Interval::length),
                interval);
    if (best.size() > k) best.pop_back();
  }
  return best;
}

}  // namespace fb::roulette
