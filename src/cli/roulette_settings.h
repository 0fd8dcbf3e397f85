// The [roulette] table: every constant of the protocol that an operator may sensibly change, the
// same for fbseed, fbpeer and fbload.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/setting.h"
#include "cli/setting_load.h"
#include "roulette/config.h"

namespace fb::cli {

// Whose constants: those that only a seeder or only a visitor uses are left out for the other.
enum class RouletteRole : uint8_t { kSeeder, kPeer, kBoth };

// Adds rows that fill `config`, which must outlive the table. The uplink is not among them: it has
// a key of its own elsewhere.
void add_roulette_settings(SettingTable& table, roulette::RouletteConfig& config,
                           RouletteRole role);

// What single rows cannot see: values that contradict each other.
[[nodiscard]] std::vector<Complaint> check_roulette(SettingTable& table,
                                                    const roulette::RouletteConfig& config);

}  // namespace fb::cli
