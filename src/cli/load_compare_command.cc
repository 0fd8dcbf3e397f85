// fbload compare: two results, figure by figure.
#include "cli/commands.h"
#include "cli/load_compare.h"
#include "cli/load_result.h"
#include "cli/log.h"
#include "cli/report.h"

namespace fb::cli {
namespace {

ExitCode run(const Arguments& arguments) {
  const auto a = read_result(arguments.text("A.json"));
  const auto b = read_result(arguments.text("B.json"));
  for (const auto& each : {a, b}) {
    if (!each) log_error(each.error().text);
  }
  if (!a) return a.error().code;
  if (!b) return b.error().code;
  const Comparison comparison = compare(*a, *b);
  if (arguments.has("json")) {
    const auto written = write_file_atomically(arguments.text("json"), to_json(comparison));
    if (!written) {
      log_error(written.error());
      return ExitCode::kLocal;
    }
  }
  if (const auto told = write_standard_output(table(comparison)); !told) {
    log_error(told.error());
    return ExitCode::kLocal;
  }
  const bool fail = arguments.has("fail-if-worse") && comparison.worse();
  return fail ? ExitCode::kNotAsExpected : ExitCode::kOk;
}

}  // namespace

Command load_compare_command() {
  return {.name = "compare",
          .summary = "Compares two results: what changed, and whether that is more than noise",
          .examples = "  fbload compare before.json after.json\n"
                      "  fbload compare before.json after.json --fail-if-worse --json change.json",
          .options = {{.name = "A.json", .value = {}, .doc = "A result of fbload, as JSON",
                       .positional = true, .required = true},
                      {.name = "B.json", .value = {}, .doc = "Another",
                       .positional = true, .required = true},
                      {.name = "json", .value = "FILE", .doc = "Writes the comparison to FILE too"},
                      {.name = "fail-if-worse", .value = {},
                       .doc = "Ends with 7 when a figure is worse by more than noise: by more than "
                              "twice its standard error"}},
          .run = run};
}

}  // namespace fb::cli
