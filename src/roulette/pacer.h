// Keeps a node within its uplink: two FIFO lanes, control before data, released one datagram at a
// time at the configured rate. Without a rate everything passes at once.
//
// Invariants: the queues hold at most `queue_limit` bytes together (headers of IP and UDP
// included), or a tenth of a second's worth where that is more, so that whole bursts fit on fast
// lines; in any interval of length t at most rate * t bytes and one datagram leave.
// One thread at a time; allocates only until its queues have reached their bound.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "base/units.h"
#include "roulette/transport.h"

namespace fb::roulette {

inline constexpr uint64_t kIpUdpHeaderBytes = 28;  // IPv4 20 + UDP 8, counted in every rate

enum class Lane : uint8_t { kControl, kData };

class Pacer {
 public:
  Pacer(BitRate rate, ByteCount queue_limit, Transport& transport)
      : rate_(rate), queue_limit_(queue_limit), transport_(transport) {}

  // Sends or queues; false when the queue has no room, and the datagram is dropped. Control may
  // use a reserve of a quarter above the limit, so that data cannot starve it.
  bool send(Instant now, Lane lane, const Endpoint& to, std::span<const uint8_t> datagram);
  // Releases what is due.
  void advance(Instant now);
  // When the next queued datagram may leave; never() when none waits.
  [[nodiscard]] Instant next_deadline() const;
  void set_rate(Instant now, BitRate rate);
  [[nodiscard]] ByteCount queued() const { return queued_; }
  // What has left, without headers of IP and UDP.
  [[nodiscard]] uint64_t sent_datagrams() const { return sent_datagrams_; }
  [[nodiscard]] uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  struct Item {
    Endpoint to;
    std::vector<uint8_t> bytes;
  };
  [[nodiscard]] ByteCount limit() const;
  void transmit(const Endpoint& to, std::span<const uint8_t> datagram);

  BitRate rate_;
  ByteCount queue_limit_;
  Transport& transport_;
  Instant free_at_{};   // when the link has sent all that was released
  ByteCount queued_{};
  uint64_t sent_datagrams_ = 0;
  uint64_t sent_bytes_ = 0;
  std::deque<Item> control_;
  std::deque<Item> data_;
  std::vector<std::vector<uint8_t>> spare_;  // buffers to use again
};

}  // namespace fb::roulette
