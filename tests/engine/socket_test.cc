#include "engine/socket.h"

#include <algorithm>

#include "catch.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

Endpoint endpoint(std::string_view text) { return Endpoint::parse(text).value(); }

std::optional<Endpoint> round_trip(const Endpoint& from, int family) {
  sockaddr_in6 name{};
  const socklen_t length = to_sockaddr(from, family, name);
  return from_sockaddr({reinterpret_cast<const uint8_t*>(&name), length});
}

TEST_CASE("socket: endpoints survive the kernel's form") {
  CHECK(round_trip(endpoint("192.0.2.1:80"), AF_INET) == endpoint("192.0.2.1:80"));
  CHECK(round_trip(endpoint("192.0.2.1:80"), AF_INET6) == endpoint("192.0.2.1:80"));
  CHECK(round_trip(endpoint("[2001:db8::1]:80"), AF_INET6) == endpoint("[2001:db8::1]:80"));
  CHECK(round_trip(endpoint("[2001:db8::1]:80"), AF_INET) == std::nullopt);
}

TEST_CASE("socket: odd kernel addresses are nothing") {
  sockaddr_in6 name{};
  REQUIRE(to_sockaddr(endpoint("[2001:db8::1]:80"), AF_INET6, name) == sizeof(name));
  const auto* start = reinterpret_cast<const uint8_t*>(&name);
  for (size_t length = 0; length < sizeof(name); ++length) {
    CHECK_FALSE(from_sockaddr({start, length}));
  }
  name.sin6_family = AF_UNIX;
  CHECK_FALSE(from_sockaddr({start, sizeof(name)}));
}

TEST_CASE("socket: a port is shared with further sockets, and with nobody else") {
  EngineOptions options;
  options.listen = endpoint("127.0.0.1:0");
  options.sharing = PortSharing::kFirst;
  const auto first = UdpEngine::open(options);
  REQUIRE(first);
  options.listen = (*first)->local();
  options.sharing = PortSharing::kFurther;
  const auto second = UdpEngine::open(options);
  REQUIRE(second);
  CHECK((*second)->local() == (*first)->local());
  for (const PortSharing sharing : {PortSharing::kAlone, PortSharing::kFirst}) {
    options.sharing = sharing;
    const auto stranger = UdpEngine::open(options);
    REQUIRE_FALSE(stranger);
    CHECK(stranger.error().code == EngineError::Code::kBind);
  }
}

TEST_CASE("socket: an address in use, or not ours, is a bind error with a sentence") {
  EngineOptions options;
  options.listen = endpoint("127.0.0.1:0");
  const auto first = UdpEngine::open(options);
  REQUIRE(first);
  options.listen = (*first)->local();
  for (const Endpoint& listen : {options.listen, endpoint("192.0.2.77:0")}) {
    options.listen = listen;
    const auto second = UdpEngine::open(options);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == EngineError::Code::kBind);
    CHECK(second.error().detail.find(listen.to_string()) != std::string::npos);
  }
}

TEST_CASE("socket: the kernel's choice of port is told") {
  for (const auto text : {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"}) {
    EngineOptions options;
    options.listen = endpoint(text);
    const auto opened = UdpEngine::open(options);
    if (!opened && text[0] == '[') {
      WARN("skipped: no IPv6 here: " + opened.error().detail);
      continue;
    }
    REQUIRE(opened);
    CHECK((*opened)->local().port != 0);
    CHECK((*opened)->local().address == options.listen.address);
  }
}

TEST_CASE("resolve: addresses and localhost, and a sentence for what is no host") {
  CHECK(resolve("192.0.2.1", 80) == std::vector{endpoint("192.0.2.1:80")});
  CHECK(resolve("::1", 80) == std::vector{endpoint("[::1]:80")});
  const auto localhost = resolve("localhost", 80);
  REQUIRE(localhost);
  CHECK(std::all_of(localhost->begin(), localhost->end(),
                    [](const Endpoint& each) { return each.address.is_loopback(); }));
  const auto wrong = resolve("no host", 80);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().find("no host") != std::string::npos);
}

}  // namespace
}  // namespace fb::engine
