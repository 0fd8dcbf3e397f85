// What `fbload sim` and `fbload run` share: how a run ends, how it is repeated, its live line.
#include "cli/load_command.h"

#include <filesystem>
#include <fstream>

#include "catch.h"
#include "cli/load_line.h"
#include "cli/site_content.h"

using namespace fb;
using namespace fb::cli;

namespace {

LoadSummary summary_of(uint32_t completed, uint32_t incomplete) {
  LoadSummary out;
  out.all.arrived = completed + incomplete;
  out.all.completed = completed;
  out.all.incomplete = incomplete;
  return out;
}

}  // namespace

TEST_CASE("how a run ends", "[load]") {
  sim::Scenario scenario;
  CHECK(exit_code_of(scenario, summary_of(5, 0)) == ExitCode::kOk);
  LoadSummary some = summary_of(4, 1);
  CHECK(exit_code_of(scenario, some) == ExitCode::kFailed);
  some.interrupted = true;
  CHECK(exit_code_of(scenario, some) == ExitCode::kInterrupted);

  LoadSummary nobody = summary_of(0, 3);
  nobody.all.missing = 3;
  CHECK(exit_code_of(scenario, nobody) == ExitCode::kNotFound);
  nobody.all.unreachable = 1;
  CHECK(exit_code_of(scenario, nobody) == ExitCode::kUnreachable);

  // Who did not complete was to be expected.
  LoadSummary left = summary_of(4, 1);
  left.classes.resize(1);
  left.classes[0].incomplete = 1;
  sim::Scenario cut = scenario;
  cut.stop.drain = false;
  CHECK(exit_code_of(cut, left) == ExitCode::kOk);
  sim::Scenario bounded = scenario;
  bounded.expect.incomplete_max = 2;
  CHECK(exit_code_of(bounded, left) == ExitCode::kOk);
  sim::Scenario by_class = scenario;
  by_class.classes[0].incomplete_max = 2;
  CHECK(exit_code_of(by_class, left) == ExitCode::kOk);
  // A bound of one class says nothing of another.
  by_class.classes.emplace_back();
  left.classes.resize(2);
  left.classes[0].incomplete = 0;
  left.classes[1].incomplete = 1;
  CHECK(exit_code_of(by_class, left) == ExitCode::kFailed);

  LoadSummary unmet = summary_of(5, 0);
  unmet.unmet = {"the mean is too long"};
  CHECK(exit_code_of(scenario, unmet) == ExitCode::kNotAsExpected);
  unmet.interrupted = true;
  CHECK(exit_code_of(scenario, unmet) == ExitCode::kInterrupted);
  unmet.violations_total = 1;
  CHECK(exit_code_of(scenario, unmet) == ExitCode::kNotAsExpected);
}

TEST_CASE("the command that does the same again", "[load]") {
  ScenarioSources sources;
  sources.settings.file = "s.toml";
  sources.settings.text = "";
  sources.settings.sets = {"stop.peers=9"};
  LoadedScenario loaded = load_scenario(sources);
  LoadStart start;
  start.command = "sim";
  start.file = "s.toml";
  start.seed = 4711;
  start.settings = std::move(loaded.settings);
  CHECK(replay_command(start) == "fbload sim s.toml --set stop.peers=9 --seed 4711");
  start.command = "run";
  start.file = "";
  start.target = "fb://127.0.0.1:1/#key";
  CHECK(replay_command(start) ==
        "fbload run --set stop.peers=9 --target 'fb://127.0.0.1:1/#key' --seed 4711");
}

TEST_CASE("the live line", "[load]") {
  LoadLineState state;
  state.now.sample.at = seconds(12);
  state.now.sample.arrived = 384;
  state.now.sample.completed = 100;
  state.now.sample.pool = 284;
  state.now.sample.seeder_sent = ByteCount{100'000};
  state.now.sample.peers_sent = ByteCount{2'500'000};
  state.now.expected = 500;
  CHECK(load_line(state) ==
        "  12.0 s  arrived 384/500  complete 100  in the pool 284  seeder 800 kbit/s  "
        "peers 20 Mbit/s");
  state.real_s = 3;
  state.arrived_part = 0.75;
  state.events_per_second = 1'234'000;
  CHECK(load_line(state).ends_with("peers 20 Mbit/s  1.23 M events/s  arrivals end in 1 s"));
  state.now.arriving = false;
  state.now.sample.failed = 2;
  state.now.sample.abandoned = 3;
  CHECK(load_line(state).ends_with("events/s  all have arrived"));
  CHECK(load_line(state).find("gave up 3  failed 2") != std::string::npos);
}

TEST_CASE("how much of the arrivals is over", "[load]") {
  sim::Scenario scenario;
  sim::Progress now;
  now.sample.at = seconds(15);
  now.sample.arrived = 5;
  now.expected = 20;
  CHECK(arrived_part(scenario, now) == 0.25);
  now.expected = 0;
  CHECK_FALSE(arrived_part(scenario, now));
  scenario.stop.rule = sim::StopRule::kDuration;
  CHECK(arrived_part(scenario, now) == 0.25);
  now.sample.at = seconds(90);
  CHECK(arrived_part(scenario, now) == 1);
}

TEST_CASE("a directory as content", "[load]") {
  namespace fs = std::filesystem;
  const fs::path here = fs::temp_directory_path() / "fb_site_content_test";
  fs::remove_all(here);
  fs::create_directories(here / "sub");
  CHECK_FALSE(read_site_content(here));
  const auto write = [&](const char* name, std::string_view text) {
    std::ofstream(here / name, std::ios::binary) << text;
  };
  write("index.html", "<p>hello");
  write("page.html", "<img src=sub/empty><script src=gone.js></script>");
  write("sub/empty", "");
  write(".hidden", "no");
  auto content = read_site_content(here);
  REQUIRE(content);
  CHECK(content->paths == std::vector<std::string>{"index.html", "page.html", "sub/empty"});
  CHECK(shown_by(*content->site, "index.html").empty());
  CHECK(shown_by(*content->site, "page.html") == std::vector<std::string>{"sub/empty"});
  const content::FileRecord* record = content->site->record("index.html");
  REQUIRE(record != nullptr);
  CHECK(record->content_type == "text/html; charset=utf-8");
  CHECK(content->site->bytes(record->id).size() == 8);
  // Sparse, so that it takes no room.
  std::ofstream(here / "large").close();
  fs::resize_file(here / "large", kSiteContentBytesMax);
  content = read_site_content(here);
  REQUIRE_FALSE(content);
  CHECK(content.error().find("is too large to be held in memory: 4 files with 1 GiB; the most is "
                             "100000 with 1 GiB") != std::string::npos);
  fs::remove_all(here);
  CHECK_FALSE(read_site_content(here));
}
