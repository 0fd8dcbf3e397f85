// What a seeder is told, and its settings table.
#pragma once

#include <string>
#include <vector>

#include "base/endpoint.h"
#include "cli/setting.h"
#include "cli/setting_load.h"
#include "content/object.h"
#include "engine/udp_engine.h"
#include "roulette/config.h"

namespace fb::cli {

inline constexpr uint16_t kSeedPort = 4711;

struct SeedConfig {
  std::string site;  // the directory that is served
  Endpoint listen{Address::v4(0, 0, 0, 0), kSeedPort};
  std::string host;  // in the link; empty: found out
  std::string key;   // the key's file; empty: in the state directory
  BitRate uplink;
  engine::IoBackend io = engine::IoBackend::kAuto;
  bool segmentation = true;
  uint32_t threads = 1;  // 0: one a core
  ByteCount receive_buffer{uint64_t{4} << 20};
  Duration rescan = seconds(5);
  Duration status_interval = seconds(10);
  std::string stats_json;
  LogLevel log_level = LogLevel::kInfo;
  bool json_log = false;

  uint32_t chunk_size = content::kChunkSizeDefault;
  uint32_t metachunk_chunks = content::kMetachunkChunksDefault;
  bool hidden_files = false;
  ByteCount cache{uint64_t{64} << 20};
  Duration retired_grace = seconds(60);
  roulette::SeederConfig seeder;
  roulette::RouletteConfig roulette;  // its uplink is set from `uplink`
};

// A configuration and the table that fills it. Cannot be moved: the table points into it.
struct SeedSettings {
  SeedConfig config;
  SettingTable table{"fbseed"};

  SeedSettings();
  // Loads every layer and looks at the whole. Empty when all is well.
  [[nodiscard]] std::vector<Complaint> load(const Sources& sources,
                                            std::vector<std::string>& warnings);
};

}  // namespace fb::cli
