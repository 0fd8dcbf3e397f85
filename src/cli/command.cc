#include "cli/command.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "cli/nearest.h"

namespace fb::cli {
namespace {

// Where the library puts one option's values.
struct Bound {
  const Option* option = nullptr;
  std::vector<std::string> values;
  bool flag = false;
  CLI::Option* handle = nullptr;
};

constexpr size_t kNameColumns = 34;
constexpr size_t kDocColumns = 62;

// Broken into lines, which the library only indents.
std::string wrapped(std::string_view doc) {
  std::string out;
  size_t column = 0;
  while (!doc.empty()) {
    const size_t space = doc.find(' ');
    const std::string_view word = doc.substr(0, space);
    if (column > 0) out += column + 1 + word.size() > kDocColumns ? '\n' : ' ';
    column = out.ends_with('\n') ? word.size() : column + 1 + word.size();
    out += word;
    doc.remove_prefix(space == std::string_view::npos ? doc.size() : space + 1);
  }
  return out;
}

std::string library_name(const Option& option) {
  if (option.positional) return option.name;
  std::string name = "--" + option.name;
  if (option.letter != 0) name = fmt::format("-{},{}", option.letter, name);
  return name;
}

std::unique_ptr<Bound> bind(CLI::App& app, const Option& option) {
  auto bound = std::make_unique<Bound>();
  bound->option = &option;
  const std::string name = library_name(option);
  if (option.value.empty() && !option.positional) {
    bound->handle = app.add_flag(name, bound->flag, wrapped(option.doc));
    return bound;
  }
  bound->handle = app.add_option(name, bound->values, wrapped(option.doc));
  bound->handle->type_name(option.positional ? "" : option.value);
  if (option.repeated) {
    if (!option.positional) bound->handle->allow_extra_args(false);
  } else {
    bound->handle->expected(1)->allow_extra_args(false);
    bound->handle->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  if (option.required) bound->handle->required();
  return bound;
}

// What the library says of an unknown option, and the one that it resembles.
std::string explain(const CLI::ParseError& error, const Command* command) {
  std::string text = error.what();
  const bool unknown = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (command == nullptr || !unknown) return text;
  std::vector<std::string> names{"--help"};
  for (const Option& option : command->options) {
    if (!option.positional) names.push_back("--" + option.name);
  }
  const size_t start = text.find("--");
  if (start == std::string::npos) return text;
  const std::string word = text.substr(start, text.find_first_of(" =\n", start) - start);
  if (const auto guess = nearest(word, names)) text += fmt::format("; did you mean {}?", *guess);
  return text;
}

bool is_command(const Program& program, std::string_view word) {
  return std::ranges::any_of(program.commands, [&](const Command& c) { return c.name == word; });
}

// `fbseed DIR` and `fbseed --uplink 1Mbit DIR` mean `fbseed serve …`.
std::vector<std::string> with_default_command(const Program& program,
                                              std::span<const std::string> arguments) {
  std::vector<std::string> out(arguments.begin(), arguments.end());
  if (program.default_command.empty() || out.empty()) return out;
  const std::string& first = out.front();
  if (is_command(program, first) || first == "-h" || first == "--help" || first == "--version") {
    return out;
  }
  out.insert(out.begin(), program.default_command);
  return out;
}

ExitCode usage(std::string_view called, std::string_view what, const Command* command) {
  const std::string help =
      command == nullptr ? std::string(called) : fmt::format("{} {}", called, command->name);
  fmt::print(stderr, "{}: {}\nTry: {} --help\n", called, what, help);
  return ExitCode::kUsage;
}

}  // namespace

std::string Arguments::text(std::string_view name) const {
  const auto at = values_.find(name);
  return at == values_.end() || at->second.empty() ? std::string() : at->second.back();
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? std::vector<std::string>() : at->second;
}

void Arguments::add(const std::string& name, std::vector<std::string> values) {
  values_[name] = std::move(values);
}

ExitCode run_program(const Program& program, std::string_view called,
                     std::span<const std::string> arguments) {
  CLI::App app(program.summary, std::string(called));
  app.set_version_flag("--version", std::string("flashback " FB_VERSION));
  app.get_formatter()->column_width(kNameColumns);
  app.footer(std::string(kExitCodesHelp));
  app.require_subcommand(1);
  std::vector<std::vector<std::unique_ptr<Bound>>> bounds;
  std::vector<CLI::App*> subs;
  for (const Command& command : program.commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->footer(fmt::format("Examples:\n{}\n\n{}", command.examples, kExitCodesHelp));
    auto& list = bounds.emplace_back();
    for (const Option& option : command.options) list.push_back(bind(*sub, option));
    subs.push_back(sub);
  }
  const auto chosen = [&]() -> size_t {
    const auto at = std::ranges::find_if(subs, [](CLI::App* sub) { return sub->parsed(); });
    return static_cast<size_t>(at - subs.begin());
  };
  try {
    auto reversed = with_default_command(program, arguments);
    std::ranges::reverse(reversed);  // as the library wants them
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);
      return std::fflush(stdout) == 0 ? ExitCode::kOk : ExitCode::kLocal;
    }
    const size_t at = chosen();
    const Command* command = at < subs.size() ? &program.commands[at] : nullptr;
    return usage(called, explain(error, command), command);
  }
  const size_t at = chosen();
  Arguments values;
  for (const auto& bound : bounds[at]) {
    if (bound->flag) values.add(bound->option->name, {"true"});
    if (!bound->values.empty()) values.add(bound->option->name, std::move(bound->values));
  }
  return program.commands[at].run(values);
}

std::vector<Option> setting_options(const SettingTable& table, const std::string& command,
                                    FileOption file) {
  std::vector<Option> out;
  const auto add = [&](std::string name, std::string value, std::string doc, bool repeated) {
    out.push_back({.name = std::move(name), .letter = 0, .value = std::move(value),
                   .doc = std::move(doc), .positional = false, .required = false,
                   .repeated = repeated});
  };
  for (const Setting& row : table.rows()) {
    if (row.flag.empty()) continue;
    if (!row.commands.empty() && !std::ranges::count(row.commands, command)) continue;
    std::string doc = row.doc;
    if (!row.zero.empty()) doc += fmt::format(" 0: {}.", row.zero);
    if (!row.default_text.empty() && !is_boolean(row)) {
      doc += fmt::format(" [{}]", row.default_text == "0" && !row.zero.empty() ? row.zero
                                                                              : row.default_text);
    }
    add(row.flag, placeholder_of(row), std::move(doc), false);
  }
  if (file == FileOption::kConfig) {
    add("config", "FILE",
        fmt::format("The configuration file (TOML) [${}CONFIG]", table.environment_prefix()),
        false);
  }
  add("set", "KEY=VALUE", "Sets any key of the configuration; once for each key", true);
  add("print-config", "", "Prints what is in force, and where each value comes from, and ends",
      false);
  return out;
}

Sources sources_of(const Arguments& arguments, const SettingTable& table,
                   const std::string& command) {
  Sources out;
  out.environment = process_environment();
  out.file = arguments.text("config");
  if (out.file.empty()) {
    const char* file = std::getenv((table.environment_prefix() + "CONFIG").c_str());
    if (file != nullptr) out.file = file;
  }
  for (const Setting& row : table.rows()) {
    if (row.flag.empty() || !arguments.has(row.flag)) continue;
    if (!row.commands.empty() && !std::ranges::count(row.commands, command)) continue;
    out.flags.push_back({row.key, "--" + row.flag, arguments.text(row.flag)});
  }
  out.sets = arguments.list("set");
  return out;
}

ExitCode report(const std::vector<Complaint>& complaints) {
  bool flags_only = true;
  for (const Complaint& complaint : complaints) {
    fmt::print(stderr, "{}\n", complaint.text());
    if (complaint.layer != Layer::kFlag) flags_only = false;
  }
  if (complaints.empty()) return ExitCode::kOk;
  return flags_only ? ExitCode::kUsage : ExitCode::kConfiguration;
}

}  // namespace fb::cli
