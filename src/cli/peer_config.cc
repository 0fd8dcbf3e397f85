#include "cli/peer_config.h"

#include <algorithm>
#include <iterator>

#include "cli/roulette_settings.h"

namespace fb::cli {
namespace {

void add_network(SettingTable& t, PeerConfig& c) {
  t.add({.key = "uplink", .target = &c.uplink, .flag = "uplink", .commands = {},
         .doc = "How much may be sent to other visitors. Whatever this says, no more is uploaded "
                "than was downloaded and roulette.upload_promise.",
         .zero = "not limited", .minimum = 8'000, .default_text = {}, .origin = {}});
  t.add({.key = "port", .target = &c.port, .flag = "port", .commands = {},
         .doc = "The UDP port to use. 0: any.", .zero = {}, .maximum = 65'535, .default_text = {},
         .origin = {}});
  t.add({.key = "io", .target = &c.io, .flag = "io", .commands = {},
         .doc = "How to talk to the kernel. auto: io_uring, or epoll where it is not permitted.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "segmentation", .target = &c.segmentation, .flag = {}, .commands = {},
         .doc = "Give datagrams to the kernel in trains (UDP_SEGMENT, UDP_GRO), which costs far "
                "less processor time.",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "receive_buffer", .target = &c.receive_buffer, .flag = {}, .commands = {},
         .doc = "The socket's receive buffer (SO_RCVBUF).", .zero = {}, .minimum = 64 << 10,
         .maximum = uint64_t{1} << 30, .default_text = {}, .origin = {}});
  t.add({.key = "log_level", .target = &c.log_level, .flag = "log-level", .commands = {},
         .doc = "The least important lines that are logged.", .zero = {}, .default_text = {},
         .origin = {}});
  t.add({.key = "json_log", .target = &c.json_log, .flag = "json-log", .commands = {},
         .doc = "Log one JSON object a line: time, level, message.", .zero = {},
         .default_text = {}, .origin = {}});
}

void add_get(SettingTable& t, PeerConfig& c) {
  t.add({.key = "get.window", .target = &c.window, .flag = "window", .commands = {"get"},
         .doc = "How many files are fetched at a time.", .zero = {}, .minimum = 1,
         .maximum = 1024, .default_text = {}, .origin = {}});
  t.add({.key = "get.kept", .target = &c.kept, .flag = {}, .commands = {},
         .doc = "How many complete files are kept open and served to others until all is done.",
         .zero = {}, .minimum = 0, .maximum = 10'000, .default_text = {}, .origin = {}});
}

void add_gateway(SettingTable& t, PeerConfig& c) {
  t.add({.key = "gateway.listen", .target = &c.gateway_listen, .flag = "listen",
         .commands = {"gateway"},
         .doc = "The TCP address and port for browsers. Port 0: any.", .zero = {},
         .default_text = {}, .origin = {}});
  t.add({.key = "gateway.hosts", .target = &c.gateway_hosts, .flag = {}, .commands = {},
         .doc = "More host names, separated by commas, under which browsers may ask. All others "
                "are refused, so that no foreign page can reach the gateway (DNS rebinding).",
         .zero = {}, .default_text = {}, .origin = {}});
  t.add({.key = "gateway.connections_max", .target = &c.gateway_connections_max, .flag = {},
         .commands = {}, .doc = "More connections are refused.", .zero = {}, .minimum = 1,
         .maximum = 10'000, .default_text = {}, .origin = {}});
  t.add({.key = "gateway.linger", .target = &c.gateway_linger, .flag = {}, .commands = {},
         .doc = "How long to stay in the swarm, serving, when there is nothing left to fetch.",
         .zero = "leave at once", .maximum = 3'600'000'000'000, .default_text = {},
         .origin = {}});
  t.add({.key = "gateway.memory", .target = &c.memory, .flag = "memory", .commands = {"gateway"},
         .doc = "How many bytes of files are held in memory, for revisits too. What does not fit "
                "goes to a temporary file.",
         .zero = {}, .minimum = uint64_t{1} << 20, .default_text = {}, .origin = {}});
  t.add({.key = "gateway.disk", .target = &c.disk, .flag = {}, .commands = {},
         .doc = "How many bytes of files are held in temporary files, for revisits too.",
         .zero = {}, .minimum = uint64_t{1} << 20, .default_text = {}, .origin = {}});
  t.add({.key = "gateway.temporary", .target = &c.temporary, .flag = "temporary",
         .commands = {"gateway"},
         .doc = "The directory for temporary files. They have no names and vanish with the "
                "process.",
         .zero = {}, .default_text = {}, .origin = {}});
}

}  // namespace

PeerSettings::PeerSettings() {
  add_network(table, config);
  add_get(table, config);
  add_gateway(table, config);
  add_roulette_settings(table, config.roulette, RouletteRole::kPeer);
  // Every visitor wants this one at hand.
  table.find("roulette.give_up")->flag = "timeout";
}

std::vector<Complaint> PeerSettings::load(const Sources& sources,
                                          std::vector<std::string>& warnings) {
  auto complaints = load_settings(table, sources, warnings);
  std::ranges::move(check_roulette(table, config.roulette), std::back_inserter(complaints));
  config.roulette.uplink = config.uplink;
  return complaints;
}

}  // namespace fb::cli
