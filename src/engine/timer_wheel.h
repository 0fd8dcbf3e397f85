// A hierarchical timer wheel: one timer for each small number (a peer's index), re-armed in O(1).
//
// Invariants:
//   1. A timer never fires before its deadline, and fires in the first advance() at or after it.
//   2. Level l has 64 slots of 64^l ticks. A timer stands on the level of the highest group of six
//      bits in which its tick differs from the wheel's, so that every slot of a lower level comes
//      before every slot of a higher one, and no slot behind the wheel's tick is occupied.
// Thread: one at a time. Allocates only when an id is scheduled that is higher than all before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace fb::engine {

class TimerWheel {
 public:
  // Ids are indices into a table, so keep them small and dense.
  using Id = uint32_t;

  explicit TimerWheel(Instant now);

  // Arms the timer of `id`, or moves it. Instant::never() cancels it.
  void schedule(Instant deadline, Id id);
  // No effect when it is not armed.
  void cancel(Id id);
  [[nodiscard]] bool scheduled(Id id) const;
  [[nodiscard]] size_t size() const { return size_; }

  // Calls `on_due(id)` once for each timer whose deadline is at or before `now`, in the order of
  // their ticks (65.536 µs). The callback may schedule and cancel any id; what it schedules fires
  // in a later advance() at the earliest, and what it cancels does not fire any more.
  template <typename OnDue>
  void advance(Instant now, OnDue&& on_due) {
    collect_due(now);
    for (Id id = 0; take_due(id);) on_due(id);
  }

  // never() when nothing is armed; else an instant no later than the earliest deadline, and that
  // deadline itself when it is near. advance() at this instant may fire nothing, but brings the
  // wheel closer.
  [[nodiscard]] Instant next_deadline() const;

 private:
  static constexpr unsigned kTickBits = 16;  // of nanoseconds
  static constexpr unsigned kSlotBits = 6;
  static constexpr size_t kSlots = size_t{1} << kSlotBits;
  static constexpr size_t kLevels = 8;  // 16 + 8 * 6 bits: every Instant
  static constexpr size_t kDueList = kLevels * kSlots;
  static constexpr uint32_t kNone = ~uint32_t{0};

  struct Node {
    Instant deadline;
    uint32_t list = kNone;  // kNone: not armed
    Id previous = kNone;
    Id next = kNone;
  };
  struct List {
    Id first = kNone;
    Id last = kNone;
  };
  struct Place {
    size_t level = 0;
    size_t slot = 0;
    uint64_t start = 0;  // its first tick
  };

  static uint64_t tick_of(Instant instant);
  // The earliest occupied slot; false when there is none.
  bool earliest(Place& out) const;
  void place(Id id);
  void link(Id id, size_t list);
  void unlink(Id id);
  void collect_due(Instant now);
  bool take_due(Id& out);

  uint64_t tick_;
  size_t size_ = 0;
  std::vector<Node> nodes_;
  std::array<List, kDueList + 1> lists_{};
  std::array<uint64_t, kLevels> occupied_{};  // a bit for every slot that is not empty
};

}  // namespace fb::engine
