#include "cli/load_compare.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "cli/load_html.h"
#include "cli/load_result.h"
#include "cli/load_summary.h"
#include "load_support.h"

using namespace fb;
using namespace fb::cli;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Two hundred visitors whose times vary a little around a mean.
sim::RunResult run_of(int64_t mean_ms, uint32_t unfinished = 0) {
  sim::RunResult out;
  out.seed = 1;
  out.elapsed = seconds(100);
  for (uint32_t i = 0; i < 200; ++i) {
    out.peers.push_back(completed_peer(i, mean_ms + (i * 37) % 101 - 50, i % 2));
  }
  for (uint32_t i = 0; i < unfinished; ++i) {
    out.peers.push_back(ended_peer(200 + i, sim::PeerEnd::kNotYet));
  }
  return out;
}

std::string json_of(const sim::RunResult& result,
                    const sim::Scenario& scenario = small_scenario()) {
  return to_json(summarise(scenario, result));
}

const Compared& row(const Comparison& comparison, const std::string& metric,
                    const std::string& scope = "") {
  const auto at = std::ranges::find_if(comparison.rows, [&](const Compared& r) {
    return r.metric == metric && r.scope == scope;
  });
  REQUIRE(at != comparison.rows.end());
  return *at;
}

std::string fault_of(const std::string& text) {
  const auto checked = check_result(text, "r.json");
  return checked ? "" : checked.error().text;
}

}  // namespace

TEST_CASE("a run is the same as itself", "[load_compare]") {
  const std::string json = json_of(run_of(2000));
  const Comparison c = compare(json, json);
  CHECK_FALSE(c.worse());
  CHECK(c.differences.empty());
  CHECK(c.warnings.empty());
  CHECK(std::ranges::all_of(c.rows, [](const auto& r) { return r.verdict == Verdict::kSame; }));
}

TEST_CASE("what is beyond noise has a verdict", "[load_compare]") {
  const std::string base = json_of(run_of(2000));
  const Comparison worse = compare(base, json_of(run_of(3000)));
  const Compared& mean = row(worse, "completion_seconds.mean");
  CHECK(mean.verdict == Verdict::kWorse);
  CHECK(*mean.percent == Catch::Approx(50).epsilon(0.01));
  REQUIRE(mean.noise);
  CHECK(*mean.noise < 0.1);
  CHECK(row(worse, "ratio_to_limit").verdict == Verdict::kWorse);
  CHECK(row(worse, "completion_seconds.p95").verdict == Verdict::kDiffers);
  sim::RunResult generous = run_of(2000);
  for (sim::PeerRecord& peer : generous.peers) peer.chunks_sent = {139'000};
  const Comparison sharing = compare(base, json_of(generous));
  CHECK(row(sharing, "upload_download_ratio.mean").verdict == Verdict::kDiffers);
  CHECK_FALSE(sharing.worse());
  CHECK(row(worse, "completion_seconds.mean", "rider").verdict == Verdict::kWorse);
  CHECK(worse.worse());
  const Comparison better = compare(json_of(run_of(3000)), base);
  CHECK(row(better, "completion_seconds.mean").verdict == Verdict::kBetter);
  CHECK_FALSE(better.worse());
  const Comparison noise = compare(base, json_of(run_of(2001)));
  CHECK(row(noise, "completion_seconds.mean").verdict == Verdict::kWithinNoise);
  CHECK_FALSE(noise.worse());
}

TEST_CASE("counts are judged by their own noise, broken rules by none", "[load_compare]") {
  const std::string base = json_of(run_of(2000));
  CHECK(row(compare(base, json_of(run_of(2000, 2))), "incomplete").verdict ==
        Verdict::kWithinNoise);
  CHECK(row(compare(base, json_of(run_of(2000, 20))), "incomplete").verdict == Verdict::kWorse);
  sim::RunResult broken = run_of(2000);
  broken.violations_more = 1;
  const Comparison c = compare(base, json_of(broken));
  CHECK(row(c, "checks.violations").verdict == Verdict::kWorse);
  CHECK(c.warnings == std::vector<std::string>{"B: a check of the protocol did not hold"});
}

TEST_CASE("what is not known is no verdict", "[load_compare]") {
  const Comparison c = compare(json_of(run_of(2000)), json_of({}));
  const Compared& mean = row(c, "completion_seconds.mean");
  CHECK_FALSE(mean.b);
  CHECK_FALSE(mean.percent);
  CHECK(mean.verdict == Verdict::kDiffers);
  CHECK(has(to_json(c), "\"b\": null"));
}

TEST_CASE("scenarios that differ are named key by key", "[load_compare]") {
  sim::Scenario other = small_scenario();
  other.arrivals.rate = 4;
  other.classes[1].name = "thief";
  other.expect.mean_s_max.reset();
  sim::RunResult real = run_of(2000);
  real.mode = sim::Mode::kReal;
  real.host.lateness_p99_ms = 9;
  const Comparison c = compare(json_of(run_of(2000)), json_of(real, other));
  const auto said = [&](const std::string& sentence) {
    return std::ranges::count(c.differences, sentence) == 1;
  };
  CHECK(said("arrivals.rate_per_second: 2.0 and 4.0"));
  CHECK(said("mode: \"virtual\" and \"real\""));
  CHECK(said("expect.mean_s_max: 2.5, and not in the second"));
  CHECK(said("class thief: behaviour: not in the first, \"free-rider\" in the second"));
  CHECK(std::ranges::count(c.warnings,
                           "B: the host was the limit, its times are not the protocol's") == 1);
  const std::string text = table(c);
  CHECK(has(text, "The scenarios differ:\n"));
  CHECK(has(text, "WARNING  B: the host was the limit"));
}

TEST_CASE("a comparison as a table and as JSON", "[load_compare]") {
  const Comparison c = compare(json_of(run_of(2000)), json_of(run_of(3000)));
  CHECK(has(table(c), "+50.0 %"));
  CHECK(has(table(c), "class rider\n"));
  const auto json = nlohmann::json::parse(to_json(c));
  CHECK(json["worse"] == true);
  CHECK(json["rows"][0]["metric"] == "completion_seconds.mean");
  CHECK(json["rows"][0]["verdict"] == "worse");
}

TEST_CASE("a file that is no result is refused with its place", "[load_result]") {
  CHECK(fault_of(json_of(run_of(2000))).empty());
  CHECK(fault_of("{\n  \"a\": 1,\n  \"b\": x\n}") == "r.json: line 3, column 8: this is not JSON");
  CHECK(fault_of("") == "r.json: line 1, column 1: this is not JSON");
  CHECK(fault_of("[1, 2]") == "r.json: it is no result of fbload");
  CHECK(fault_of("{\"program\": \"fbpeer\"}") == "r.json: it is no result of fbload");
  CHECK(has(fault_of("{\"program\": \"fbload\", \"schema\": 99}"), "its schema is not 1"));
}

TEST_CASE("a result with one key missing or of another type is refused", "[load_result]") {
  const auto good = nlohmann::json::parse(json_of(run_of(2000)));
  const auto fault = [&](const char* pointer, const nlohmann::json& value) {
    auto bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    return fault_of(bad.dump());
  };
  CHECK(fault("/completion_seconds/mean", "x") ==
        "r.json: /completion_seconds/mean is not a number or null");
  CHECK(has(fault("/pool", 3), "the key /pool/mean is missing"));
  CHECK(has(fault("/classes/1/name", 3), "/classes/1/name is not a text"));
  CHECK(has(fault("/classes/0", 3), "/classes/0/name is missing"));
  CHECK(has(fault("/completion_cdf/0", {1, 2, 3}), "a row that is not 2 numbers"));
  CHECK(has(fault("/samples", {1}), "a row without the number at_s"));
}

TEST_CASE("every byte cut off is refused, and kills nobody", "[load_result]") {
  const std::string json = json_of(small_run());
  for (size_t i = 0; i < json.rfind('}'); i += 7) {
    CHECK_FALSE(check_result(std::string_view(json).substr(0, i), "cut"));
  }
}

TEST_CASE("a result that cannot be read is said", "[load_result]") {
  const auto missing = read_result("/nonexistent/r.json");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ExitCode::kLocal);
  CHECK(has(missing.error().text, "/nonexistent/r.json cannot be read: No such file"));
  CHECK_FALSE(read_result("/"));
}

TEST_CASE("a page has all parts, and nothing of a result can end its script", "[load_html]") {
  sim::Scenario scenario = small_scenario();
  scenario.title = "</script><script>alert(1)</script><!-- {{d3.js}} {{report.js}}";
  const std::string page = html_report(json_of(small_run(), scenario));
  CHECK_FALSE(has(page, "</script><script>alert"));
  CHECK_FALSE(has(page, "<!-- {{"));
  CHECK(has(page, "\\u003c/script>\\u003cscript>alert(1)"));
  CHECK(has(page, "const Charts ="));
  CHECK(has(page, "d3js.org"));
  // Marks of the result stay what they are, and none of the page's own is left.
  CHECK(has(page, "{{d3.js}} {{report.js}}"));
  CHECK_FALSE(has(page, "\n{{"));
  // No network: nothing to load from anywhere.
  for (const char* part : {"src=\"", "<link rel=\"stylesheet\"", "@import", "url(http"}) {
    INFO(part);
    CHECK_FALSE(has(page, part));
  }
}

TEST_CASE("a page of several runs has them all", "[load_html]") {
  const std::vector<std::string> runs = {json_of(run_of(2000)), json_of(run_of(3000))};
  const std::string page = html_report(runs, "\"A\" </script>");
  const size_t start = page.find("id=\"result\">") + 12;
  const size_t end = page.find("</script>", start);
  const auto json = nlohmann::json::parse(page.substr(start, end - start));
  CHECK(json["title"] == "\"A\" </script>");
  CHECK(json["runs"].size() == 2);
}
