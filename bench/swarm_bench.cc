// What the rules of profile classic are worth: the same crowd in virtual time, one rule changed at
// a time. Prints the mean time of all visitors and its ratio to the defaults in the same run.
//
//   swarm_bench [SEED]      500 visitors, 32 a second, 128 KiB, 800 kbit/s lines
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "sim/simulate.h"

namespace {

using namespace fb;

constexpr uint32_t kPeers = 500;
constexpr double kArrivals = 32;

struct Variant {
  std::string name;
  std::function<void(sim::Scenario&)> change;
};

struct Result {
  double mean_s = 0;
  double p95_s = 0;
  size_t unfinished = 0;
  double received_kib = 0;
};

Result run(uint64_t seed, const Variant& variant) {
  sim::Scenario scenario;
  scenario.roulette.profile = wire::Profile::kClassic;
  scenario.stop.peers = kPeers;
  scenario.arrivals.rate = kArrivals;
  variant.change(scenario);
  const sim::RunResult run =
      sim::simulate(scenario, seed, sim::generated_content(scenario.content, seed),
                    [](const sim::Progress&) { return true; });
  Result out;
  std::vector<double> took;
  for (const sim::PeerRecord& peer : run.peers) {
    if (peer.end != sim::PeerEnd::kComplete) {
      ++out.unfinished;
      continue;
    }
    took.push_back(peer.took.seconds());
    out.mean_s += took.back();
    out.received_kib += static_cast<double>(peer.received.bytes);
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
    return [kibibytes](sim::Scenario& s) { s.roulette.upload_promise = kib(kibibytes); };
  };
  const auto polluters = [](double share) {
    return [share](sim::Scenario& s) {
      s.classes = {{}, {}};
      s.classes[0].share = 1 - share;
      s.classes[1].share = share;
      s.classes[1].behaviour = sim::Behaviour::kPolluter;
    };
  };
  return {
      {"defaults", [](sim::Scenario&) {}},
      {"promise of 8 KiB", promise(8)},
      {"promise of 16 KiB", promise(16)},
      {"promise of 32 KiB", promise(32)},
      {"no promise", promise(1 << 20)},
      {"no promise, duplicates not avoided",
       [](sim::Scenario& s) {
         s.roulette.upload_promise = kib(1 << 20);
         s.roulette.avoid_duplicates = false;
       }},
      {"1 % loss", [](sim::Scenario& s) { s.network.loss = 0.01; }},
      {"5 % loss", [](sim::Scenario& s) { s.network.loss = 0.05; }},
      {"polluters, 1 in 100", polluters(0.01)},
      {"polluters, 1 in 15", polluters(1.0 / 15)},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  fmt::print("{} visitors, {} a second, 128 KiB, 800 kbit/s, seed {}\n", kPeers, kArrivals, seed);
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
