// Datagrams among 4,096 sockets, by hand: epoll with sendmmsg and recvmmsg on each socket, and one
// io_uring with a multishot receive for each. In a pass some of the sockets send one datagram each
// to the socket beside them, and each pass it is others' turn.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "engine_loop.h"
#include "engine_raw.h"
#include "engine_raw_ring.h"

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
      for (int i = 0; i < count; ++i)
        got += receiver_.receive(events[static_cast<size_t>(i)].data.fd);
      calls_ += 1 + static_cast<uint64_t>(count);
    }
    first_ = (first_ + kActive) % kSockets;
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  static constexpr size_t kReceives = 8;

  Sockets sockets_;
  engine::FileDescriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  Batch batch_;
  RawReceiver receiver_{kReceives};
  size_t first_ = 0;
  uint64_t calls_ = 0;
};

class ManyUringLoop final : public Loop {
 public:
  explicit ManyUringLoop(std::unique_ptr<RawRing> ring) : ring_(std::move(ring)) {
    std::vector<int> files;
    for (size_t i = 0; i < kSockets; ++i) files.push_back(sockets_.fd(i));
    ring_->set_up(files, kBuffers, kRoomBytes);
    for (size_t i = 0; i < kSockets; ++i) ring_->arm(i);
  }

  void pass() override {
    batch_.fill(sockets_, first_);
    for (size_t i = 0; i < kActive; ++i) {
      ring_->send((first_ + i) % kSockets, batch_.messages[i].msg_hdr);
    }
    for (size_t got = 0; got < kActive;) {
      ring_->enter();
      ring_->reap([&](size_t, std::span<const uint8_t>) { ++got; });
    }
    first_ = (first_ + kActive) % kSockets;
  }

  [[nodiscard]] uint64_t system_calls() const override { return ring_->system_calls(); }

 private:
  static constexpr uint16_t kBuffers = 128;

  Sockets sockets_;
  Batch batch_;
  std::unique_ptr<RawRing> ring_;
  size_t first_ = 0;
};

}  // namespace

OpenedLoop open_many_mmsg_loop() { return std::make_unique<ManyMmsgLoop>(); }

OpenedLoop open_many_uring_loop() {
  auto ring = RawRing::open();
  if (!ring) return std::unexpected(ring.error());
  return std::make_unique<ManyUringLoop>(std::move(*ring));
}

}  // namespace fb::bench
