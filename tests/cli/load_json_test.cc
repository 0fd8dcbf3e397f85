// A run as JSON: every key, byte for byte.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "cli/load_summary.h"
#include "load_support.h"

using namespace fb;
using namespace fb::cli;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

// When a key changes on purpose, FB_GOLDEN_WRITE=1 in the environment makes the new file.
TEST_CASE("a virtual run's JSON is what it was", "[load_json]") {
  const std::string path = FB_TEST_DATA "/load_golden.json";
  const std::string json = to_json(summarise(small_scenario(), small_run()));
  if (std::getenv("FB_GOLDEN_WRITE") != nullptr) std::ofstream(path, std::ios::binary) << json;
  INFO(json);
  CHECK((json == read(path)));
}

TEST_CASE("any two summaries of one run are the same bytes", "[load_json]") {
  CHECK(to_json(summarise(small_scenario(), small_run())) ==
        to_json(summarise(small_scenario(), small_run())));
}

TEST_CASE("a virtual run's JSON has nothing of the host", "[load_json]") {
  sim::RunResult result = small_run();
  LoadSummary s = summarise(small_scenario(), result);
  s.io = "io_uring";
  s.engine.emplace();
  result.host = {1, 2, 3, 4, 5, 6};
  LoadSummary other = summarise(small_scenario(), result);
  CHECK(to_json(s) == to_json(other));
  CHECK_FALSE(has(to_json(s), "\"host\""));
  CHECK_FALSE(has(to_json(s), "\"engine\""));
}

TEST_CASE("a real run's JSON has the host, the engine and no events", "[load_json]") {
  sim::RunResult result = small_run();
  result.mode = sim::Mode::kReal;
  result.host = {0.1, 2.5, 3, 0.5, 2, 0};
  LoadSummary s = summarise(small_scenario(), result);
  s.io = "epoll";
  s.engine.emplace();
  const auto json = nlohmann::json::parse(to_json(s));
  CHECK(json["mode"] == "real");
  CHECK(json["io"] == "epoll");
  CHECK(json["host"]["lateness_p99_ms"] == 2.5);
  CHECK(json["host"]["was_the_limit"] == true);
  CHECK(json["host"]["why"].size() == 1);
  CHECK(json["engine"]["datagrams_sent"] == 0);
  CHECK_FALSE(json.contains("events"));
}

TEST_CASE("profiles by name", "[load_json]") {
  sim::Scenario scenario;
  const auto profile = [&] {
    return nlohmann::json::parse(to_json(summarise(scenario, {})))["profile"];
  };
  CHECK(profile() == "v2");
  scenario.roulette.profile = wire::Profile::kClassic;
  CHECK(profile() == "classic");
  scenario.roulette.profile = wire::Profile::kV2;
  scenario.roulette.v2.endgame = false;
  const auto json = nlohmann::json::parse(to_json(summarise(scenario, {})));
  CHECK(json["scenario"]["roulette_v2"]["endgame"] == false);
  CHECK(json["scenario"]["roulette_v2"]["push"] == true);
  scenario.client = sim::ClientKind::kHttp;
  CHECK(profile() == "http");
}

TEST_CASE("JSON is valid whatever titles hold, and knows no NaN", "[load_json]") {
  sim::Scenario scenario = small_scenario();
  scenario.title = "</script>\n\"\xff";
  scenario.classes[0].name = std::string("a\0b", 3);
  scenario.expect.mean_s_max = std::numeric_limits<double>::infinity();
  const auto json = nlohmann::json::parse(to_json(summarise(scenario, small_run())));
  CHECK(json["title"] == "</script>\n\"\xef\xbf\xbd");
  CHECK(json["classes"][0]["name"] == std::string("a\0b", 3));
  CHECK(json["scenario"]["expect"]["mean_s_max"].is_null());
}

TEST_CASE("of every class the same block", "[load_json]") {
  const auto json = nlohmann::json::parse(to_json(summarise(small_scenario(), small_run())));
  for (const auto& each : json["classes"]) {
    for (const auto& [key, value] : each.items()) {
      if (key == "name" || key == "scenario") continue;
      INFO(key);
      REQUIRE(json.contains(key));
      CHECK(json[key].type() == value.type());
    }
  }
}

TEST_CASE("the same run in another scenario's arrivals", "[load_json]") {
  sim::Scenario scenario = small_scenario();
  const auto arrivals = [&] {
    return nlohmann::json::parse(
        to_json(summarise(scenario, small_run())))["scenario"]["arrivals"];
  };
  CHECK(arrivals()["rate_per_second"] == 2);
  scenario.arrivals.kind = sim::ArrivalKind::kOneShot;
  CHECK(arrivals().size() == 1);
  scenario.arrivals.kind = sim::ArrivalKind::kRamp;
  scenario.arrivals.rate_end = 9;
  CHECK(arrivals()["rate_end_per_second"] == 9);
  scenario.arrivals.kind = sim::ArrivalKind::kTrace;
  CHECK(arrivals()["trace_s"] == 0);
  scenario.arrivals.trace = {{seconds(1).ns}, {seconds(4).ns}};
  CHECK(arrivals()["trace_s"] == 3);
  CHECK(arrivals()["trace_visitors"] == 2);
}
