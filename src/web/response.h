// What the gateway answers, decided before a byte of the file is there: status, header fields, and
// a body made of literal text and slices of the file. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/file_record.h"
#include "web/http_semantics.h"
#include "web/swarm.h"

namespace fb::web {

inline constexpr std::string_view kHtml = "text/html; charset=utf-8";

// A part of a body: `text` when that is not empty, else a slice of the file.
struct Piece {
  std::string text;
  ByteRange slice;
};

struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  // without those of head_text
  std::vector<Piece> pieces;  // empty for HEAD, 204, 304
  uint64_t content_length = 0;  // sent unless the status forbids it (RFC 9110, 8.6)
};

// Strong: the first 32 hexadecimal digits of the file's SHA-256, in quotes.
[[nodiscard]] std::string entity_tag(const content::FileRecord& record);

// For GET and HEAD of a file that exists: 200, 206 (one range, or multipart/byteranges), 304, 412
// or 416. HEAD gets exactly what GET without Range would, but no pieces.
[[nodiscard]] Response file_response(const Request& request, const content::FileRecord& record);

// An error, or any text of our own, never cached.
[[nodiscard]] Response error_response(const Request& request, unsigned status,
                                      std::string_view explanation, std::string_view site_origin);
[[nodiscard]] Response text_response(const Request& request, unsigned status,
                                     std::string_view content_type, std::string text);
// 301 to a directory's address with its '/', query kept.
[[nodiscard]] Response redirect_response(const Request& request, const Target& target,
                                         std::string_view site_origin);
[[nodiscard]] Response options_response();
[[nodiscard]] Response swarm_error_response(const Request& request, FetchError error,
                                            std::string_view site_origin);

// Status line and header, with Date, Content-Length and Connection, to the empty line. HTTP/1.0
// clients are told about keep-alive, HTTP/1.1 clients about its end (RFC 9112, 9.3).
[[nodiscard]] std::string head_text(const Response& response, unsigned version, bool keep_alive,
                                    std::time_t now);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
[[nodiscard]] std::string http_date(std::time_t time);

}  // namespace fb::web
