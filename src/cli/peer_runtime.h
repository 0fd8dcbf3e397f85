// A visitor's node that runs: one thread owns the engine and the node, and drives them.
//
// Thread safety: start(), stop() and the destructor on one thread, which is not the runtime's;
// post() and snapshot() from any. Tasks and the driver run on the runtime's thread only.
// Invariants:
//   1. tasks run in the order they were posted, each that post() took exactly once, the last ones
//      right before the driver is told to stop;
//   2. the driver gets every event of the node, in order, and none after it was told to stop.
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.h"
#include "cli/peer_config.h"
#include "content/link.h"
#include "engine/udp_engine.h"
#include "roulette/peer_node.h"
#include "roulette/transport.h"

namespace fb::cli {

// What uses the node. All calls come on the runtime's thread.
class PeerDriver {
 public:
  virtual ~PeerDriver() = default;
  virtual void on_event(roulette::PeerNode& node, Instant now,
                        const roulette::PeerEvent& event) = 0;
  // Does what is due.
  virtual void advance(roulette::PeerNode& node, Instant now) = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;
  // The last call: the node is about to leave the swarm and to go.
  virtual void on_stop(roulette::PeerNode& node, Instant now) = 0;
};

class PeerRuntime final : engine::DatagramHandler, roulette::Transport {
 public:
  using Task = std::function<void(roulette::PeerNode& node, Instant now)>;

  // Figures as of at most kSnapshotInterval ago while anything happens.
  struct Snapshot {
    roulette::NodeStats node;
    engine::EngineStats engine;
    bool in_swarm = false;
  };
  static constexpr Duration kSnapshotInterval = milliseconds(100);

  // Opens the socket, of the seeder's family, and starts the thread. `driver` must outlive stop().
  // The error is a sentence; it is always this machine's trouble.
  static std::expected<std::unique_ptr<PeerRuntime>, std::string> start(
      const PeerConfig& config, const Endpoint& seeder, const content::PublicKey& key,
      PeerDriver& driver);
  ~PeerRuntime() override;  // stops
  PeerRuntime(const PeerRuntime&) = delete;
  PeerRuntime& operator=(const PeerRuntime&) = delete;

  // False when it is stopping: then the task does not run.
  bool post(Task task);
  // Leaves the swarm politely and ends the thread. Returns at once when already stopped.
  void stop();
  [[nodiscard]] Snapshot snapshot() const;

 private:
  explicit PeerRuntime(PeerDriver& driver) : driver_(driver) {}
  std::expected<void, std::string> open(const PeerConfig& config, const Endpoint& seeder,
                                        const content::PublicKey& key);
  void run();
  void run_tasks(Instant now);
  void hand_out_events(Instant now);
  void take_snapshot(Instant now, bool anyway);
  void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override;

  PeerDriver& driver_;
  std::unique_ptr<engine::UdpEngine> engine_;  // made, used and destroyed by the thread
  std::unique_ptr<roulette::PeerNode> node_;   // likewise
  Instant snapshot_due_;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Task> tasks_;
  Snapshot snapshot_;
  bool open_ = false;  // the engine is there to be woken
  bool stop_ = false;

  std::thread thread_;
};

// The endpoint to talk to for a link: IPv4 first where the host has both, since a seeder listens
// there by default. The error is a sentence.
[[nodiscard]] std::expected<Endpoint, std::string> resolve_seeder(const content::Link& link);

}  // namespace fb::cli
