// fbload report: the page of a result, or of several side by side.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/load_html.h"
#include "cli/load_result.h"
#include "cli/log.h"
#include "cli/report.h"

namespace fb::cli {
namespace {

ExitCode run(const Arguments& arguments) {
  std::vector<std::string> files = arguments.list("FILES");
  if (files.size() < 2) {
    log_error("RESULT.json and OUT.html are needed");
    return ExitCode::kUsage;
  }
  const std::string out = files.back();
  files.pop_back();
  if (out.ends_with(".json")) {
    log_error(fmt::format("the page would overwrite {}: its name comes last, and not as .json",
                          out));
    return ExitCode::kUsage;
  }
  std::vector<std::string> runs;
  for (const std::string& file : files) {
    auto text = read_result(file);
    if (!text) {
      log_error(text.error().text);
      return text.error().code;
    }
    runs.push_back(*std::move(text));
  }
  const std::string title = arguments.has("title") ? arguments.text("title") : "Runs side by side";
  const std::string page = runs.size() == 1 ? html_report(runs.front()) : html_report(runs, title);
  const auto written = write_file_atomically(out, page);
  if (!written) {
    log_error(written.error());
    return ExitCode::kLocal;
  }
  return ExitCode::kOk;
}

}  // namespace

Command load_report_command() {
  return {.name = "report",
          .summary = "Makes a page of a result, or of several side by side",
          .examples = "  fbload report result.json page.html\n"
                      "  fbload report 8.json 16.json 32.json page.html --title 'By rate'",
          .options = {{.name = "FILES", .value = {},
                       .doc = "RESULT.json [...] OUT.html: results of fbload, and last the page",
                       .positional = true, .required = true, .repeated = true},
                      {.name = "title", .value = "TEXT", .doc = "The title of several runs"}},
          .run = run};
}

}  // namespace fb::cli
