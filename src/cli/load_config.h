// What fbload is told, and its settings table.
#pragma once

#include <string>
#include <vector>

#include "cli/setting.h"
#include "cli/setting_load.h"
#include "engine/udp_engine.h"
#include "roulette/config.h"

namespace fb::cli {

struct LoadConfig {
  engine::IoBackend io = engine::IoBackend::kAuto;
  LogLevel log_level = LogLevel::kInfo;
  bool json_log = false;
  uint32_t peers = 100;
  std::string arrivals = "32";         // a second, decimals allowed; 0: all at once
  std::string link = "800kbit,30ms";
  std::string path;                    // empty: the link's path, or index.html
  uint32_t seed = 0;                   // 0: drawn, and told
  Duration kill_every{};               // 0: nobody is killed
  uint32_t kill_percent = 50;
  roulette::RouletteConfig roulette;
};

// A configuration and the table that fills it. Cannot be moved: the table points into it.
struct LoadSettings {
  LoadConfig config;
  SettingTable table{"fbload"};

  LoadSettings();
  [[nodiscard]] std::vector<Complaint> load(const Sources& sources,
                                            std::vector<std::string>& warnings);
};

}  // namespace fb::cli
