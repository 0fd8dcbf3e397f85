#include "engine/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace fb::engine {

TimerWheel::TimerWheel(Instant now) : tick_(tick_of(now)) {}

void TimerWheel::schedule(Instant deadline, Id id) {
  cancel(id);
  if (deadline == Instant::never()) return;
  if (id >= nodes_.size()) nodes_.resize(size_t{id} + 1);
  nodes_[id].deadline = deadline;
  place(id);
  ++size_;
}

void TimerWheel::cancel(Id id) {
  if (!scheduled(id)) return;
  unlink(id);
  --size_;
}

bool TimerWheel::scheduled(Id id) const { return id < nodes_.size() && nodes_[id].list != kNone; }

Instant TimerWheel::next_deadline() const {
  Place at;
  if (!earliest(at)) return Instant::never();
  if (at.level > 0) return {static_cast<int64_t>(at.start << kTickBits)};
  Instant out = Instant::never();
  Id id = lists_[at.slot].first;
  for (; id != kNone; id = nodes_[id].next) out = std::min(out, nodes_[id].deadline);
  return out;
}

uint64_t TimerWheel::tick_of(Instant instant) {
  return static_cast<uint64_t>(std::max<int64_t>(instant.ns, 0)) >> kTickBits;
}

bool TimerWheel::earliest(Place& out) const {
  for (size_t level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto shift = static_cast<unsigned>(level) * kSlotBits;
    const auto slot = static_cast<uint64_t>(std::countr_zero(occupied_[level]));
    const uint64_t block = tick_ >> shift >> kSlotBits << kSlotBits;
    out = {level, slot, (block | slot) << shift};
    return true;
  }
  return false;
}

void TimerWheel::place(Id id) {
  const uint64_t tick = std::max(tick_of(nodes_[id].deadline), tick_);
  const auto differing = static_cast<unsigned>(std::bit_width(tick ^ tick_));
  const size_t level = differing == 0 ? 0 : (differing - 1) / kSlotBits;
  const size_t slot = tick >> (level * kSlotBits) & (kSlots - 1);
  link(id, level * kSlots + slot);
}

void TimerWheel::link(Id id, size_t list) {
  List& to = lists_[list];
  Node& node = nodes_[id];
  node.list = static_cast<uint32_t>(list);
  node.previous = to.last;
  node.next = kNone;
  (to.last == kNone ? to.first : nodes_[to.last].next) = id;
  to.last = id;
  if (list < kDueList) occupied_[list / kSlots] |= uint64_t{1} << list % kSlots;
}

void TimerWheel::unlink(Id id) {
  Node& node = nodes_[id];
  const size_t list = node.list;
  List& from = lists_[list];
  (node.previous == kNone ? from.first : nodes_[node.previous].next) = node.next;
  (node.next == kNone ? from.last : nodes_[node.next].previous) = node.previous;
  node.list = kNone;
  if (list < kDueList && from.first == kNone) {
    occupied_[list / kSlots] &= ~(uint64_t{1} << list % kSlots);
  }
}

// Visits the occupied slots up to `now` only, however long ago the last call was. A slot of a
// higher level is dealt out to the lower ones when the wheel reaches it.
void TimerWheel::collect_due(Instant now) {
  const uint64_t target = tick_of(now);
  Place at;
  while (earliest(at) && at.start <= target) {
    tick_ = std::max(tick_, at.start);
    Id id = lists_[at.level * kSlots + at.slot].first;
    while (id != kNone) {
      const Id next = nodes_[id].next;
      // Also what is due already goes down level by level: that is what keeps the order.
      if (at.level > 0) {
        unlink(id);
        place(id);
      } else if (nodes_[id].deadline <= now) {
        unlink(id);
        link(id, kDueList);
      }
      id = next;
    }
    // Those left in the slot of this very tick wait for a later part of it.
    if (at.level == 0 && at.start == target) break;
  }
  tick_ = std::max(tick_, target);
}

bool TimerWheel::take_due(Id& out) {
  out = lists_[kDueList].first;
  if (out == kNone) return false;
  cancel(out);
  return true;
}

}  // namespace fb::engine
