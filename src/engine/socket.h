// Creates and binds the UDP socket, and turns kernel addresses into endpoints and back.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "engine/udp_engine.h"

namespace fb::engine {

// Owns a file descriptor; -1 owns nothing.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct UdpSocket {
  FileDescriptor fd;
  Endpoint local;  // as bound, with the port that the kernel chose
  bool reaches_v4 = false;
  bool reaches_v6 = false;
  bool sends_trains = false;     // UDP_SEGMENT is there and wanted
  bool receives_trains = false;  // UDP_GRO is on
};

// Opens, sets up and binds a non-blocking socket. An IPv4 address gives an AF_INET socket, any
// other AF_INET6; [::] serves IPv4 too. Errors: kBind, kSystem.
[[nodiscard]] std::expected<UdpSocket, EngineError> open_socket(const EngineOptions& options);
// All that `options` asks for, with the same errors; the ports of a range must all be free.
[[nodiscard]] std::expected<std::vector<UdpSocket>, EngineError> open_sockets(
    const EngineOptions& options);

// Writes `endpoint` for a socket of `family` and returns its length; zero when that family cannot
// carry it.
[[nodiscard]] socklen_t to_sockaddr(const Endpoint& endpoint, int family, sockaddr_in6& out);

// Nothing when the bytes are no whole IPv4 or IPv6 socket address.
[[nodiscard]] std::optional<Endpoint> from_sockaddr(std::span<const uint8_t> bytes);

// Discards queued ICMP reports: left there, they keep the socket "ready" for ever.
void drain_error_queue(int socket);

// The message of an errno.
[[nodiscard]] std::string error_text(int error);

}  // namespace fb::engine
