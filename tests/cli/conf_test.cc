// The commented files in conf/ are made from the tables: `fbseed check --example`.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "catch.h"
#include "cli/peer_config.h"
#include "cli/scenario_file.h"
#include "cli/seed_config.h"
#include "cli/setting_load.h"

using namespace fb::cli;

namespace {

std::string file(const std::string& name) {
  std::ifstream in(std::string(FB_CONF_DIRECTORY) + "/" + name, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Takes the comment off each setting, as an operator who keeps every default would.
std::string uncommented(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)#([a-z0-9_]+ = )"), "$1$2");
}

// The file is what the table documents; uncommented, it sets every key to its default.
template <typename Settings>
void check_documented(const std::string& name) {
  Settings settings;
  const std::string text = file(name);
  CHECK(text == print_documented(settings.table));
  CHECK(load_toml(settings.table, uncommented(text), "conf").empty());
  for (const Setting& row : settings.table.rows()) {
    INFO(row.key);
    CHECK(row.origin.layer == Layer::kFile);
    CHECK(text_of(row) == row.default_text);
  }
}

}  // namespace

TEST_CASE("each file of conf/ has every key with its default", "[conf]") {
  check_documented<SeedSettings>("fbseed.toml");
  check_documented<PeerSettings>("fbpeer.toml");
  check_documented<ScenarioSettings>("fbload.toml");
}

TEST_CASE("every scenario in conf/scenarios is good, and says what it asks", "[conf]") {
  size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FB_CONF_DIRECTORY) + "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    ++count;
    INFO(entry.path());
    ScenarioSources sources;
    sources.settings.file = entry.path();
    const LoadedScenario loaded = load_scenario(sources);
    for (const Complaint& complaint : loaded.complaints) UNSCOPED_INFO(complaint.text());
    REQUIRE(loaded.complaints.empty());
    const fb::sim::Scenario& scenario = loaded.settings->config.scenario;
    CHECK_FALSE(scenario.title.empty());
    const std::string text = file("scenarios/" + entry.path().filename().string());
    CHECK(text.starts_with("# "));
    CHECK(text.find("# Look at: ") != std::string::npos);
    CHECK(text.find("_max = ") != std::string::npos);
    // Nothing in it may be a guess of the clock's or the machine's.
    CHECK(loaded.settings->config.seed == 0);
  }
  CHECK(count >= 20);
}
