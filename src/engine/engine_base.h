// What both backends share: the sockets, the send queue, the wake event, the counters, and the way
// of a received train to the handler.
#pragma once

#include <atomic>
#include <thread>

#include "engine/counters.h"
#include "engine/gro.h"
#include "engine/seam.h"
#include "engine/send_queue.h"
#include "engine/socket.h"
#include "engine/udp_engine.h"

namespace fb::engine {

// Receive buffers are few and small, so that they stay in the cache: with UDP_GRO a whole train
// of 64 KiB each, without it what fits a common MTU.
inline constexpr size_t kTrainBufferBytes = 64 << 10;
inline constexpr size_t kTrainBuffers = 8;
// With many sockets most receives are short, and each that finds no buffer has to be armed again.
inline constexpr size_t kManyTrainBuffers = 64;
inline constexpr size_t kSingleBufferBytes = 2 << 10;
inline constexpr size_t kSingleBuffers = 128;
// Kernel receives given to the handler by one poll() at most.
inline constexpr size_t kTrainBatch = 16;
inline constexpr size_t kSingleBatch = 64;
inline constexpr size_t kManyBatch = 64;
// One wait of the kernel; longer ones are made of several. Some kernels add the clock to a longer
// time, overflow, and return at once.
inline constexpr Duration kWaitMax = seconds(3600);
// The socket may answer a receive with an error (each is an ICMP report) this often in one poll()
// before the caller gets its thread back.
inline constexpr int kReceiveErrorsMax = 16;
// A GRO train never passes 65,535 bytes with its headers; were a buffer smaller, the kernel would
// cut trains silently.
static_assert(kTrainBufferBytes >= 65'535);

// One receive of the kernel; borrows the backend's buffer.
struct ReceivedTrain {
  uint32_t socket = 0;
  std::span<const uint8_t> name;     // a socket address
  std::span<const uint8_t> control;  // control messages
  std::span<const uint8_t> payload;
  int flags = 0;  // recvmsg(2)'s: MSG_TRUNC, …
};

// What a receive buffer of `socket` holds.
[[nodiscard]] size_t receive_buffer_bytes(const UdpSocket& socket, const Seam& seam);

class EngineBase : public UdpEngine {
 public:
  ~EngineBase() override;

  void send_from(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) override;
  void wake() override;
  [[nodiscard]] uint32_t receiving() const override { return receiving_; }
  [[nodiscard]] Endpoint local_of(uint32_t socket) const override;
  [[nodiscard]] EngineStats stats() const override { return counters_.read(); }

 protected:
  // `sockets`: one or more, of one kind.
  EngineBase(std::vector<UdpSocket> sockets, FileDescriptor event, const Seam& seam);

  // The thread that opened is the only one that may drive.
  void check_thread() const;
  // Call when the event was read. What was written before wake() is then visible to us.
  void wake_consumed();
  void deliver(Instant now, const ReceivedTrain& train, DatagramHandler& handler);
  [[nodiscard]] size_t batch() const {
    if (sockets_.size() > 1) return kManyBatch;
    return sockets_.front().receives_trains ? kTrainBatch : kSingleBatch;
  }

  const std::vector<UdpSocket> sockets_;
  const size_t socket_count_ = sockets_.size();  // asked for each datagram
  FileDescriptor event_;
  Counters counters_;
  SendQueue queue_;

 private:
  void count_drops(uint32_t socket, uint32_t total);

  const std::thread::id owner_;
  std::atomic<bool> wake_pending_{false};
  std::vector<uint32_t> drops_;  // the last SO_RXQ_OVFL of each socket
  uint32_t receiving_ = 0;
};

// The event that wake() writes to. Blocking, because io_uring waits only on blocking files.
[[nodiscard]] std::expected<FileDescriptor, EngineError> open_event();

}  // namespace fb::engine
