// The loop by hand over io_uring: one ring has both sockets, so that one system call sends a pass
// and brings what it received.
#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>

#include "engine/gro.h"
#include "engine_loop.h"
#include "engine_raw.h"

namespace fb::bench {
namespace {

constexpr unsigned kEntries = 128;
constexpr uint16_t kBuffers = 16;
constexpr int kSender = 0;  // indices of the registered files
constexpr int kReceiver = 1;
constexpr size_t kHeadBytes =
    sizeof(io_uring_recvmsg_out) + sizeof(sockaddr_in) + engine::kReceiveControlBytes;
constexpr size_t kBufferBytes = kHeadBytes + kRawRoomBytes;
constexpr size_t kPageBytes = 4096;
constexpr uint64_t kReceive = 1;

class RawUringLoop final : public Loop {
 public:
  RawUringLoop(const Shape& shape, io_uring ring)
      : sockets_(open_sockets(true)),
        trains_(shape, sockets_.receiver.local.port),
        ring_(ring),
        storage_(kBuffers * kBufferBytes),
        buffers_(static_cast<uint8_t*>(std::aligned_alloc(kPageBytes, kPageBytes)), &std::free) {
    io_uring_register_ring_fd(&ring_);
    const std::array<int, 2> files{sockets_.sender.fd.get(), sockets_.receiver.fd.get()};
    require(io_uring_register_files(&ring_, files.data(), files.size()) == 0, "register_files");
    raw_buffers().tail = 0;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(buffers_.get());
    registration.ring_entries = kBuffers;
    require(io_uring_register_buf_ring(&ring_, &registration, 0) == 0, "register_buf_ring");
    for (uint16_t i = 0; i < kBuffers; ++i) give_back(i);
    layout_.msg_namelen = sizeof(sockaddr_in);
    layout_.msg_controllen = engine::kReceiveControlBytes;
  }
  ~RawUringLoop() override { io_uring_queue_exit(&ring_); }

  void pass() override {
    if (!armed_) arm();
    for (const msghdr& message : trains_.messages()) {
      io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
      io_uring_prep_sendmsg(entry, kSender, &message, MSG_DONTWAIT);
      entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
      io_uring_sqe_set_data64(entry, 0);
    }
    for (size_t got = 0; got < trains_.datagrams();) {
      require(io_uring_submit_and_wait(&ring_, 1) >= 0, "io_uring_enter");
      ++calls_;
      got += reap();
    }
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  io_uring_buf_ring& raw_buffers() { return *reinterpret_cast<io_uring_buf_ring*>(buffers_.get()); }

  void arm() {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    io_uring_prep_recvmsg_multishot(entry, kReceiver, &layout_, 0);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    io_uring_sqe_set_data64(entry, kReceive);
    armed_ = true;
  }

  size_t reap() {
    size_t datagrams = 0;
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      require(completion->user_data == kReceive, "sendmsg");
      if ((completion->flags & IORING_CQE_F_MORE) == 0) armed_ = false;
      if ((completion->flags & IORING_CQE_F_BUFFER) != 0) {
        const auto id = static_cast<uint16_t>(completion->flags >> IORING_CQE_BUFFER_SHIFT);
        datagrams += datagrams_in(id, static_cast<size_t>(completion->res));
        give_back(id);
      }
      io_uring_cqe_seen(&ring_, completion);
    }
    if (!armed_) arm();
    return datagrams;
  }

  size_t datagrams_in(uint16_t id, size_t bytes) {
    const uint8_t* const buffer = storage_.data() + id * kBufferBytes;
    const auto* const head = reinterpret_cast<const io_uring_recvmsg_out*>(buffer);
    const uint8_t* const control = buffer + sizeof(*head) + sizeof(sockaddr_in);
    return segments_of(bytes - kHeadBytes, {control, head->controllen});
  }

  void give_back(uint16_t id) {
    auto* const entries = reinterpret_cast<io_uring_buf*>(buffers_.get());
    io_uring_buf& entry = entries[raw_buffers().tail & (kBuffers - 1)];
    entry.addr = reinterpret_cast<uint64_t>(storage_.data() + id * kBufferBytes);
    entry.len = kBufferBytes;
    entry.bid = id;
    io_uring_buf_ring_advance(&raw_buffers(), 1);
  }

  SocketPair sockets_;
  RawTrains trains_;
  io_uring ring_;
  msghdr layout_{};
  std::vector<uint8_t> storage_;
  std::unique_ptr<uint8_t, decltype(&std::free)> buffers_;
  bool armed_ = false;
  uint64_t calls_ = 0;
};

}  // namespace

OpenedLoop open_raw_uring_loop(const Shape& shape) {
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  const int error = -io_uring_queue_init_params(kEntries, &ring, &params);
  if (error != 0) return std::unexpected("io_uring_setup: " + engine::error_text(error));
  return std::make_unique<RawUringLoop>(shape, ring);
}

}  // namespace fb::bench
