// What a run came to, before anybody summarises it: one record a visitor, one sample a second, and
// what was dropped where. Virtual and real runs give the same structure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "roulette/peer_node.h"
#include "roulette/stats.h"

namespace fb::sim {

enum class Mode : uint8_t { kVirtual, kReal };

enum class PeerEnd : uint8_t {
  kNotYet,        // the run ended first
  kComplete,
  kAbandoned,     // its visitor lost patience (PeerClass::abandon_after)
  kFailed,        // it gave up by itself, see `why`
  kMissing,       // the seeder has no such file
  kWrongContent,  // complete, and not what the site holds
  kKilled,        // by the scenario, without a word
};

struct PeerRecord {
  uint32_t number = 0;         // in the order of arrival, from 0
  uint32_t peer_class = 0;     // index in Scenario::classes
  PeerEnd end = PeerEnd::kNotYet;
  roulette::FetchFailure why{};  // of kFailed
  bool counted = true;         // arrived after the warm-up and before the cool-down
  Duration arrived{};          // since the run's start, as scheduled
  Duration took{};             // of kComplete and kWrongContent: since `arrived`
  ByteCount file;              // that it fetches, of a page all; 0 when it never learned
  // Since `arrived`, when it came so far: the MetaChunk at the beginning of its file was verified,
  // of a page of the HTML, and that file was complete.
  std::optional<Duration> first_byte, first_file;
  // On the wire, with headers of IP and UDP.
  ByteCount received, sent;
  // Payload of DATA.
  ByteCount chunks_received, chunks_sent, chunks_from_seeder, chunks_duplicate;
  bool promise_broken = false;  // sent more chunk bytes than received plus the promise
};

// State at the end of a second of the run, and what happened during it.
struct Sample {
  Duration at{};
  // So far. Failed: gave up, found nothing, were killed, or hold wrong bytes.
  uint32_t arrived = 0, completed = 0, abandoned = 0, failed = 0;
  uint32_t pool = 0;            // arrived and still fetching
  ByteCount seeder_sent;        // in this second, on the wire
  ByteCount peers_sent;         // likewise, all peers together
  ByteCount useful;             // in this second: chunk bytes that were new to their receiver

  // Of two parts of one crowd.
  Sample& operator+=(const Sample& o) {
    arrived += o.arrived;
    completed += o.completed;
    abandoned += o.abandoned;
    failed += o.failed;
    pool += o.pool;
    seeder_sent += o.seeder_sent;
    peers_sent += o.peers_sent;
    useful += o.useful;
    return *this;
  }
};

// Datagrams that did not reach a node, by where they ended.
struct NetworkDrops {
  uint64_t uplink_queue = 0, downlink_queue = 0;
  uint64_t loss = 0, nat = 0, partition = 0;
  uint64_t nobody = 0;  // the receiver had left, or was never there

  [[nodiscard]] uint64_t total() const {
    return uplink_queue + downlink_queue + loss + nat + partition + nobody;
  }
  NetworkDrops& operator+=(const NetworkDrops& o) {
    uplink_queue += o.uplink_queue;
    downlink_queue += o.downlink_queue;
    loss += o.loss;
    nat += o.nat;
    partition += o.partition;
    nobody += o.nobody;
    return *this;
  }
  bool operator==(const NetworkDrops&) const = default;
};

// A rule that did not hold. The run is worth nothing then.
struct Violation {
  std::string check;   // "content", "tit_for_tat", …: see checker.h
  Duration at{};       // since the run's start
  std::string what;    // a sentence, with the visitor's number
};

// How late a real run's host was; all zero in virtual time.
struct HostLoad {
  double lateness_p50_ms = 0, lateness_p99_ms = 0;
  double arrival_lateness_max_ms = 0;
  double processor_share = 0;  // of the busiest thread, of one core
  uint32_t threads = 0;
  uint64_t socket_drops = 0;   // datagrams that the kernel dropped before we read them
};

struct RunResult {
  Mode mode = Mode::kVirtual;
  uint64_t seed = 0;
  std::string target;            // a real run against somebody else's seeder: its link
  bool interrupted = false;
  Duration elapsed{};            // of the run's own time
  uint64_t events = 0;           // handled by the world
  std::vector<PeerRecord> peers;  // in the order of arrival
  std::vector<Sample> samples;
  // When the pool of incomplete visitors had stabilised (pool.h); none: it never did.
  std::optional<Duration> stabilised_at;
  ByteCount seeder_sent;         // on the wire; of a foreign seeder: what arrived from it
  roulette::DropCounters peer_drops, seeder_drops;
  NetworkDrops network;
  std::vector<Violation> violations;
  uint64_t violations_more = 0;  // beyond those listed
  HostLoad host;
};

// Who came in the last `cool_down` before the last arrival is not counted.
inline void leave_out_last(RunResult& result, Duration cool_down) {
  if (cool_down <= Duration{} || result.peers.empty()) return;
  const Duration last =
      std::ranges::max_element(result.peers, {}, &PeerRecord::arrived)->arrived - cool_down;
  for (PeerRecord& peer : result.peers) peer.counted = peer.counted && peer.arrived <= last;
}

}  // namespace fb::sim
