// The commands of each program, one function and one file a command.
#pragma once

#include "cli/command.h"

namespace fb::cli {

[[nodiscard]] Command seed_serve_command();
[[nodiscard]] Command seed_check_command();
[[nodiscard]] Command seed_keygen_command();

[[nodiscard]] Command peer_get_command();
[[nodiscard]] Command peer_gateway_command();
[[nodiscard]] Command peer_check_command();

[[nodiscard]] Command load_sim_command();
[[nodiscard]] Command load_run_command();
[[nodiscard]] Command load_check_command();
[[nodiscard]] Command load_compare_command();
[[nodiscard]] Command load_report_command();

}  // namespace fb::cli
