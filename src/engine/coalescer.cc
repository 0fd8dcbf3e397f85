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
// A new train gets room for as many as trains have usually had, so that it is one piece; but only
// this part of what is left, so that many short ones find room as well.
constexpr size_t kRoomPart = 4;

// The next two are EndpointHash and the default comparison without a call: they are most of what
// a datagram costs here.
using Words = std::array<uint64_t, 2>;

size_t mixed(uint32_t socket, const Endpoint& to) {
  const auto [high, low] = std::bit_cast<Words>(to.address.bytes);
  const uint64_t rest = uint64_t{socket} << 16 | to.port;
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  return (std::rotl(high, 23) ^ low ^ rest) * kOdd >> 40;
}

bool goes(const Train& train, uint32_t socket, const Endpoint& to) {
  const auto [its_high, its_low] = std::bit_cast<Words>(train.to.address.bytes);
  const auto [high, low] = std::bit_cast<Words>(to.address.bytes);
  return train.to.port == to.port && its_low == low && its_high == high && train.socket == socket;
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

bool Coalescer::join(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) {
  if (datagrams_ == limits_.datagrams || trains_.empty()) return false;
  if (!goes(trains_[last_], socket, to) && !find_train(socket, to)) return false;
  Train& train = trains_[last_];
  const auto length = static_cast<uint32_t>(std::min(bytes.size(), kTrainBytesMax + 1));
  if (length > train.segment_bytes || length > train.bytes_max - train.bytes) return false;
  if (train.room_end - train.end < length && !make_room(train, length)) return false;
  std::memcpy(storage_.get() + train.end, bytes.data(), length);
  train.end += length;
  train.bytes += length;
  ++train.segments;
  ++datagrams_;
  // Behind a short segment the kernel would cut in the wrong place.
  if (length < train.segment_bytes) train.bytes_max = train.bytes;
  return true;
}

bool Coalescer::find_train(uint32_t socket, const Endpoint& to) {
  // Who serves several in turn comes to the next one, or again to the first.
  const uint32_t next = last_ + 1 < trains_.size() ? last_ + 1 : 0;
  const Train& guess = trains_[next];
  if (guess.bytes < guess.bytes_max && goes(guess, socket, to)) {
    last_ = next;
    return true;
  }
  const Slot& slot = slot_of(socket, to);
  if (slot.epoch != epoch_) return false;
  last_ = slot.train;
  return true;
}

bool Coalescer::begin(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes,
                      size_t joinable_bytes) {
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
  if (joinable_bytes > 0) {
    Slot& slot = slot_of(socket, to);
    // What came before stays before: the train until now is closed.
    if (slot.epoch == epoch_) trains_[slot.train].bytes_max = trains_[slot.train].bytes;
    slot = {epoch_, last_};
  }
  const auto piece = static_cast<uint32_t>(pieces_.size());
  pieces_.push_back({.offset = start});
  // Written where it stays: a copy of what was just written in parts makes the processor wait.
  Train& train = trains_.emplace_back();
  train.socket = socket;
  train.to = to;
  train.segment_bytes = length;
  train.segments = 1;
  train.bytes = length;
  const size_t bytes_max = std::min(length * kTrainSegmentsMax, kTrainBytesMax);
  train.bytes_max = length <= joinable_bytes ? static_cast<uint32_t>(bytes_max) : length;
  train.first_piece = piece;
  train.last_piece = piece;
  train.end = train.room_end = start + length;
  if (usual_ == 1) return true;
  const size_t more = std::min<size_t>(usual_, train.bytes_max / length) - 1;
  used_bytes_ += std::min(more, (limits_.bytes - used_bytes_) / kRoomPart / length) * length;
  train.room_end = static_cast<uint32_t>(used_bytes_);
  return true;
}

size_t Coalescer::gather(const Train& train, std::span<iovec> out) const {
  FB_CHECK(out.size() >= train.segments);
  size_t count = 0;
  for (uint32_t number = train.first_piece;; number = pieces_[number].next) {
    const Piece& piece = pieces_[number];
    const bool last = number == train.last_piece;
    out[count++] = {storage_.get() + piece.offset, last ? train.end - piece.offset : piece.bytes};
    if (last) return count;
  }
}

void Coalescer::clear() {
  if (!trains_.empty()) usual_ = static_cast<uint32_t>(datagrams_ / trains_.size());
  datagrams_ = 0;
  pieces_.clear();
  trains_.clear();
  last_ = 0;
  used_bytes_ = 0;
  if (++epoch_ == 0) {  // wrapped: a slot 2^32 flushes old must not look new
    std::fill(table_.begin(), table_.end(), Slot{});
    epoch_ = 1;
  }
}

bool Coalescer::make_room(Train& train, size_t bytes) {
  const size_t left = limits_.bytes - used_bytes_;
  const size_t kept = train.room_end - train.end;
  // As whole segments, for more can never join.
  const uint32_t segments = std::min(std::max(train.segments, kRoomSegmentsMin),
                                     (train.bytes_max - train.bytes) / train.segment_bytes);
  const size_t wanted = std::max(bytes, size_t{segments} * train.segment_bytes);
  if (train.room_end == used_bytes_ && bytes - kept <= left) {
    // Nothing stands behind it.
    used_bytes_ += std::min(left, wanted);
  } else {
    if (bytes > left) return false;
    const auto number = static_cast<uint32_t>(pieces_.size());
    Piece& before = pieces_[train.last_piece];
    before.bytes = train.end - before.offset;
    before.next = number;
    train.last_piece = number;
    train.end = static_cast<uint32_t>(used_bytes_);
    pieces_.push_back({.offset = train.end});
    used_bytes_ += std::min(left, wanted);
  }
  train.room_end = static_cast<uint32_t>(used_bytes_);
  return true;
}

Coalescer::Slot& Coalescer::slot_of(uint32_t socket, const Endpoint& to) {
  const size_t mask = table_.size() - 1;
  size_t at = mixed(socket, to) & mask;
  while (table_[at].epoch == epoch_ && !goes(trains_[table_[at].train], socket, to)) {
    at = (at + 1) & mask;
  }
  return table_[at];
}

}  // namespace fb::engine
