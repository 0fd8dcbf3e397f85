// The loop by hand over io_uring: one ring has both sockets, so that one system call sends a pass
// and brings what it received.
#include "engine_loop.h"
#include "engine_raw.h"
#include "engine_raw_ring.h"

namespace fb::bench {
namespace {

constexpr uint16_t kBuffers = 16;
constexpr size_t kSender = 0;
constexpr size_t kReceiver = 1;

class RawUringLoop final : public Loop {
 public:
  RawUringLoop(const Shape& shape, std::unique_ptr<RawRing> ring)
      : sockets_(open_sockets(true)),
        trains_(shape, sockets_.receiver.local.port),
        ring_(std::move(ring)) {
    const std::array<int, 2> files{sockets_.sender.fd.get(), sockets_.receiver.fd.get()};
    ring_->set_up(files, kBuffers, kRawRoomBytes);
    ring_->arm(kReceiver);
  }

  void pass() override {
    for (const msghdr& message : trains_.messages()) ring_->send(kSender, message);
    for (size_t got = 0; got < trains_.datagrams();) {
      ring_->enter();
      ring_->reap([&](size_t bytes, std::span<const uint8_t> control) {
        got += segments_of(bytes, control);
      });
    }
  }

  [[nodiscard]] uint64_t system_calls() const override { return ring_->system_calls(); }

 private:
  SocketPair sockets_;
  RawTrains trains_;
  std::unique_ptr<RawRing> ring_;
};

}  // namespace

OpenedLoop open_raw_uring_loop(const Shape& shape) {
  auto ring = RawRing::open();
  if (!ring) return std::unexpected(ring.error());
  return std::make_unique<RawUringLoop>(shape, std::move(*ring));
}

}  // namespace fb::bench
