#include "cli/scenario_trace.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "cli/quantity.h"

namespace fb::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t start = text.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlank) - start + 1);
}

std::string_view first_column(std::string_view line) {
  std::string_view column = trimmed(line.substr(0, line.find(',')));
  if (column.size() >= 2 && column.front() == '"' && column.back() == '"') {
    column = column.substr(1, column.size() - 2);
  }
  return column;
}

// As exact as a duration in a setting.
std::optional<Instant> instant_of(std::string_view column) {
  const auto parsed = parse_duration(std::string(column) + "s", Zero::kAllowed);
  if (!parsed) return {};
  return Instant{} + *parsed;
}

}  // namespace

std::expected<std::vector<Instant>, std::string> parse_trace(std::string_view text,
                                                             const std::string& name) {
  std::vector<Instant> out;
  size_t number = 0;
  bool first = true;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const bool may_be_names = std::exchange(first, false);
    const std::string_view column = first_column(line);
    const auto at = instant_of(column);
    if (!at) {
      const bool digit = !column.empty() && column.front() >= '0' && column.front() <= '9';
      if (may_be_names && !digit && !column.starts_with('-')) continue;
      return std::unexpected(fmt::format(
          "{}:{}: \"{}\" is no number of seconds, such as 12.5", name, number, column));
    }
    if (!out.empty() && *at < out.back()) {
      return std::unexpected(fmt::format("{}:{}: {} s comes after {} s; arrivals must ascend", name,
                                         number, column,
                                         real_text((out.back() - Instant{}).seconds())));
    }
    out.push_back(*at);
  }
  if (out.empty()) return std::unexpected(name + ": nobody arrives in it");
  return out;
}

std::expected<std::vector<Instant>, std::string> read_trace(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  constexpr size_t kPiece = size_t{1} << 20;
  while (in && text.size() <= kTraceBytesMax) {
    const size_t before = text.size();
    text.resize(before + kPiece);
    in.read(text.data() + before, kPiece);
    text.resize(before + static_cast<size_t>(in.gcount()));
  }
  if (in.bad() || (in.fail() && !in.eof())) {
    return std::unexpected(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  }
  if (text.size() > kTraceBytesMax) return std::unexpected(path + ": is longer than 256 MiB");
  return parse_trace(text, path);
}

}  // namespace fb::cli
