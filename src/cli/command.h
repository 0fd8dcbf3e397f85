// Programs, their commands and their options as data; command.cc alone knows the library that
// parses a command line.
//
// To add a command: write a function that returns its Command, and name it in main.cc's table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/setting.h"
#include "cli/setting_load.h"

namespace fb::cli {

struct Option {
  std::string name;   // "out" for --out; "LINK" for a positional one
  char letter = 0;    // 'o' for -o; 0: none
  std::string value;  // what stands for its value in help texts; empty: a flag without a value
  std::string doc;
  bool positional = false;
  bool required = false;
  bool repeated = false;  // may be given several times
};

// What stood on the command line, by option name.
class Arguments {
 public:
  [[nodiscard]] bool has(std::string_view name) const { return values_.contains(name); }
  // The value, or the last of several; empty when it was not given.
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  void add(const std::string& name, std::vector<std::string> values);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

struct Command {
  std::string name;      // "serve"
  std::string summary;   // one line for the program's list
  std::string examples;  // lines for the end of its help; the exit codes follow
  std::vector<Option> options;
  std::function<ExitCode(const Arguments&)> run;
};

struct Program {
  std::string name;     // "seed", as in `flashback seed`
  std::string link;     // "fbseed", as in argv[0]
  std::string summary;  // one line
  // What an argument list that starts with no command means; empty: it is wrong usage.
  std::string default_command;
  std::vector<Command> commands;
};

// Runs one program. Prints help, version and usage errors itself.
[[nodiscard]] ExitCode run_program(const Program& program, std::string_view called,
                                   std::span<const std::string> arguments);

// The options that a program with settings has in every such command: --config, --set,
// --print-config, and the flags that the table gives this command.
enum class FileOption : uint8_t {
  kConfig,  // --config
  kNone,    // the command has a way of its own to name the file
};
[[nodiscard]] std::vector<Option> setting_options(const SettingTable& table,
                                                  const std::string& command,
                                                  FileOption file = FileOption::kConfig);
// The layers above the defaults, from the command line and the process's environment.
[[nodiscard]] Sources sources_of(const Arguments& arguments, const SettingTable& table,
                                 const std::string& command);
// Prints all complaints, a line each, to stderr. kUsage when only flags are wrong, else
// kConfiguration; kOk when there are none.
[[nodiscard]] ExitCode report(const std::vector<Complaint>& complaints);

}  // namespace fb::cli
