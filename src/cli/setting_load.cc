#include "cli/setting_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/nearest.h"

namespace fb::cli {
namespace {

constexpr size_t kFileMax = size_t{1} << 20;  // no configuration is this long

Complaint about_file(const std::string& path, std::string what) {
  return {Layer::kFile, path, std::move(what)};
}

void load_environment(SettingTable& table, const Sources& sources,
                      std::vector<Complaint>& complaints, std::vector<std::string>& warnings) {
  const std::string prefix = table.environment_prefix();
  std::vector<std::string> names{prefix + "CONFIG"};
  for (const Setting& row : table.rows()) names.push_back(table.environment_name(row));
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with(prefix) || name == prefix + "CONFIG") continue;
    const auto row = std::ranges::find_if(
        table.rows(), [&](const Setting& r) { return table.environment_name(r) == name; });
    if (row == table.rows().end()) {
      const auto guess = nearest(name, names);
      warnings.push_back(fmt::format("{} is set in the environment, but is no setting{}", name,
                                     guess ? fmt::format("; did you mean {}?", *guess) : ""));
      continue;
    }
    if (const auto stored = set_from_text(*row, value); !stored) {
      complaints.push_back({Layer::kEnvironment, name, stored.error()});
      continue;
    }
    row->origin = {Layer::kEnvironment, name};
  }
}

void load_flag(SettingTable& table, const std::string& key, const std::string& as_written,
               std::string_view text, std::vector<Complaint>& complaints) {
  Setting* row = table.find(key);
  if (row == nullptr) {
    complaints.push_back({Layer::kFlag, as_written,
                          fmt::format("unknown key \"{}\"{}", key, suggest_key(table, key))});
    return;
  }
  if (const auto stored = set_from_text(*row, text); !stored) {
    complaints.push_back({Layer::kFlag, as_written, stored.error()});
    return;
  }
  row->origin = {Layer::kFlag, as_written};
}

void load_sets(SettingTable& table, const Sources& sources, std::vector<Complaint>& complaints) {
  for (const std::string& set : sources.sets) {
    const size_t equals = set.find('=');
    if (equals == std::string::npos) {
      complaints.push_back({Layer::kFlag, "--set " + set,
                            "write KEY=VALUE, such as roulette.degree_min=8"});
      continue;
    }
    const std::string key = set.substr(0, equals);
    load_flag(table, key, "--set " + key, std::string_view(set).substr(equals + 1), complaints);
  }
}

// Sentences broken into comment lines of at most 100 columns.
std::string comment(std::string_view text) {
  constexpr size_t kColumns = 98;
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = "#";
    }
    line += ' ';
    line += word;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return out + line + "\n";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::ranges::sort(out);
  return out;
}

std::expected<std::string, Complaint> read_settings_file(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  std::string text;
  if (in) {
    text.resize(kFileMax + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
  }
  if (in.bad() || (in.fail() && !in.eof())) {
    return std::unexpected(
        about_file(path, fmt::format("cannot be read: {}", std::strerror(errno))));
  }
  if (text.size() > kFileMax) {
    return std::unexpected(about_file(path, "is too long for a configuration file"));
  }
  return text;
}

std::vector<Complaint> load_settings(SettingTable& table, const Sources& sources,
                                     std::vector<std::string>& warnings) {
  std::vector<Complaint> complaints;
  if (!sources.file.empty()) {
    const auto text = sources.text ? *sources.text : read_settings_file(sources.file);
    if (text) {
      complaints = load_toml(table, *text, sources.file);
    } else {
      complaints.push_back(text.error());
    }
  }
  load_environment(table, sources, complaints, warnings);
  for (const Sources::Flag& flag : sources.flags) {
    load_flag(table, flag.key, flag.as_written, flag.text, complaints);
  }
  load_sets(table, sources, complaints);
  return complaints;
}

std::string print_settings(const SettingTable& table) {
  std::string out = fmt::format("# What is in force for {}, and where each value comes from.\n",
                                table.program());
  std::string section;
  for (const Setting& row : table.rows()) {
    if (table_of(row.key) != section) {
      section = table_of(row.key);
      out += fmt::format("\n[{}]\n", section);
    }
    // A file's name may hold anything; a comment ends at the line's end.
    std::string origin = row.origin.text;
    const auto control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
    std::ranges::replace_if(origin, control, '?');
    out += fmt::format("{} = {}  # {}\n", leaf_of(row.key), toml_of(row), origin);
  }
  return out;
}

std::string print_documented(const SettingTable& table) {
  std::string out = comment(fmt::format(
      "{1} of {0}. Every key is here with its default, commented out. A flag beats an environment "
      "variable, which beats this file; `{0} … --print-config` shows what is in force and why.",
      table.program(), table.file()));
  std::string section;
  for (const Setting& row : table.rows()) {
    if (table_of(row.key) != section) {
      section = table_of(row.key);
      out += fmt::format("\n[{}]\n", section);
    }
    out += '\n' + comment(row.doc);
    out += comment(fmt::format("Form: {}.", form_of(row)));
    std::string ways = fmt::format("Variable: {}.", table.environment_name(row));
    if (!row.flag.empty()) ways += fmt::format(" Flag: --{}.", row.flag);
    if (row.reloadable) ways += " Taken up on reload.";
    out += comment(ways);
    out += fmt::format("#{} = {}\n", leaf_of(row.key), toml_of(row));
  }
  return out;
}

std::string_view table_of(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::string_view leaf_of(std::string_view key) {
  const size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

std::string suggest_key(const SettingTable& table, std::string_view key) {
  const auto keys = table.keys();
  for (const std::string& known : keys) {
    if (known != key && leaf_of(known) == leaf_of(key)) {
      return table_of(known).empty()
                 ? fmt::format("; did you mean \"{}\", above all tables?", known)
                 : fmt::format("; did you mean \"{}\" in [{}]?", leaf_of(known), table_of(known));
    }
  }
  const auto guess = nearest(key, keys);
  return guess ? fmt::format("; did you mean \"{}\"?", *guess) : std::string();
}

}  // namespace fb::cli
