#include "web/http_semantics.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/endpoint.h"

namespace fb::web {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return lower(c); });
  return out;
}

// Optional whitespace (RFC 9110, 5.6.3).
std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<uint8_t> hex_value(char c) {
  if (is_digit(c)) return static_cast<uint8_t>(c - '0');
  const char l = lower(c);
  if (l >= 'a' && l <= 'f') return static_cast<uint8_t>(l - 'a' + 10);
  return {};
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return {};
    const auto high = hex_value(text[i + 1]);
    const auto low = hex_value(text[i + 2]);
    if (!high || !low) return {};
    out += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return out;
}

// Decoding comes before splitting, so that "%2e%2e%2f" is seen for what it is.
std::expected<std::string, TargetError> normalise_path(std::string_view encoded) {
  const auto decoded = percent_decode(encoded);
  if (!decoded) return std::unexpected(TargetError::kMalformed);
  if (decoded->find('\0') != std::string::npos || decoded->find('\\') != std::string::npos) {
    return std::unexpected(TargetError::kMalformed);
  }
  std::vector<std::string_view> parts;
  bool directory = true;  // whether the last part seen names one
  std::string_view rest = *decoded;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    directory = part.empty() || part == "." || part == ".." || slash != std::string_view::npos;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return std::unexpected(TargetError::kEscape);
    } else {
      parts.pop_back();
    }
  }
  std::string path;
  for (const std::string_view part : parts) {
    if (!path.empty()) path += '/';
    path += part;
  }
  if (directory && !path.empty()) path += '/';
  return path;
}

// A decimal number; one too large for 64 bits becomes the largest, which no file reaches.
std::optional<uint64_t> saturating_number(std::string_view digits) {
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return {};
  uint64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec != std::errc{}) return std::numeric_limits<uint64_t>::max();
  return value;
}

struct RangeSpec {
  bool satisfiable = false;
  ByteRange range;
};

// "first-last", "first-" or "-suffix"; nothing when malformed.
std::optional<RangeSpec> parse_range_spec(std::string_view spec, uint64_t length) {
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view last_text = spec.substr(dash + 1);
  if (dash == 0) {
    const auto suffix = saturating_number(last_text);
    if (!suffix) return {};
    const uint64_t count = std::min(*suffix, length);
    return RangeSpec{count > 0, {length - count, count}};
  }
  const auto first = saturating_number(spec.substr(0, dash));
  if (!first) return {};
  std::optional<uint64_t> last = std::numeric_limits<uint64_t>::max();
  if (!last_text.empty()) last = saturating_number(last_text);
  if (!last || *last < *first) return {};
  if (*first >= length) return RangeSpec{};
  return RangeSpec{true, {*first, std::min(*last, length - 1) - *first + 1}};
}

// Whether a list of entity tags (RFC 9110, 8.8.3 and 13.1) or "*" matches `etag`, our strong one.
// A list that breaks off matches by what stands before.
bool etag_list_matches(std::string_view list, std::string_view etag, bool weak_counts) {
  if (trim(list) == "*") return true;
  while (true) {
    while (!list.empty() && (list.front() == ',' || list.front() == ' ' || list.front() == '\t')) {
      list.remove_prefix(1);
    }
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const size_t close = list.find('"', 1);
    if (close == std::string_view::npos) return false;
    if (list.substr(0, close + 1) == etag && (!weak || weak_counts)) return true;
    list = trim(list.substr(close + 1));
    if (!list.starts_with(',')) return false;
  }
}

}  // namespace

void add_field(Request& request, std::string_view name, std::string_view value) {
  const auto join = [value](std::optional<std::string>& list) {
    list = list ? *list + ", " + std::string(value) : std::string(value);
  };
  const std::string key = lower(name);
  if (key == "host") request.hosts.emplace_back(value);
  if (key == "range") join(request.range);
  if (key == "if-range") join(request.if_range);
  if (key == "if-match") join(request.if_match);
  if (key == "if-none-match") join(request.if_none_match);
  if (key == "sec-fetch-dest") join(request.fetch_dest);
}

const char* to_string(TargetError error) {
  switch (error) {
    case TargetError::kMalformed: return "The address of the request is malformed.";
    case TargetError::kEscape: return "The path leads out of the site.";
  }
  return "unknown";
}

std::expected<Target, TargetError> parse_target(std::string_view target) {
  Target out;
  constexpr std::string_view kScheme = "http://";
  if (target.size() > kScheme.size() && lower(target.substr(0, kScheme.size())) == kScheme) {
    target.remove_prefix(kScheme.size());
    const size_t end = std::min(target.find_first_of("/?#"), target.size());
    out.authority = target.substr(0, end);
    if (out.authority.empty()) return std::unexpected(TargetError::kMalformed);
    target.remove_prefix(end);
  } else if (!target.starts_with('/')) {
    return std::unexpected(TargetError::kMalformed);
  }
  // A client keeps the fragment to itself (RFC 9110, 4.2.5); one that does not is broken.
  if (target.find('#') != std::string_view::npos) return std::unexpected(TargetError::kMalformed);
  const size_t question = std::min(target.find('?'), target.size());
  out.query = target.substr(question);
  auto path = normalise_path(target.substr(0, question));
  if (!path) return std::unexpected(path.error());
  out.path = std::move(*path);
  return out;
}

std::string encode_path(std::string_view path) {
  constexpr std::string_view kPlain = "/-._~!$&'()*+,;=:@";  // RFC 3986, 3.3: pchar and '/'
  std::string out = "/";
  for (const char c : path) {
    if (is_alphanumeric(c) || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 0xf];
  }
  return out;
}

std::optional<std::string> host_of(std::string_view authority) {
  authority = trim(authority);
  const bool v6 = authority.starts_with('[');
  const size_t end = v6 ? authority.find(']') : authority.find(':');
  if (v6 && end == std::string_view::npos) return {};
  std::string_view host = authority.substr(0, v6 ? end + 1 : end);
  const std::string_view port = authority.substr(host.size());
  if (!port.empty() && (port.front() != ':' || !std::ranges::all_of(port.substr(1), is_digit))) {
    return {};
  }
  if (v6) {
    const auto endpoint = Endpoint::parse(std::string(host) + ":0");
    if (!endpoint) return {};
    std::string text = endpoint->to_string();
    text.resize(text.rfind(':'));
    return text;
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  };
  if (host.empty() || host.ends_with('.') || !std::ranges::all_of(host, allowed)) return {};
  return lower(host);
}

HostVerdict judge_host(const Request& request, const Target& target,
                       std::span<const std::string> ours) {
  if (request.hosts.size() > 1) return HostVerdict::kMalformed;
  if (request.hosts.empty()) {
    if (request.version >= 11) return HostVerdict::kMissing;
    // No browser leaves out Host, and only a browser can be tricked by DNS.
    if (target.authority.empty()) return HostVerdict::kAccepted;
  }
  const auto host = host_of(target.authority.empty() ? request.hosts.front() : target.authority);
  if (!host) return HostVerdict::kMalformed;
  return std::ranges::find(ours, *host) != ours.end() ? HostVerdict::kAccepted
                                                      : HostVerdict::kForeign;
}

RangeDecision parse_range(std::string_view value, uint64_t length) {
  const size_t equals = value.find('=');
  if (equals == std::string_view::npos) return {};
  if (lower(trim(value.substr(0, equals))) != "bytes") return {};
  value.remove_prefix(equals + 1);
  RangeDecision out;
  size_t specs = 0;
  uint64_t total = 0;  // at most kRangesMax times an object's length, so no overflow
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view text = trim(value.substr(0, comma));
    value.remove_prefix(std::min(comma + 1, value.size()));
    if (text.empty()) continue;  // lists may have empty elements (RFC 9110, 5.6.1.2)
    const auto spec = parse_range_spec(text, length);
    // An empty file has no last bytes that Content-Range could name, yet a suffix is no error.
    if (!spec || ++specs > kRangesMax || (length == 0 && text.front() == '-')) return {};
    if (!spec->satisfiable) continue;
    out.ranges.push_back(spec->range);
    total += spec->range.length;
  }
  if (specs == 0 || (out.ranges.size() > 1 && total > length)) return {};
  using Kind = RangeDecision::Kind;
  out.kind = out.ranges.empty() ? Kind::kUnsatisfiable : Kind::kPartial;
  return out;
}

Precondition check_preconditions(const Request& request, std::string_view etag) {
  if (request.if_match && !etag_list_matches(*request.if_match, etag, false)) {
    return Precondition::kFailed;
  }
  if (request.if_none_match && etag_list_matches(*request.if_none_match, etag, true)) {
    return Precondition::kNotModified;
  }
  return Precondition::kPass;
}

bool if_range_holds(const Request& request, std::string_view etag) {
  return !request.if_range || trim(*request.if_range) == etag;
}

}  // namespace fb::web
