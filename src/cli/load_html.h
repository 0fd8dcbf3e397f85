// A run's page: one HTML file that needs nothing else, made from the run's JSON alone.
#pragma once

#include <string>
#include <string_view>

namespace fb::cli {

// Requires: `json` is what to_json(LoadSummary) gave. Its text may be hostile; the page shows it
// and never runs it. Pure function, any thread.
[[nodiscard]] std::string html_report(std::string_view json);

}  // namespace fb::cli
