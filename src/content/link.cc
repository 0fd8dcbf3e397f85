#include "content/link.h"

#include <sodium/utils.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.h"
#include "base/endpoint.h"

namespace fb::content {
namespace {

constexpr std::string_view kScheme = "fb://";
constexpr std::string_view kExample =
    "; a link looks like fb://HOST:PORT/PATH#KEY, where KEY has 43 characters";
constexpr size_t kLinkLengthMax = 4096;
constexpr size_t kHostLengthMax = 253;
constexpr size_t kQuotedLengthMax = 80;
constexpr size_t kKeyTextLength = 43;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 3986, section 2.3, and the slash: what stands for itself in a path.
bool is_plain(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
}

// Hostile text goes to terminals and logs: only printable characters, and not many.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kQuotedLengthMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kQuotedLengthMax ? "...\"" : "\"");
}

std::unexpected<std::string> refuse(std::string_view text, const std::string& reason) {
  return std::unexpected(quoted(text) + " " + reason + std::string(kExample));
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= ' ' || c > '~' || c == '?') return {};
    if (c != '%') {
      out += c;
      continue;
    }
    if (text.size() - i < 3) return {};
    unsigned value = 0;
    const char* const end = text.data() + i + 3;
    const auto result = std::from_chars(text.data() + i + 1, end, value, 16);
    if (result.ec != std::errc{} || result.ptr != end) return {};
    out += static_cast<char>(static_cast<uint8_t>(value));
    i += 2;
  }
  return out;
}

// A file's path, or a directory's with a slash at its end, or nothing.
bool valid_link_path(std::string_view path) {
  if (path.empty()) return true;
  if (path.ends_with('/')) path.remove_suffix(1);
  return valid_path(path);
}

bool valid_ip(std::string_view host_in_brackets_or_v4) {
  return Endpoint::parse(std::string(host_in_brackets_or_v4) + ":1").has_value();
}

bool valid_host_name(std::string_view host) {
  if (host.empty() || host.size() > kHostLengthMax) return false;
  const bool letters_fit = std::all_of(host.begin(), host.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
  if (!letters_fit || host.starts_with('.') || host.starts_with('-')) return false;
  // A name whose last label is a number would be taken for an IPv4 address (RFC 3696, section 2).
  std::string_view label = host.substr(host.rfind('.') + 1);
  const bool number = !label.empty() && std::all_of(label.begin(), label.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  return !number || valid_ip(host);
}

}  // namespace

std::expected<Link, std::string> Link::parse(std::string_view text) {
  if (text.size() > kLinkLengthMax) return refuse(text, "is too long for a link");
  if (!text.starts_with(kScheme)) return refuse(text, "does not begin with fb://");
  const size_t hash = text.find('#');
  if (hash == std::string_view::npos) return refuse(text, "has no public key behind a '#'");
  const auto key = key_from_text(text.substr(hash + 1));
  if (!key) return refuse(text, "has a bad public key behind its '#'");

  const std::string_view middle = text.substr(kScheme.size(), hash - kScheme.size());
  const size_t slash = middle.find('/');
  if (slash == std::string_view::npos) return refuse(text, "has no '/' behind its port");
  const std::string_view authority = middle.substr(0, slash);
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return refuse(text, "has no port");
  Link out;
  out.key = *key;
  const char* const end = authority.data() + authority.size();
  const auto port = std::from_chars(authority.data() + colon + 1, end, out.port);
  if (port.ec != std::errc{} || port.ptr != end || out.port == 0) {
    return refuse(text, "has no port between 1 and 65535");
  }
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with('[')) {
    if (!valid_ip(host)) return refuse(text, "has a bad IPv6 address");
    host = host.substr(1, host.size() - 2);
  } else if (!valid_host_name(host)) {
    return refuse(text, "has a bad host name or address");
  }
  out.host = host;
  auto path = percent_decoded(middle.substr(slash + 1));
  if (!path || !valid_link_path(*path)) return refuse(text, "has a bad path");
  out.path = std::move(*path);
  return out;
}

std::string Link::to_string() const {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out(kScheme);
  const bool v6 = host.find(':') != std::string::npos;
  out += v6 ? "[" + host + "]" : host;
  out += ':' + std::to_string(port) + '/';
  for (const char c : path) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out + '#' + key_to_text(key);
}

std::string key_to_text(const PublicKey& key) {
  std::array<char, kKeyTextLength + 1> text{};
  sodium_bin2base64(text.data(), text.size(), key.data(), key.size(), kBase64);
  return {text.data(), kKeyTextLength};
}

std::expected<PublicKey, std::string> key_from_text(std::string_view text) {
  PublicKey out{};
  size_t length = 0;
  if (text.size() != kKeyTextLength ||
      sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &length,
                        nullptr, kBase64) != 0 ||
      length != out.size() || key_to_text(out) != text) {  // libsodium lets some bytes above 127 in
    return std::unexpected(quoted(text) + " is not a public key; one has " +
                           std::to_string(kKeyTextLength) +
                           " characters out of A to Z, a to z, 0 to 9, '-' and '_'");
  }
  return out;
}

}  // namespace fb::content
