// The whole protocol in virtual time: crowds, loss, deaths, cheaters. Each run prints its seed when
// it fails; FLASHBACK_SEED=n replays it.
#include <cstdlib>
#include <string>

#include "../roulette/support.h"
#include "catch.h"
#include "sim/world.h"

using namespace fb;
using namespace fb::sim;

namespace {

uint64_t seed_or(uint64_t fallback) {
  const char* given = std::getenv("FLASHBACK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : fallback;
}

// A sanitizer makes everything ten to thirty times slower; smaller crowds show the same there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

Instant at(double seconds_from_start) {
  return Instant{static_cast<int64_t>(seconds_from_start * 1e9)};
}

struct Summary {
  size_t complete = 0, failed = 0, killed = 0, wrong = 0;
  double mean_s = 0;
  uint64_t most_over = 0;  // sent beyond received, of the worst peer
  uint64_t cut_off = 0;
  uint64_t from_seeder = 0, received = 0;
};

Summary summary_of(const World& world) {
  Summary out;
  for (size_t i = 0; i < world.peers(); ++i) {
    const PeerOutcome peer = world.outcome(i);
    out.cut_off += peer.stats.neighbours_cut_off;
    out.from_seeder += peer.stats.chunk_bytes_from_seeder;
    out.received += peer.stats.chunk_bytes_received;
    if (peer.stats.chunk_bytes_sent > peer.stats.chunk_bytes_received) {
      out.most_over = std::max(out.most_over,
                               peer.stats.chunk_bytes_sent - peer.stats.chunk_bytes_received);
    }
    if (peer.killed) ++out.killed;
    if (peer.failed) ++out.failed;
    if (!peer.completed) continue;
    ++out.complete;
    out.mean_s += (*peer.completed - peer.arrived).seconds();
    if (!peer.content_right) ++out.wrong;
  }
  if (out.complete > 0) out.mean_s /= static_cast<double>(out.complete);
  return out;
}

void add_crowd(World& world, size_t peers, double per_second, const LinkOptions& link = {}) {
  for (size_t i = 0; i < peers; ++i) {
    world.add_peer(at(static_cast<double>(i) / per_second), "f", link);
  }
}

WorldOptions options_with(uint64_t seed) {
  WorldOptions options;
  options.seed = seed_or(seed);
  return options;
}

}  // namespace

TEST_CASE("one visitor alone needs the file's time on the line and some round trips") {
  World world(options_with(1), test::one_file_site(128 * 1024));
  add_crowd(world, 1, 1);
  world.run_until(at(60));
  const Summary s = summary_of(world);
  REQUIRE(s.complete == 1);
  // 128 KiB with headers at 800 kbit/s are 1.38 s. Stop-and-go adds a round trip for each burst.
  CHECK(s.mean_s > 1.38);
  CHECK(s.mean_s < 3.5);
  CHECK(s.most_over == 0);
}

TEST_CASE("500 visitors at 32 a second, as in the paper") {
  const WorldOptions options = options_with(1);
  INFO("FLASHBACK_SEED=" << options.seed);
  World world(options, test::one_file_site(128 * 1024));
  const size_t crowd = kSanitized ? 120 : 500;
  add_crowd(world, crowd, 32);
  world.run_until(at(300));
  const Summary s = summary_of(world);
  CHECK(s.complete == crowd);
  CHECK(s.wrong == 0);
  CHECK(s.mean_s < 12);
  CHECK(s.most_over <= 4096);
  CHECK(s.cut_off == 0);
  CHECK(s.from_seeder < s.received / (kSanitized ? 8 : 20));
  // The seeder keeps within its line: 800 kbit/s for as long as it ran.
  CHECK(static_cast<double>(world.seeder_sent().bytes) <=
        100'000 * static_cast<double>(world.now().ns) * 1e-9 + 64 * 1024);
}

TEST_CASE("the same seed gives the same run, another one another") {
  const auto run = [](uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.impairment = {0.02, 0.01, 0.05, 0.0};
    World world(options, test::one_file_site(64 * 1024));
    add_crowd(world, 60, 20);
    world.run_until(at(120));
    uint64_t digest = world.events();
    for (size_t i = 0; i < world.peers(); ++i) {
      const auto peer = world.outcome(i);
      digest = digest * 1'000'003 + static_cast<uint64_t>(peer.completed.value_or(Instant{}).ns);
      digest = digest * 1'000'003 + peer.stats.bytes_in;
    }
    return digest;
  };
  CHECK(run(5) == run(5));
  CHECK(run(5) != run(6));
}

TEST_CASE("loss, duplication, reordering and corruption only cost time") {
  WorldOptions options = options_with(2);
  INFO("FLASHBACK_SEED=" << options.seed);
  options.impairment = {0.05, 0.02, 0.05, 0.002};  // loss, duplicate, reorder, corrupt
  World world(options, test::one_file_site(128 * 1024));
  add_crowd(world, 150, 16);
  world.run_until(at(300));
  const Summary s = summary_of(world);
  CHECK(s.complete == 150);
  CHECK(s.wrong == 0);
  CHECK(s.most_over <= 4096);
}

TEST_CASE("half of the peers die every five seconds, the others complete") {
  const WorldOptions options = options_with(3);
  INFO("FLASHBACK_SEED=" << options.seed);
  World world(options, test::one_file_site(128 * 1024));
  add_crowd(world, 300, 16);
  for (int i = 1; i < 8; ++i) {
    world.at(at(5.0 * i), [&world, i] {
      for (size_t peer = static_cast<size_t>(i) % 2; peer < world.peers(); peer += 2) {
        if (world.node(peer) != nullptr) world.kill_peer(peer);
      }
    });
  }
  world.run_until(at(300));
  const Summary s = summary_of(world);
  CHECK(s.killed > 50);
  CHECK(s.failed == 0);
  CHECK(s.complete + s.killed == 300);
  CHECK(s.wrong == 0);
}

TEST_CASE("the seeder dies: who can completes, the others say so; it returns: joins work") {
  WorldOptions options = options_with(4);
  INFO("FLASHBACK_SEED=" << options.seed);
  options.config.give_up = seconds(10);
  World world(options, test::one_file_site(128 * 1024));
  add_crowd(world, 200, 20);
  world.at(at(6), [&] { world.kill_seeder(); });
  world.at(at(60), [&] { world.restart_seeder(); });
  for (int i = 0; i < 20; ++i) world.add_peer(at(61 + i * 0.1), "f", {});
  world.run_until(at(59));
  size_t complete = 0;
  size_t failed = 0;
  for (size_t i = 0; i < 200; ++i) {
    const auto peer = world.outcome(i);
    if (peer.completed) ++complete;
    if (peer.failed) ++failed;
  }
  // The swarm held every chunk when the seeder died, so those who were in it went on.
  CHECK(complete >= 60);
  CHECK(failed + complete == 200);
  world.run_until(at(200));
  for (size_t i = 200; i < 220; ++i) {
    CHECK(world.outcome(i).completed.has_value());
    CHECK(world.outcome(i).content_right);
  }
}

TEST_CASE("a peer in the middle of its visit survives a restart of the seeder") {
  const WorldOptions options = options_with(5);
  INFO("FLASHBACK_SEED=" << options.seed);
  World world(options, test::one_file_site(256 * 1024));
  add_crowd(world, 1, 1);
  world.at(at(1.5), [&] { world.kill_seeder(); });
  world.at(at(4), [&] { world.restart_seeder(); });
  world.run_until(at(60));
  CHECK(summary_of(world).complete == 1);
  CHECK(summary_of(world).wrong == 0);
}

TEST_CASE("polluters, one in fifteen, are cut off, and honest visitors complete") {
  for (const bool vouching : {true, false}) {
    CAPTURE(vouching);
    const WorldOptions options = options_with(6);
    INFO("FLASHBACK_SEED=" << options.seed);
    World world(options, test::one_file_site(128 * 1024));
    const size_t crowd = kSanitized ? 60 : 150;
    add_crowd(world, crowd, 16);
    for (size_t i = 5; i < crowd; i += 15) {
      world.tamper(i, [vouching](std::vector<uint8_t>& datagram) {
        // DATA: the flag is byte 24, the payload starts at 25 (docs/protocol.md).
        if (datagram[1] != static_cast<uint8_t>(wire::MessageType::kData)) return;
        datagram[24] = vouching ? 1 : 0;
        datagram[40] ^= 0x55;
      });
    }
    world.run_until(at(300));
    const Summary s = summary_of(world);
    CHECK(s.complete == crowd);
    CHECK(s.wrong == 0);
    CHECK(s.cut_off > 10);
    // Without digests it was 248 s, and 176 s with a single polluter.
    CHECK(s.mean_s < 20);
  }
}

TEST_CASE("free riders wait far longer than those who give") {
  const WorldOptions options = options_with(7);
  INFO("FLASHBACK_SEED=" << options.seed);
  World world(options, test::one_file_site(128 * 1024));
  std::vector<size_t> riders;
  for (size_t i = 0; i < 300; ++i) {
    const size_t peer = world.add_peer(at(static_cast<double>(i) / 16), "f", {});
    if (i % 10 != 9) continue;
    riders.push_back(peer);
    // It takes and never gives: no data, no offers.
    world.tamper(peer, [](std::vector<uint8_t>& datagram) {
      const auto type = static_cast<wire::MessageType>(datagram[1]);
      if (type == wire::MessageType::kData || type == wire::MessageType::kFirstHandshakeReply) {
        datagram.assign(1, 0);
      }
    });
  }
  world.run_until(at(400));
  double honest = 0;
  double riding = 0;
  size_t honest_count = 0;
  for (size_t i = 0; i < world.peers(); ++i) {
    const auto peer = world.outcome(i);
    const double took = (peer.completed.value_or(world.now()) - peer.arrived).seconds();
    if (std::ranges::find(riders, i) != riders.end()) {
      riding += took;
    } else {
      honest += took;
      ++honest_count;
      CHECK(peer.completed.has_value());
    }
  }
  honest /= static_cast<double>(honest_count);
  riding /= static_cast<double>(riders.size());
  CAPTURE(honest, riding);
  CHECK(riding > 1.5 * honest);
}

TEST_CASE("a file with a hash list of its own, through a lossy crowd") {
  WorldOptions options = options_with(8);
  INFO("FLASHBACK_SEED=" << options.seed);
  options.impairment.loss = 0.01;
  auto site = test::one_file_site(700 * 1024);
  REQUIRE(site->record("f")->list_ids.size() == 1);
  World world(options, std::move(site));
  add_crowd(world, 30, 2);
  world.run_until(at(600));
  const Summary s = summary_of(world);
  CHECK(s.complete == 30);
  CHECK(s.wrong == 0);
}

TEST_CASE("hostile datagrams out of nowhere disturb nobody") {
  const WorldOptions options = options_with(9);
  INFO("FLASHBACK_SEED=" << options.seed);
  World world(options, test::one_file_site(64 * 1024));
  add_crowd(world, 40, 10);
  Rng rng(options.seed);
  const Endpoint seeder{Address::v4(10, 0, 0, 0), 4711};
  for (int i = 0; i < 3000; ++i) {
    world.at(at(0.002 * i), [&world, &rng, seeder] {
      std::vector<uint8_t> bytes(1 + rng.below(1300));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
      bytes[0] = wire::kVersionByte;
      if (bytes.size() > 1) bytes[1] = static_cast<uint8_t>(1 + rng.below(18));
      const Endpoint to = rng.below(2) == 0 ? seeder : world.endpoint(rng.below(40));
      world.inject(world.endpoint(rng.below(40)), to, std::move(bytes));
    });
  }
  world.run_until(at(120));
  const Summary s = summary_of(world);
  CHECK(s.complete == 40);
  CHECK(s.wrong == 0);
  CHECK(world.seeder_stats().drops.total() > 500);
}
