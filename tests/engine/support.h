// Engines on loopback for tests, the same ones for every backend.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/seam.h"
#include "engine/udp_engine.h"

namespace fb::engine::test {

using Bytes = std::vector<uint8_t>;

// The ways in which an engine can be driven; kUringPlain is io_uring as on a kernel without the
// set-up flags that we prefer.
enum class Kind { kEpoll, kUring, kUringPlain };
inline constexpr Kind kKinds[] = {Kind::kEpoll, Kind::kUring, Kind::kUringPlain};
std::string name_of(Kind kind);

struct Options {
  Endpoint listen{Address::v4(127, 0, 0, 1), 0};
  uint32_t sockets = 1;
  bool segmentation = true;
  int receive_buffer_bytes = 4 << 20;
  Seam seam;
};

// Nothing, and a visible "skipped: reason", where io_uring is refused.
std::unique_ptr<UdpEngine> open(Kind kind, Options options = {});

// Keeps what arrives.
class Collector : public DatagramHandler {
 public:
  struct Datagram {
    Endpoint from;
    Bytes bytes;
  };
  void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;

  std::vector<Datagram> got;
  std::function<void(const Datagram&)> on_each;  // may be empty
};

// Polls until `done` or, to fail rather than hang, ten seconds have passed.
bool poll_until(UdpEngine& engine, DatagramHandler& handler, const std::function<bool()>& done);
// Polls until `collector` holds `count` datagrams.
bool poll_count(UdpEngine& engine, Collector& collector, size_t count);
// Gives the handler everything that is there now, without waiting.
void poll_all(UdpEngine& engine, DatagramHandler& handler);

// Runs `body` in a child process and returns what it returned; for what cannot be undone.
std::string in_child(const std::function<std::string()>& body);

// `count` bytes that depend on `seed`.
Bytes pattern(size_t count, uint64_t seed = 0);
Instant soon(int64_t ms);

}  // namespace fb::engine::test
