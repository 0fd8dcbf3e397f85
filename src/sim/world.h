// A swarm behind access lines and a network: one seeder, visitors that arrive and leave, and all
// that a scenario does to them. In virtual time the world is the network too; in real time it is
// attached to a wire (Attachment), and several worlds, one a thread, make one crowd.
//
// Deterministic in virtual time: scenario and seed decide everything, ties go by sequence number,
// and nothing unordered is iterated, so a run repeats to the byte. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "content/keys.h"
#include "roulette/peer_node.h"
#include "roulette/seeder_node.h"
#include "sim/checker.h"
#include "sim/datagram_pool.h"
#include "sim/event_queue.h"
#include "sim/host.h"
#include "sim/network.h"
#include "sim/population.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/simulate.h"

namespace fb::sim {

// How a world reaches hosts that are not in it.
struct Attachment {
  virtual ~Attachment() = default;
  // A datagram of host `from` has left its line and has passed the emulated network.
  virtual void send(uint32_t from, const Endpoint& to, std::span<const uint8_t> datagram) = 0;
  // How late an event was handled.
  virtual void on_handled(Event::Kind kind, Duration late) = 0;

  Endpoint seeder;                    // where it is
  content::PublicKey key{};
  bool has_seeder = false;            // this world is the seeder's
  bool foreign_seeder = false;        // its line and place are its own
  uint32_t shard = 0, shards = 1;     // this world has every shards-th visitor
  NatBook* nats = nullptr;            // borrowed
  Instant start{};                    // of the run
};

class World : private HostOwner {
 public:
  // Borrows scenario and attachment for its life; without an attachment: virtual time from 0.
  World(const Scenario& scenario, uint64_t seed, WorldContent content,
        Attachment* attachment = nullptr);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // What the nodes of honest visitors are told beyond the scenario. Tests break rules by it.
  std::function<void(roulette::RouletteConfig&)> sabotage;
  // Sees every datagram that a node sends; hosts are numbered from 0, the seeder.
  std::function<void(uint32_t from, uint32_t to, std::span<const uint8_t>)> observe;

  // The scenario's arrivals and faults begin. Without it, only who is added comes.
  void start();
  void stop_arrivals();
  [[nodiscard]] bool arriving() const { return arriving_; }
  // A visitor out of turn, planned as the scenario would.
  uint32_t add_peer(Instant at, uint32_t peer_class = 0, uint32_t path = 0);
  // A crash, without BYE; effective now.
  void kill_peer(uint32_t peer);
  void kill_seeder();
  void restart_seeder();
  void at(Instant when, std::function<void()> action);

  // Handles all events up to `end`; in virtual time `now` is `end` afterwards, or the time at
  // which nobody was left and nobody is to come.
  void run_until(Instant end);
  [[nodiscard]] Instant next_event();  // never() when there is none
  void set_now(Instant now) { now_ = std::max(now_, now); }
  // A datagram from the wire, for a host of this world.
  void from_wire(const Endpoint& from, std::span<const uint8_t> datagram);
  // A datagram out of nowhere, as an attacker's (virtual time).
  void inject(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram);
  // Farewells that are still on their lines are sent at once (real time, at the end).
  void flush();

  [[nodiscard]] Instant now() const { return now_; }
  // Every visitor that was to come has ended.
  [[nodiscard]] bool idle() const { return !arriving_ && waiting_ == 0; }
  [[nodiscard]] uint64_t events() const { return events_; }
  [[nodiscard]] uint32_t expected() const { return population_.expected(); }
  [[nodiscard]] const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
  [[nodiscard]] Host& peer(uint32_t number) { return *hosts_[number + 1]; }
  [[nodiscard]] Endpoint endpoint(uint32_t peer) const;
  [[nodiscard]] Endpoint seeder_endpoint() const;
  [[nodiscard]] roulette::NodeStats seeder_stats() const;
  [[nodiscard]] ByteCount seeder_sent() const;

  // Counts since the last call, and the checks that are made once a second.
  Sample sample();
  // Records, drops and violations so far are added; peers that have not ended are kNotYet.
  void report(RunResult& result);

 private:
  void transmit(Host& from, const Endpoint& to, std::span<const uint8_t> bytes) override;
  void schedule(Instant when, Event::Kind kind, uint32_t host, uint32_t slot = 0);
  void handle(const Event& event);
  void arrive_at(uint32_t target, uint32_t slot);
  void down_the_line(Host& host, uint32_t slot);
  void deliver(Host& host, uint32_t slot);
  void arrive(uint32_t number);
  void schedule_next_arrival();
  void after(Host& host);
  void handle_events(Host& host);
  void on_found(Host& host, const roulette::FileFound& found);
  void on_complete(Host& host, const roulette::DownloadComplete& complete);
  void note_first(Host& host);
  void end(Host& host, PeerEnd how);
  void abandon(Host& host);
  void kill_some();
  Host& make_host(uint32_t number, const PeerPlan& plan);
  [[nodiscard]] HostOwner& owner() { return *this; }
  [[nodiscard]] Host* host(uint32_t number);
  [[nodiscard]] uint32_t target_of(const Endpoint& to, std::span<const uint8_t> bytes) const;
  [[nodiscard]] Network::End end_of(uint32_t host);
  void check_sent(Host& from, uint32_t target, std::span<const uint8_t> bytes, ByteCount data);
  void check_peer(Host& host);
  void check_network();
  [[nodiscard]] Duration since_start() const { return now_ - start_; }

  const Scenario& scenario_;
  WorldContent content_;
  Attachment* attachment_;
  Population population_;
  Checker checker_;
  Rng rng_;
  Instant start_{};
  Instant now_{};
  Network network_;
  EventQueue queue_;
  DatagramPool pool_;
  std::vector<std::unique_ptr<Host>> hosts_;  // 0 is the seeder; null: another world's
  std::vector<std::function<void()>> actions_;
  uint64_t events_ = 0;
  uint64_t waiting_ = 0;         // visitors that arrived or were added and have not ended
  uint32_t next_arrival_ = 0;
  bool arriving_ = false;
  // Datagrams: offered by nodes and attackers, copied by the network, handed to nodes.
  uint64_t sent_ = 0, duplicated_ = 0, delivered_ = 0, to_wire_ = 0, from_wire_ = 0;
  roulette::DropCounters peer_drops_, seeder_drops_;
  Sample sample_;                // running
  ByteCount seeder_before_, peers_sent_, peers_before_, from_foreign_, useful_;
};

}  // namespace fb::sim
