#include "cli/setting.h"

#include <algorithm>

#include "catch.h"
#include "cli/nearest.h"
#include "cli/peer_config.h"
#include "cli/seed_config.h"
#include "cli/setting_load.h"

using namespace fb;
using namespace fb::cli;

namespace {

// What complaints a file draws, as an operator sees them.
std::vector<std::string> complaints_of(std::string_view toml) {
  SeedSettings settings;
  std::vector<std::string> out;
  for (const Complaint& complaint : load_toml(settings.table, toml, "f.toml")) {
    out.push_back(complaint.text());
  }
  return out;
}

void check_round_trip(SettingTable& from, SettingTable& to) {
  const std::string printed = print_settings(from);
  INFO(printed);
  const auto complaints = load_toml(to, printed, "printed");
  for (const Complaint& complaint : complaints) UNSCOPED_INFO(complaint.text());
  CHECK(complaints.empty());
  for (const Setting& row : from.rows()) {
    INFO(row.key);
    CHECK(text_of(row) == text_of(*to.find(row.key)));
  }
}

}  // namespace

TEST_CASE("an unknown key has its place and the nearest one", "[setting]") {
  CHECK(complaints_of("\nlistn = \"0.0.0.0:1\"\n") ==
        std::vector<std::string>{"f.toml:2:1: unknown key \"listn\"; did you mean \"listen\"?"});
  CHECK(complaints_of("[seeder]\n\n  neighbors_max = 5\n") ==
        std::vector<std::string>{"f.toml:3:3: unknown key \"seeder.neighbors_max\"; did you mean "
                                 "\"seeder.neighbours_max\"?"});
  CHECK(complaints_of("[roulete]\nprofile = \"classic\"\n") ==
        std::vector<std::string>{"f.toml:1:2: unknown table [roulete]; did you mean [roulette]?"});
  CHECK(complaints_of("zzzzzzzzzzzz = 1\n") ==
        std::vector<std::string>{"f.toml:1:1: unknown key \"zzzzzzzzzzzz\""});
}

TEST_CASE("a key in the wrong table is shown the right one", "[setting]") {
  CHECK(complaints_of("neighbours_max = 5\n") ==
        std::vector<std::string>{"f.toml:1:1: unknown key \"neighbours_max\"; did you mean "
                                 "\"neighbours_max\" in [seeder]?"});
  CHECK(complaints_of("[seeder]\nuplink = \"1Mbit\"\n") ==
        std::vector<std::string>{"f.toml:2:1: unknown key \"seeder.uplink\"; did you mean "
                                 "\"uplink\", above all tables?"});
}

TEST_CASE("all that is wrong in a file is told, in its order", "[setting]") {
  const auto found = complaints_of(
      "uplink = 800\n"
      "rescan = \"5\"\n"
      "io = \"urin\"\n"
      "segmentation = \"yes\"\n"
      "listen = \"localhost\"\n"
      "nonsense_of_ours = 1\n"
      "[seeder]\n"
      "neighbours_max = \"12\"\n"
      "neighbour_idle = \"1ms\"\n"
      "[content]\n"
      "chunk_size = 9000\n");
  REQUIRE(found.size() == 9);
  CHECK(found[0].starts_with("f.toml:1:10: uplink: \"800\" has no unit; write \"800kbit\""));
  CHECK(found[1].starts_with("f.toml:2:10: rescan: \"5\" has no unit; write \"5s\""));
  CHECK(found[2] ==
        "f.toml:3:6: io: \"urin\" is none of auto, uring, epoll; did you mean \"uring\"?");
  CHECK(found[3] == "f.toml:4:16: segmentation: must be true or false, without quotes");
  CHECK(found[4].starts_with("f.toml:5:10: listen: \"localhost\" has no port"));
  CHECK(found[5] == "f.toml:6:1: unknown key \"nonsense_of_ours\"");
  CHECK(found[6] == "f.toml:8:18: seeder.neighbours_max: must be a whole number, without quotes");
  CHECK(found[7] == "f.toml:9:18: seeder.neighbour_idle: is too small; the least is 1s");
  CHECK(found[8] == "f.toml:11:14: content.chunk_size: is too large; the most is 1150");
}

TEST_CASE("hostile files", "[setting]") {
  CHECK(complaints_of("uplink = \n").front().starts_with("f.toml:1:"));
  CHECK(complaints_of("uplink = \"1Mbit\"\nuplink = \"2Mbit\"\n").front().starts_with("f.toml:2:"));
  CHECK(complaints_of("roulette = 5\n") ==
        std::vector<std::string>{"f.toml:1:12: \"roulette\" is a table; write [roulette]"});
  CHECK(complaints_of("[[roulette]]\nprofile = \"classic\"\n").size() == 1);
  CHECK(complaints_of("[uplink]\nx = 1\n").size() == 1);
  CHECK(complaints_of("\"seeder.neighbours_max\" = 5\n").size() == 1);
  CHECK(complaints_of("[seeder]\nneighbours_max = -1\n").size() == 1);
  CHECK(complaints_of("[seeder]\nneighbours_max = 99999999999999\n").size() == 1);
  CHECK(complaints_of("[seeder]\nneighbours_max = 5.0\n").size() == 1);
  CHECK(complaints_of("site = [\"a\"]\n").size() == 1);
  CHECK(complaints_of("site = \"a\\u0000b\"\n").size() == 1);
  CHECK(complaints_of("site = 1979-05-27\n").size() == 1);
  CHECK(complaints_of("uplink = 0\n").size() == 1);
  CHECK(complaints_of("\xff\xfe = 1\n").size() == 1);
  CHECK(complaints_of(std::string(10'000, 'a') + " = 1\n").size() == 1);
  CHECK(complaints_of("").empty());
}

TEST_CASE("a wrong value leaves what was there", "[setting]") {
  SeedSettings settings;
  CHECK(load_toml(settings.table, "uplink = \"1Mbit\"\nrescan = \"nonsense\"\n", "f").size() == 1);
  CHECK(settings.config.uplink.bits_per_second == 1'000'000);
  CHECK(settings.config.rescan == seconds(5));
  CHECK(settings.table.find("rescan")->origin.layer == Layer::kDefault);
}

TEST_CASE("zero is taken only where it means something", "[setting]") {
  CHECK(complaints_of("uplink = \"0\"\nrescan = \"0\"\nstatus_interval = \"0\"\n").empty());
  CHECK(complaints_of("receive_buffer = \"0\"\n").size() == 1);
  CHECK(complaints_of("[seeder]\nneighbours_max = 0\n").size() == 1);
}

TEST_CASE("flag beats environment beats default, and each says so", "[setting]") {
  SeedSettings settings;
  Sources sources;
  sources.environment = {{"FBSEED_UPLINK", "1Mbit"},
                         {"FBSEED_RESCAN", "7s"},
                         {"FBSEED_SEEDER_NEIGHBOURS_MAX", "77"},
                         {"FBPEER_UPLINK", "9Mbit"},
                         {"FBSEED_UPLNK", "1Mbit"}};
  sources.flags = {{"uplink", "--uplink", "2Mbit"}};
  sources.sets = {"content.chunk_size=512"};
  std::vector<std::string> warnings;
  CHECK(settings.load(sources, warnings).empty());
  CHECK(settings.config.uplink.bits_per_second == 2'000'000);
  CHECK(settings.config.roulette.uplink == settings.config.uplink);
  CHECK(settings.config.rescan == seconds(7));
  CHECK(settings.config.seeder.neighbours_max == 77);
  CHECK(settings.config.chunk_size == 512);
  CHECK(settings.table.find("uplink")->origin.text == "--uplink");
  CHECK(settings.table.find("rescan")->origin.text == "FBSEED_RESCAN");
  CHECK(settings.table.find("content.chunk_size")->origin.text == "--set content.chunk_size");
  CHECK(settings.table.find("listen")->origin.text == "default");
  CHECK(warnings == std::vector<std::string>{"FBSEED_UPLNK is set in the environment, but is no "
                                             "setting; did you mean FBSEED_UPLINK?"});
}

TEST_CASE("wrong flags and variables are named as they were written", "[setting]") {
  SeedSettings settings;
  Sources sources;
  sources.environment = {{"FBSEED_RESCAN", "7"}};
  sources.flags = {{"uplink", "--uplink", "2"}};
  sources.sets = {"content.chunk_sise=512", "nonsense"};
  std::vector<std::string> warnings;
  const auto found = settings.load(sources, warnings);
  REQUIRE(found.size() == 4);
  CHECK(found[0].where == "FBSEED_RESCAN");
  CHECK(found[0].layer == Layer::kEnvironment);
  CHECK(found[1].where == "--uplink");
  CHECK(found[1].layer == Layer::kFlag);
  CHECK(found[2].what ==
        "unknown key \"content.chunk_sise\"; did you mean \"content.chunk_size\"?");
  CHECK(found[3].where == "--set nonsense");
}

TEST_CASE("values that contradict each other are refused", "[setting]") {
  PeerSettings settings;
  Sources sources;
  sources.sets = {"roulette.degree_min=40"};
  std::vector<std::string> warnings;
  const auto found = settings.load(sources, warnings);
  REQUIRE(found.size() == 1);
  CHECK(found[0].text() ==
        "--set roulette.degree_min: roulette.degree_min (40) must not be more than "
        "roulette.degree_max (32)");
}

TEST_CASE("what --print-config prints gives the same configuration", "[setting]") {
  SeedSettings seed;
  SeedSettings seed_again;
  check_round_trip(seed.table, seed_again.table);
  PeerSettings peer;
  PeerSettings peer_again;
  check_round_trip(peer.table, peer_again.table);

  SeedSettings changed;
  Sources sources;
  sources.flags = {{"site", "--site", "a \"quoted\\ näme\n\x7f with #comment = [x]"},
                   {"listen", "--listen", "[2001:db8::1]:4711"},
                   {"uplink", "--uplink", "1234567bit"},
                   {"json_log", "--json-log", "true"}};
  sources.sets = {"content.chunk_size=1000", "rescan=0", "log_level=debug", "io=epoll"};
  std::vector<std::string> warnings;
  REQUIRE(changed.load(sources, warnings).empty());
  SeedSettings changed_again;
  check_round_trip(changed.table, changed_again.table);
  CHECK(changed_again.table.find("rescan")->origin.layer == Layer::kFile);
}

TEST_CASE("every default is within its own bounds", "[setting]") {
  SeedSettings seed;
  for (const Setting& row : seed.table.rows()) {
    INFO(row.key);
    CHECK(set_from_text(row, row.default_text).has_value());
    CHECK_FALSE(row.doc.empty());
  }
  PeerSettings peer;
  for (const Setting& row : peer.table.rows()) {
    INFO(row.key);
    CHECK(set_from_text(row, row.default_text).has_value());
    CHECK_FALSE(row.doc.empty());
  }
}

TEST_CASE("the nearest word", "[nearest]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("uplink", "uplnik") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::vector<std::string> known{"uplink", "listen", "io"};
  CHECK(nearest("uplinc", known) == "uplink");
  CHECK(nearest("LISTEN", known) == std::nullopt);
  CHECK(nearest("xy", known) == std::nullopt);
  CHECK(nearest(std::string(100'000, 'x'), known) == std::nullopt);
}
