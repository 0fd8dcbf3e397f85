// What a link can call this machine when the operator did not say.
// Thread safety: any thread.
#pragma once

#include <string>

#include "base/endpoint.h"

namespace fb::cli {

// The address of `listen`, or, when that is 0.0.0.0 or [::], the one that the machine's own routes
// choose towards the Internet (nothing is sent), or else the loopback address. Without brackets.
[[nodiscard]] std::string link_host(const Endpoint& listen);

// An address without port and brackets.
[[nodiscard]] std::string address_text(const Address& address);

}  // namespace fb::cli
