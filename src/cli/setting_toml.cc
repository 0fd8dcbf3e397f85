#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <ranges>

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
      const std::string section(table_of(key));
      if (!section.empty() && !std::ranges::count(sections_, section)) sections_.push_back(section);
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
    if (is_boolean(setting)) {
      if (const auto* flag = value.as_boolean()) return flag->get() ? "true" : "false";
      return std::unexpected(std::string("must be true or false, without quotes"));
    }
    if (is_count(setting)) {
      if (const auto* number = value.as_integer()) return fmt::format("{}", number->get());
      return std::unexpected(std::string("must be a whole number, without quotes"));
    }
    if (const auto* text = value.as_string()) return text->get();
    // A bare number: the sentence about its missing unit serves best.
    if (const auto* number = value.as_integer(); number && number->get() > 0 && has_unit(setting)) {
      const auto refused = set_from_text(setting, fmt::format("{}", number->get()));
      if (!refused) return std::unexpected(refused.error());
    }
    return std::unexpected(fmt::format("must be a string in quotes: {}", form_of(setting)));
  }

  static bool has_unit(const Setting& setting) {
    return std::holds_alternative<BitRate*>(setting.target) ||
           std::holds_alternative<Duration*>(setting.target) ||
           std::holds_alternative<ByteCount*>(setting.target);
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

}  // namespace fb::cli
