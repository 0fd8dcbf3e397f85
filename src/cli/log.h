// The log: lines to stderr, for people or as one JSON object a line.
//
// Thread safety: log_start() before any other thread runs; the others from any thread.
#pragma once

#include <string>
#include <string_view>

#include "cli/setting.h"

namespace fb::cli {

// Until this is called, lines are for people, from kInfo on.
void log_start(LogLevel level, bool json);
void log_level(LogLevel level);

void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

// Text as it stands between the quotes of a JSON string; what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_escape(std::string_view text);

}  // namespace fb::cli
