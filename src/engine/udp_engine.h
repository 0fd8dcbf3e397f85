// The datagram engine: one UDP socket or many, driven by io_uring or epoll behind one interface.
//
// Thread safety: one thread drives an engine: it opens, sends, polls and closes it, which is
// checked. Only wake() may be called from any thread or a signal handler, and stats() from any
// thread.
// Ownership: send() copies; bytes given to a handler are valid only during that call.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"

namespace fb::engine {

enum class IoBackend {
  kAuto,  // io_uring, or epoll when the kernel refuses it
  kIoUring,
  kEpoll,
};

// Why an engine could not be opened. `detail` is a sentence for the user.
struct EngineError {
  enum class Code {
    kBind,     // the address is in use or not ours
    kIoUring,  // io_uring was demanded and refused
    kSystem,   // any other system call failed
  } code;
  std::string detail;
};

// Several sockets on one address and port (SO_REUSEPORT): the kernel gives all that comes from one
// endpoint to one of them.
enum class PortSharing {
  kAlone,
  kFirst,    // refused when the port is taken; lets further ones in
  kFurther,  // joins the first
};

struct EngineOptions {
  Endpoint listen;  // port 0: the kernel chooses
  PortSharing sharing = PortSharing::kAlone;
  // From 1 on. Each has a port of its own: those from `listen.port` on, or what the kernel chooses.
  // For a crowd that is to have as many addresses; who needs one address is cheaper with one.
  uint32_t sockets = 1;
  IoBackend backend = IoBackend::kAuto;
  // UDP_SEGMENT and UDP_GRO trains. Without, datagrams above 2048 bytes are not received.
  bool segmentation = true;
  int receive_buffer_bytes = 4 << 20;  // SO_RCVBUF
  // Told once when kAuto fell back to epoll, with the reason; may be empty.
  std::function<void(std::string_view)> on_fallback;
};

// Counters since opening; the engine's thread writes, any thread may read a copy.
struct EngineStats {
  uint64_t datagrams_sent = 0, bytes_sent = 0;
  uint64_t datagrams_received = 0, bytes_received = 0;
  uint64_t trains_sent = 0;           // kernel sends, each of one or more datagrams
  uint64_t trains_received = 0;       // kernel receives, likewise
  uint64_t send_dropped = 0;          // the kernel refused and the datagram was given up
  uint64_t receive_truncated = 0;     // longer than our buffers
  uint64_t receive_rearmed = 0;       // multishot ended and was armed again
  uint64_t segmentation_refused = 0;  // trains resent as singles
  // SO_RXQ_OVFL: the socket's buffer overflowed. A lost train counts once; the kernel tells with
  // the next datagram that it lets in.
  uint64_t kernel_receive_drops = 0;
  uint64_t system_calls = 0;

  // Of several engines together.
  EngineStats& operator+=(const EngineStats& o);
};

class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;
  virtual void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) = 0;
};

class UdpEngine {
 public:
  static std::expected<std::unique_ptr<UdpEngine>, EngineError> open(const EngineOptions& options);
  virtual ~UdpEngine() = default;

  // Queues one datagram (1 to 65,507 bytes) for the next flush. Datagrams from one socket to one
  // endpoint keep their order and leave as trains. When the queue is full it is flushed first. What
  // cannot be sent (length, port 0, the other IP family) is a send_dropped. `socket` is a number
  // below EngineOptions::sockets.
  virtual void send_from(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) = 0;
  // From the first socket.
  void send(const Endpoint& to, std::span<const uint8_t> bytes) { send_from(0, to, bytes); }
  // Hands queued datagrams to the kernel. While its send buffer is full this waits for some
  // milliseconds, then drops.
  virtual void flush() = 0;
  // Flushes, waits until a datagram is there, wake() was called or `until` is reached, and gives
  // what arrived to `handler`, at most a bounded batch, of which each socket that has something
  // gets its share sooner or later. Returns the time after waiting.
  virtual Instant poll(Instant until, DatagramHandler& handler) = 0;
  // Makes a poll() that waits, or the next one, return; what the caller wrote before is visible
  // to it then. Several wakes may end one poll() only. Async-signal-safe.
  virtual void wake() = 0;

  // The number of the socket whose datagram a handler is being given.
  [[nodiscard]] virtual uint32_t receiving() const = 0;
  [[nodiscard]] virtual Endpoint local_of(uint32_t socket) const = 0;
  [[nodiscard]] Endpoint local() const { return local_of(0); }
  [[nodiscard]] virtual IoBackend backend() const = 0;  // never kAuto
  [[nodiscard]] virtual EngineStats stats() const = 0;
};

// CLOCK_MONOTONIC, the time scale of poll().
[[nodiscard]] Instant monotonic_now();

// Resolves a host name or address; all its addresses, the system's order. Blocks.
[[nodiscard]] std::expected<std::vector<Endpoint>, std::string> resolve(const std::string& host,
                                                                        uint16_t port);

}  // namespace fb::engine
