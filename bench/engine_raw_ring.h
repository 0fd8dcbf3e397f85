// An io_uring by hand with registered sockets and receive buffers, as small as can be: it keeps
// going only while nothing goes wrong.
#pragma once

#include <liburing.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/gro.h"

namespace fb::bench {

class RawRing {
 public:
  // The sentence that says why there is none here.
  static std::expected<std::unique_ptr<RawRing>, std::string> open();
  ~RawRing() { io_uring_queue_exit(&ring_); }
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;

  // Sockets are known by their index from then on. `buffers` is a power of two; each holds
  // `room_bytes`.
  void set_up(std::span<const int> sockets, uint16_t buffers, size_t room_bytes);
  // Borrows the message until enter().
  void send(size_t socket, const msghdr& message);
  // A multishot receive.
  void arm(size_t socket);
  // Submits, and waits for a completion.
  void enter();
  // Calls `on_receive(bytes, control)` for each receive, and arms again what has ended.
  template <typename OnReceive>
  void reap(OnReceive&& on_receive) {
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      const io_uring_cqe one = *completion;
      io_uring_cqe_seen(&ring_, completion);
      check_receive(one);
      if ((one.flags & IORING_CQE_F_BUFFER) != 0) {
        const auto id = static_cast<uint16_t>(one.flags >> IORING_CQE_BUFFER_SHIFT);
        const uint8_t* const buffer = storage_.data() + id * buffer_bytes_;
        const auto* const head = reinterpret_cast<const io_uring_recvmsg_out*>(buffer);
        const uint8_t* const control = buffer + sizeof(*head) + sizeof(sockaddr_in);
        on_receive(static_cast<size_t>(one.res) - kHeadBytes,
                   std::span<const uint8_t>(control, head->controllen));
        give_back(id);
      }
      if ((one.flags & IORING_CQE_F_MORE) == 0) arm(one.user_data);
    }
  }
  [[nodiscard]] uint64_t system_calls() const { return calls_; }

 private:
  static constexpr size_t kHeadBytes =
      sizeof(io_uring_recvmsg_out) + sizeof(sockaddr_in) + engine::kReceiveControlBytes;
  static constexpr size_t kPageBytes = 4096;
  static constexpr uint64_t kSend = UINT64_MAX;  // others are the receives of the sockets

  explicit RawRing(io_uring ring) : ring_(ring) {}
  static void check_receive(const io_uring_cqe& completion);
  io_uring_buf_ring& shared() { return *reinterpret_cast<io_uring_buf_ring*>(shared_.get()); }
  io_uring_sqe* next_entry();
  void give_back(uint16_t id);

  io_uring ring_;
  msghdr layout_{};
  uint16_t buffers_ = 0;
  size_t buffer_bytes_ = 0;
  std::vector<uint8_t> storage_;
  std::unique_ptr<uint8_t, decltype(&std::free)> shared_{nullptr, &std::free};
  uint64_t calls_ = 0;
};

}  // namespace fb::bench
