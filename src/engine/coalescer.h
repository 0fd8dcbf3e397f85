// Collects datagrams and joins those from one socket to one destination into trains for
// UDP_SEGMENT. Pure logic.
//
// Invariants:
//   1. A train has 1 to 64 segments and at most 65,507 bytes.
//   2. All its segments have the same length, but the last, which may be shorter.
//   3. Trains from one socket to one destination, in the order of trains(), carry its datagrams in
//      the order in which they were queued.
// Ownership: join() and begin() copy; what trains() and gather() return is valid until the next
// call of these or of clear(). Thread: one at a time. Allocates only when constructed.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/endpoint.h"

namespace fb::engine {

// The kernel's UDP_MAX_SEGMENTS; newer ones take 128.
inline constexpr size_t kTrainSegmentsMax = 64;
// A UDP payload under IPv4 (RFC 791: 65,535 bytes with the headers). A train is built as one
// packet, so it has the same bound.
inline constexpr size_t kTrainBytesMax = 65'507;
inline constexpr size_t kDatagramBytesMax = kTrainBytesMax;

// Alone in its cache line, which every datagram that joins reads and writes.
struct alignas(64) Train {
  uint32_t socket = 0;  // a number that means nothing here
  Endpoint to;
  uint32_t segment_bytes = 0;
  uint32_t segments = 0;
  uint32_t bytes = 0;
  uint32_t bytes_max = 0;  // what it may grow to; its bytes, once nothing may join any more
  uint32_t first_piece = 0;
  uint32_t last_piece = 0;
  // Where its next datagram goes, and up to where room is kept for it.
  uint32_t end = 0;
  uint32_t room_end = 0;
};

class Coalescer {
 public:
  struct Limits {
    size_t datagrams = 1024;
    // Eight full trains of 1200-byte datagrams: more would leave the cache.
    size_t bytes = 512 << 10;
    size_t trains = 256;
  };
  explicit Coalescer(Limits limits);

  // Both queue 1 to 65,507 bytes, or give false and queue nothing. Of most datagrams only join() is
  // asked: it puts one into the train from its socket to its destination, when there is one and it
  // fits.
  [[nodiscard]] bool join(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes);
  // Begins another train, which others may join when its datagram is no longer than
  // `joinable_bytes`; false when there is no room.
  [[nodiscard]] bool begin(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes,
                           size_t joinable_bytes = kTrainBytesMax);
  [[nodiscard]] std::span<const Train> trains() const { return trains_; }
  // Writes the pieces of `train` in order, neighbours in memory as one, and returns how many;
  // `out` must have room for as many as the train has segments.
  size_t gather(const Train& train, std::span<iovec> out) const;
  [[nodiscard]] bool empty() const { return trains_.empty(); }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  void clear();

 private:
  // The latest train from a socket to a destination; empty unless `epoch` is the table's.
  struct Slot {
    uint32_t epoch = 0;
    uint32_t train = 0;
  };
  // Bytes of one train that lie together: one or more whole segments.
  struct Piece {
    uint32_t offset = 0;
    uint32_t bytes = 0;  // of all but the train's last piece, which ends where the train does
    uint32_t next = 0;   // in the same train
  };

  // Makes last_ the train that a datagram from `socket` to `to` may join, when that is not the one
  // already; false when there is none.
  bool find_train(uint32_t socket, const Endpoint& to);
  Slot& slot_of(uint32_t socket, const Endpoint& to);
  // Finds room behind the train's end, or elsewhere for it and some that may follow. False when
  // the storage is full.
  bool make_room(Train& train, size_t bytes);

  const Limits limits_;
  std::unique_ptr<uint8_t[]> storage_;
  size_t used_bytes_ = 0;
  size_t datagrams_ = 0;
  std::vector<Piece> pieces_;
  std::vector<Train> trains_;
  uint32_t last_ = 0;        // the train that was appended to last, when there is one
  uint32_t usual_ = 1;       // how many segments a train had on average when last cleared
  std::vector<Slot> table_;  // at most half full, so that probing ends
  uint32_t epoch_ = 1;
};

}  // namespace fb::engine
