#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>

#include "cli/nearest.h"
#include "cli/setting_load.h"

namespace fb::cli {
namespace {

std::string position(const std::string& name, const toml::source_region& at) {
  return fmt::format("{}:{}:{}", name, at.begin.line, at.begin.column);
}

// Walks one file. Every complaint says where; a good value is stored at once.
class Walk {
 public:
  Walk(SettingTable& table, const std::string& name) : table_(table), name_(name) {
    for (const std::string& key : table.keys()) {
      for (std::string section(table_of(key)); !section.empty(); section = table_of(section)) {
        if (!std::ranges::count(sections_, section)) sections_.push_back(section);
      }
    }
  }

  void visit(const toml::table& node, const std::string& prefix) {
    for (auto&& [key, value] : node) {
      const std::string dotted = prefix + std::string(key.str());
      // A quoted key with a dot in it is not the key in the table.
      const bool plain = key.str().find('.') == std::string_view::npos;
      if (Setting* setting = plain ? table_.find(dotted) : nullptr) {
        take(*setting, value);
      } else if (plain && std::ranges::count(sections_, dotted)) {
        if (const toml::table* inner = value.as_table()) {
          visit(*inner, dotted + ".");
        } else {
          complain(value.source(), fmt::format("\"{}\" is a table; write [{}]", dotted, dotted));
        }
      } else {
        unknown(key.source(), dotted, value.is_table());
      }
    }
  }

  std::vector<Complaint> take_complaints() {
    std::ranges::sort(found_, {}, [](const Found& f) { return f.line_and_column; });
    std::vector<Complaint> out;
    for (Found& found : found_) out.push_back(std::move(found.complaint));
    return out;
  }

 private:
  struct Found {
    std::pair<uint32_t, uint32_t> line_and_column;
    Complaint complaint;
  };

  void complain(const toml::source_region& at, std::string what) {
    found_.push_back({{at.begin.line, at.begin.column},
                      {Layer::kFile, position(name_, at), std::move(what)}});
  }

  void unknown(const toml::source_region& at, const std::string& dotted, bool is_table) {
    if (is_table) {
      const auto guess = nearest(dotted, sections_);
      complain(at, fmt::format("unknown table [{}]{}", dotted,
                               guess ? fmt::format("; did you mean [{}]?", *guess) : ""));
      return;
    }
    complain(at, fmt::format("unknown key \"{}\"{}", dotted, suggest_key(table_, dotted)));
  }

  void take(Setting& setting, const toml::node& value) {
    if (const toml::array* list = value.as_array(); list != nullptr && is_list(setting)) {
      for (const toml::node& element : *list) {
        if (!element.is_string()) {
          complain(element.source(), fmt::format("{}: must be {}", setting.key, form_of(setting)));
          return;
        }
      }
    }
    const auto text = text_in(setting, value);
    const auto stored = text ? set_from_text(setting, *text) : std::unexpected(text.error());
    if (!stored) {
      complain(value.source(), fmt::format("{}: {}", setting.key, stored.error()));
      return;
    }
    setting.origin = {Layer::kFile, position(name_, value.source())};
  }

  // The value as text, when it has the TOML type that the setting needs.
  static std::expected<std::string, std::string> text_in(const Setting& setting,
                                                         const toml::node& value) {
    const auto* word = value.as_string();
    if (word != nullptr && !setting.unset.empty() && word->get() == setting.unset) {
      return word->get();
    }
    if (is_boolean(setting)) {
      if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
      return std::unexpected(std::string("must be true or false, without quotes"));
    }
    if (is_count(setting)) {
      if (const auto* number = value.as_integer()) return fmt::format("{}", number->get());
      return std::unexpected(std::string("must be a whole number, without quotes"));
    }
    if (is_real(setting)) {
      if (const auto number = bare_number(value)) return *number;
      return std::unexpected(std::string("must be a number, without quotes"));
    }
    if (is_list(setting)) return list_in(setting, value);
    if (word != nullptr) return word->get();
    // A bare number: the sentence about its missing unit serves best.
    if (const auto number = bare_number(value); number && *number != "0" && has_unit(setting)) {
      const auto refused = set_from_text(setting, *number);
      if (!refused) return std::unexpected(refused.error());
    }
    return std::unexpected(fmt::format("must be a string in quotes: {}", form_of(setting)));
  }

  static std::optional<std::string> bare_number(const toml::node& value) {
    if (const auto* number = value.as_integer()) return fmt::format("{}", number->get());
    if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
    return {};
  }

  // Of an array of strings, as take() has made sure: "4KiB,128KiB".
  static std::expected<std::string, std::string> list_in(const Setting& setting,
                                                         const toml::node& value) {
    const toml::array* list = value.as_array();
    if (list == nullptr) return std::unexpected(fmt::format("must be {}", form_of(setting)));
    std::string out;
    for (const toml::node& element : *list) {
      if (!out.empty()) out += ',';
      out += element.value_or(std::string());
    }
    return out;
  }

  static bool has_unit(const Setting& setting) {
    return std::holds_alternative<BitRate*>(setting.target) ||
           std::holds_alternative<Duration*>(setting.target) ||
           std::holds_alternative<ByteCount*>(setting.target) ||
           std::holds_alternative<Fraction>(setting.target) ||
           std::holds_alternative<OptionalFraction>(setting.target) ||
           std::holds_alternative<Frequency>(setting.target);
  }

  SettingTable& table_;
  const std::string& name_;
  std::vector<std::string> sections_;
  std::vector<Found> found_;
};

}  // namespace

std::vector<Complaint> load_toml(SettingTable& table, std::string_view text,
                                 const std::string& name) {
  toml::table parsed;
  try {
    parsed = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return {{Layer::kFile, position(name, error.source()), std::string(error.description())}};
  }
  Walk walk(table, name);
  walk.visit(parsed, "");
  return walk.take_complaints();
}

std::vector<std::string> tables_within(std::string_view text, std::string_view table) {
  toml::table parsed;
  try {
    parsed = toml::parse(text);
  } catch (const toml::parse_error&) {
    return {};
  }
  const toml::table* outer = parsed[table].as_table();
  if (outer == nullptr) return {};
  std::vector<std::pair<toml::source_position, std::string>> found;
  for (auto&& [key, value] : *outer) {
    if (value.is_table()) found.emplace_back(key.source().begin, std::string(key.str()));
  }
  std::ranges::sort(found, {}, [](const auto& one) {
    return std::pair(one.first.line, one.first.column);
  });
  std::vector<std::string> out;
  for (auto& [at, name] : found) out.push_back(std::move(name));
  return out;
}

}  // namespace fb::cli
