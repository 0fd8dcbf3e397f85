#include "engine/coalescer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace fb::engine {
namespace {

// A train whose datagrams alternate with those of others keeps room for as many as it has, and for
// so many at least: few pieces, and no more than half of the room in vain.
constexpr uint32_t kRoomSegmentsMin = 4;

bool may_join(const Train& train, size_t bytes) {
  return train.open && bytes <= train.segment_bytes && train.bytes + bytes <= kTrainBytesMax;
}

// The next two are EndpointHash and the default comparison without a call: they are most of what
// a datagram costs here.
using Words = std::array<uint64_t, 2>;

size_t mixed(const Endpoint& to) {
  const auto [high, low] = std::bit_cast<Words>(to.address.bytes);
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  return (std::rotl(high, 23) ^ low ^ to.port) * kOdd >> 40;
}

bool same(const Endpoint& a, const Endpoint& b) {
  const auto [a_high, a_low] = std::bit_cast<Words>(a.address.bytes);
  const auto [b_high, b_low] = std::bit_cast<Words>(b.address.bytes);
  return a.port == b.port && a_low == b_low && a_high == b_high;
}

}  // namespace

Coalescer::Coalescer(Limits limits)
    : limits_(limits),
      storage_(std::make_unique_for_overwrite<uint8_t[]>(limits.bytes)),
      table_(std::bit_ceil(limits.trains * 2)) {
  FB_CHECK(limits.bytes >= kDatagramBytesMax && limits.datagrams > 0 && limits.trains > 0);
  pieces_.reserve(limits.datagrams);
  trains_.reserve(limits.trains);
}

bool Coalescer::join(const Endpoint& to, std::span<const uint8_t> bytes) {
  if (trains_.empty() || datagrams_ == limits_.datagrams) return false;
  if (!same(trains_[last_].to, to)) {
    const Slot& slot = slot_of(to);
    if (slot.epoch != epoch_) return false;
    last_ = slot.train;
  }
  Train& train = trains_[last_];
  if (!may_join(train, bytes.size())) return false;
  if (train.room_end - train.end < bytes.size() && !make_room(train, bytes.size())) return false;
  const auto length = static_cast<uint32_t>(bytes.size());
  std::memcpy(storage_.get() + train.end, bytes.data(), length);
  pieces_[train.last_piece].bytes += length;
  train.end += length;
  train.bytes += length;
  ++train.segments;
  ++datagrams_;
  // Behind a short segment the kernel would cut in the wrong place.
  train.open = length == train.segment_bytes && train.segments < kTrainSegmentsMax;
  return true;
}

bool Coalescer::begin(const Endpoint& to, std::span<const uint8_t> bytes, size_t joinable_bytes) {
  FB_CHECK(!bytes.empty() && bytes.size() <= kDatagramBytesMax);
  if (datagrams_ == limits_.datagrams || trains_.size() == limits_.trains) return false;
  if (bytes.size() > limits_.bytes - used_bytes_) return false;
  const auto start = static_cast<uint32_t>(used_bytes_);
  const auto length = static_cast<uint32_t>(bytes.size());
  std::memcpy(storage_.get() + start, bytes.data(), length);
  used_bytes_ += length;
  ++datagrams_;

  last_ = static_cast<uint32_t>(trains_.size());
  // Where nothing may ever join, nobody looks for the train.
  if (joinable_bytes > 0) slot_of(to) = {epoch_, last_};
  const auto piece = static_cast<uint32_t>(pieces_.size());
  pieces_.push_back({.offset = start, .bytes = length});
  // Written where it stays: a copy of what was just written in parts makes the processor wait.
  Train& train = trains_.emplace_back();
  train.to = to;
  train.open = length <= joinable_bytes;
  train.segment_bytes = length;
  train.segments = 1;
  train.bytes = length;
  train.first_piece = piece;
  train.last_piece = piece;
  train.end = train.room_end = start + length;
  return true;
}

size_t Coalescer::gather(const Train& train, std::span<iovec> out) const {
  FB_CHECK(out.size() >= train.segments);
  size_t count = 0;
  for (uint32_t number = train.first_piece;; number = pieces_[number].next) {
    const Piece& piece = pieces_[number];
    out[count++] = {storage_.get() + piece.offset, piece.bytes};
    if (number == train.last_piece) return count;
  }
}

void Coalescer::clear() {
  datagrams_ = 0;
  pieces_.clear();
  trains_.clear();
  used_bytes_ = 0;
  if (++epoch_ == 0) {  // wrapped: a slot 2^32 flushes old must not look new
    std::fill(table_.begin(), table_.end(), Slot{});
    epoch_ = 1;
  }
}

bool Coalescer::make_room(Train& train, size_t bytes) {
  const size_t left = limits_.bytes - used_bytes_;
  const size_t kept = train.room_end - train.end;
  if (train.room_end == used_bytes_ && bytes - kept <= left) {
    // Nothing stands behind it.
    used_bytes_ += bytes - kept;
    train.room_end = static_cast<uint32_t>(used_bytes_);
    return true;
  }
  if (bytes > left) return false;
  const size_t wanted = size_t{train.segment_bytes} * std::max(train.segments, kRoomSegmentsMin);
  const auto number = static_cast<uint32_t>(pieces_.size());
  pieces_[train.last_piece].next = number;
  train.last_piece = number;
  train.end = static_cast<uint32_t>(used_bytes_);
  pieces_.push_back({.offset = train.end});
  used_bytes_ += std::min(left, std::max(bytes, wanted));
  train.room_end = static_cast<uint32_t>(used_bytes_);
  return true;
}

Coalescer::Slot& Coalescer::slot_of(const Endpoint& to) {
  const size_t mask = table_.size() - 1;
  size_t at = mixed(to) & mask;
  while (table_[at].epoch == epoch_ && !same(trains_[table_[at].train].to, to)) {
    at = (at + 1) & mask;
  }
  return table_[at];
}

}  // namespace fb::engine
