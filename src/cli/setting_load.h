// Fills a table of settings from its layers, and prints it.
//
// Flag beats environment beats file beats default. Everything that is wrong in any layer is
// reported at once; a wrong value leaves its target as the layer below had it.
// Thread safety: one thread at a time.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/setting.h"

namespace fb::cli {

// Something wrong with a setting. `where` is "fbseed.toml:3:10", "FBSEED_UPLINK" or "--uplink".
struct Complaint {
  Layer layer = Layer::kFile;
  std::string where;
  std::string what;  // a sentence

  [[nodiscard]] std::string text() const { return where + ": " + what; }
};

// What stands over the defaults.
struct Sources {
  std::string file;  // a path; empty: no file
  // What the file holds, where somebody has read it already; `file` is then only its name.
  std::optional<std::string> text;
  // Flags of the command line: a setting's key, its flag as written, and the text.
  struct Flag {
    std::string key;
    std::string as_written;
    std::string text;
  };
  std::vector<Flag> flags;
  // KEY=VALUE of each --set.
  std::vector<std::string> sets;
  // NAME and value of each environment variable; others than the program's are ignored.
  std::vector<std::pair<std::string, std::string>> environment;
};

// The process's environment.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> process_environment();

// Empty when all is well. `warnings` gets variables with the program's prefix that are no setting:
// no error, since other software (service managers, containers) may have set them.
[[nodiscard]] std::vector<Complaint> load_settings(SettingTable& table, const Sources& sources,
                                                   std::vector<std::string>& warnings);

// A configuration file's text; "-" is the standard input. The error is complete.
[[nodiscard]] std::expected<std::string, Complaint> read_settings_file(const std::string& path);

// The names of the tables right within [table] of a TOML text, in its order; none when the text is
// wrong, of which load_toml() has more to say.
[[nodiscard]] std::vector<std::string> tables_within(std::string_view text, std::string_view table);

// One layer: the text of a TOML file. `name` is what complaints call it.
[[nodiscard]] std::vector<Complaint> load_toml(SettingTable& table, std::string_view text,
                                               const std::string& name);

// All settings in force as TOML; the comment on each line says where the value comes from. Loading
// it as a file gives the same values.
[[nodiscard]] std::string print_settings(const SettingTable& table);

// The commented configuration file: every key with what it does, its form, its default, its
// variable and its flag; the settings themselves are commented out.
[[nodiscard]] std::string print_documented(const SettingTable& table);

// The dotted name's table ("roulette"), empty for a key without one; and its last part.
[[nodiscard]] std::string_view table_of(std::string_view key);
[[nodiscard]] std::string_view leaf_of(std::string_view key);

// " did you mean …?" for an unknown key, or empty. A key that exists in another table counts.
[[nodiscard]] std::string suggest_key(const SettingTable& table, std::string_view key);

}  // namespace fb::cli
