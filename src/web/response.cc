#include "web/response.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

#include "web/pages.h"

namespace fb::web {
namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";

std::string hex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
  return out;
}

// Records are checked where they are read; this only keeps a header a header whatever happens.
std::string safe_content_type(const std::string& type) {
  const bool printable = std::ranges::all_of(type, [](char c) { return c >= ' ' && c <= '~'; });
  return printable && !type.empty() ? type : "application/octet-stream";
}

std::string content_range(const ByteRange& range, uint64_t length) {
  return "bytes " + std::to_string(range.offset) + "-" +
         std::to_string(range.offset + range.length - 1) + "/" + std::to_string(length);
}

void set_body(Response& response, const Request& request, std::string text) {
  response.content_length = text.size();
  if (!request.is_head() && !text.empty()) response.pieces.push_back({std::move(text), {}});
}

// RFC 9110, 14.6. The boundary is a part of the file's own hash, which the file cannot contain
// but by breaking SHA-256; so it needs no randomness and a retry gets the same bytes.
void set_multipart(Response& response, const content::FileRecord& record,
                   const std::string& type, const std::vector<ByteRange>& ranges) {
  const std::string boundary = "flashback-" + hex(std::span(record.sha256).subspan(8));
  response.fields.emplace_back("Content-Type", "multipart/byteranges; boundary=" + boundary);
  for (const ByteRange& range : ranges) {
    std::string head = response.pieces.empty() ? "" : "\r\n";
    head += "--" + boundary + "\r\nContent-Type: " + type + "\r\nContent-Range: " +
            content_range(range, record.geometry.length) + "\r\n\r\n";
    response.content_length += head.size() + range.length;
    response.pieces.push_back({std::move(head), {}});
    response.pieces.push_back({{}, range});
  }
  std::string end = "\r\n--" + boundary + "--\r\n";
  response.content_length += end.size();
  response.pieces.push_back({std::move(end), {}});
}

}  // namespace

std::string entity_tag(const content::FileRecord& record) {
  return '"' + hex(std::span(record.sha256).first(16)) + '"';
}

Response file_response(const Request& request, const content::FileRecord& record) {
  const uint64_t length = record.geometry.length;
  const std::string etag = entity_tag(record);
  Response out;
  out.fields = {{"ETag", etag}, {"Cache-Control", "no-cache"}, {"Accept-Ranges", "bytes"},
                {"X-Content-Type-Options", "nosniff"}};
  switch (check_preconditions(request, etag)) {
    case Precondition::kPass: break;
    case Precondition::kNotModified: out.status = 304; return out;
    case Precondition::kFailed: out.status = 412; return out;
  }
  const std::string type = safe_content_type(record.content_type);
  RangeDecision decision;
  // Range is defined for GET only (RFC 9110, 14.2).
  if (request.range && !request.is_head() && if_range_holds(request, etag)) {
    decision = parse_range(*request.range, length);
  }
  switch (decision.kind) {
    case RangeDecision::Kind::kUnsatisfiable:
      out.status = 416;
      out.fields.emplace_back("Content-Range", "bytes */" + std::to_string(length));
      return out;
    case RangeDecision::Kind::kPartial:
      out.status = 206;
      if (decision.ranges.size() > 1) {
        set_multipart(out, record, type, decision.ranges);
        return out;
      }
      out.fields.emplace_back("Content-Range", content_range(decision.ranges.front(), length));
      break;
    case RangeDecision::Kind::kWhole:
      decision.ranges = {{0, length}};
      break;
  }
  out.fields.emplace_back("Content-Type", type);
  out.content_length = decision.ranges.front().length;
  if (!request.is_head() && out.content_length > 0) {
    out.pieces.push_back({{}, decision.ranges.front()});
  }
  return out;
}

Response text_response(const Request& request, unsigned status, std::string_view content_type,
                       std::string text) {
  Response out;
  out.status = status;
  out.fields = {{"Content-Type", std::string(content_type)},
                {"Cache-Control", "no-store"},
                {"X-Content-Type-Options", "nosniff"},
                {"X-Frame-Options", "DENY"},
                {"Content-Security-Policy",
                 "default-src 'none'; style-src 'unsafe-inline'; sandbox"}};
  set_body(out, request, std::move(text));
  return out;
}

Response error_response(const Request& request, unsigned status, std::string_view explanation,
                        std::string_view site_origin) {
  Response out = text_response(request, status, kHtml,
                               error_page(status, explanation, site_origin));
  if (status == 405) out.fields.emplace_back("Allow", kAllow);
  if (status == 503 || status == 504) out.fields.emplace_back("Retry-After", "5");
  return out;
}

Response redirect_response(const Request& request, const Target& target,
                           std::string_view site_origin) {
  const std::string location = encode_path(target.path) + "/" + target.query;
  Response out = error_response(request, 301, "This page is at " + location, site_origin);
  out.fields.emplace_back("Location", location);
  return out;
}

Response options_response() {
  Response out;
  out.status = 204;
  out.fields = {{"Allow", std::string(kAllow)}};
  return out;
}

Response swarm_error_response(const Request& request, FetchError error,
                              std::string_view site_origin) {
  const auto page = [&](unsigned status, std::string_view explanation) {
    return error_response(request, status, explanation, site_origin);
  };
  switch (error) {
    case FetchError::kNotFound:
      return page(404, "The site has no file of this name.");
    case FetchError::kTimeout:
      return page(504, "The page did not arrive in time: neither the site's server nor the "
                       "visitors who hold it have answered. The site may be under heavy load.");
    case FetchError::kUnreachable:
      return page(504, "The site's server cannot be reached just now, and this computer does not "
                       "hold the page yet. Please check the network connection.");
    case FetchError::kRefused:
      return page(502, "The site's server refused the page, or what it sent is not signed by the "
                       "site. The log of the peer says more.");
    case FetchError::kStopped:
      return page(503, "Flashback is shutting down.");
  }
  return page(502, "The page could not be fetched.");
}

std::string head_text(const Response& response, unsigned version, bool keep_alive,
                      std::time_t now) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nServer: Flashback\r\nDate: " + http_date(now) + "\r\n";
  for (const auto& [name, value] : response.fields) out += name + ": " + value + "\r\n";
  if (response.status != 204 && response.status != 304) {
    out += "Content-Length: " + std::to_string(response.content_length) + "\r\n";
  }
  if (!keep_alive) {
    out += "Connection: close\r\n";
  } else if (version < 11) {
    out += "Connection: keep-alive\r\n";
  }
  return out + "\r\n";
}

std::string http_date(std::time_t time) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  if (gmtime_r(&time, &utc) == nullptr) return "Thu, 01 Jan 1970 00:00:00 GMT";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                utc.tm_min, utc.tm_sec);
  return text.data();
}

}  // namespace fb::web
