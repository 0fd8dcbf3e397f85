// The fluid model against what can be worked out by hand.
#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

Scenario http(uint32_t peers, double per_second, ByteCount size) {
  Scenario out = crowd(peers, per_second, size);
  out.client = ClientKind::kHttp;
  out.network.access_min = out.network.access_max = milliseconds(30);
  out.network.plane = {};  // 60 ms each way, always
  return out;
}

// 131,072 + 300 bytes in 90 segments with 40 bytes of headers, at 800 kbit/s.
constexpr double kAlone = (131'372 + 90 * 40) * 8 / 800e3;

}  // namespace

TEST_CASE("HTTP: one visitor gets the whole line") {
  const Summary s = summary_of(run(http(1, 1, kib(128)), 1));
  REQUIRE(s.complete == 1);
  CHECK(s.mean_s == Approx(kAlone + 4 * 0.06).epsilon(0.001));
}

TEST_CASE("HTTP: a page is the answers of all its files, one after the other") {
  Scenario scenario = http(1, 1, kib(64));
  scenario.content.sizes = {kib(64), kib(64)};
  scenario.content.page = true;
  const RunResult result = run(scenario, 1);
  REQUIRE(summary_of(result).complete == 1);
  CHECK(result.peers[0].file == kib(128));
  // Another 300 bytes of the second answer's headers.
  CHECK(summary_of(result).mean_s == Approx(kAlone + 0.003 + 4 * 0.06).epsilon(0.001));
  REQUIRE(result.peers[0].first_byte);
  CHECK(result.peers[0].first_byte->seconds() == Approx(4 * 0.06));
  CHECK_FALSE(result.peers[0].first_file);
}

TEST_CASE("HTTP: visitors at once share the server's line evenly") {
  Scenario scenario = http(10, 1, kib(128));
  scenario.arrivals.kind = ArrivalKind::kOneShot;
  const RunResult result = run(scenario, 1);
  for (const PeerRecord& peer : result.peers) {
    CHECK(peer.took.seconds() == Approx(10 * kAlone + 4 * 0.06).epsilon(0.001));
  }
  CHECK(result.seeder_sent.bytes == Approx(10 * kAlone * 100'000).epsilon(0.001));
}

TEST_CASE("HTTP: who has a slow line leaves the rest to the others") {
  Scenario scenario = http(2, 1, kib(128));
  scenario.arrivals.kind = ArrivalKind::kOneShot;
  scenario.classes.assign(2, PeerClass{});
  scenario.classes[0].share = scenario.classes[1].share = 0.5;
  scenario.classes[0].link.down = {80'000};
  // A seed by which one of each comes.
  RunResult result;
  uint64_t seed = 1;
  do {
    result = run(scenario, seed++);
  } while (result.peers[0].peer_class == result.peers[1].peer_class);
  const bool first_is_slow = result.peers[0].peer_class == 0;
  const double slow = result.peers[first_is_slow ? 0 : 1].took.seconds();
  const double fast = result.peers[first_is_slow ? 1 : 0].took.seconds();
  CHECK(slow == Approx(10 * kAlone + 4 * 0.06).epsilon(0.001));
  CHECK(fast == Approx(kAlone / 0.9 + 4 * 0.06).epsilon(0.001));
}

TEST_CASE("HTTP: beyond the line's rate the queue grows; patience ends") {
  Scenario scenario = http(200, 2, kib(128));
  scenario.classes[0].abandon_after = seconds(20);
  const RunResult result = run(scenario, 1);
  const Summary s = summary_of(result);
  CHECK(s.complete + s.abandoned == 200);
  CHECK(s.abandoned > 100);
  // The line was busy until the last one left, and never sent more than it can.
  CHECK(static_cast<double>(result.seeder_sent.bytes) <=
        100'000 * result.elapsed.seconds() * 1.001);
}
