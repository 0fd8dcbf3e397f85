// A scenario as JSON, so that a result says by itself what was run. For the files that make JSON
// only: the library is slow to compile.
#pragma once

#include <string_view>

#include "cli/report_json.h"
#include "sim/scenario.h"

namespace fb::cli {

// Every parameter but the classes and the expectations that nobody set. Units are in the names; a
// trace is its number of visitors and its length.
[[nodiscard]] Json scenario_json(const sim::Scenario& scenario);

// Its share, line and behaviour, with the expectations of it that somebody set.
[[nodiscard]] Json class_json(const sim::PeerClass& peers);

// "classic", "v2", or "http" for plain HTTP clients.
[[nodiscard]] std::string_view profile_name(const sim::Scenario& scenario);

}  // namespace fb::cli
