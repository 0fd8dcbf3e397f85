#include "engine/gro.h"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

namespace fb::engine {

ReceiveControl parse_control(std::span<const uint8_t> bytes) {
  ReceiveControl out;
  while (bytes.size() >= sizeof(cmsghdr)) {
    cmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.cmsg_len < sizeof(header) || header.cmsg_len > bytes.size()) break;
    const auto data = bytes.subspan(sizeof(header), header.cmsg_len - sizeof(header));
    if (header.cmsg_level == SOL_UDP && header.cmsg_type == UDP_GRO && data.size() >= sizeof(int)) {
      int value = 0;
      std::memcpy(&value, data.data(), sizeof(value));
      if (value > 0) out.segment_bytes = static_cast<size_t>(value);
    }
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SO_RXQ_OVFL &&
        data.size() >= sizeof(uint32_t)) {
      uint32_t value = 0;
      std::memcpy(&value, data.data(), sizeof(value));
      out.drops = value;
    }
    constexpr size_t kAlign = sizeof(size_t);  // as CMSG_ALIGN
    const size_t step = (header.cmsg_len + kAlign - 1) / kAlign * kAlign;
    bytes = bytes.subspan(std::min(step, bytes.size()));
  }
  return out;
}

}  // namespace fb::engine
