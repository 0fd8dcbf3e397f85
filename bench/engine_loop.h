// One way to bring datagrams from a socket to a socket over loopback, in one thread: our engine,
// or a loop written by hand that it is compared with. All ways carry the same datagrams.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/socket.h"
#include "engine/udp_engine.h"

namespace fb::bench {

inline constexpr size_t kDatagramBytes = 1200;
// Messages that the baseline gives to one sendmmsg or recvmmsg.
inline constexpr size_t kBatch = 64;

// What one pass carries: each train goes to an address of its own, as to different peers.
struct Shape {
  size_t trains = 1;
  size_t segments = 1;

  [[nodiscard]] size_t datagrams() const { return trains * segments; }
};

class Loop {
 public:
  virtual ~Loop() = default;
  // Sends the shape's datagrams and receives every one of them.
  virtual void pass() = 0;
  // Since opening.
  [[nodiscard]] virtual uint64_t system_calls() const = 0;
};

// A loop, or the sentence that says why there is none here.
using OpenedLoop = std::expected<std::unique_ptr<Loop>, std::string>;

// The baseline: an epoll loop, each datagram a message of sendmmsg and recvmmsg.
OpenedLoop open_mmsg_loop(const Shape& shape);
// By hand, with UDP_SEGMENT and UDP_GRO: epoll with sendmsg and recvmsg, and one io_uring with
// multishot receive. They send from one buffer that never changes and read nothing.
OpenedLoop open_raw_epoll_loop(const Shape& shape);
OpenedLoop open_raw_uring_loop(const Shape& shape);
// Among 4,096 sockets, of which so many send one datagram in a pass to the socket beside them, each
// pass others: two loops by hand, and an engine of ours.
inline constexpr uint32_t kSockets = 4096;
inline constexpr Shape kManySockets{64, 1};
OpenedLoop open_many_mmsg_loop();
OpenedLoop open_many_uring_loop();
OpenedLoop open_many_engine_loop(engine::IoBackend backend);
// One of our engines, which sends to itself: a program has one for both directions.
OpenedLoop open_engine_loop(const Shape& shape, engine::IoBackend backend, bool segmentation);

// The sockets of a loop by hand, set up as the engine sets up its own. The receiver has the
// addresses 127.0.0.1, 127.0.0.2, … so that trains have different destinations.
struct SocketPair {
  engine::UdpSocket sender;
  engine::UdpSocket receiver;
};
SocketPair open_sockets(bool segmentation);
// The address of train `index`.
Endpoint destination(size_t index, uint16_t port);
// As many open files as the system allows.
void raise_file_limit();
// Ends the program when `good` is false: a loop that fails measures nothing.
void require(bool good, const char* what);

}  // namespace fb::bench
