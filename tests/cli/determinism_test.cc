// One seed, one result, to the byte: with g++ and clang, with and without sanitizers, because every
// build runs this against the same digests. A change of the protocol or of the report changes them
// on purpose; then take the new ones from the failure's message.
#include "../sim/support.h"
#include "catch.h"
#include "cli/load_summary.h"
#include "content/hash.h"

using namespace fb;
using namespace fb::cli;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

// Something of everything that draws lots or computes with fractions.
Scenario varied() {
  Scenario out = crowd(60, 10, kib(48));
  out.title = "varied";
  out.content.sizes = {kib(48), kib(4)};
  out.arrivals.kind = ArrivalKind::kPoisson;
  out.network.loss = 0.01;
  out.network.duplicate = 0.01;
  out.network.reorder = 0.05;
  out.network.corrupt = 0.0005;
  out.faults.kill_every = seconds(3);
  out.faults.kill_share = 0.1;
  out.faults.partition_at = seconds(2);
  out.faults.partition_for = seconds(2);
  out.classes.assign(4, PeerClass{});
  for (size_t i = 0; i < 4; ++i) {
    out.classes[i].name = std::string(1, static_cast<char>('a' + i));
    out.classes[i].share = 0.25;
  }
  out.classes[1].behaviour = Behaviour::kFreeRider;
  out.classes[1].abandon_after = seconds(20);
  out.classes[2].nat = Nat::kSymmetric;
  out.classes[2].link.up = {200'000};
  out.classes[3].behaviour = Behaviour::kPolluter;
  out.classes[3].loss = 0.02;
  return out;
}

std::string digest_of(const Scenario& scenario, uint64_t seed) {
  const std::string json = to_json(summarise(scenario, run(scenario, seed)));
  const auto* bytes = reinterpret_cast<const uint8_t*>(json.data());
  return content::to_hex(content::sha256({bytes, json.size()})).substr(0, 16);
}

}  // namespace

TEST_CASE("a run in virtual time repeats to the byte, on every build") {
  Scenario http = varied();
  http.client = ClientKind::kHttp;
  CHECK(digest_of(varied(), 1) == "23b1e49d59117a13");
  CHECK(digest_of(varied(), 2) == "22b3c0bd85b17349");
  CHECK(digest_of(http, 1) == "95a226a710b36be6");
  Scenario v2 = varied();
  v2.roulette.profile = wire::Profile::kV2;
  CHECK(digest_of(v2, 1) == "81f8efacbada3060");
}
