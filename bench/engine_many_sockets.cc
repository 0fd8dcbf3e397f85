// Datagrams among 4,096 sockets, by hand: epoll with sendmmsg and recvmmsg on each socket, and one
// io_uring with a multishot receive for each. In a pass some of the sockets send one datagram each
// to the socket beside them, and each pass it is others' turn.
#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "engine_loop.h"
#include "engine_raw.h"

namespace fb::bench {
namespace {

constexpr size_t kActive = kManySockets.trains;
constexpr size_t kRoomBytes = 2048;
constexpr int kWaitMs = 1000;

struct Sockets {
  Sockets() {
    raise_file_limit();
    engine::EngineOptions options;
    options.listen = {Address::v4(127, 0, 0, 1), 0};
    options.sockets = kSockets;
    options.segmentation = false;
    auto opened = engine::open_sockets(options);
    require(opened.has_value(), "opening 4096 sockets");
    all = std::move(*opened);
    for (const engine::UdpSocket& socket : all) names.push_back(raw_name(socket.local));
  }
  [[nodiscard]] int fd(size_t index) const { return all[index % kSockets].fd.get(); }

  std::vector<engine::UdpSocket> all;
  std::vector<sockaddr_in> names;
};

// What the active sockets of a pass send.
struct Batch {
  Batch() {
    for (size_t i = 0; i < kActive; ++i) {
      pieces[i] = {bytes.data() + i * kDatagramBytes, kDatagramBytes};
      messages[i].msg_hdr = {
          .msg_namelen = sizeof(sockaddr_in), .msg_iov = &pieces[i], .msg_iovlen = 1};
    }
  }
  void fill(Sockets& sockets, size_t first) {
    for (size_t i = 0; i < kActive; ++i) {
      std::memcpy(pieces[i].iov_base, datagram.data(), kDatagramBytes);
      messages[i].msg_hdr.msg_name = &sockets.names[(first + i + 1) % kSockets];
    }
  }

  const std::vector<uint8_t> datagram = std::vector<uint8_t>(kDatagramBytes, 0x5a);
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kActive * kDatagramBytes);
  std::array<iovec, kActive> pieces{};
  std::array<mmsghdr, kActive> messages{};
};

class ManyMmsgLoop final : public Loop {
 public:
  ManyMmsgLoop() {
    for (size_t i = 0; i < kSockets; ++i) {
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.fd = sockets_.fd(i);
      require(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, sockets_.fd(i), &interest) == 0,
              "epoll_ctl");
    }
    for (size_t i = 0; i < kReceives; ++i) {
      pieces_[i] = {storage_.data() + i * kRoomBytes, kRoomBytes};
    }
  }

  void pass() override {
    batch_.fill(sockets_, first_);
    for (size_t i = 0; i < kActive; ++i) {
      require(::sendmmsg(sockets_.fd(first_ + i), &batch_.messages[i], 1, MSG_DONTWAIT) == 1,
              "sendmmsg");
    }
    calls_ += kActive;
    for (size_t got = 0; got < kActive;) {
      std::array<epoll_event, kActive> events{};
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), kWaitMs);
      require(count > 0, "epoll_wait");
      for (int i = 0; i < count; ++i) got += receive(events[static_cast<size_t>(i)].data.fd);
      calls_ += 1 + static_cast<uint64_t>(count);
    }
    first_ = (first_ + kActive) % kSockets;
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  static constexpr size_t kReceives = 8;

  size_t receive(int socket) {
    for (size_t i = 0; i < kReceives; ++i) {
      receives_[i].msg_hdr = {.msg_name = &from_[i],
                              .msg_namelen = sizeof(from_[i]),
                              .msg_iov = &pieces_[i],
                              .msg_iovlen = 1};
    }
    const int count = ::recvmmsg(socket, receives_.data(), kReceives, MSG_DONTWAIT, nullptr);
    require(count > 0, "recvmmsg");
    return static_cast<size_t>(count);
  }

  Sockets sockets_;
  engine::FileDescriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Batch batch_;
  std::vector<uint8_t> storage_ = std::vector<uint8_t>(kReceives * kRoomBytes);
  std::array<iovec, kReceives> pieces_{};
  std::array<sockaddr_in, kReceives> from_{};
  std::array<mmsghdr, kReceives> receives_{};
  size_t first_ = 0;
  uint64_t calls_ = 0;
};

class ManyUringLoop final : public Loop {
 public:
  explicit ManyUringLoop(io_uring ring)
      : ring_(ring),
        storage_(kBuffers * kBufferBytes),
        buffers_(static_cast<uint8_t*>(std::aligned_alloc(kPageBytes, kPageBytes)), &std::free) {
    io_uring_register_ring_fd(&ring_);
    std::vector<int> files;
    for (size_t i = 0; i < kSockets; ++i) files.push_back(sockets_.fd(i));
    require(io_uring_register_files(&ring_, files.data(), kSockets) == 0, "register_files");
    raw_buffers().tail = 0;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(buffers_.get());
    registration.ring_entries = kBuffers;
    require(io_uring_register_buf_ring(&ring_, &registration, 0) == 0, "register_buf_ring");
    for (uint16_t i = 0; i < kBuffers; ++i) give_back(i);
    layout_.msg_namelen = sizeof(sockaddr_in);
    for (size_t i = 0; i < kSockets; ++i) arm(i);
  }
  ~ManyUringLoop() override { io_uring_queue_exit(&ring_); }

  void pass() override {
    batch_.fill(sockets_, first_);
    for (size_t i = 0; i < kActive; ++i) {
      io_uring_sqe* const entry = next_entry();
      const auto file = static_cast<int>((first_ + i) % kSockets);
      io_uring_prep_sendmsg(entry, file, &batch_.messages[i].msg_hdr, MSG_DONTWAIT);
      entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
      io_uring_sqe_set_data64(entry, kSend);
    }
    for (size_t got = 0; got < kActive;) {
      require(io_uring_submit_and_wait(&ring_, 1) >= 0, "io_uring_enter");
      ++calls_;
      got += reap();
    }
    first_ = (first_ + kActive) % kSockets;
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  static constexpr uint16_t kBuffers = 128;
  static constexpr size_t kBufferBytes =
      sizeof(io_uring_recvmsg_out) + sizeof(sockaddr_in) + kRoomBytes;
  static constexpr size_t kPageBytes = 4096;
  static constexpr uint64_t kSend = kSockets;  // others are the receives of the sockets

  io_uring_buf_ring& raw_buffers() { return *reinterpret_cast<io_uring_buf_ring*>(buffers_.get()); }

  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry != nullptr) return entry;
    require(io_uring_submit(&ring_) > 0, "io_uring_enter");
    ++calls_;
    return io_uring_get_sqe(&ring_);
  }

  void arm(size_t index) {
    io_uring_sqe* const entry = next_entry();
    io_uring_prep_recvmsg_multishot(entry, static_cast<int>(index), &layout_, 0);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    io_uring_sqe_set_data64(entry, index);
  }

  size_t reap() {
    size_t datagrams = 0;
    io_uring_cqe* completion = nullptr;
    while (io_uring_peek_cqe(&ring_, &completion) == 0) {
      const uint64_t index = completion->user_data;
      const unsigned flags = completion->flags;
      io_uring_cqe_seen(&ring_, completion);
      require(index < kSockets, "sendmsg");
      if ((flags & IORING_CQE_F_BUFFER) != 0) {
        ++datagrams;
        give_back(static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT));
      }
      if ((flags & IORING_CQE_F_MORE) == 0) arm(index);
    }
    return datagrams;
  }

  void give_back(uint16_t id) {
    auto* const entries = reinterpret_cast<io_uring_buf*>(buffers_.get());
    io_uring_buf& entry = entries[raw_buffers().tail & (kBuffers - 1)];
    entry.addr = reinterpret_cast<uint64_t>(storage_.data() + id * kBufferBytes);
    entry.len = kBufferBytes;
    entry.bid = id;
    io_uring_buf_ring_advance(&raw_buffers(), 1);
  }

  Sockets sockets_;
  Batch batch_;
  io_uring ring_;
  msghdr layout_{};
  std::vector<uint8_t> storage_;
  std::unique_ptr<uint8_t, decltype(&std::free)> buffers_;
  size_t first_ = 0;
  uint64_t calls_ = 0;
};

}  // namespace

OpenedLoop open_many_mmsg_loop() { return std::make_unique<ManyMmsgLoop>(); }

OpenedLoop open_many_uring_loop() {
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  constexpr unsigned kEntries = 256;
  const int error = -io_uring_queue_init_params(kEntries, &ring, &params);
  if (error != 0) return std::unexpected("io_uring_setup: " + engine::error_text(error));
  return std::make_unique<ManyUringLoop>(ring);
}

}  // namespace fb::bench
