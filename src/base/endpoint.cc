#include "base/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace fb {
namespace {

template <typename Number>
std::optional<Number> parse_whole(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::optional<Address> parse_v4(std::string_view text) {
  std::array<uint8_t, 4> part{};
  for (size_t i = 0; i < 4; ++i) {
    const size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return {};
    const auto value = parse_whole<uint8_t>(text.substr(0, dot));
    if (!value) return {};
    part[i] = *value;
    text.remove_prefix(std::min(text.size(), dot + 1));
  }
  return Address::v4(part[0], part[1], part[2], part[3]);
}

// Groups on each side of at most one "::" (RFC 4291, 2.2); a trailing dotted quad is accepted.
std::optional<Address> parse_v6(std::string_view text) {
  std::array<uint16_t, 8> head{};
  std::array<uint16_t, 8> tail{};
  size_t heads = 0;
  size_t tails = 0;
  bool gap = false;
  if (text.starts_with("::")) {
    gap = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    auto& list = gap ? tail : head;
    size_t& count = gap ? tails : heads;
    if (group.find('.') != std::string_view::npos && colon == std::string_view::npos) {
      const auto quad = parse_v4(group);
      if (!quad || heads + tails > 6) return {};
      list[count++] = static_cast<uint16_t>(quad->bytes[12] << 8 | quad->bytes[13]);
      list[count++] = static_cast<uint16_t>(quad->bytes[14] << 8 | quad->bytes[15]);
      text = {};
      break;
    }
    const auto value = parse_whole<uint16_t>(group, 16);
    if (!value || group.size() > 4 || heads + tails >= 8) return {};
    list[count++] = *value;
    if (colon == std::string_view::npos) {
      text = {};
      break;
    }
    text.remove_prefix(colon + 1);
    if (text.starts_with(':')) {
      if (gap) return {};
      gap = true;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return {};
    }
  }
  if (gap ? heads + tails > 7 : heads != 8) return {};
  std::array<uint16_t, 8> groups{};
  std::copy_n(head.begin(), heads, groups.begin());
  std::copy_n(tail.begin(), tails, groups.end() - static_cast<ptrdiff_t>(tails));
  Address out;
  for (size_t i = 0; i < 8; ++i) {
    out.bytes[2 * i] = static_cast<uint8_t>(groups[i] >> 8);
    out.bytes[2 * i + 1] = static_cast<uint8_t>(groups[i] & 0xff);
  }
  return out;
}

// RFC 5952: lower case, the longest run of two or more zero groups shortened.
std::string v6_text(const Address& address) {
  std::array<unsigned, 8> group{};
  for (size_t i = 0; i < 8; ++i) {
    group[i] = static_cast<unsigned>(address.bytes[2 * i]) << 8 | address.bytes[2 * i + 1];
  }
  size_t best = 8;
  size_t best_length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t end = i;
    while (end < 8 && group[end] == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    std::array<char, 4> digits{};
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), group[i], 16);
    out.append(digits.data(), result.ptr);
  }
  return out;
}

}  // namespace

bool Address::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t b) { return b == 0; });
}

bool Address::is_unspecified() const {
  const auto start = is_v4() ? bytes.begin() + 12 : bytes.begin();
  return std::all_of(start, bytes.end(), [](uint8_t b) { return b == 0; });
}

Address Address::limit_prefix() const {
  Address out = *this;
  if (!is_v4()) std::fill(out.bytes.begin() + 8, out.bytes.end(), uint8_t{0});
  return out;
}

std::expected<Endpoint, std::string> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string quoted = "\"" + std::string(text) + "\"";
  if (colon == std::string_view::npos) {
    return std::unexpected(quoted + " has no port; write ADDRESS:PORT, such as 127.0.0.1:4711");
  }
  const auto port = parse_whole<uint16_t>(text.substr(colon + 1));
  if (!port) {
    return std::unexpected(quoted + " has no port between 0 and 65535 behind its last ':'");
  }
  std::string_view host = text.substr(0, colon);
  std::optional<Address> address;
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    address = parse_v6(host.substr(1, host.size() - 2));
  } else {
    address = parse_v4(host);
  }
  if (!address) {
    return std::unexpected(
        quoted + " is not an IP address and port; write 192.0.2.1:80 or [2001:db8::1]:80");
  }
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
  if (!address.is_v4()) return "[" + v6_text(address) + "]:" + std::to_string(port);
  std::string out;
  for (size_t i = 12; i < 16; ++i) {
    out += std::to_string(address.bytes[i]);
    out += i < 15 ? '.' : ':';
  }
  return out + std::to_string(port);
}

size_t EndpointHash::operator()(const Endpoint& e) const noexcept {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, e.address.bytes.data(), 8);
  std::memcpy(&low, e.address.bytes.data() + 8, 8);
  uint64_t mixed = (high * 0x9e3779b97f4a7c15U) ^ (low + e.port * 0xbf58476d1ce4e5b9U);
  mixed ^= mixed >> 31;
  mixed *= 0x94d049bb133111ebU;
  return static_cast<size_t>(mixed ^ mixed >> 29);
}

}  // namespace fb
