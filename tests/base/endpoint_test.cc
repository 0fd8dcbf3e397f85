#include "base/endpoint.h"

#include <string>
#include <unordered_set>

#include "base/rng.h"
#include "catch.h"

namespace fb {
namespace {

std::string again(std::string_view text) {
  const auto endpoint = Endpoint::parse(text);
  return endpoint ? endpoint->to_string() : "refused: " + endpoint.error();
}

TEST_CASE("endpoint reads and writes IPv4") {
  const auto endpoint = Endpoint::parse("192.0.2.1:4711");
  REQUIRE(endpoint.has_value());
  REQUIRE(endpoint->address == Address::v4(192, 0, 2, 1));
  REQUIRE(endpoint->port == 4711);
  REQUIRE(endpoint->address.is_v4());
  REQUIRE(again("0.0.0.0:0") == "0.0.0.0:0");
  REQUIRE(again("255.255.255.255:65535") == "255.255.255.255:65535");
}

TEST_CASE("endpoint reads the forms of IPv6 and writes the one of RFC 5952") {
  REQUIRE(again("[::]:1") == "[::]:1");
  REQUIRE(again("[::1]:80") == "[::1]:80");
  REQUIRE(again("[1::]:80") == "[1::]:80");
  REQUIRE(again("[2001:DB8::0001]:80") == "[2001:db8::1]:80");
  REQUIRE(again("[2001:db8:0:0:1:0:0:1]:80") == "[2001:db8::1:0:0:1]:80");
  REQUIRE(again("[2001:db8:0:1:1:1:1:1]:80") == "[2001:db8:0:1:1:1:1:1]:80");
  REQUIRE(again("[0:0:1:0:0:0:1:0]:80") == "[0:0:1::1:0]:80");
  REQUIRE(again("[1:2:3:4:5:6:7::]:80") == "[1:2:3:4:5:6:7:0]:80");
  REQUIRE(again("[64:ff9b::192.0.2.33]:80") == "[64:ff9b::c000:221]:80");
  // A mapped address is the IPv4 address.
  REQUIRE(again("[::ffff:192.0.2.1]:80") == "192.0.2.1:80");
}

TEST_CASE("endpoint refuses hostile texts with a sentence") {
  for (const std::string_view text :
       {"", ":", ":1", "1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1",
        "1.2.3.4: 1", "1.2.3.4:1 ", " 1.2.3.4:1", "1.2.3:1", "1.2.3.4.5:1", "1.2.3.256:1",
        "1.2.3.:1", ".1.2.3:1", "1..2.3:1", "1.2.3.4x:1", "0x1.2.3.4:1", "a.b.c.d:1", "::1:80",
        "[::1]", "[::1]80", "[::1]:", "[]:1", "[:]:1", "[:::]:1", "[1:]:1", "[:1]:1", "[1::2::3]:1",
        "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7:8::]:1",
        "[::1:2:3:4:5:6:7:8]:1", "[12345::]:1", "[g::]:1", "[-1::]:1", "[::1%eth0]:1",
        "[1.2.3.4]:1", "[::1.2.3]:1", "[::1.2.3.4:5]:1", "[1:2:3:4:5:6:7:1.2.3.4]:1",
        "[[::1]]:1", "localhost:80"}) {
    const auto endpoint = Endpoint::parse(text);
    INFO("text " << text);
    REQUIRE_FALSE(endpoint.has_value());
    REQUIRE(endpoint.error().size() > 20);
  }
  using namespace std::string_view_literals;
  REQUIRE_FALSE(Endpoint::parse("1.2.3.4\0:80"sv).has_value());
  REQUIRE_FALSE(Endpoint::parse("1.2.3.4:80\0"sv).has_value());
}

TEST_CASE("endpoint survives random texts, and its own output") {
  constexpr std::string_view kLetters = "0123456789abcdf::..[]%";
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    std::string text;
    for (uint64_t i = rng.below(30); i > 0; --i) text += kLetters[rng.below(kLetters.size())];
    if (const auto endpoint = Endpoint::parse(text)) {
      REQUIRE(Endpoint::parse(endpoint->to_string()).value() == *endpoint);
    }
    Endpoint made;
    for (uint8_t& byte : made.address.bytes) {
      byte = rng.below(2) == 0 ? uint8_t{0} : static_cast<uint8_t>(rng.next());
    }
    made.port = static_cast<uint16_t>(rng.next());
    REQUIRE(Endpoint::parse(made.to_string()).value() == made);
  }
}

TEST_CASE("address tells loopback, unspecified and the part that limits count") {
  REQUIRE(Address::v4(127, 1, 2, 3).is_loopback());
  REQUIRE(Endpoint::parse("[::1]:1")->address.is_loopback());
  REQUIRE_FALSE(Endpoint::parse("[::2]:1")->address.is_loopback());
  REQUIRE_FALSE(Address::v4(128, 0, 0, 1).is_loopback());
  REQUIRE(Address::v4(0, 0, 0, 0).is_unspecified());
  REQUIRE(Address{}.is_unspecified());
  REQUIRE_FALSE(Address::v4(0, 0, 0, 1).is_unspecified());

  const Address v4 = Address::v4(192, 0, 2, 1);
  REQUIRE(v4.limit_prefix() == v4);
  const auto prefix = [](std::string_view text) {
    return Endpoint::parse(text)->address.limit_prefix();
  };
  REQUIRE(prefix("[2001:db8:1:2:3:4:5:6]:1") == prefix("[2001:db8:1:2::9]:1"));
  REQUIRE_FALSE(prefix("[2001:db8:1:2::]:1") == prefix("[2001:db8:1:3::]:1"));
}

TEST_CASE("endpoint hash tells ports and addresses apart") {
  std::unordered_set<size_t> hashes;
  for (uint16_t port = 0; port < 1000; ++port) {
    for (uint8_t host = 0; host < 20; ++host) {
      hashes.insert(EndpointHash{}(Endpoint{Address::v4(10, 0, 0, host), port}));
    }
  }
  REQUIRE(hashes.size() == 20'000);
}

}  // namespace
}  // namespace fb
