// What a visitor's programs are told, and their settings table.
#pragma once

#include <string>
#include <vector>

#include "base/endpoint.h"
#include "cli/setting.h"
#include "cli/setting_load.h"
#include "engine/udp_engine.h"
#include "roulette/config.h"

namespace fb::cli {

struct PeerConfig {
  uint32_t port = 0;  // UDP; 0: any
  BitRate uplink;
  engine::IoBackend io = engine::IoBackend::kAuto;
  bool segmentation = true;
  ByteCount receive_buffer{uint64_t{4} << 20};
  LogLevel log_level = LogLevel::kInfo;
  bool json_log = false;

  uint32_t window = 64;  // files fetched at a time by `get`
  uint32_t kept = 512;   // complete files that `get` keeps open, to serve them on

  Endpoint gateway_listen{Address::v4(127, 0, 0, 1), 8080};
  std::string gateway_hosts;  // comma-separated
  uint32_t gateway_connections_max = 256;
  Duration gateway_linger = seconds(2);
  ByteCount memory{uint64_t{64} << 20};
  ByteCount disk{uint64_t{1} << 30};
  std::string temporary = "/var/tmp";

  roulette::RouletteConfig roulette;  // its uplink is set from `uplink`
};

// A configuration and the table that fills it. Cannot be moved: the table points into it.
struct PeerSettings {
  PeerConfig config;
  SettingTable table{"fbpeer"};

  PeerSettings();
  // Loads every layer and looks at the whole. Empty when all is well.
  [[nodiscard]] std::vector<Complaint> load(const Sources& sources,
                                            std::vector<std::string>& warnings);
};

}  // namespace fb::cli
