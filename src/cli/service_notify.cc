#include "cli/service_notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "content/file_handle.h"
#include "engine/udp_engine.h"

namespace fb::cli {

void service_notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  const size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, length);
  // '@' stands for the zero byte of an abstract address.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const content::FileHandle out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!out.valid()) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // A manager that does not listen is no reason to fail.
  (void)::sendto(out.fd(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

void service_notify_reloading() {
  service_notify(
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}", engine::monotonic_now().ns / 1'000));
}

}  // namespace fb::cli
