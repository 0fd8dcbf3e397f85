// Profile v2 in virtual time: crowds, a bad network, cheaters. FLASHBACK_SEED=n replays a run.
#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

Scenario v2_crowd(uint32_t peers, double per_second, ByteCount size = kib(128)) {
  Scenario out = crowd(peers, per_second, size);
  out.roulette.profile = wire::Profile::kV2;
  return out;
}

PeerClass a_class(const std::string& name, double share, Behaviour behaviour) {
  PeerClass out;
  out.name = name;
  out.share = share;
  out.behaviour = behaviour;
  return out;
}

}  // namespace

TEST_CASE("v2: a crowd at 32 a second takes a third of the paper's rules' time") {
  const uint64_t seed = seed_or(1);
  INFO("FLASHBACK_SEED=" << seed);
  const uint32_t peers = kSanitized ? 80 : 300;
  const Scenario scenario = v2_crowd(peers, 32);
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.complete == peers);
  CAPTURE(s.mean_s);
  CHECK(s.mean_s < 3);
  CHECK(s.most_over <= scenario.roulette.upload_promise.bytes);
}

TEST_CASE("v2: a file of many blocks takes half of the paper's rules' time") {
  if (kSanitized) return;  // too long there
  const uint64_t seed = seed_or(1);
  INFO("FLASHBACK_SEED=" << seed);
  double mean_s[2]{};
  for (const auto profile : {wire::Profile::kClassic, wire::Profile::kV2}) {
    Scenario scenario = v2_crowd(60, 2, kib(1024));
    scenario.roulette.profile = profile;
    const RunResult result = run(scenario, seed);
    CHECK(violation_of(result) == "");
    CHECK(summary_of(result).complete == 60);
    mean_s[profile == wire::Profile::kV2 ? 1 : 0] = summary_of(result).mean_s;
  }
  CAPTURE(mean_s[0], mean_s[1]);
  CHECK(mean_s[1] < mean_s[0] * 0.65);
}

TEST_CASE("v2: who finds out an unequal line is not much slower than who is told") {
  if (kSanitized) return;  // half as many visitors would show nothing
  double found_out_s = 0;
  double told_s = 0;
  for (const uint64_t seed : {seed_or(1), seed_or(1) + 1, seed_or(1) + 2}) {
    INFO("FLASHBACK_SEED=" << seed);
    Scenario scenario = v2_crowd(500, 32);
    scenario.warm_up = seconds(5);
    scenario.classes = {a_class("slow", 0.5, Behaviour::kHonest),
                        a_class("fast", 0.5, Behaviour::kHonest)};
    scenario.classes[0].link.up = scenario.classes[0].link.down = {400'000};
    scenario.classes[1].link.up = scenario.classes[1].link.down = {4'000'000};
    found_out_s += summary_of(run(scenario, seed)).mean_s;
    scenario.peers_know_uplink = true;
    told_s += summary_of(run(scenario, seed)).mean_s;
  }
  CAPTURE(found_out_s / 3, told_s / 3);
  // 1.09; without proofs 1.18, and without what arrives as the floor 1.13.
  CHECK(found_out_s < told_s * 1.12);
}

TEST_CASE("v2: the same seed gives the same run") {
  const auto digest = [](uint64_t seed) {
    Scenario scenario = v2_crowd(40, 20, kib(64));
    scenario.network.loss = 0.02;
    scenario.network.duplicate = 0.01;
    scenario.network.reorder = 0.05;
    const RunResult result = run(scenario, seed);
    uint64_t out = result.events;
    for (const PeerRecord& peer : result.peers) {
      out = out * 1'000'003 + static_cast<uint64_t>(peer.took.ns);
      out = out * 1'000'003 + peer.received.bytes;
    }
    return out;
  };
  CHECK(digest(5) == digest(5));
  CHECK(digest(5) != digest(6));
}

TEST_CASE("v2: loss, duplication, reordering and corruption, each alone and together") {
  const uint64_t seed = seed_or(2);
  INFO("FLASHBACK_SEED=" << seed);
  for (const int which : {0, 1, 2, 3, 4}) {
    CAPTURE(which);
    Scenario scenario = v2_crowd(kSanitized ? 30 : 80, 16, kib(64));
    if (which == 0 || which == 4) scenario.network.loss = 0.05;
    if (which == 1 || which == 4) scenario.network.duplicate = 0.05;
    if (which == 2 || which == 4) scenario.network.reorder = 0.1;
    if (which == 3 || which == 4) scenario.network.corrupt = 0.002;
    const RunResult result = run(scenario, seed);
    CHECK(violation_of(result) == "");
    CHECK(summary_of(result).complete == scenario.stop.peers);
    CHECK(summary_of(result).most_over <= scenario.roulette.upload_promise.bytes);
  }
}

TEST_CASE("v2: polluters, one in fifteen: right content for all, and they are cut off") {
  const uint64_t seed = seed_or(6);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = v2_crowd(kSanitized ? 60 : 150, 16);
  scenario.classes = {a_class("honest", 14.0 / 15, Behaviour::kHonest),
                      a_class("polluter", 1.0 / 15, Behaviour::kPolluter)};
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result, 0);
  CHECK(violation_of(result) == "");
  REQUIRE(summary_of(result, 1).arrived > 0);
  CHECK(s.complete == s.arrived);
  CHECK(summary_of(result).wrong == 0);
  CAPTURE(s.mean_s);
  CHECK(s.mean_s < 15);
  // Bad chunks were known as such, and who gave them was not heard again.
  CHECK(result.peer_drops.count(roulette::Drop::kPolluted) > 0);
  CHECK(result.peer_drops.count(roulette::Drop::kUnknownToken) > 0);
}

TEST_CASE("v2: free riders harm nobody, and wait longer") {
  const uint64_t seed = seed_or(7);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = v2_crowd(kSanitized ? 80 : 200, 32);
  scenario.classes = {a_class("honest", 0.9, Behaviour::kHonest),
                      a_class("rider", 0.1, Behaviour::kFreeRider)};
  const RunResult result = run(scenario, seed);
  const Summary honest = summary_of(result, 0);
  const Summary riding = summary_of(result, 1);
  CHECK(violation_of(result) == "");
  CHECK(honest.complete == honest.arrived);
  REQUIRE(riding.arrived > 0);
  CAPTURE(honest.mean_s, riding.mean_s, riding.complete, riding.arrived);
  CHECK((riding.complete == 0 || riding.mean_s > honest.mean_s));
}

TEST_CASE("v2: the seeder dies and returns, the network parts and heals") {
  const uint64_t seed = seed_or(4);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario away = v2_crowd(60, 8);
  away.faults.seeder_down_at = seconds(3);
  away.faults.seeder_down_for = seconds(4);
  const RunResult returned = run(away, seed);
  CHECK(violation_of(returned) == "");
  CHECK(summary_of(returned).complete == 60);
  Scenario parted = v2_crowd(60, 10, kib(64));
  parted.faults.partition_at = seconds(2);
  parted.faults.partition_for = seconds(4);
  const RunResult healed = run(parted, seed);
  CHECK(violation_of(healed) == "");
  CHECK(healed.network.partition > 50);
  CHECK(summary_of(healed).complete == 60);
}

TEST_CASE("v2: half of the peers die every three seconds, the others complete") {
  const uint64_t seed = seed_or(3);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = v2_crowd(kSanitized ? 60 : 150, 16);
  scenario.faults.kill_every = seconds(3);
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.killed > 5);
  CHECK(s.complete + s.killed == scenario.stop.peers);
}

TEST_CASE("v2: a file with a hash list of its own, and a whole page, on a lossy network") {
  const uint64_t seed = seed_or(8);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario large = v2_crowd(kSanitized ? 8 : 20, 2, kib(700));
  large.network.loss = 0.01;
  const RunResult one = run(large, seed);
  CHECK(violation_of(one) == "");
  CHECK(summary_of(one).complete == large.stop.peers);
  Scenario page = v2_crowd(kSanitized ? 20 : 50, 8);
  page.content.sizes = {kib(12), kib(30), ByteCount{0}, kib(40), ByteCount{1}};
  page.content.page = true;
  page.network.loss = 0.01;
  const RunResult whole = run(page, seed);
  CHECK(violation_of(whole) == "");
  CHECK(summary_of(whole).complete == page.stop.peers);
}

TEST_CASE("v2: the files of a page are one trade: the first comes early, all sooner than classic") {
  const uint64_t seed = seed_or(4);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario page = v2_crowd(kSanitized ? 20 : 60, 8);
  page.content.sizes = {kib(12), kib(16), kib(28), kib(8), kib(24), kib(40)};
  page.content.page = true;
  const RunResult v2 = run(page, seed);
  CHECK(violation_of(v2) == "");
  const Summary trade = summary_of(v2);
  CHECK(trade.complete == page.stop.peers);
  double first_s = 0;
  for (const PeerRecord& peer : v2.peers) first_s += peer.first_file.value_or(peer.took).seconds();
  CHECK(first_s * 2 < trade.mean_s * static_cast<double>(v2.peers.size()));
  page.roulette.profile = wire::Profile::kClassic;
  CHECK(trade.mean_s < summary_of(run(page, seed)).mean_s);
}

TEST_CASE("v2: hostile datagrams out of nowhere disturb nobody") {
  const uint64_t seed = seed_or(9);
  INFO("FLASHBACK_SEED=" << seed);
  const Scenario scenario = v2_crowd(40, 10, kib(64));
  World world(scenario, seed, generated_content(scenario.content, seed));
  Rng rng(seed);
  for (int i = 0; i < 40; ++i) world.add_peer(at(0.1 * i));
  for (int i = 0; i < 3000; ++i) {
    world.at(at(0.002 * i), [&world, &rng] {
      std::vector<uint8_t> bytes(1 + rng.below(1300));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
      bytes[0] = wire::kVersionByte;
      if (bytes.size() > 1) bytes[1] = static_cast<uint8_t>(rng.below(wire::kMessageTypes));
      const Endpoint to = rng.below(2) == 0
                              ? world.seeder_endpoint()
                              : world.endpoint(static_cast<uint32_t>(rng.below(40)));
      world.inject(world.endpoint(static_cast<uint32_t>(rng.below(40))), to, bytes);
    });
  }
  world.run_until(at(120));
  CHECK(world.seeder_stats().drops.total() > 500);
  const RunResult result = result_of(world);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == 40);
}
