// The few pages that the gateway writes itself: errors and the status. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fb::web {

// "Not Found" for 404; "Unknown" for a status that the gateway never sends.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

[[nodiscard]] std::string escape_html(std::string_view text);

// A small self-contained page. `explanation` and `site_origin` are plain text and get escaped;
// an empty `site_origin` is left out.
[[nodiscard]] std::string error_page(unsigned status, std::string_view explanation,
                                     std::string_view site_origin);

// Renders the peer's JSON as tables. Members whose name ends in "_bytes" are shown in KiB, MiB and
// so on, "_ms" and "_seconds" as times; objects nest to a bounded depth. `gateway` are rows of our
// own. When `json_text` is empty or no JSON, the page says so and still shows the rows.
using StatusRows = std::vector<std::pair<std::string, uint64_t>>;
[[nodiscard]] std::string status_page(std::string_view json_text, const StatusRows& gateway,
                                      std::string_view site_origin);

// "1.5 MiB"; below 1 KiB "17 bytes".
[[nodiscard]] std::string readable_bytes(uint64_t bytes);

}  // namespace fb::web
