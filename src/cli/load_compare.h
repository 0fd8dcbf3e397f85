// Two results of `fbload`, figure by figure: what changed, and whether that is more than noise.
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fb::cli {

enum class Verdict {
  kSame,
  kWithinNoise,   // of at most twice the combined standard error
  kBetter,
  kWorse,
  kDiffers,       // and nobody knows the noise, or what is better
};
[[nodiscard]] std::string_view to_string(Verdict verdict);

// One figure of both runs. Where one is better it is the smaller one.
struct Compared {
  std::string scope;   // a class's name; empty: the whole run
  std::string metric;  // the key, as in docs/report.md: "completion_seconds.mean"
  std::string name;    // the same for people: "mean wait, s"
  std::optional<double> a, b;          // none: not known
  std::optional<double> percent;       // of the change from a to b; none without both, or from 0
  // Standard error of the difference: of means as the runs measured it, of counts as that of
  // independent events (the root of their sum); 0 where any difference counts.
  std::optional<double> noise;
  Verdict verdict = Verdict::kSame;
};

struct Comparison {
  std::string a_title, b_title;
  std::vector<Compared> rows;
  // Each a sentence. Keys of the scenarios that differ, with both values; classes that only one of
  // them has; a host that was the limit, a check that did not hold.
  std::vector<std::string> differences, warnings;

  [[nodiscard]] bool worse() const;
};

// Requires: both are texts that read_result() or check_result() accepted.
[[nodiscard]] Comparison compare(std::string_view a, std::string_view b);

[[nodiscard]] std::string table(const Comparison& comparison);
// Keys: schema, program, a, b (titles), worse, differences, warnings, rows [{scope, metric, a, b,
// percent, noise, verdict}].
[[nodiscard]] std::string to_json(const Comparison& comparison);

}  // namespace fb::cli
