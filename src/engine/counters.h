// The counters behind EngineStats.
//
// Thread safety: one thread adds, any thread reads a copy. Invariants: a counter never falls.
// Reclamation: none; they live as long as the engine.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/udp_engine.h"

namespace fb::engine {

class Counter {
 public:
  // A load and a store, not a locked add: there is one writer. Relaxed, because a reader draws no
  // conclusion from one counter about any other memory.
  void add(uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct Counters {
  Counter datagrams_sent, bytes_sent;
  Counter datagrams_received, bytes_received;
  Counter trains_sent, trains_received;
  Counter send_dropped;
  Counter receive_truncated, receive_rearmed;
  Counter segmentation_refused;
  Counter kernel_receive_drops;
  Counter system_calls;

  [[nodiscard]] EngineStats read() const {
    return {.datagrams_sent = datagrams_sent.get(),
            .bytes_sent = bytes_sent.get(),
            .datagrams_received = datagrams_received.get(),
            .bytes_received = bytes_received.get(),
            .trains_sent = trains_sent.get(),
            .trains_received = trains_received.get(),
            .send_dropped = send_dropped.get(),
            .receive_truncated = receive_truncated.get(),
            .receive_rearmed = receive_rearmed.get(),
            .segmentation_refused = segmentation_refused.get(),
            .kernel_receive_drops = kernel_receive_drops.get(),
            .system_calls = system_calls.get()};
  }
};

}  // namespace fb::engine
