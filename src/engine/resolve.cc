#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "engine/socket.h"
#include "engine/udp_engine.h"

namespace fb::engine {

std::expected<std::vector<Endpoint>, std::string> resolve(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    const std::string why = code == EAI_SYSTEM ? error_text(errno) : ::gai_strerror(code);
    return std::unexpected("\"" + host + "\" cannot be resolved: " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  std::vector<Endpoint> out;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(each->ai_addr),
                                         each->ai_addrlen);
    auto endpoint = from_sockaddr(bytes);
    if (!endpoint) continue;
    endpoint->port = port;
    if (std::find(out.begin(), out.end(), *endpoint) == out.end()) out.push_back(*endpoint);
  }
  if (out.empty()) return std::unexpected("\"" + host + "\" has no IP address");
  return out;
}

}  // namespace fb::engine
