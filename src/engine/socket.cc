#include "engine/socket.h"

#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace fb::engine {
namespace {

// Holds a dozen trains while the device works them off; the kernel's default holds three.
constexpr int kSendBufferBytes = 1 << 20;

EngineError system_error(std::string_view what) {
  return {EngineError::Code::kSystem, std::string(what) + ": " + error_text(errno)};
}

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

// The forced variant passes the system's maximum when we are privileged.
void set_buffer(int fd, int forced, int plain, int bytes) {
  if (!set_option(fd, SOL_SOCKET, forced, bytes)) set_option(fd, SOL_SOCKET, plain, bytes);
}

void set_options(UdpSocket& socket, const EngineOptions& options) {
  const int fd = socket.fd.get();
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer_bytes);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendBufferBytes);
  set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (!options.segmentation) return;
  socket.receives_trains = set_option(fd, SOL_UDP, UDP_GRO, 1);
  int value = 0;
  socklen_t length = sizeof(value);
  socket.sends_trains = ::getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &length) == 0;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<UdpSocket, EngineError> open_socket(const EngineOptions& options) {
  const Address& address = options.listen.address;
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UdpSocket out;
  out.fd = FileDescriptor(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!out.fd.valid()) return std::unexpected(system_error("cannot create a UDP socket"));
  const int fd = out.fd.get();
  out.reaches_v4 = family == AF_INET;
  out.reaches_v6 = family == AF_INET6;
  if (family == AF_INET6) {
    const bool both = address.is_unspecified();
    if (!set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? 0 : 1)) {
      return std::unexpected(system_error("cannot set IPV6_V6ONLY"));
    }
    out.reaches_v4 = both;
  }
  set_options(out, options);

  if (options.sharing == PortSharing::kFurther && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return std::unexpected(system_error("cannot set SO_REUSEPORT"));
  }
  sockaddr_in6 name{};
  const socklen_t length = to_sockaddr(options.listen, family, name);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    return std::unexpected(EngineError{
        EngineError::Code::kBind,
        "cannot listen on UDP " + options.listen.to_string() + ": " + error_text(errno)});
  }
  // Behind bind(), so that another program's socket refuses it as ever.
  if (options.sharing == PortSharing::kFirst && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return std::unexpected(system_error("cannot set SO_REUSEPORT"));
  }
  socklen_t bound_length = sizeof(name);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bound_length) != 0) {
    return std::unexpected(system_error("cannot read the socket's own address"));
  }
  const auto bound = from_sockaddr({reinterpret_cast<const uint8_t*>(&name), bound_length});
  out.local = bound.value_or(options.listen);
  return out;
}

std::expected<std::vector<UdpSocket>, EngineError> open_sockets(const EngineOptions& options) {
  FB_CHECK(options.sockets > 0);
  constexpr size_t kPortMax = 65'535;
  EngineOptions each = options;
  const bool range = options.listen.port != 0;
  if (range && options.sockets - 1 > kPortMax - options.listen.port) {
    return std::unexpected(
        EngineError{EngineError::Code::kBind, "there are no " + std::to_string(options.sockets) +
                                                  " ports from " +
                                                  std::to_string(options.listen.port) + " on"});
  }
  std::vector<UdpSocket> out;
  out.reserve(options.sockets);
  for (uint32_t i = 0; i < options.sockets; ++i) {
    if (range) each.listen.port = static_cast<uint16_t>(options.listen.port + i);
    auto socket = open_socket(each);
    if (!socket) return std::unexpected(std::move(socket.error()));
    out.push_back(std::move(*socket));
  }
  return out;
}

socklen_t to_sockaddr(const Endpoint& endpoint, int family, sockaddr_in6& out) {
  const auto& bytes = endpoint.address.bytes;
  if (family == AF_INET6) {
    out = {};
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(endpoint.port);
    std::memcpy(&out.sin6_addr, bytes.data(), bytes.size());
    return sizeof(sockaddr_in6);
  }
  if (family != AF_INET || !endpoint.address.is_v4()) return 0;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(endpoint.port);
  std::memcpy(&v4.sin_addr, bytes.data() + 12, 4);
  std::memcpy(&out, &v4, sizeof(v4));
  return sizeof(sockaddr_in);
}

std::optional<Endpoint> from_sockaddr(std::span<const uint8_t> bytes) {
  sa_family_t family{};
  if (bytes.size() < sizeof(family)) return {};
  std::memcpy(&family, bytes.data(), sizeof(family));
  if (family == AF_INET && bytes.size() >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, bytes.data(), sizeof(v4));
    std::array<uint8_t, 4> part{};
    std::memcpy(part.data(), &v4.sin_addr, part.size());
    return Endpoint{Address::v4(part[0], part[1], part[2], part[3]), ntohs(v4.sin_port)};
  }
  if (family == AF_INET6 && bytes.size() >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, bytes.data(), sizeof(v6));
    Endpoint out;
    std::memcpy(out.address.bytes.data(), &v6.sin6_addr, out.address.bytes.size());
    out.port = ntohs(v6.sin6_port);
    return out;
  }
  return {};
}

void drain_error_queue(int socket) {
  constexpr int kReportsMax = 64;  // a bound, so that a flood of reports cannot hold us here
  std::array<uint8_t, 512> control{};
  for (int i = 0; i < kReportsMax; ++i) {
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
  }
}

std::string error_text(int error) { return std::generic_category().message(error); }

}  // namespace fb::engine
