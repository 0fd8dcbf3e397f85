// What the tests of the laboratory share: crowds as scenarios, and what came of them.
#pragma once

#include <cstdlib>
#include <string>

#include "sim/simulate.h"
#include "sim/world.h"

namespace fb::sim::test {

// A sanitizer makes everything ten to thirty times slower; smaller crowds show the same there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// FLASHBACK_SEED=n replays a run whose seed a failing test has printed.
inline uint64_t seed_or(uint64_t fallback) {
  const char* given = std::getenv("FLASHBACK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : fallback;
}

inline Instant at(double seconds_from_start) {
  return Instant{static_cast<int64_t>(seconds_from_start * 1e9)};
}

inline Scenario crowd(uint32_t peers, double per_second, ByteCount size = kib(128)) {
  Scenario out;
  out.roulette.profile = wire::Profile::kClassic;
  out.stop.peers = peers;
  out.arrivals.rate = per_second;
  out.content.sizes = {size};
  return out;
}

struct Summary {
  size_t arrived = 0, complete = 0, failed = 0, killed = 0, abandoned = 0, wrong = 0, waiting = 0;
  double mean_s = 0;
  uint64_t most_over = 0;  // sent beyond received, of the worst visitor
  uint64_t from_seeder = 0, received = 0;
};

// Of one class, or of all.
inline Summary summary_of(const RunResult& result, std::optional<uint32_t> peer_class = {}) {
  Summary out;
  for (const PeerRecord& peer : result.peers) {
    if (peer_class && peer.peer_class != *peer_class) continue;
    ++out.arrived;
    out.from_seeder += peer.chunks_from_seeder.bytes;
    out.received += peer.chunks_received.bytes;
    out.most_over = std::max(out.most_over, (peer.chunks_sent - peer.chunks_received).bytes);
    switch (peer.end) {
      case PeerEnd::kNotYet: ++out.waiting; break;
      case PeerEnd::kComplete:
        ++out.complete;
        out.mean_s += peer.took.seconds();
        break;
      case PeerEnd::kAbandoned: ++out.abandoned; break;
      case PeerEnd::kFailed:
      case PeerEnd::kMissing: ++out.failed; break;
      case PeerEnd::kWrongContent: ++out.wrong; break;
      case PeerEnd::kKilled: ++out.killed; break;
    }
  }
  if (out.complete > 0) out.mean_s /= static_cast<double>(out.complete);
  return out;
}

inline RunResult result_of(World& world) {
  RunResult result;
  world.sample();
  world.report(result);
  return result;
}

// "conserved at 3 s: …" of the first violation; empty when there is none.
inline std::string violation_of(const RunResult& result) {
  if (result.violations.empty()) return {};
  const Violation& first = result.violations.front();
  return first.check + " at " + std::to_string(first.at.seconds()) + " s: " + first.what;
}

inline RunResult run(const Scenario& scenario, uint64_t seed) {
  return simulate(scenario, seed, generated_content(scenario.content, seed),
                  [](const Progress&) { return true; });
}

}  // namespace fb::sim::test
