// What the loops by hand with trains share.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <span>
#include <vector>

#include "engine_loop.h"

namespace fb::bench {

// Any GRO train.
inline constexpr size_t kRawRoomBytes = 64 << 10;

// The messages of one pass, each a train with UDP_SEGMENT; all have the same bytes. They point into
// this object, which therefore stays where it is.
class RawTrains {
 public:
  RawTrains(const Shape& shape, uint16_t port);
  RawTrains(const RawTrains&) = delete;
  RawTrains& operator=(const RawTrains&) = delete;

  [[nodiscard]] std::span<const msghdr> messages() const { return messages_; }
  [[nodiscard]] size_t datagrams() const { return datagrams_; }

 private:
  size_t datagrams_;
  std::vector<uint8_t> bytes_;
  iovec piece_;
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> control_{};
  std::vector<sockaddr_in> names_;
  std::vector<msghdr> messages_;
};

// Receives datagrams of a common size, several a call.
class RawReceiver {
 public:
  explicit RawReceiver(size_t datagrams_max);
  RawReceiver(const RawReceiver&) = delete;
  RawReceiver& operator=(const RawReceiver&) = delete;

  // How many came from `socket`, which has some.
  size_t receive(int socket);

 private:
  static constexpr size_t kRoomBytes = 2048;

  std::vector<uint8_t> storage_;
  std::vector<iovec> pieces_;
  std::vector<sockaddr_in> from_;
  std::vector<mmsghdr> messages_;
};

sockaddr_in raw_name(const Endpoint& endpoint);

// How many datagrams a receive brought.
size_t segments_of(size_t bytes, std::span<const uint8_t> control);

}  // namespace fb::bench
