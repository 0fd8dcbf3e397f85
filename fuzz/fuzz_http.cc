// The HTTP request head, as far as http_semantics.h decides it. The input is text: the target, and
// behind newlines the Host, Range, If-None-Match, If-Match and If-Range fields.
#include <array>
#include <optional>
#include <string>

#include "fuzz.h"
#include "web/http_semantics.h"

namespace {

using namespace fb;

std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void check_target(std::string_view text) {
  const auto target = web::parse_target(text);
  if (!target) return;
  const std::string& path = target->path;
  FB_HOLDS(!path.starts_with('/'));
  FB_HOLDS(path.find('\0') == std::string::npos && path.find('\\') == std::string::npos);
  const std::string framed = "/" + path;
  FB_HOLDS(framed.find("//") == std::string::npos);
  FB_HOLDS(framed.find("/../") == std::string::npos && !framed.ends_with("/.."));
  FB_HOLDS(framed.find("/./") == std::string::npos && !framed.ends_with("/."));
  FB_HOLDS(target->query.empty() || target->query.starts_with('?'));
  const auto again = web::parse_target(web::encode_path(path));
  FB_HOLDS(again.has_value());
  FB_HOLDS(again->path == path && again->query.empty() && again->authority.empty());
}

void check_range(std::string_view value, uint64_t length) {
  const auto decision = web::parse_range(value, length);
  const bool partial = decision.kind == web::RangeDecision::Kind::kPartial;
  FB_HOLDS(partial == !decision.ranges.empty());
  FB_HOLDS(decision.ranges.size() <= web::kRangesMax);
  uint64_t total = 0;
  for (const auto& range : decision.ranges) {
    FB_HOLDS(range.length > 0 && range.length <= length);
    FB_HOLDS(range.offset <= length - range.length);
    total += range.length;
    FB_HOLDS(total <= length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  web::Request request;
  request.method = "GET";
  request.target = next_line(text);
  check_target(request.target);

  const std::string_view host = next_line(text);
  if (!host.empty()) request.hosts.emplace_back(host);
  const auto ours = web::host_of(host);
  if (ours) FB_HOLDS(web::host_of(*ours) == ours);
  const std::array<std::string, 2> names{"example.org", ours.value_or("::1")};
  if (const auto target = web::parse_target(request.target)) {
    const auto verdict = web::judge_host(request, *target, names);
    if (target->authority.empty() && request.hosts.size() == 1) {
      FB_HOLDS((verdict == web::HostVerdict::kAccepted) == ours.has_value());
    }
  }

  const std::string_view range = next_line(text);
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, ~uint64_t{0}}) {
    check_range(range, length);
  }
  request.range = range;

  const std::string_view none_match = next_line(text);
  const std::string_view match = next_line(text);
  const std::string_view if_range = next_line(text);
  if (!none_match.empty()) request.if_none_match = none_match;
  if (!match.empty()) request.if_match = match;
  if (!if_range.empty()) request.if_range = if_range;
  const std::string etag = "\"abc\"";
  const auto verdict = web::check_preconditions(request, etag);
  if (none_match.empty() && match.empty()) FB_HOLDS(verdict == web::Precondition::kPass);
  if (if_range.empty() || if_range == etag) FB_HOLDS(web::if_range_holds(request, etag));
  if (if_range.find("abc") == std::string_view::npos) {
    FB_HOLDS(web::if_range_holds(request, etag) == if_range.empty());
  }
  return 0;
}
