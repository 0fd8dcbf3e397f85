// What the rules of profile classic are worth: the same crowd in virtual time, one rule changed at
// a time. Prints the mean time of all visitors and its ratio to the defaults in the same run.
//
//   swarm_bench [SEED]      500 visitors, 32 a second, 128 KiB, 800 kbit/s lines
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "content/site_manifest.h"
#include "sim/world.h"

namespace {

using namespace fb;

constexpr size_t kPeers = 500;
constexpr double kArrivals = 32;
constexpr size_t kFileBytes = 128 * 1024;
constexpr Instant kEnd{int64_t{600} * 1'000'000'000};

struct Variant {
  std::string name;
  std::function<void(sim::WorldOptions&)> change;
  size_t polluters = 0;  // every so many visitors one; 0: none
};

struct Result {
  double mean_s = 0;
  double p95_s = 0;
  size_t unfinished = 0;
  double received_kib = 0;
};

Result run(uint64_t seed, const Variant& variant) {
  Rng rng(7);
  std::vector<uint8_t> bytes(kFileBytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
  auto site = std::make_unique<content::MemorySite>(
      std::vector<content::MemoryFile>{{"f", "text/plain", std::move(bytes)}},
      content::secret_key_from_seed({}));
  sim::WorldOptions options;
  options.seed = seed;
  variant.change(options);
  sim::World world(options, std::move(site));
  for (size_t i = 0; i < kPeers; ++i) {
    const auto at = static_cast<int64_t>(static_cast<double>(i) * 1e9 / kArrivals);
    const size_t peer = world.add_peer(Instant{at}, "f", {});
    if (variant.polluters == 0 || i % variant.polluters != variant.polluters / 2) continue;
    world.tamper(peer, [](std::vector<uint8_t>& datagram) {
      if (datagram[1] == static_cast<uint8_t>(wire::MessageType::kData)) datagram[40] ^= 0x55;
    });
  }
  world.run_until(kEnd);
  Result out;
  std::vector<double> took;
  for (size_t i = 0; i < kPeers; ++i) {
    const auto peer = world.outcome(i);
    if (!peer.completed) {
      ++out.unfinished;
      continue;
    }
    took.push_back((*peer.completed - peer.arrived).seconds());
    out.mean_s += took.back();
    out.received_kib += static_cast<double>(peer.stats.bytes_in + 28 * peer.stats.datagrams_in);
  }
  if (took.empty()) return out;
  std::sort(took.begin(), took.end());
  const auto count = static_cast<double>(took.size());
  out.mean_s /= count;
  out.received_kib /= count * 1024;
  out.p95_s = took[took.size() * 95 / 100];
  return out;
}

std::vector<Variant> variants() {
  const auto promise = [](uint64_t kibibytes) {
    return [kibibytes](sim::WorldOptions& o) { o.config.upload_promise = kib(kibibytes); };
  };
  const auto nothing = [](sim::WorldOptions&) {};
  return {
      {"defaults", nothing},
      {"promise of 8 KiB", promise(8)},
      {"promise of 16 KiB", promise(16)},
      {"promise of 32 KiB", promise(32)},
      {"no promise", promise(1 << 20)},
      {"no promise, duplicates not avoided",
       [](sim::WorldOptions& o) {
         o.config.upload_promise = kib(1 << 20);
         o.config.avoid_duplicates = false;
       }},
      {"1 % loss", [](sim::WorldOptions& o) { o.impairment.loss = 0.01; }},
      {"5 % loss", [](sim::WorldOptions& o) { o.impairment.loss = 0.05; }},
      {"one polluter in all", nothing, kPeers},
      {"a polluter in fifteen", nothing, 15},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  fmt::print("{} visitors, {} a second, {} KiB, 800 kbit/s, seed {}\n", kPeers, kArrivals,
             kFileBytes / 1024, seed);
  fmt::print("{:<38} {:>8} {:>6} {:>8} {:>10} {:>12}\n", "", "mean s", "ratio", "p95 s",
             "unfinished", "received KiB");
  double baseline = 0;
  for (const Variant& variant : variants()) {
    const Result r = run(seed, variant);
    if (baseline == 0) baseline = r.mean_s;
    fmt::print("{:<38} {:>8.2f} {:>6.2f} {:>8.2f} {:>10} {:>12.0f}\n", variant.name, r.mean_s,
               r.mean_s / baseline, r.p95_s, r.unfinished, r.received_kib);
  }
  return 0;
}
