// What of HTTP/1.1 can be decided without a socket, a clock or the swarm: where a request points,
// whether its Host is ours, which bytes it wants, whether the client's copy is still good.
// Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 3986 (URIs). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fb::web {

// More ranges than this in one request are answered with the whole file (RFC 9110, 14.2).
inline constexpr size_t kRangesMax = 8;

// One request's head, as far as we look at it. Fields that came several times and are lists are
// joined by commas (RFC 9110, 5.3).
struct Request {
  std::string method;
  std::string target;  // as sent, see parse_target
  unsigned version = 11;  // 10 = HTTP/1.0, 11 = HTTP/1.1
  bool keep_alive = true;
  std::vector<std::string> hosts;  // one for every Host field line
  std::optional<std::string> range;
  std::optional<std::string> if_range;
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  std::optional<std::string> fetch_dest;  // Sec-Fetch-Dest: what a browser will do with the answer

  [[nodiscard]] bool is_head() const { return method == "HEAD"; }
};

// Takes up one header field line, if it is one of those above. Names are case-insensitive.
void add_field(Request& request, std::string_view name, std::string_view value);

enum class TargetError {
  kMalformed,  // neither a path nor an http URI, a broken %-escape, a NUL, backslash or fragment
  kEscape,     // ".." leads above the site's root
};
[[nodiscard]] const char* to_string(TargetError error);

struct Target {
  // Percent-decoded, without leading '/', empty parts and dot segments. Empty for the root; ends
  // in '/' when the request names a directory.
  std::string path;
  std::string query;      // as sent, with its '?'; empty when there is none
  std::string authority;  // of an absolute-form target (RFC 9112, 3.2.2), else empty

  [[nodiscard]] bool is_directory() const { return path.empty() || path.ends_with('/'); }
};
[[nodiscard]] std::expected<Target, TargetError> parse_target(std::string_view target);

// The inverse for a Location field: "/" and the path with all bytes escaped that need it.
[[nodiscard]] std::string encode_path(std::string_view path);

// The host of "host", "host:port" or "[v6]:port": lower case, without port and final dot, IPv6
// addresses in their RFC 5952 form. Nothing when it is no such thing.
[[nodiscard]] std::optional<std::string> host_of(std::string_view authority);

enum class HostVerdict {
  kAccepted,
  kMissing,    // HTTP/1.1 requires exactly one Host (RFC 9112, 3.2)
  kMalformed,  // several, or not a host
  kForeign,    // somebody else's name: DNS rebinding, or a wrong proxy
};
// `ours` holds results of host_of. An absolute-form target's authority replaces the Host field.
[[nodiscard]] HostVerdict judge_host(const Request& request, const Target& target,
                                     std::span<const std::string> ours);

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;  // never 0
  auto operator<=>(const ByteRange&) const = default;
};

struct RangeDecision {
  enum class Kind {
    kWhole,          // no, malformed, foreign or excessive Range: the whole file with 200
    kPartial,        // `ranges` has 1 to kRangesMax entries
    kUnsatisfiable,  // 416
  };
  Kind kind = Kind::kWhole;
  std::vector<ByteRange> ranges;
};
// Decides a Range field's value for a file of `length` bytes (RFC 9110, 14.1 and 14.2). Ranges that
// together are longer than the file (so they overlap) count as excessive.
[[nodiscard]] RangeDecision parse_range(std::string_view value, uint64_t length);

enum class Precondition {
  kPass,
  kNotModified,  // 304
  kFailed,       // 412
};
// RFC 9110, 13.2.2, for GET and HEAD of a file with the strong entity tag `etag` (with its quotes)
// and no modification time, so that If-Modified-Since and If-Unmodified-Since are ignored.
[[nodiscard]] Precondition check_preconditions(const Request& request, std::string_view etag);
// Whether the request's Range counts: no If-Range, or one that is exactly our entity tag.
[[nodiscard]] bool if_range_holds(const Request& request, std::string_view etag);

}  // namespace fb::web
