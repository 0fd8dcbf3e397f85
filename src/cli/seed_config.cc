#include "cli/seed_config.h"

#include <algorithm>
#include <iterator>

#include "cli/roulette_settings.h"
#include "roulette/seeder_shards.h"

namespace fb::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

void add_site(SettingTable& t, SeedConfig& c) {
  t.add({.key = "site", .target = &c.site, .flag = "site", .commands = {"serve"},
         .doc = "The directory that is served, with all its files.", .zero = {}, .default_text = {},
         .origin = {}});
  t.add({.key = "listen", .target = &c.listen, .flag = "listen", .commands = {"serve"},
         .doc = "The UDP address and port to listen on. [::]:4711 takes IPv6 and IPv4.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "host", .target = &c.host, .flag = "host", .commands = {"serve"},
         .doc = "The name or address of this machine in the link. Empty: the address of `listen`, "
                "or the one that this machine has towards the Internet.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "key", .target = &c.key, .flag = "key", .commands = {"serve"},
         .doc = "The file with the site's key. Empty: site.key in the state directory "
                "($STATE_DIRECTORY, $XDG_STATE_HOME/flashback, ~/.local/state/flashback), created "
                "at the first start. Who has the file can sign in the site's name.",
         .zero = {}, .default_text = {}, .origin = {}});
}

void add_network(SettingTable& t, SeedConfig& c) {
  t.add({.key = "uplink", .target = &c.uplink, .flag = "uplink", .commands = {"serve"},
         .doc = "How much the seeder may send. Give what the line can really carry, or a little "
                "less: the queue is then here, where joins overtake data, and not in the modem.",
         .zero = "not limited", .minimum = 8'000, .reloadable = true, .default_text = {},
         .origin = {}});
  t.add({.key = "io", .target = &c.io, .flag = "io", .commands = {"serve"},
         .doc = "How to talk to the kernel. auto: io_uring, or epoll where it is not permitted.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "segmentation", .target = &c.segmentation, .flag = {}, .commands = {},
         .doc = "Give datagrams to the kernel in trains (UDP_SEGMENT, UDP_GRO), which costs far "
                "less processor time.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "threads", .target = &c.threads, .flag = "threads", .commands = {"serve"},
         .doc = "How many threads serve, each with a socket on the port. One fills a line of some "
                "Gbit/s; more need profile v2.",
         .zero = "one a core", .maximum = roulette::SeederShards::kShardsMax, .default_text = {},
         .origin = {}});
  t.add({.key = "receive_buffer", .target = &c.receive_buffer, .flag = {}, .commands = {},
         .doc = "The socket's receive buffer (SO_RCVBUF).", .zero = {}, .minimum = 64 << 10,
         .maximum = uint64_t{1} << 30, .default_text = {}, .origin = {}});
}

void add_running(SettingTable& t, SeedConfig& c) {
  t.add({.key = "rescan", .target = &c.rescan, .flag = "rescan", .commands = {"serve"},
         .doc = "How often to look whether files of the site have changed. SIGHUP looks at once.",
         .zero = "only on SIGHUP", .minimum = kSecond / 10, .maximum = 86'400 * kSecond,
         .reloadable = true, .default_text = {}, .origin = {}});
  t.add({.key = "status_interval", .target = &c.status_interval, .flag = "status-interval",
         .commands = {"serve"},
         .doc = "How often to log a line of figures, when anything happened, and to write "
                "stats_json.",
         .zero = "never", .minimum = kSecond / 10, .maximum = 86'400 * kSecond, .reloadable = true,
         .default_text = {}, .origin = {}});
  t.add({.key = "stats_json", .target = &c.stats_json, .flag = "stats-json", .commands = {"serve"},
         .doc = "A file for all counters as JSON, replaced at each status_interval and at the end. "
                "Empty: none.",
         .zero = {}, .reloadable = true, .default_text = {}, .origin = {}});
  t.add({.key = "log_level", .target = &c.log_level, .flag = "log-level", .commands = {"serve"},
         .doc = "The least important lines that are logged.", .zero = {}, .reloadable = true,
         .default_text = {}, .origin = {}});
  t.add({.key = "json_log", .target = &c.json_log, .flag = "json-log", .commands = {"serve"},
         .doc = "Log one JSON object a line: time, level, message.", .zero = {},
         .default_text = {}, .origin = {}});
}

void add_tables(SettingTable& t, SeedConfig& c) {
  t.add({.key = "content.chunk_size", .target = &c.chunk_size, .flag = {}, .commands = {},
         .doc = "Bytes in a chunk, which travels in one datagram. A change gives every file a new "
                "identity.",
         .zero = {}, .minimum = content::kChunkSizeMin, .maximum = content::kChunkSizeMax,
         .default_text = {}, .origin = {}});
  t.add({.key = "content.metachunk_chunks", .target = &c.metachunk_chunks, .flag = {},
         .commands = {},
         .doc = "Chunks in a MetaChunk, the unit that is verified. A change gives every file a "
                "new identity.",
         .zero = {}, .minimum = 1, .maximum = content::kMetachunkChunksMax, .default_text = {},
         .origin = {}});
  t.add({.key = "content.hidden_files", .target = &c.hidden_files, .flag = {}, .commands = {},
         .doc = "Serve files and directories too whose names begin with a dot.", .zero = {},
         .default_text = {}, .origin = {}});
  t.add({.key = "content.cache", .target = &c.cache, .flag = {}, .commands = {},
         .doc = "How many bytes of files are kept in memory.", .zero = "none",
         .default_text = {}, .origin = {}});
  t.add({.key = "content.retired_grace", .target = &c.retired_grace, .flag = {}, .commands = {},
         .doc = "How long a file that changed or vanished is still served to who fetches it.",
         .zero = "not at all", .maximum = 3600 * kSecond, .default_text = {}, .origin = {}});
  t.add({.key = "seeder.neighbours_max", .target = &c.seeder.neighbours_max, .flag = {},
         .commands = {}, .doc = "How many peers the seeder remembers at a time.", .zero = {},
         .minimum = 1, .maximum = 1'000'000, .default_text = {}, .origin = {}});
  t.add({.key = "seeder.neighbour_idle", .target = &c.seeder.neighbour_idle, .flag = {},
         .commands = {}, .doc = "A peer that was not heard for this long is forgotten.",
         .zero = {}, .minimum = kSecond, .maximum = 3600 * kSecond, .default_text = {},
         .origin = {}});
  t.add({.key = "seeder.cookie_lifetime", .target = &c.seeder.cookie_lifetime, .flag = {},
         .commands = {}, .doc = "How long a peer's proof of its address holds.", .zero = {},
         .minimum = kSecond, .maximum = 3600 * kSecond, .default_text = {}, .origin = {}});
}

}  // namespace

SeedSettings::SeedSettings() {
  add_site(table, config);
  add_network(table, config);
  add_running(table, config);
  add_tables(table, config);
  add_roulette_settings(table, config.roulette, RouletteRole::kSeeder);
}

std::vector<Complaint> SeedSettings::load(const Sources& sources,
                                          std::vector<std::string>& warnings) {
  auto complaints = load_settings(table, sources, warnings);
  std::ranges::move(check_roulette(table, config.roulette), std::back_inserter(complaints));
  if (config.threads != 1 && config.roulette.profile != wire::Profile::kV2) {
    const Setting& row = *table.find("threads");
    complaints.push_back({row.origin.layer, row.origin.text,
                          "more than one thread needs roulette.profile = \"v2\""});
  }
  config.roulette.uplink = config.uplink;
  return complaints;
}

}  // namespace fb::cli
