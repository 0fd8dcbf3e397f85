// What a laboratory run is: content, seeder, classes of visitors, their arrivals, what the network
// and fate do to them, when it ends, and what is expected of it. The same scenario runs in virtual
// time (simulate.h) and in real time over sockets; with its seed it decides every choice.
//
// Plain values; the file format is cli/scenario_file.h. Shares and probabilities are fractions
// between 0 and 1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "roulette/config.h"
#include "sim/nat.h"

namespace fb::sim {

// What the visitors are.
enum class ClientKind : uint8_t {
  kFlashback,  // peers of the swarm
  kHttp,       // plain HTTP clients that share the server's uplink: the baseline (http_baseline.h)
};

struct ContentSpec {
  // One generated file a size; each visitor fetches one of them, drawn evenly. Without a site.
  std::vector<ByteCount> sizes = {kib(128)};
  // A directory to serve instead, and the file of it that every visitor fetches; without one, each
  // visitor draws a file of the site.
  std::string site;
  std::string path;
  // Each visitor fetches a whole page: all of `sizes`, the first being the HTML, or `path` and what
  // of the site it shows.
  bool page = false;
};

// One access line, each way with its own queue.
struct LinkOptions {
  BitRate up{800'000};
  BitRate down{800'000};
  ByteCount queue = kib(64);
};

// What happens to a visitor's line, in time since its arrival.
struct LineEvents {
  BitRate up_after{}, down_after{};  // its rates from change_after on; 0: as before
  Duration change_after{};
  // Somebody else's flow of constant bit rate through the uplink; 0: none.
  BitRate cross_up{};
  ByteCount cross_packet{1500};      // with all headers
  Duration cross_after{};
  Duration cross_for{};              // 0: as long as the visitor stays
};

enum class Behaviour : uint8_t {
  kHonest,
  kFreeRider,   // takes, and never gives a chunk
  kPolluter,    // gives wrong bytes
  kLargeView,   // a free rider that makes as many neighbours as it can
};

struct PeerClass {
  std::string name = "peer";
  double share = 1;            // of all visitors; the classes' shares make 1
  LinkOptions link;
  LineEvents events;           // of that line
  Duration delay{};            // one way, in addition to the network's
  double loss = 0;             // of datagrams from and to it, each way
  Nat nat = Nat::kOpen;
  Behaviour behaviour = Behaviour::kHonest;
  Duration abandon_after{};    // leaves if not complete by then; 0: it stays
  bool abandon_uniform = false;  // each at an instant of its own, drawn evenly up to abandon_after
  Duration linger{};           // keeps serving for so long when complete
  // Expected of this class.
  std::optional<double> mean_s_max, p95_s_max, incomplete_max;
};

enum class ArrivalKind : uint8_t {
  kConstant,  // at even distances
  kPoisson,
  kOneShot,   // all at once
  kRamp,      // from `rate` to `rate_end`, evenly growing, within `ramp`; then at rate_end
  kTrace,     // at the given instants
};

struct ArrivalSpec {
  ArrivalKind kind = ArrivalKind::kConstant;
  double rate = 32;          // visitors a second
  double rate_end = 0;       // of kRamp
  Duration ramp{};           // of kRamp
  std::vector<Instant> trace;  // of kTrace, ascending
};

enum class StopRule : uint8_t {
  kNumber,          // `peers` have arrived
  kDuration,        // arrivals went on for `duration`
  kStabilisedPool,  // the paper's rule, see pool.h
};

struct StopSpec {
  StopRule rule = StopRule::kNumber;
  uint32_t peers = 500;          // at most so many arrive, under every rule
  Duration duration = seconds(60);  // no arrivals after this, under kDuration and kStabilisedPool
  bool drain = true;             // then everybody who came may finish
  Duration limit = seconds(900);  // the run's end, whatever happens
};

// Of the way between two access lines. One-way delay between a and b:
// access(a) + access(b) + plane * distance, with places drawn in the unit square and access delays
// drawn evenly between the two bounds.
struct NetworkSpec {
  Duration access_min = milliseconds(2);
  Duration access_max = milliseconds(18);
  Duration plane = microseconds(76'700);
  // Each a probability for one datagram.
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;   // delayed by up to 50 ms more
  double corrupt = 0;   // one byte changed
};

struct FaultSpec {
  Duration seeder_down_at{}, seeder_down_for{};       // a crash and restart; for 0: never
  Duration kill_every{};                              // 0: never
  double kill_share = 0.5;                            // of those in the swarm, without a word
  Duration partition_at{}, partition_for{};           // for 0: never
  double partition_share = 0.3;                       // cut off from all others and the seeder
};

// Bounds that set the exit code. Seconds are completion times of the visitors that completed.
struct Expectation {
  std::optional<double> mean_s_max, p50_s_max, p95_s_max, p99_s_max, max_s_max;
  std::optional<double> ratio_to_limit_max;
  std::optional<double> incomplete_max;            // visitors
  std::optional<double> completed_min;
  std::optional<double> pool_max;
  std::optional<double> received_ratio_max;        // received bytes on the wire / file bytes
  std::optional<double> upload_download_ratio_max;
  std::optional<double> seeder_share_max;          // of all chunk bytes
  std::optional<bool> stabilised;
};

struct Scenario {
  std::string title;
  ClientKind client = ClientKind::kFlashback;
  ContentSpec content;
  LinkOptions seeder;            // its link
  bool seeder_paced = true;      // it keeps itself to the up rate, so its link's queue stays empty
  uint32_t seeder_shards = 1;    // that its swarm is spread over (roulette/seeder_shards.h)
  Duration seeder_delay{};       // one way, in addition to the network's
  bool peers_know_uplink = false;  // each visitor's node is told its own line's up rate
  std::vector<PeerClass> classes = {PeerClass{}};
  ArrivalSpec arrivals;
  StopSpec stop;
  Duration warm_up{};            // who arrives earlier is served but not counted,
  Duration cool_down{};          // and so is who arrives in the last so long
  NetworkSpec network;
  FaultSpec faults;
  roulette::RouletteConfig roulette;
  Expectation expect;
};

}  // namespace fb::sim
