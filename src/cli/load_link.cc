#include "cli/load_link.h"

#include <vector>

#include "cli/quantity.h"

namespace fb::cli {
namespace {

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(by);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::expected<LoadLink, std::string> LoadLink::parse(std::string_view text) {
  const auto parts = split(text, ',');
  if (parts.size() < 2 || parts.size() > 3) {
    return std::unexpected("\"" + std::string(text) +
                           "\" is no line; write UP[/DOWN],DELAY[,QUEUE], such as 800kbit,30ms");
  }
  const auto rates = split(parts[0], '/');
  if (rates.size() > 2) {
    return std::unexpected("\"" + std::string(parts[0]) + "\" has more rates than UP/DOWN");
  }
  LoadLink link;
  const auto up = parse_bit_rate(rates[0]);
  if (!up) return std::unexpected(up.error());
  link.up = link.down = *up;
  if (rates.size() == 2) {
    const auto down = parse_bit_rate(rates[1]);
    if (!down) return std::unexpected(down.error());
    link.down = *down;
  }
  const auto delay = parse_duration(parts[1], Zero::kAllowed);
  if (!delay) return std::unexpected(delay.error());
  link.delay = *delay;
  if (parts.size() == 3) {
    const auto queue = parse_byte_count(parts[2]);
    if (!queue) return std::unexpected(queue.error());
    link.queue = *queue;
  }
  return link;
}

}  // namespace fb::cli
