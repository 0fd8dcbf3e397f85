#include "engine/coalescer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace fb::engine {
namespace {

bool may_join(const Train& train, size_t bytes, size_t joinable_bytes) {
  return train.open && bytes <= train.segment_bytes && train.segment_bytes <= joinable_bytes &&
         train.bytes + bytes <= kTrainBytesMax;
}

}  // namespace

Coalescer::Coalescer(Limits limits)
    : limits_(limits),
      storage_(std::make_unique_for_overwrite<uint8_t[]>(limits.bytes)),
      table_(std::bit_ceil(limits.trains * 2)) {
  FB_CHECK(limits.bytes >= kDatagramBytesMax && limits.datagrams > 0 && limits.trains > 0);
  datagrams_.reserve(limits.datagrams);
  trains_.reserve(limits.trains);
}

bool Coalescer::append(const Endpoint& to, std::span<const uint8_t> bytes, size_t joinable_bytes) {
  FB_CHECK(!bytes.empty() && bytes.size() <= kDatagramBytesMax);
  if (datagrams_.size() == limits_.datagrams) return false;
  if (bytes.size() > limits_.bytes - used_bytes_) return false;

  Slot& slot = slot_of(to);
  const bool known = slot.epoch == epoch_;
  const bool joins = known && may_join(trains_[slot.train], bytes.size(), joinable_bytes);
  if (!joins && trains_.size() == limits_.trains) return false;

  const auto number = static_cast<uint32_t>(datagrams_.size());
  datagrams_.push_back(
      {static_cast<uint32_t>(used_bytes_), static_cast<uint32_t>(bytes.size()), 0});
  std::memcpy(storage_.get() + used_bytes_, bytes.data(), bytes.size());
  used_bytes_ += bytes.size();

  if (!joins) {
    slot = {epoch_, static_cast<uint32_t>(trains_.size())};
    trains_.push_back({.to = to, .segment_bytes = bytes.size(), .first = number, .last = number});
  }
  Train& train = trains_[slot.train];
  datagrams_[train.last].next = number;
  train.last = number;
  train.bytes += bytes.size();
  ++train.segments;
  // Behind a short segment the kernel would cut in the wrong place.
  train.open = bytes.size() == train.segment_bytes && train.segments < kTrainSegmentsMax;
  return true;
}

size_t Coalescer::gather(const Train& train, std::span<iovec> out) const {
  FB_CHECK(out.size() >= train.segments);
  size_t pieces = 0;
  uint32_t number = train.first;
  for (size_t i = 0; i < train.segments; ++i) {
    const Datagram& datagram = datagrams_[number];
    uint8_t* const start = storage_.get() + datagram.offset;
    iovec* const before = pieces > 0 ? &out[pieces - 1] : nullptr;
    if (before && static_cast<uint8_t*>(before->iov_base) + before->iov_len == start) {
      before->iov_len += datagram.bytes;
    } else {
      out[pieces++] = {start, datagram.bytes};
    }
    number = datagram.next;
  }
  return pieces;
}

void Coalescer::clear() {
  datagrams_.clear();
  trains_.clear();
  used_bytes_ = 0;
  if (++epoch_ == 0) {  // wrapped: a slot 2^32 flushes old must not look new
    std::fill(table_.begin(), table_.end(), Slot{});
    epoch_ = 1;
  }
}

Coalescer::Slot& Coalescer::slot_of(const Endpoint& to) {
  const size_t mask = table_.size() - 1;
  size_t at = EndpointHash{}(to)&mask;
  while (table_[at].epoch == epoch_ && trains_[table_[at].train].to != to) at = (at + 1) & mask;
  return table_[at];
}

}  // namespace fb::engine
