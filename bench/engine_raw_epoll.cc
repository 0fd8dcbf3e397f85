// The loops by hand over epoll: the baseline with single datagrams, and one with trains.
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "engine/gro.h"
#include "engine_loop.h"
#include "engine_raw.h"

namespace fb::bench {
namespace {

using engine::FileDescriptor;

constexpr int kWaitMs = 1000;

FileDescriptor watch(int socket) {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = socket;
  require(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket, &interest) == 0, "epoll_ctl");
  return epoll;
}

void wait_for(const FileDescriptor& epoll) {
  std::array<epoll_event, 2> events{};
  require(::epoll_wait(epoll.get(), events.data(), events.size(), kWaitMs) > 0, "epoll_wait");
}

class MmsgLoop final : public Loop {
 public:
  explicit MmsgLoop(const Shape& shape)
      : shape_(shape),
        sockets_(open_sockets(false)),
        epoll_(watch(sockets_.receiver.fd.get())),
        bytes_(shape.datagrams() * kDatagramBytes) {
    const uint16_t port = sockets_.receiver.local.port;
    for (size_t i = 0; i < shape_.datagrams(); ++i) {
      names_.push_back(raw_name(destination(i % shape_.trains, port)));
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      send_pieces_.push_back({bytes_.data() + i * kDatagramBytes, kDatagramBytes});
    }
    for (size_t i = 0; i < names_.size(); ++i) {
      sends_.push_back({{.msg_name = &names_[i],
                         .msg_namelen = sizeof(names_[i]),
                         .msg_iov = &send_pieces_[i],
                         .msg_iovlen = 1},
                        0});
    }
  }

  void pass() override {
    // As a program does that has different ones to send: each to its place in the batch.
    for (const iovec& place : send_pieces_) {
      std::memcpy(place.iov_base, datagram_.data(), kDatagramBytes);
    }
    for (size_t sent = 0; sent < sends_.size();) {
      const size_t count = std::min(kBatch, sends_.size() - sent);
      const int result = ::sendmmsg(sockets_.sender.fd.get(), sends_.data() + sent,
                                    static_cast<unsigned>(count), MSG_DONTWAIT);
      require(result > 0, "sendmmsg");
      sent += static_cast<size_t>(result);
      ++calls_;
    }
    for (size_t got = 0; got < sends_.size();) {
      wait_for(epoll_);
      got += receiver_.receive(sockets_.receiver.fd.get());
      calls_ += 2;
    }
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  const Shape shape_;
  SocketPair sockets_;
  FileDescriptor epoll_;
  std::vector<sockaddr_in> names_;
  const std::vector<uint8_t> datagram_ = std::vector<uint8_t>(kDatagramBytes, 0x5a);
  std::vector<uint8_t> bytes_;
  std::vector<iovec> send_pieces_;
  std::vector<mmsghdr> sends_;
  RawReceiver receiver_{kBatch};
  uint64_t calls_ = 0;
};

class RawEpollLoop final : public Loop {
 public:
  explicit RawEpollLoop(const Shape& shape)
      : sockets_(open_sockets(true)),
        epoll_(watch(sockets_.receiver.fd.get())),
        trains_(shape, sockets_.receiver.local.port) {}

  void pass() override {
    for (const msghdr& message : trains_.messages()) {
      require(::sendmsg(sockets_.sender.fd.get(), &message, MSG_DONTWAIT) > 0, "sendmsg");
      ++calls_;
    }
    for (size_t got = 0; got < trains_.datagrams();) {
      wait_for(epoll_);
      got += receive();
      calls_ += 2;
    }
  }

  [[nodiscard]] uint64_t system_calls() const override { return calls_; }

 private:
  size_t receive() {
    sockaddr_in from{};
    alignas(cmsghdr) std::array<uint8_t, engine::kReceiveControlBytes> control;
    iovec piece{room_.data(), room_.size()};
    msghdr message{.msg_name = &from,
                   .msg_namelen = sizeof(from),
                   .msg_iov = &piece,
                   .msg_iovlen = 1,
                   .msg_control = control.data(),
                   .msg_controllen = control.size()};
    const ssize_t bytes = ::recvmsg(sockets_.receiver.fd.get(), &message, MSG_DONTWAIT);
    require(bytes > 0, "recvmsg");
    return segments_of(static_cast<size_t>(bytes), {control.data(), message.msg_controllen});
  }

  SocketPair sockets_;
  FileDescriptor epoll_;
  RawTrains trains_;
  std::vector<uint8_t> room_ = std::vector<uint8_t>(kRawRoomBytes);
  uint64_t calls_ = 0;
};

}  // namespace

OpenedLoop open_mmsg_loop(const Shape& shape) { return std::make_unique<MmsgLoop>(shape); }

OpenedLoop open_raw_epoll_loop(const Shape& shape) { return std::make_unique<RawEpollLoop>(shape); }

RawTrains::RawTrains(const Shape& shape, uint16_t port)
    : datagrams_(shape.datagrams()),
      bytes_(shape.segments * kDatagramBytes, 0x5a),
      piece_{bytes_.data(), bytes_.size()} {
  cmsghdr header{};
  const auto segment_bytes = static_cast<uint16_t>(kDatagramBytes);
  header.cmsg_len = CMSG_LEN(sizeof(segment_bytes));
  header.cmsg_level = SOL_UDP;
  header.cmsg_type = UDP_SEGMENT;
  std::memcpy(control_.data(), &header, sizeof(header));
  std::memcpy(control_.data() + sizeof(header), &segment_bytes, sizeof(segment_bytes));
  for (size_t i = 0; i < shape.trains; ++i) names_.push_back(raw_name(destination(i, port)));
  for (sockaddr_in& name : names_) {
    messages_.push_back({.msg_name = &name,
                         .msg_namelen = sizeof(name),
                         .msg_iov = &piece_,
                         .msg_iovlen = 1,
                         .msg_control = control_.data(),
                         .msg_controllen = control_.size()});
  }
}

RawReceiver::RawReceiver(size_t datagrams_max)
    : storage_(datagrams_max * kRoomBytes), from_(datagrams_max), messages_(datagrams_max) {
  for (size_t i = 0; i < datagrams_max; ++i) {
    pieces_.push_back({storage_.data() + i * kRoomBytes, kRoomBytes});
  }
}

size_t RawReceiver::receive(int socket) {
  for (size_t i = 0; i < messages_.size(); ++i) {
    messages_[i].msg_hdr = {.msg_name = &from_[i],
                            .msg_namelen = sizeof(from_[i]),
                            .msg_iov = &pieces_[i],
                            .msg_iovlen = 1};
  }
  const int count = ::recvmmsg(socket, messages_.data(), static_cast<unsigned>(messages_.size()),
                               MSG_DONTWAIT, nullptr);
  require(count > 0, "recvmmsg");
  return static_cast<size_t>(count);
}

sockaddr_in raw_name(const Endpoint& endpoint) {
  sockaddr_in6 room{};
  require(engine::to_sockaddr(endpoint, AF_INET, room) == sizeof(sockaddr_in), "to_sockaddr");
  sockaddr_in out{};
  std::memcpy(&out, &room, sizeof(out));
  return out;
}

size_t segments_of(size_t bytes, std::span<const uint8_t> control) {
  const size_t segment_bytes = engine::parse_control(control).segment_bytes;
  return segment_bytes == 0 ? 1 : (bytes + segment_bytes - 1) / segment_bytes;
}

}  // namespace fb::bench
