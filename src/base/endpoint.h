// Network addresses as values. IPv4 addresses are held as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace fb {

// An IP address without a port.
struct Address {
  std::array<uint8_t, 16> bytes{};

  // Of every IPv4 address. Here with what uses it, which each datagram passes.
  static constexpr std::array<uint8_t, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  static Address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
  }
  [[nodiscard]] bool is_v4() const {
    return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
  }
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_unspecified() const;
  // The part by which limits count strangers: the whole IPv4 address, or an IPv6 /64.
  [[nodiscard]] Address limit_prefix() const;
  auto operator<=>(const Address&) const = default;
};

// An IP address and a UDP port.
struct Endpoint {
  Address address;
  uint16_t port = 0;

  // "192.0.2.1:80" or "[2001:db8::1]:80"; host names are not resolved here.
  // Returns a sentence that says what is wrong when the text is not such an address.
  static std::expected<Endpoint, std::string> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

// Mixes all bytes of an endpoint; for tables whose order never matters.
struct EndpointHash {
  size_t operator()(const Endpoint& e) const noexcept;
};

}  // namespace fb
