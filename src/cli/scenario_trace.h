// Instants of arrival from a CSV file.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace fb::cli {

inline constexpr size_t kTraceBytesMax = size_t{256} << 20;

// The first column of each line: seconds since the start, decimal, ascending. The first line may
// hold names; empty lines and lines that begin with '#' are passed over. The error is a sentence
// that begins with `name` and the line.
[[nodiscard]] std::expected<std::vector<Instant>, std::string> parse_trace(std::string_view text,
                                                                           const std::string& name);
// The same of a file.
[[nodiscard]] std::expected<std::vector<Instant>, std::string> read_trace(const std::string& path);

}  // namespace fb::cli
