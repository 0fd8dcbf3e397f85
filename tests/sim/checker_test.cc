// A rule broken on purpose must be noticed, and by the right check. Without these the checks could
// be empty.
#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

// The run with honest visitors' nodes changed; the checks know the scenario's own rules.
RunResult sabotaged(const Scenario& scenario,
                    const std::function<void(roulette::RouletteConfig&)>& sabotage) {
  World world(scenario, 1, generated_content(scenario.content, 1));
  world.sabotage = sabotage;
  world.start();
  for (int second = 1; second <= 120 && !world.idle(); ++second) {
    world.run_until(at(second));
    world.sample();
  }
  return result_of(world);
}

bool noticed(const RunResult& result, const std::string& check) {
  return std::ranges::any_of(result.violations,
                             [&](const Violation& v) { return v.check == check; });
}

}  // namespace

TEST_CASE("nothing is noticed when nothing is broken") {
  Scenario scenario = crowd(60, 16, kib(64));
  scenario.network.loss = 0.05;
  CHECK(violation_of(sabotaged(scenario, {})).empty());
}

TEST_CASE("no tit-for-tat is noticed") {
  // Visitors that never give are given to for ever.
  Scenario scenario = crowd(100, 16);
  scenario.classes.assign(2, PeerClass{});
  scenario.classes[0].share = 0.7;
  scenario.classes[1].share = 0.3;
  scenario.classes[1].behaviour = Behaviour::kFreeRider;
  CHECK(violation_of(sabotaged(scenario, {})).empty());
  const auto result = sabotaged(scenario, [](roulette::RouletteConfig& c) {
    c.tab = c.upload_promise = kib(1024);
    c.stranger_credit_total = c.stranger_credit_address = kib(1024);
  });
  CHECK(noticed(result, "tit_for_tat"));
}

TEST_CASE("wrong credit is noticed") {
  // Four bytes for each one received.
  const auto result = sabotaged(crowd(100, 16), [](roulette::RouletteConfig& c) {
    c.tab_percent = 300;
    c.upload_promise = kib(1024);
  });
  CHECK(noticed(result, "tit_for_tat"));
}

TEST_CASE("what may be sent, to the byte, in both profiles") {
  struct Row {
    wire::Profile profile;
    uint64_t received;
    std::vector<wire::Token> sessions;  // by which it is reached, one after the other
    uint64_t allowed;
    ByteCount tab_max = kib(16);
  };
  using enum wire::Profile;
  for (const Row& row : {Row{kClassic, 0, {1}, 4096}, Row{kClassic, 10'000, {1}, 19'000},
                         Row{kClassic, 1'000, {1, 2}, 1'000 + 900 + 8192},
                         Row{kV2, 0, {1}, 16'384}, Row{kV2, 100'000, {1}, 141'384},
                         Row{kV2, 1'000, {1, 2, 3}, 1'250 + 3 * 16'384},
                         Row{kV2, 1'000, {1, 2}, 1'250 + 2 * 5'000, ByteCount{5'000}}}) {
    CAPTURE(static_cast<int>(row.profile), row.received, row.sessions.size());
    roulette::RouletteConfig rules;
    rules.profile = row.profile;
    rules.v2.tab_max = row.tab_max;
    Checker checker(rules);
    PairAccount account{.other = 9, .received = row.received};
    for (const wire::Token token : row.sessions) checker.on_pair_sent({}, 1, account, token, 0);
    RunResult result;
    checker.on_pair_sent({}, 1, account, row.sessions.back(), row.allowed);
    checker.move_to(result);
    CHECK(violation_of(result).empty());
    checker.on_pair_sent({}, 1, account, row.sessions.back(), 1);
    checker.move_to(result);
    CHECK(noticed(result, "tit_for_tat"));
  }
}

TEST_CASE("the promise, to the byte, in both profiles") {
  for (const auto profile : {wire::Profile::kClassic, wire::Profile::kV2}) {
    for (const uint64_t promise : {uint64_t{0}, uint64_t{5'000}, kib(8).bytes}) {
      roulette::RouletteConfig rules;
      CHECK(rules.upload_promise == kib(8));
      rules.profile = profile;
      rules.upload_promise = {promise};
      Checker checker(rules);
      RunResult result;
      checker.on_total_sent({}, 1, 1'000 + promise, 1'000);
      checker.move_to(result);
      CHECK(violation_of(result).empty());
      checker.on_total_sent({}, 1, 1'001 + promise, 1'000);
      checker.move_to(result);
      CHECK(noticed(result, "promise"));
    }
  }
}

TEST_CASE("a broken promise is noticed") {
  const auto result = sabotaged(crowd(60, 16, kib(64)), [](roulette::RouletteConfig& c) {
    c.upload_promise = kib(1024);
  });
  CHECK(noticed(result, "promise"));
  CHECK_FALSE(noticed(result, "tit_for_tat"));
}

TEST_CASE("neither a retry nor an end is noticed") {
  Scenario scenario = crowd(60, 16, kib(64));
  scenario.network.loss = 0.1;
  const auto result = sabotaged(scenario, [](roulette::RouletteConfig& c) {
    c.give_up = c.join_timeout = seconds(3600);
    c.handshake_timeout = c.handshake_timeout_min = c.data_timeout_min = seconds(3600);
  });
  CHECK(noticed(result, "stuck"));
}

TEST_CASE("a crowd of neighbours beyond the bound is noticed") {
  const auto result = sabotaged(crowd(120, 40, kib(64)), [](roulette::RouletteConfig& c) {
    c.degree_min = 90;
    c.degree_max = 100;
    c.seek_interval = milliseconds(10);
  });
  CHECK(noticed(result, "memory"));
}

TEST_CASE("what may wait to be sent: of v2 nothing, of classic a queue behind a known uplink") {
  const auto too_many = [](wire::Profile profile, BitRate uplink, uint64_t queued) {
    roulette::RouletteConfig rules;
    rules.profile = profile;
    Checker checker(rules);
    checker.on_footprint({}, "visitor 1", {1, 0, queued}, 48, uplink);
    RunResult result;
    checker.move_to(result);
    return noticed(result, "memory");
  };
  const uint64_t most = kib(64).bytes * 5 / 4;
  CHECK_FALSE(too_many(wire::Profile::kClassic, {800'000}, most));
  CHECK(too_many(wire::Profile::kClassic, {800'000}, most + 1));
  CHECK(too_many(wire::Profile::kClassic, {}, 1));
  CHECK(too_many(wire::Profile::kV2, {800'000}, 1));
  CHECK_FALSE(too_many(wire::Profile::kV2, {800'000}, 0));
}

TEST_CASE("bytes that are not the site's are noticed") {
  Scenario scenario = crowd(1, 1);
  scenario.content.sizes = {kib(8), kib(8)};
  const WorldContent content = generated_content(scenario.content, 1);
  World world(scenario, 1, content);
  world.add_peer(at(0), 0, 0);
  const auto& files = world.peer(0).visit.files;
  while (files.empty() || !files[0].download) world.run_until(world.now() + milliseconds(10));
  // What it was to get is another file than what it gets.
  world.peer(0).visit.files[0].id = content.site->record(content.paths[1])->id;
  world.run_until(at(60));
  CHECK(noticed(result_of(world), "content"));
}

TEST_CASE("datagrams that vanish are noticed") {
  // A node that says it sent what never reached the network, as a world would see it that lost
  // count: the world's own figure is changed behind its back.
  const Scenario scenario = crowd(1, 1, kib(8));
  World world(scenario, 1, generated_content(scenario.content, 1));
  world.start();
  world.run_until(at(0.2));
  world.peer(0).payload_sent += 1;
  world.run_until(at(60));
  CHECK(noticed(result_of(world), "conserved"));
}
