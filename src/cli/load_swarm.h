// Thousands of visitors in one process, over the real wire: each is a PeerNode behind an emulated
// access line, and all share one socket, told apart by their tokens' prefix.
//
// Arrivals are open-loop: a visitor's time counts from the instant at which it was to arrive, also
// when this host was late. How late it was is reported, because a run whose host was the limit
// says nothing about the protocol.
//
// Thread safety: one thread, which also opened the engine.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cli/load_link.h"
#include "content/site_manifest.h"
#include "engine/udp_engine.h"
#include "roulette/peer_node.h"
#include "sim/access_link.h"

namespace fb::cli {

struct LoadOptions {
  Endpoint seeder;
  content::PublicKey key{};
  std::string path;
  uint32_t peers = 0;
  double arrivals_per_second = 0;  // 0: all at once
  LoadLink link;
  uint64_t seed = 0;
  Duration kill_every{};           // 0: never
  uint32_t kill_percent = 50;
  roulette::RouletteConfig config;
};

struct LoadPeerResult {
  enum class End : uint8_t { kNotYet, kComplete, kFailed, kWrongContent, kMissing, kKilled };
  End end = End::kNotYet;
  roulette::FetchFailure why{};    // of kFailed
  Duration took{};                 // of kComplete, from the scheduled arrival
  roulette::NodeStats stats;
};

// What happened so far; cheap.
struct LoadProgress {
  Duration elapsed{};
  uint32_t arrived = 0, complete = 0, failed = 0, killed = 0, in_swarm = 0;
  ByteCount from_seeder{};         // on the wire, with IP and UDP headers
  ByteCount between_peers{};       // likewise
};

class LoadSwarm final : private engine::DatagramHandler {
 public:
  // Borrows the engine.
  LoadSwarm(const LoadOptions& options, engine::UdpEngine& engine);
  ~LoadSwarm() override;

  // Runs until every visitor has ended or stop() was called. `on_tick` is called about ten times a
  // second.
  void run(const std::function<void(const LoadProgress&)>& on_tick);
  // To be called from on_tick.
  void stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }

  [[nodiscard]] LoadProgress progress() const;
  [[nodiscard]] const std::vector<LoadPeerResult>& results() const { return results_; }
  // Length of the file, once somebody has learned it.
  [[nodiscard]] ByteCount file_length() const { return file_length_; }
  // Dropped on the emulated lines.
  [[nodiscard]] uint64_t line_drops() const { return line_drops_; }
  // How late events were handled, in ms, by the given share of them.
  [[nodiscard]] double lateness_ms(double share) const;
  [[nodiscard]] double arrival_lateness_max_ms() const { return arrival_late_ms_; }

 private:
  struct Peer;
  enum class Kind : uint8_t { kArrival, kDeparted, kDelivered, kTimer, kKill };
  struct Event {
    Instant when{};
    uint64_t sequence = 0;
    Kind kind{};
    uint32_t peer = 0;
    uint32_t slot = 0;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };
  struct Datagram {
    Endpoint other;  // where it goes, or came from
    std::vector<uint8_t> bytes;
  };

  void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void schedule(Instant when, Kind kind, uint32_t peer, uint32_t slot = 0);
  void handle(const Event& event);
  void arrive(uint32_t number);
  void kill_some();
  void transmit(uint32_t number, const Endpoint& to, std::span<const uint8_t> bytes);
  void after(Peer& peer);
  void take_events(Peer& peer);
  void check_content(Peer& peer);
  void end(Peer& peer, LoadPeerResult::End how);
  uint32_t put(const Endpoint& other, std::span<const uint8_t> bytes);
  void note_lateness(Duration late);

  LoadOptions options_;
  engine::UdpEngine& engine_;
  Rng rng_;
  Instant start_{};
  Instant now_{};
  uint64_t sequence_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<LoadPeerResult> results_;
  std::vector<Datagram> datagrams_;
  std::vector<uint32_t> free_;
  ByteCount file_length_;
  LoadProgress progress_;
  uint64_t line_drops_ = 0;
  std::array<uint64_t, 64> lateness_{};  // by power of two of microseconds
  double arrival_late_ms_ = 0;
  bool stopped_ = false;
};

}  // namespace fb::cli
