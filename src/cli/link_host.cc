#include "cli/link_host.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <span>
#include <string_view>

#include "content/file_handle.h"
#include "engine/socket.h"

namespace fb::cli {
namespace {

// Documentation addresses (RFC 5737, RFC 3849): routed like any, never anybody's.
constexpr std::string_view kElsewhere4 = "192.0.2.1:9";
constexpr std::string_view kElsewhere6 = "[2001:db8::1]:9";

// Connecting a UDP socket only looks the route up.
std::optional<Address> own_address(int family, std::string_view elsewhere) {
  const auto target = Endpoint::parse(elsewhere);
  const content::FileHandle socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 storage{};
  if (!target || !socket.valid()) return {};
  socklen_t length = engine::to_sockaddr(*target, family, storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (length == 0 || ::connect(socket.fd(), address, length) != 0) return {};
  length = sizeof(storage);
  if (::getsockname(socket.fd(), address, &length) != 0) return {};
  const auto own = engine::from_sockaddr({reinterpret_cast<const uint8_t*>(&storage), length});
  if (!own || own->address.is_unspecified()) return {};
  return own->address;
}

}  // namespace

std::string address_text(const Address& address) {
  const std::string text = Endpoint{address, 0}.to_string();
  const size_t colon = text.rfind(':');
  return text.starts_with('[') ? text.substr(1, colon - 2) : text.substr(0, colon);
}

std::string link_host(const Endpoint& listen) {
  if (!listen.address.is_unspecified()) return address_text(listen.address);
  if (const auto own = own_address(AF_INET, kElsewhere4)) return address_text(*own);
  if (listen.address.is_v4()) return "127.0.0.1";
  if (const auto own = own_address(AF_INET6, kElsewhere6)) return address_text(*own);
  return "::1";
}

}  // namespace fb::cli
