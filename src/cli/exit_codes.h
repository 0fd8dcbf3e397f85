// How every command ends. The numbers are promised to scripts: never change one.
#pragma once

#include <string_view>

namespace fb::cli {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,         // it could not be completed
  kUsage = 2,          // the command line is wrong
  kConfiguration = 3,  // the configuration file or the environment is wrong
  kUnreachable = 4,    // the seeder cannot be reached
  kNotFound = 5,       // the site has no such file
  kLocal = 6,          // trouble on this machine: disk, permissions, port in use
  kNotAsExpected = 7,  // fbload: an [expect], a rule of the protocol, --fail-if-worse
  kInterrupted = 130,  // SIGINT, as shells count it: 128 + 2
};

inline constexpr std::string_view kExitCodesHelp =
    "Exit codes: 0 done; 1 could not be completed; 2 wrong usage; 3 wrong configuration;\n"
    "4 the seeder cannot be reached; 5 not found; 6 trouble on this machine (disk,\n"
    "permissions, port in use); 7 not as expected (fbload); 130 interrupted.";

}  // namespace fb::cli
