#include "cli/load_config.h"

#include <algorithm>
#include <iterator>

#include "cli/roulette_settings.h"

namespace fb::cli {

LoadSettings::LoadSettings() {
  LoadConfig& c = config;
  table.add({.key = "peers", .target = &c.peers, .flag = "peers", .commands = {},
             .doc = "How many visitors come.", .zero = {}, .minimum = 1, .maximum = 100'000,
             .default_text = {}, .origin = {}});
  table.add({.key = "arrivals", .target = &c.arrivals, .flag = "arrivals", .commands = {},
             .doc = "How many visitors come a second, at even distances; decimals are allowed. "
                    "0: all at once.",
             .zero = {}, .default_text = {}, .origin = {}});
  table.add({.key = "link", .target = &c.link, .flag = "link", .commands = {},
             .doc = "Each visitor's access line: UP[/DOWN],DELAY[,QUEUE]. The delay is one way "
                    "and is met once at each end.",
             .zero = {}, .default_text = {}, .origin = {}});
  table.add({.key = "path", .target = &c.path, .flag = "path", .commands = {},
             .doc = "The file that each visitor fetches. Empty: the link's path, or index.html.",
             .zero = {}, .default_text = {}, .origin = {}});
  table.add({.key = "seed", .target = &c.seed, .flag = "seed", .commands = {},
             .doc = "Decides every choice of the visitors. 0: drawn, and told in the report.",
             .zero = {}, .default_text = {}, .origin = {}});
  table.add({.key = "kill_every", .target = &c.kill_every, .flag = "kill-every", .commands = {},
             .doc = "How often a share of the visitors in the swarm vanishes without a word.",
             .zero = "never", .minimum = 1'000'000, .default_text = {}, .origin = {}});
  table.add({.key = "kill_percent", .target = &c.kill_percent, .flag = "kill-percent",
             .commands = {}, .doc = "How many per cent of them vanish each time.", .zero = {},
             .minimum = 1, .maximum = 100, .default_text = {}, .origin = {}});
  table.add({.key = "io", .target = &c.io, .flag = "io", .commands = {},
             .doc = "How to talk to the kernel. auto: io_uring, or epoll where it is not "
                    "permitted.",
             .zero = {}, .default_text = {}, .origin = {}});
  table.add({.key = "log_level", .target = &c.log_level, .flag = "log-level", .commands = {},
             .doc = "The least important lines that are logged.", .zero = {}, .default_text = {},
             .origin = {}});
  table.add({.key = "json_log", .target = &c.json_log, .flag = "json-log", .commands = {},
             .doc = "Log one JSON object a line: time, level, message.", .zero = {},
             .default_text = {}, .origin = {}});
  add_roulette_settings(table, c.roulette, RouletteRole::kPeer);
  table.find("roulette.give_up")->flag = "timeout";
}

std::vector<Complaint> LoadSettings::load(const Sources& sources,
                                          std::vector<std::string>& warnings) {
  auto complaints = load_settings(table, sources, warnings);
  std::ranges::move(check_roulette(table, config.roulette), std::back_inserter(complaints));
  return complaints;
}

}  // namespace fb::cli
