// The whole protocol in virtual time: crowds, loss, deaths, cheaters. Each run prints its seed when
// it fails; FLASHBACK_SEED=n replays it.
#include "catch.h"
#include "sim/behaviour.h"
#include "support.h"
#include "wire/encode.h"

using namespace fb;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

PeerClass a_class(const std::string& name, double share, Behaviour behaviour) {
  PeerClass out;
  out.name = name;
  out.share = share;
  out.behaviour = behaviour;
  return out;
}

}  // namespace

TEST_CASE("one visitor alone needs the file's time on the line and its round trips") {
  const Scenario scenario = crowd(1, 1);
  const uint64_t seed = seed_or(1);
  INFO("FLASHBACK_SEED=" << seed);
  World world(scenario, seed, generated_content(scenario.content, seed));
  // Each of these waits for its answer before anything else can happen.
  int questions = 0;
  int bursts = 0;
  world.observe = [&](uint32_t from, uint32_t, std::span<const uint8_t> bytes) {
    const auto type = static_cast<wire::MessageType>(bytes[1]);
    const bool asks = type == wire::MessageType::kJoin || type == wire::MessageType::kHello ||
                      type == wire::MessageType::kFirstHandshake ||
                      type == wire::MessageType::kSecondHandshake;
    if (from == 1 && asks) ++questions;
    if (from == 1 && type == wire::MessageType::kSecondHandshake) ++bursts;
  };
  world.start();
  world.run_until(at(60));
  const RunResult result = result_of(world);
  const Summary s = summary_of(result);
  REQUIRE(s.complete == 1);
  CHECK(violation_of(result) == "");
  CHECK(s.most_over == 0);
  Population population(scenario, seed, 1);
  const double round_trip =
      2 * delay_between(scenario.network, population.seeder().place, population.plan(0)->place)
              .seconds();
  const double on_the_line =
      static_cast<double>((result.peers[0].received + result.peers[0].sent).bytes) * 8 / 800'000;
  // The first datagram of a burst occupies the seeder's line before it can begin on ours.
  const double first_of_bursts = bursts * 1200 * 8 / 800e3;
  CAPTURE(on_the_line, round_trip, questions, bursts);
  const double expected = on_the_line + first_of_bursts + questions * round_trip;
  CHECK(s.mean_s == Approx(expected).epsilon(0.05));
}

TEST_CASE("500 visitors at 32 a second, as in the paper") {
  const uint64_t seed = seed_or(1);
  INFO("FLASHBACK_SEED=" << seed);
  const uint32_t peers = kSanitized ? 120 : 500;
  const RunResult result = run(crowd(peers, 32), seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.complete == peers);
  CHECK(s.mean_s < 12);
  CHECK(s.most_over <= Scenario{}.roulette.upload_promise.bytes);
  CHECK(s.from_seeder < s.received / (kSanitized ? 8 : 20));
  // The seeder keeps within its line: 800 kbit/s for as long as it ran.
  CHECK(static_cast<double>(result.seeder_sent.bytes) <=
        100'000 * result.elapsed.seconds() + 64 * 1024);
}

TEST_CASE("the same seed gives the same run, another one another") {
  const auto digest = [](uint64_t seed) {
    Scenario scenario = crowd(60, 20, kib(64));
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

TEST_CASE("loss, duplication, reordering and corruption only cost time") {
  const uint64_t seed = seed_or(2);
  INFO("FLASHBACK_SEED=" << seed);
  const uint32_t peers = kSanitized ? 50 : 150;
  Scenario scenario = crowd(peers, 16);
  scenario.network.loss = 0.05;
  scenario.network.duplicate = 0.02;
  scenario.network.reorder = 0.05;
  scenario.network.corrupt = 0.002;
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == peers);
  CHECK(summary_of(result).most_over <= scenario.roulette.upload_promise.bytes);
}

TEST_CASE("half of the peers die every five seconds, the others complete") {
  const uint64_t seed = seed_or(3);
  INFO("FLASHBACK_SEED=" << seed);
  const uint32_t peers = kSanitized ? 100 : 300;
  Scenario scenario = crowd(peers, 16);
  scenario.faults.kill_every = seconds(5);
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.killed > peers / 6);
  CHECK(s.failed == 0);
  CHECK(s.complete + s.killed == peers);
}

TEST_CASE("the seeder dies and returns: nobody is stuck, late joins work") {
  const uint64_t seed = seed_or(4);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(100, 4);
  scenario.roulette.give_up = seconds(10);
  scenario.faults.seeder_down_at = seconds(6);
  scenario.faults.seeder_down_for = seconds(5);
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.waiting == 0);
  CHECK(s.complete == 100);  // it was away for less than they are patient
  CHECK(s.wrong == 0);
}

TEST_CASE("a seeder that never returns: who cannot complete says so") {
  const uint64_t seed = seed_or(5);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(60, 10);
  scenario.roulette.give_up = seconds(5);
  scenario.faults.seeder_down_at = milliseconds(2500);
  scenario.faults.seeder_down_for = seconds(1000);
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result);
  CHECK(violation_of(result) == "");
  CHECK(s.waiting == 0);
  CHECK(s.failed > 20);
  CHECK(s.complete + s.failed == 60);
}

TEST_CASE("a run leaves out who came in its cool-down") {
  Scenario scenario = crowd(40, 10, kib(4));  // in four seconds
  scenario.warm_up = seconds(1);
  scenario.cool_down = milliseconds(950);
  const RunResult result = run(scenario, seed_or(6));
  REQUIRE(result.peers.size() == 40);
  const Duration last = result.peers.back().arrived;
  for (const PeerRecord& peer : result.peers) {
    const bool within =
        peer.arrived >= scenario.warm_up && peer.arrived <= last - scenario.cool_down;
    CHECK(peer.counted == within);
  }
  CHECK_FALSE(result.peers.back().counted);
}

TEST_CASE("a partition heals") {
  const uint64_t seed = seed_or(15);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(100, 10, kib(64));
  scenario.faults.partition_at = seconds(4);
  scenario.faults.partition_for = seconds(6);
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(result.network.partition > 100);
  CHECK(summary_of(result).complete == 100);
}

TEST_CASE("polluters, one in fifteen, do not harm honest visitors") {
  const uint64_t seed = seed_or(6);
  INFO("FLASHBACK_SEED=" << seed);
  const uint32_t peers = kSanitized ? 60 : 150;
  Scenario scenario = crowd(peers, 16);
  scenario.classes = {a_class("honest", 14.0 / 15, Behaviour::kHonest),
                      a_class("polluter", 1.0 / 15, Behaviour::kPolluter)};
  const RunResult result = run(scenario, seed);
  const Summary s = summary_of(result, 0);
  CHECK(violation_of(result) == "");
  CHECK(s.complete == s.arrived);
  CHECK(summary_of(result, 1).arrived > 0);
  // Without digests it was 248 s, and 176 s with a single polluter.
  CHECK(s.mean_s < 20);
}

TEST_CASE("free riders wait far longer than those who give") {
  const uint64_t seed = seed_or(7);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(kSanitized ? 120 : 300, 16);
  scenario.classes = {a_class("honest", 0.9, Behaviour::kHonest),
                      a_class("rider", 0.1, Behaviour::kFreeRider)};
  const RunResult result = run(scenario, seed);
  const Summary honest = summary_of(result, 0);
  const Summary riding = summary_of(result, 1);
  CHECK(violation_of(result) == "");
  CHECK(honest.complete == honest.arrived);
  REQUIRE(riding.arrived > 0);
  CAPTURE(honest.mean_s, riding.mean_s, riding.complete, riding.arrived);
  CHECK((riding.complete == 0 || riding.mean_s > 1.5 * honest.mean_s));
}

TEST_CASE("a large view buys a free rider no other's completion") {
  const uint64_t seed = seed_or(17);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(kSanitized ? 60 : 150, 16, kib(64));
  scenario.classes = {a_class("honest", 0.9, Behaviour::kHonest),
                      a_class("attacker", 0.1, Behaviour::kLargeView)};
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result, 0).complete == summary_of(result, 0).arrived);
}

TEST_CASE("visitors behind NATs complete, and their NATs kept something out") {
  const uint64_t seed = seed_or(18);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(80, 8, kib(64));
  PeerClass open;
  open.share = 0.6;
  PeerClass symmetric;
  symmetric.share = 0.2;
  symmetric.nat = Nat::kSymmetric;
  PeerClass restricted;
  restricted.share = 0.2;
  restricted.nat = Nat::kPortRestricted;
  scenario.classes = {open, symmetric, restricted};
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == 80);
  CHECK(result.network.nat > 50);
}

TEST_CASE("who knows its uplink never fills its line's queue") {
  const uint64_t seed = seed_or(20);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(60, 10, kib(64));
  scenario.classes[0].link.queue = kib(4);
  CHECK(run(scenario, seed).network.uplink_queue > 0);
  scenario.peers_know_uplink = true;
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == 60);
  CHECK(result.network.uplink_queue == 0);
}

TEST_CASE("who loses patience leaves, and the others complete") {
  const uint64_t seed = seed_or(19);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(100, 10);
  PeerClass hasty;
  hasty.share = 0.5;
  hasty.abandon_after = seconds(2);
  PeerClass patient;
  patient.share = 0.5;
  scenario.classes = {hasty, patient};
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result, 0).abandoned > 20);
  CHECK(summary_of(result, 1).abandoned == 0);
  CHECK(summary_of(result, 1).complete == summary_of(result, 1).arrived);
}

TEST_CASE("each leaves when its own patience ends") {
  const uint64_t seed = seed_or(21);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(100, 10);
  scenario.classes[0].abandon_after = seconds(1);  // nobody has all by then
  scenario.classes[0].abandon_uniform = true;
  World world(scenario, seed, generated_content(scenario.content, seed));
  world.start();
  world.run_until(at(60));
  const RunResult result = result_of(world);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).abandoned == 100);
  size_t early = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    const Duration patience = patience_of(scenario.classes[0], world.peer(i).plan);
    CHECK(patience > Duration{});
    CHECK(patience <= seconds(1));
    if (patience < milliseconds(500)) ++early;
  }
  CHECK(early > 30);
  CHECK(early < 70);
}

TEST_CASE("lines that change in mid-transfer, and lines that are shared, only cost time") {
  const uint64_t seed = seed_or(22);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(kSanitized ? 30 : 80, 8, kib(64));
  const auto mean = [&] {
    const RunResult result = run(scenario, seed);
    CHECK(violation_of(result) == "");
    CHECK(summary_of(result).complete == scenario.stop.peers);
    return summary_of(result).mean_s;
  };
  const double plain = mean();
  LineEvents& events = scenario.classes[0].events;
  events.up_after = events.down_after = {267'000};
  events.change_after = milliseconds(800);
  const double changed = mean();
  CHECK(changed > 1.4 * plain);
  events.change_after = seconds(1000);
  CHECK(mean() == plain);
  events = {};
  events.cross_up = {500'000};
  const double shared = mean();
  CHECK(shared > 1.05 * plain);
  events.cross_for = milliseconds(500);
  CHECK(mean() < shared);
}

TEST_CASE("a whole page: the HTML first, then all others, in one node") {
  const uint64_t seed = seed_or(23);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(kSanitized ? 30 : 80, 8);
  scenario.content.sizes = {kib(12), kib(30), ByteCount{0}, kib(40)};
  scenario.content.page = true;
  scenario.network.loss = 0.01;
  World world(scenario, seed, generated_content(scenario.content, seed));
  world.start();
  world.run_until(at(200));
  const RunResult result = result_of(world);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == scenario.stop.peers);
  for (const PeerRecord& peer : result.peers) {
    CAPTURE(peer.number);
    CHECK(peer.file == kib(82));
    REQUIRE((peer.first_byte && peer.first_file));
    CHECK(*peer.first_byte > Duration{});
    CHECK(*peer.first_byte <= *peer.first_file);
    CHECK(*peer.first_file <= peer.took);
    const auto& files = world.peer(peer.number).visit.files;
    CHECK(files.size() == 4);
    CHECK(std::ranges::all_of(files, &Visit::File::complete));
  }
}

TEST_CASE("a page without one of its files is missing") {
  Scenario scenario = crowd(1, 1, kib(8));
  WorldContent content = generated_content(scenario.content, 1);
  content.page = {"nowhere.css"};
  World world(scenario, 1, content);
  world.start();
  world.run_until(at(60));
  CHECK(world.peer(0).record.end == PeerEnd::kMissing);
}

TEST_CASE("of a single file the first byte comes before the last") {
  const RunResult result = run(crowd(20, 2), 1);
  Duration first_bytes{}, all{};
  for (const PeerRecord& peer : result.peers) {
    REQUIRE((peer.first_byte && peer.first_file));
    CHECK(*peer.first_byte <= *peer.first_file);  // chunks come in no order
    CHECK(*peer.first_file == peer.took);
    first_bytes += *peer.first_byte;
    all += peer.took;
  }
  CHECK(first_bytes * 10 < all * 9);
}

TEST_CASE("a file with a hash list of its own, through a lossy crowd") {
  const uint64_t seed = seed_or(8);
  INFO("FLASHBACK_SEED=" << seed);
  Scenario scenario = crowd(kSanitized ? 8 : 30, 2, kib(700));
  scenario.network.loss = 0.01;
  const WorldContent content = generated_content(scenario.content, seed);
  REQUIRE(content.site->record(content.paths[0])->list_ids.size() == 1);
  const RunResult result = run(scenario, seed);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == scenario.stop.peers);
}

TEST_CASE("hostile datagrams out of nowhere disturb nobody") {
  const uint64_t seed = seed_or(9);
  INFO("FLASHBACK_SEED=" << seed);
  const Scenario scenario = crowd(40, 10, kib(64));
  World world(scenario, seed, generated_content(scenario.content, seed));
  Rng rng(seed);
  for (int i = 0; i < 40; ++i) world.add_peer(at(0.1 * i));
  for (int i = 0; i < 3000; ++i) {
    world.at(at(0.002 * i), [&world, &rng] {
      std::vector<uint8_t> bytes(1 + rng.below(1300));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
      bytes[0] = wire::kVersionByte;
      if (bytes.size() > 1) bytes[1] = static_cast<uint8_t>(1 + rng.below(18));
      const Endpoint to = rng.below(2) == 0
                              ? world.seeder_endpoint()
                              : world.endpoint(static_cast<uint32_t>(rng.below(40)));
      const Endpoint from = world.endpoint(static_cast<uint32_t>(rng.below(40)));
      world.inject(from, to, bytes);
    });
  }
  world.run_until(at(120));
  CHECK(world.seeder_stats().drops.total() > 500);
  const RunResult result = result_of(world);
  CHECK(violation_of(result) == "");
  CHECK(summary_of(result).complete == 40);
}

TEST_CASE("what the world reads out of DATA is what the wire says") {
  const std::vector<uint8_t> payload(777, 0x42);
  wire::Buffer buffer;
  const auto bytes =
      wire::encode(99, wire::Data{content::FileId{7}, 1, 3, false, payload}, buffer);
  CHECK(data_payload(bytes) == ByteCount{777});
  const auto other = wire::encode(99, wire::Bye{1000}, buffer);
  CHECK_FALSE(data_payload(other).has_value());
}
