// A run's page, or that of several runs side by side: one HTML file that needs nothing else, made
// from their JSON alone.
//
// The page's parts are src/cli/report.{html,css,js} and report_charts.js, which draws with d3; all
// are built into the program. Pure functions, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fb::cli {

// Requires: `json` is what to_json(LoadSummary) gave. Its text may be hostile; the page shows it
// and never runs it.
[[nodiscard]] std::string html_report(std::string_view json);

// Requires: each of `runs` as above.
[[nodiscard]] std::string html_report(std::span<const std::string> runs, std::string_view title);

}  // namespace fb::cli
