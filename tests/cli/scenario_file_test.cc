#include "cli/scenario_file.h"

#include "catch.h"
#include "cli/scenario_trace.h"

using namespace fb;
using namespace fb::cli;

namespace {

LoadedScenario loaded(std::string_view toml, std::vector<std::string> sets = {},
                      ContentFrom content = ContentFrom::kScenario) {
  ScenarioSources sources;
  sources.settings.file = "s.toml";
  sources.settings.text = std::string(toml);
  sources.settings.sets = std::move(sets);
  sources.content = content;
  return load_scenario(std::move(sources));
}

std::vector<std::string> complaints_of(std::string_view toml, std::vector<std::string> sets = {}) {
  std::vector<std::string> out;
  for (const Complaint& complaint : loaded(toml, std::move(sets)).complaints) {
    out.push_back(complaint.text());
  }
  return out;
}

// The scenario of a text without a fault.
const sim::Scenario& scenario_of(const LoadedScenario& from) {
  for (const Complaint& complaint : from.complaints) UNSCOPED_INFO(complaint.text());
  REQUIRE(from.complaints.empty());
  return from.settings->config.scenario;
}

using Sentences = std::vector<std::string>;

}  // namespace

TEST_CASE("a scenario with everything is what it says", "[scenario]") {
  const auto from = loaded(R"(
title = "half the world"
client = "flashback"
seed = 7
warm_up = "2s"
peers_know_uplink = true
[content]
sizes = ["4KiB", "128KiB"]
page = true
[seeder]
uplink = "1Mbit"
downlink = "2Mbit"
queue = "32KiB"
delay = "3ms"
[class.dsl]
share = "30%"
up = "400kbit"
down = "4Mbit"
queue = "16KiB"
up_after = "133kbit"
down_after = "2Mbit"
change_after = "800ms"
cross_up = "100kbit"
cross_packet = "1400B"
cross_after = "1s"
cross_for = "2s"
delay = "9ms"
loss = "1.5%"
nat = "port-restricted"
behaviour = "free-rider"
abandon_after = "10s"
abandon_uniform = true
linger = "90s"
mean_s_max = 4
p95_s_max = 7.5
incomplete_max = 0
[class.rest]
[arrivals]
kind = "ramp"
rate = "0.5/s"
rate_end = "64/s"
ramp = "30s"
[stop]
rule = "stabilised-pool"
peers = 900
duration = "90s"
drain = false
limit = "200s"
[network]
access_min = "1ms"
access_max = "2ms"
plane = "0"
loss = "1%"
duplicate = "2%"
reorder = "3%"
corrupt = "4%"
[faults]
seeder_down_at = "5s"
seeder_down_for = "6s"
kill_every = "7s"
kill_share = "8%"
partition_at = "9s"
partition_for = "10s"
partition_share = "11%"
[roulette]
welcome_referrals = 5
degree_min = 6
[expect]
mean_s_max = 1.25
seeder_share_max = "12%"
stabilised = true
[run]
io = "epoll"
threads = 3
sockets = 500
)");
  const sim::Scenario& s = scenario_of(from);
  CHECK(s.title == "half the world");
  CHECK(s.client == sim::ClientKind::kFlashback);
  CHECK(from.settings->config.seed == 7);
  CHECK(s.warm_up == seconds(2));
  CHECK(s.peers_know_uplink);
  CHECK(s.content.sizes == std::vector{kib(4), kib(128)});
  CHECK(s.content.page);
  CHECK(s.seeder.up == BitRate{1'000'000});
  CHECK(s.seeder.down == BitRate{2'000'000});
  CHECK(s.seeder.queue == kib(32));
  CHECK(s.seeder_delay == milliseconds(3));
  REQUIRE(s.classes.size() == 2);
  const sim::PeerClass& dsl = s.classes[0];
  CHECK(dsl.name == "dsl");
  CHECK(dsl.share == 0.3);
  CHECK(dsl.link.up == BitRate{400'000});
  CHECK(dsl.link.down == BitRate{4'000'000});
  CHECK(dsl.link.queue == kib(16));
  CHECK(dsl.events.up_after == BitRate{133'000});
  CHECK(dsl.events.down_after == BitRate{2'000'000});
  CHECK(dsl.events.change_after == milliseconds(800));
  CHECK(dsl.events.cross_up == BitRate{100'000});
  CHECK(dsl.events.cross_packet == ByteCount{1400});
  CHECK(dsl.events.cross_after == seconds(1));
  CHECK(dsl.events.cross_for == seconds(2));
  CHECK(dsl.delay == milliseconds(9));
  CHECK(dsl.loss == 0.015);
  CHECK(dsl.nat == sim::Nat::kPortRestricted);
  CHECK(dsl.behaviour == sim::Behaviour::kFreeRider);
  CHECK(dsl.abandon_after == seconds(10));
  CHECK(dsl.abandon_uniform);
  CHECK(dsl.linger == seconds(90));
  CHECK(dsl.mean_s_max == 4);
  CHECK(dsl.p95_s_max == 7.5);
  CHECK(dsl.incomplete_max == 0);
  CHECK(s.classes[1].name == "rest");
  CHECK(s.classes[1].share == 0.7);
  CHECK(s.arrivals.kind == sim::ArrivalKind::kRamp);
  CHECK(s.arrivals.rate == 0.5);
  CHECK(s.arrivals.rate_end == 64);
  CHECK(s.arrivals.ramp == seconds(30));
  CHECK(s.stop.rule == sim::StopRule::kStabilisedPool);
  CHECK(s.stop.peers == 900);
  CHECK(s.stop.duration == seconds(90));
  CHECK_FALSE(s.stop.drain);
  CHECK(s.stop.limit == seconds(200));
  CHECK(s.network.access_min == milliseconds(1));
  CHECK(s.network.access_max == milliseconds(2));
  CHECK(s.network.plane == Duration{});
  CHECK(s.network.loss == 0.01);
  CHECK(s.network.duplicate == 0.02);
  CHECK(s.network.reorder == 0.03);
  CHECK(s.network.corrupt == 0.04);
  CHECK(s.faults.seeder_down_at == seconds(5));
  CHECK(s.faults.seeder_down_for == seconds(6));
  CHECK(s.faults.kill_every == seconds(7));
  CHECK(s.faults.kill_share == 0.08);
  CHECK(s.faults.partition_at == seconds(9));
  CHECK(s.faults.partition_for == seconds(10));
  CHECK(s.faults.partition_share == 0.11);
  CHECK(s.roulette.welcome_referrals == 5);
  CHECK(s.roulette.degree_min == 6);
  CHECK(s.expect.mean_s_max == 1.25);
  CHECK(s.expect.seeder_share_max == 0.12);
  CHECK(s.expect.stabilised == true);
  CHECK_FALSE(s.expect.p50_s_max);
  CHECK(from.settings->config.io == engine::IoBackend::kEpoll);
  CHECK(from.settings->config.threads == 3);
  CHECK(from.settings->config.sockets == 500);

  // What is printed is the same scenario.
  const std::string printed = print_settings(from.settings->table);
  INFO(printed);
  const auto again = loaded(printed);
  scenario_of(again);
  for (const Setting& row : from.settings->table.rows()) {
    INFO(row.key);
    CHECK(text_of(row) == text_of(*again.settings->table.find(row.key)));
  }
  CHECK(print_settings(loaded(print_settings(again.settings->table)).settings->table) ==
        print_settings(again.settings->table));
}

TEST_CASE("an empty scenario is the default one, and prints as itself", "[scenario]") {
  const auto from = loaded("");
  const sim::Scenario& s = scenario_of(from);
  REQUIRE(s.classes.size() == 1);
  CHECK(s.classes[0].name == "peer");
  CHECK(s.classes[0].share == 1);
  CHECK(s.stop.peers == 500);
  const auto again = loaded(print_settings(from.settings->table));
  scenario_of(again);
  for (const Setting& row : again.settings->table.rows()) {
    INFO(row.key);
    CHECK(row.origin.layer == Layer::kFile);
    CHECK(text_of(row) == row.default_text);
  }
}

TEST_CASE("what is wrong is told with its place and the right form", "[scenario]") {
  CHECK(complaints_of("titel = \"x\"\n") ==
        Sentences{"s.toml:1:1: unknown key \"titel\"; did you mean \"title\"?"});
  CHECK(complaints_of("[class.dsl]\nupp = \"1Mbit\"\n") ==
        Sentences{"s.toml:2:1: unknown key \"class.dsl.upp\"; did you mean \"class.dsl.up\"?"});
  CHECK(complaints_of("[network]\nloss = 0.3\n") ==
        Sentences{"s.toml:2:8: network.loss: \"0.3\" has no unit; write \"30%\" or \"0.3%\""});
  CHECK(complaints_of("[network]\nloss = 5\n") ==
        Sentences{"s.toml:2:8: network.loss: \"5\" has no unit; write \"5%\""});
  CHECK(complaints_of("[network]\nloss = \"101%\"\n") ==
        Sentences{"s.toml:2:8: network.loss: \"101%\" is more than the whole"});
  CHECK(complaints_of("[network]\nloss = \"a lot\"\n") ==
        Sentences{"s.toml:2:8: network.loss: \"a lot\" is not a part of a whole; write \"30%\""});
  CHECK(complaints_of("[arrivals]\nrate = 32\n") ==
        Sentences{"s.toml:2:8: arrivals.rate: \"32\" has no unit; write \"32/s\""});
  CHECK(complaints_of("[arrivals]\nrate = \"32/m\"\n") ==
        Sentences{"s.toml:2:8: arrivals.rate: \"32/m\" is not a number a second; write \"32/s\", "
                  "or \"0.5/s\" for one in two seconds"});
  CHECK(complaints_of("[arrivals]\nkind = \"poison\"\n") ==
        Sentences{"s.toml:2:8: arrivals.kind: \"poison\" is none of constant, poisson, one-shot, "
                  "ramp, trace; did you mean \"poisson\"?"});
  CHECK(complaints_of("[expect]\nmean_s_max = \"2s\"\n") ==
        Sentences{"s.toml:2:14: expect.mean_s_max: must be a number, without quotes"});
  CHECK(complaints_of("[expect]\nmean_s_max = -1\n") ==
        Sentences{"s.toml:2:14: expect.mean_s_max: \"-1\" is not a number of zero or more, such as "
                  "2 or 1.5"});
  CHECK(complaints_of("[expect]\nmean_s_max = nan\n").size() == 1);
  CHECK(complaints_of("[expect]\nmean_s_max = inf\n").size() == 1);
  CHECK(complaints_of("[expect]\nstabilised = 1\n") ==
        Sentences{"s.toml:2:14: expect.stabilised: must be true or false, without quotes"});
  CHECK(complaints_of("[content]\nsizes = \"4KiB\"\n") ==
        Sentences{"s.toml:2:9: content.sizes: must be a list of byte counts, such as [\"4KiB\", "
                  "\"128KiB\"]"});
  CHECK(complaints_of("[content]\nsizes = [\"4KiB\", 128]\n") ==
        Sentences{"s.toml:2:18: content.sizes: must be a list of byte counts, such as [\"4KiB\", "
                  "\"128KiB\"]"});
  CHECK(complaints_of("[content]\nsizes = [\"4KiB\", \"128\"]\n")[0].starts_with(
      "s.toml:2:9: content.sizes: \"128\" has no unit; write \"128KiB\""));
  CHECK(complaints_of("[stop]\npeers = 0\n") ==
        Sentences{"s.toml:2:9: stop.peers: is too small; the least is 1"});
  CHECK(complaints_of("class = 1\n") ==
        Sentences{"s.toml:1:9: \"class\" is a table; write [class]"});
  CHECK(complaints_of("[class]\nup = \"1Mbit\"\n")[0].starts_with(
      "s.toml:2:1: unknown key \"class.up\""));
}

TEST_CASE("values that contradict each other are told", "[scenario]") {
  CHECK(complaints_of("[arrivals]\nkind = \"ramp\"\nramp = \"3s\"\n") ==
        Sentences{"s.toml:2:8: a ramp needs arrivals.rate_end and arrivals.ramp"});
  CHECK(complaints_of("[arrivals]\nkind = \"trace\"\n") ==
        Sentences{"s.toml:2:8: a trace needs arrivals.trace, the file of arrivals"});
  CHECK(complaints_of("[arrivals]\ntrace = \"t.csv\"\n") ==
        Sentences{"s.toml:2:9: arrivals.trace has no effect, because arrivals.kind is constant; it "
                  "needs trace"});
  CHECK(complaints_of("[arrivals]\nkind = \"trace\"\ntrace = \"nowhere/t.csv\"\n") ==
        Sentences{"s.toml:3:9: nowhere/t.csv: cannot be read: No such file or directory"});
  CHECK(complaints_of("[arrivals]\nkind = \"one-shot\"\nrate = \"4/s\"\n") ==
        Sentences{"s.toml:3:8: arrivals.rate has no effect, because arrivals.kind is one-shot; it "
                  "needs constant, poisson or ramp"});
  CHECK(complaints_of("[arrivals]\nrate = \"0/s\"\n") ==
        Sentences{"s.toml:2:8: arrivals.rate must be more than 0/s"});
  CHECK(complaints_of("[stop]\nduration = \"5s\"\n") ==
        Sentences{"s.toml:2:12: stop.duration has no effect, because stop.rule is number; it needs "
                  "duration or stabilised-pool"});
  CHECK(complaints_of("[stop]\nrule = \"duration\"\nduration = \"2m\"\nlimit = \"1m\"\n") ==
        Sentences{"s.toml:4:9: stop.limit (1m) is before the end of the arrivals, stop.duration "
                  "(2m)"});
  CHECK(complaints_of("warm_up = \"20s\"\n[stop]\npeers = 320\n") ==
        Sentences{"s.toml:1:11: warm_up (20s) is longer than visitors arrive (9.97 s), so that "
                  "nobody would be counted"});
  CHECK(complaints_of("warm_up = \"1s\"\n[arrivals]\nkind = \"one-shot\"\n").size() == 1);
  CHECK(complaints_of("warm_up = \"9s\"\n[arrivals]\nkind = \"ramp\"\nrate = \"0/s\"\n"
                      "rate_end = \"10/s\"\nramp = \"10s\"\n[stop]\npeers = 51\n")
            .empty());
  CHECK(complaints_of("warm_up = \"11s\"\n[arrivals]\nkind = \"ramp\"\nrate = \"0/s\"\n"
                      "rate_end = \"10/s\"\nramp = \"10s\"\n[stop]\npeers = 51\n")
            .size() == 1);
  CHECK(complaints_of("warm_up = \"6s\"\ncool_down = \"5s\"\n[stop]\npeers = 320\n") ==
        Sentences{"s.toml:2:13: warm_up and cool_down together (11s) are longer than visitors "
                  "arrive (9.97 s), so that nobody would be counted"});
  CHECK(complaints_of("[network]\naccess_min = \"9ms\"\naccess_max = \"8ms\"\n") ==
        Sentences{"s.toml:2:14: network.access_min (9ms) must not be more than network.access_max "
                  "(8ms)"});
  CHECK(complaints_of("[content]\nsite = \".\"\nsizes = [\"4KiB\"]\n") ==
        Sentences{"s.toml:3:9: content.sizes and content.site are both given; a site's files have "
                  "their sizes"});
  CHECK(complaints_of("[content]\npath = \"x\"\n") ==
        Sentences{"s.toml:2:8: content.path needs content.site: generated files have no names"});
  CHECK(complaints_of("[content]\nsite = \".\"\npage = true\n") ==
        Sentences{"s.toml:3:8: content.page of a site needs content.path, the page's HTML file"});
  CHECK(complaints_of("[content]\nsite = \".\"\npage = true\npath = \"x\"\n").empty());
  CHECK(loaded("[content]\npage = true\n", {}, ContentFrom::kTarget).complaints.size() == 1);
  CHECK(loaded("[content]\npath = \"x\"\n", {}, ContentFrom::kTarget).complaints.empty());
  CHECK(complaints_of("[content]\nsizes = []\n").size() == 1);
  CHECK(complaints_of("[faults]\nseeder_down_at = \"3s\"\n") ==
        Sentences{"s.toml:2:18: faults.seeder_down_at has no effect, because "
                  "faults.seeder_down_for is 0; it needs a duration"});
  CHECK(complaints_of("[class.dsl]\nabandon_uniform = true\n") ==
        Sentences{"s.toml:2:19: class.dsl.abandon_uniform has no effect, because "
                  "class.dsl.abandon_after is 0; it needs a duration"});
  CHECK(complaints_of("[class.dsl]\nchange_after = \"1s\"\n") ==
        Sentences{"s.toml:2:16: class.dsl.change_after has no effect, because class.dsl.up_after "
                  "is 0; it needs a bit rate"});
  CHECK(complaints_of("[class.dsl]\nchange_after = \"1s\"\ndown_after = \"1Mbit\"\n").empty());
  CHECK(complaints_of("[class.dsl]\ncross_for = \"1s\"\n") ==
        Sentences{"s.toml:2:13: class.dsl.cross_for has no effect, because class.dsl.cross_up is "
                  "0; it needs a bit rate"});
  CHECK(complaints_of("[faults]\nkill_share = \"3%\"\n").size() == 1);
  CHECK(complaints_of("[faults]\npartition_share = \"3%\"\n").size() == 1);
  CHECK(complaints_of("[roulette]\ndegree_min = 40\n").size() == 1);
}

TEST_CASE("what is set on top of a scenario replaces what it made useless", "[scenario]") {
  const std::string ramp = "[arrivals]\nkind = \"ramp\"\nrate_end = \"9/s\"\nramp = \"3s\"\n";
  const auto poisson = loaded(ramp, {"arrivals.kind=poisson"});
  CHECK(scenario_of(poisson).arrivals.ramp == Duration{});
  const auto site = loaded("[content]\nsizes = [\"4KiB\"]\n", {"content.site=."});
  CHECK(scenario_of(site).content.sizes.empty());
  CHECK(scenario_of(site).content.site == ".");
  const auto sizes = loaded("[content]\nsite = \".\"\n", {"content.sizes=4KiB,1MiB"});
  CHECK(scenario_of(sizes).content.sizes == std::vector{kib(4), kib(1024)});
  CHECK(scenario_of(sizes).content.site.empty());
  for (const auto* from : {&poisson, &site, &sizes}) {
    CHECK(loaded(print_settings((*from).settings->table)).complaints.empty());
  }
}

TEST_CASE("the bound on visitors is that of the rule number", "[scenario]") {
  CHECK(scenario_of(loaded("")).stop.peers == 500);
  CHECK(scenario_of(loaded("[stop]\nrule = \"duration\"\n")).stop.peers == 10'000'000);
  CHECK(scenario_of(loaded("[stop]\nrule = \"duration\"\npeers = 9\n")).stop.peers == 9);
}

TEST_CASE("shares of classes", "[scenario]") {
  const auto shares = [](std::string_view toml, std::vector<std::string> sets = {}) {
    const auto from = loaded(toml, std::move(sets));
    std::vector<double> out;
    for (const auto& c : scenario_of(from).classes) out.push_back(c.share);
    return out;
  };
  CHECK(shares("[class.b]\n[class.a]\n") == std::vector<double>{0.5, 0.5});
  CHECK(shares("[class.b]\nshare = \"25%\"\n[class.a]\nshare=\"75%\"\n") ==
        std::vector<double>{0.25, 0.75});
  CHECK(shares("[class.b]\nshare = \"50%\"\n[class.a]\n[class.c]\n") ==
        std::vector<double>{0.5, 0.25, 0.25});
  CHECK(shares("[class.b]\nshare = \"33.333333333%\"\n[class.a]\nshare = \"33.333333333%\"\n"
               "[class.c]\nshare = \"33.333333333%\"\n")
            .size() == 3);
  CHECK(shares("[class.b]\nshare = \"30%\"\n[class.a]\n", {"class.b.share=10%"}) ==
        std::vector<double>{0.1, 0.9});
  CHECK(shares("[class.b]\n", {"class.new.share=10%", "class.new.up=1Mbit"}) ==
        std::vector<double>{0.9, 0.1});
  CHECK(shares("[class.b]\nshare = \"30%\"\n[class.a]\nshare = \"70%\"\n",
               {"class.b.share=rest"}) == std::vector<double>{0.3, 0.7});

  CHECK(complaints_of("[class.a]\nshare = \"50%\"\n[class.b]\nshare = \"40%\"\n") ==
        Sentences{"s.toml:4:9: the classes' shares make 90%, not 100%"});
  CHECK(complaints_of("[class.a]\nshare = \"100%\"\n[class.b]\n") ==
        Sentences{"s.toml:2:9: the classes' shares make 100%, and nothing is left for the other"});
  CHECK(complaints_of("[class.a]\n[class.b]\n", {"class.b.share=120%"})[0] ==
        "--set class.b.share: \"120%\" is more than the whole");
  CHECK(complaints_of("[class.a]\nshare = \"90%\"\n") ==
        Sentences{"s.toml:2:9: the classes' shares make 90%, not 100%"});
  CHECK(complaints_of("[class.DSL]\nup = \"1Mbit\"\n") ==
        Sentences{"s.toml:2:6: \"DSL\" is no name for a class: up to 40 of a to z, 0 to 9, _ and "
                  "-"});
}

TEST_CASE("a class of --set must be one of the file's, or get a share", "[scenario]") {
  CHECK(complaints_of("[class.dsl]\n", {"class.dls.up=1Mbit"}) ==
        Sentences{"--set class.dls.up: there is no class \"dls\"; did you mean \"dsl\"?"});
  CHECK(complaints_of("[class.dsl]\n", {"class.satellite.up=1Mbit"}) ==
        Sentences{"--set class.satellite.up: there is no class \"satellite\"; set "
                  "class.satellite.share to add one"});
  CHECK(complaints_of("", {"class.peer.up=1Mbit"}).empty());
  CHECK(complaints_of("", {"class.home.up=1Mbit", "class.work.up=2Mbit"}).empty());
}

TEST_CASE("--link is the line of the only class", "[scenario]") {
  ScenarioSources sources;
  sources.link = "400kbit/8Mbit,20ms,32KiB";
  const auto from = load_scenario(sources);
  const sim::PeerClass& peer = scenario_of(from).classes[0];
  CHECK(peer.link.up == BitRate{400'000});
  CHECK(peer.link.down == BitRate{8'000'000});
  CHECK(peer.link.queue == kib(32));
  CHECK(peer.delay == milliseconds(20));
  CHECK(from.settings->table.find("class.peer.up")->origin.text == "--link");

  sources.settings.file = "s.toml";
  sources.settings.text = "[class.a]\n[class.b]\n";
  const auto two = load_scenario(sources);
  REQUIRE(two.complaints.size() == 1);
  CHECK(two.complaints[0].text().starts_with("--link: the scenario has 2 classes"));
  sources.settings.text = "";
  sources.link = "fast";
  REQUIRE(load_scenario(sources).complaints.size() == 1);
}

TEST_CASE("a run can be repeated from its arguments", "[scenario]") {
  ScenarioSources sources;
  sources.settings.file = "my scenario.toml";
  sources.settings.text = "title = \"x\"\n[class.dsl]\n";
  sources.settings.sets = {"title=it's", "class.dsl.loss=1%", "content.sizes=4KiB,8KiB"};
  sources.settings.environment = {{"FBLOAD_STOP_PEERS", "9"}};
  sources.settings.flags = {{"seed", "--seed", "5"}};
  const auto from = load_scenario(sources);
  scenario_of(from);
  CHECK(scenario_arguments(*from.settings, "my scenario.toml") ==
        "'my scenario.toml' --set 'title=it'\\''s' --set content.sizes=4KiB,8KiB "
        "--set class.dsl.loss=1% --set stop.peers=9");
}

TEST_CASE("a class's variable, and one that is none", "[scenario]") {
  ScenarioSources sources;
  sources.settings.file = "s.toml";
  sources.settings.text = "[class.big-home]\n";
  sources.settings.environment = {{"FBLOAD_CLASS_BIG_HOME_UP", "3Mbit"}, {"FBLOAD_PEERS", "3"}};
  const auto from = load_scenario(sources);
  CHECK(scenario_of(from).classes[0].link.up == BitRate{3'000'000});
  REQUIRE(from.warnings.size() == 1);
  CHECK(from.warnings[0].starts_with("FBLOAD_PEERS is set in the environment, but is no setting"));
}

TEST_CASE("a file that is not there", "[scenario]") {
  ScenarioSources sources;
  sources.settings.file = "nowhere.toml";
  const auto from = load_scenario(sources);
  REQUIRE(from.complaints.size() == 1);
  CHECK(from.complaints[0].text() == "nowhere.toml: cannot be read: No such file or directory");
}

TEST_CASE("a file with its path is where its paths begin", "[scenario]") {
  const auto from = loaded("[content]\nsite = \"pages\"\n");
  const Setting& row = *from.settings->table.find("content.site");
  CHECK(path_beside(row, "conf/s.toml") == "conf/pages");
  CHECK(path_beside(row, "s.toml") == "pages");
  CHECK(path_beside(row, "-") == "pages");
  const auto set = loaded("", {"content.site=pages"});
  CHECK(path_beside(*set.settings->table.find("content.site"), "conf/s.toml") == "pages");
}

TEST_CASE("a trace of arrivals", "[scenario]") {
  const auto ns = [](std::string_view text) {
    const auto trace = parse_trace(text, "t.csv");
    if (!trace) FAIL(trace.error());
    std::vector<int64_t> out;
    for (const Instant at : *trace) out.push_back(at.ns);
    return out;
  };
  CHECK(ns("0\n0.5\n0.5\n12.000000001\n") ==
        std::vector<int64_t>{0, 500'000'000, 500'000'000, 12'000'000'001});
  CHECK(ns("seconds,who\r\n1.5,anna\r\n\r\n# more\r\n 2 ,\"b\"") ==
        std::vector<int64_t>{1'500'000'000, 2'000'000'000});
  CHECK(ns("\"0.25\",x\n") == std::vector<int64_t>{250'000'000});

  const auto error = [](std::string_view text) {
    const auto trace = parse_trace(text, "t.csv");
    return trace ? std::string("none") : trace.error();
  };
  CHECK(error("1\n0.5\n") == "t.csv:2: 0.5 s comes after 1 s; arrivals must ascend");
  CHECK(error("time\n\nnever\n") == "t.csv:3: \"never\" is no number of seconds, such as 12.5");
  CHECK(error("-1\n") == "t.csv:1: \"-1\" is no number of seconds, such as 12.5");
  CHECK(error("1s\n") == "t.csv:1: \"1s\" is no number of seconds, such as 12.5");
  CHECK(error("0.0000000001\n") ==
        "t.csv:1: \"0.0000000001\" is no number of seconds, such as 12.5");
  CHECK(error("1e3\n") == "t.csv:1: \"1e3\" is no number of seconds, such as 12.5");
  CHECK(error("time\n") == "t.csv: nobody arrives in it");
  CHECK(error("") == "t.csv: nobody arrives in it");
}

TEST_CASE("a seeder's line carries as much down as up, unless it is told", "[scenario]") {
  CHECK(scenario_of(loaded("[seeder]\nuplink = \"50Mbit\"\n")).seeder.down == BitRate{50'000'000});
  CHECK(scenario_of(loaded("[seeder]\nuplink = \"50Mbit\"\ndownlink = \"1Mbit\"\n")).seeder.down ==
        BitRate{1'000'000});
  CHECK(scenario_of(loaded("")).seeder.down == BitRate{800'000});
}

TEST_CASE("what plain HTTP has not, and what a foreign seeder decides, is told", "[scenario]") {
  const auto http = loaded("client = \"http\"\n[network]\nloss = \"1%\"\n[class.a]\n"
                           "nat = \"symmetric\"\n");
  REQUIRE(http.complaints.size() == 2);
  CHECK(http.complaints[0].text() ==
        "s.toml:3:8: network.loss has no effect, because client is http; it needs flashback");
  // Put on top of a scenario, HTTP takes its place.
  ScenarioSources over;
  over.settings.file = "s.toml";
  over.settings.text = "[network]\nloss = \"1%\"\n";
  over.settings.sets = {"client=http"};
  const auto replaced = load_scenario(over);
  CHECK(replaced.complaints.empty());
  CHECK(scenario_of(replaced).network.loss == 0);

  ScenarioSources foreign;
  foreign.content = ContentFrom::kTarget;
  foreign.settings.sets = {"content.sizes=1MiB"};
  REQUIRE(load_scenario(foreign).complaints.size() == 1);
  foreign.settings.sets = {};
  CHECK(scenario_of(load_scenario(foreign)).content.sizes.empty());
}
