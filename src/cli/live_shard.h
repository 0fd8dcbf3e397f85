// One thread of a live run: a world with a part of the crowd, behind one socket or several, or with
// the seeder.
//
// Thread safety: run() belongs to the shard's thread; ask_to_stop(), stop_arrivals(), state() and
// endpoint() may be called from any thread.
// Invariants: after run() has returned nothing changes any more, and report() may be called.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/lateness.h"
#include "engine/udp_engine.h"
#include "sim/world.h"

namespace fb::cli {

class LiveShard final : private sim::Attachment, private engine::DatagramHandler {
 public:
  struct Options {
    engine::EngineOptions engine;
    bool is_seeder = false;
    bool foreign_seeder = false;
    Endpoint seeder;              // of a crowd's shard
    content::PublicKey key{};
    uint32_t shard = 0, shards = 1;
    sim::NatBook* nats = nullptr;
    Instant start{};              // when the run begins; in the future
  };
  struct State {
    std::vector<sim::Sample> samples;  // one a second
    bool arriving = true;
    bool ended = false;
    std::string error;                 // why it could not begin; it has ended then
  };

  // Borrows the scenario.
  LiveShard(const sim::Scenario& scenario, uint64_t seed, sim::WorldContent content,
            Options options);
  ~LiveShard() override;

  void run();
  void ask_to_stop() { stop_.store(true, std::memory_order_relaxed); }
  void stop_arrivals() { no_arrivals_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] State state() const;
  // Blocks until the socket is open; nothing when it could not be opened.
  [[nodiscard]] std::optional<Endpoint> endpoint();

  // After run() has returned.
  void report(sim::RunResult& result);
  [[nodiscard]] const engine::EngineStats& engine_stats() const { return engine_stats_; }
  [[nodiscard]] const std::string& io() const { return io_; }
  [[nodiscard]] const Lateness& lateness() const { return lateness_; }
  [[nodiscard]] double processor_share() const { return processor_share_; }

 private:
  void send(uint32_t from, const Endpoint& to, std::span<const uint8_t> datagram) override;
  void on_handled(sim::Event::Kind kind, Duration late) override;
  void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void loop();
  void publish(bool ended);

  const sim::Scenario& scenario_;
  uint64_t seed_;
  sim::WorldContent content_;
  Options options_;
  std::unique_ptr<engine::UdpEngine> engine_;
  std::unique_ptr<sim::World> world_;
  Lateness lateness_;
  engine::EngineStats engine_stats_;
  std::string io_;
  double processor_share_ = 0;
  // Relaxed: each is a wish that the loop sees within a tick; nothing is published by them.
  std::atomic<bool> stop_ = false;
  std::atomic<bool> no_arrivals_ = false;
  std::promise<std::optional<Endpoint>> opened_;
  std::future<std::optional<Endpoint>> opened_future_;
  mutable std::mutex mutex_;  // guards state_
  State state_;
};

}  // namespace fb::cli
