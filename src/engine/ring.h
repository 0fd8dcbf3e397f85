// One io_uring with the sockets and their receive buffers registered: set-up, buffers, teardown.
//
// Invariants: a buffer belongs either to the kernel (provided) or to us (taken, from a completion
// to give_back()). Thread: the one that opened it.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine_base.h"
#include "engine/socket.h"

namespace fb::engine {

// What a completion belongs to; what stands in the higher bits is
// the socket for kReceive and the train for kSend, by number.
enum class RingEvent : uint64_t { kReceive = 1, kWake = 2, kSend = 3 };

class Ring {
 public:
  // Sets up the ring and arms each socket's receive and the wake event, so that a kernel which
  // lacks any of it is found out now. Error: a sentence.
  static std::expected<std::unique_ptr<Ring>, std::string> open(std::span<const UdpSocket> sockets,
                                                                int event, const Seam& seam);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  [[nodiscard]] io_uring& raw() { return ring_; }

  // Each gives false when the submission queue is full: submit, then try again.
  [[nodiscard]] bool arm_receive(uint32_t socket);
  [[nodiscard]] bool arm_wake();
  // `message` must stay until it was submitted; its bytes are copied at submission.
  [[nodiscard]] bool queue_send(uint32_t socket, const msghdr& message, size_t number);

  // What the kernel wrote into buffer `id`, of which `bytes` are used; nothing when that is
  // not whole. Valid until give_back().
  [[nodiscard]] std::optional<ReceivedTrain> train(uint16_t id, size_t bytes) const;
  void give_back(uint16_t id);
  // How many buffers are the kernel's: without one, arming a receive makes no sense.
  [[nodiscard]] size_t buffers_left() const { return provided_; }
  // Call for each completion that carries a buffer.
  void taken() { --provided_; }
  [[nodiscard]] size_t buffer_count() const { return buffer_count_; }

 private:
  Ring() = default;
  std::optional<std::string> set_up(std::span<const UdpSocket> sockets, int event,
                                    const Seam& seam);
  int set_up_queues(size_t sockets, const Seam& seam);
  std::optional<std::string> provide_buffers(size_t count, size_t payload_bytes);
  std::optional<std::string> probe(size_t sockets);

  io_uring ring_{};
  bool ring_open_ = false;
  int event_fd_ = -1;
  uint64_t event_value_ = 0;  // where the kernel reads the event to
  msghdr layout_{};           // tells the kernel the parts of a buffer
  size_t buffer_count_ = 0;
  size_t buffer_bytes_ = 0;
  size_t provided_ = 0;
  std::unique_ptr<uint8_t, decltype(&::free)> buffers_{nullptr, &::free};
  // One page or more shared with the kernel; see io_uring_register_buf_ring(3).
  std::unique_ptr<io_uring_buf_ring, decltype(&::free)> buffer_ring_{nullptr, &::free};
};

}  // namespace fb::engine
