// A swarm in virtual time: one seeder, peers that arrive and leave, access links and a network
// between them. Deterministic: one seed decides everything, ties go by sequence number, and
// nothing unordered is iterated, so a run repeats to the byte.
#pragma once

#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "content/memory_site.h"
#include "roulette/peer_node.h"
#include "roulette/seeder_node.h"
#include "sim/access_link.h"
#include "sim/scenario.h"

namespace fb::sim {

// What the network does to datagrams between links, each with a probability.
struct Impairment {
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;   // delayed by up to 50 ms more
  double corrupt = 0;   // one byte changed
};

struct WorldOptions {
  uint64_t seed = 1;
  roulette::RouletteConfig config;
  LinkOptions seeder_link;
  Impairment impairment;
};

struct PeerOutcome {
  Instant arrived{};
  std::optional<Instant> completed;
  std::optional<roulette::FetchFailure> failed;
  bool killed = false;          // by kill_peer(), without a word
  bool content_right = false;   // bit for bit, checked at completion
  roulette::NodeStats stats;    // at its end, or now
};

class World {
 public:
  // Borrows nothing; the site is taken over.
  World(const WorldOptions& options, std::unique_ptr<content::MemorySite> site);
  ~World();

  // A peer that joins at `at` and fetches `path`. Returns its number.
  size_t add_peer(Instant at, const std::string& path, const LinkOptions& link,
                  const roulette::RouletteConfig* config = nullptr);
  // Sees each datagram that a peer sends before it enters the network, and may change it: how
  // tests make a polluter.
  using Tamper = std::function<void(std::vector<uint8_t>& datagram)>;
  void tamper(size_t peer, Tamper tamper);
  // A crash: no BYE. Both are effective at the current time.
  void kill_peer(size_t peer);
  void kill_seeder();
  void restart_seeder();
  void at(Instant when, std::function<void()> action);

  // Runs until `end`, or until no peer is left.
  void run_until(Instant end);
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] bool idle() const;                  // every peer that was added has ended
  [[nodiscard]] PeerOutcome outcome(size_t peer) const;
  [[nodiscard]] size_t peers() const { return hosts_.size() - 1; }
  [[nodiscard]] roulette::NodeStats seeder_stats() const;
  [[nodiscard]] ByteCount seeder_sent() const;      // on the wire, with headers
  [[nodiscard]] uint64_t events() const { return events_; }
  [[nodiscard]] roulette::PeerNode* node(size_t peer);
  [[nodiscard]] Endpoint endpoint(size_t peer) const;
  // A datagram out of nowhere, as an attacker's.
  void inject(const Endpoint& from, const Endpoint& to, std::vector<uint8_t> datagram);

 private:
  struct Host;
  struct Event {
    Instant when{};
    uint64_t sequence = 0;
    enum class Kind : uint8_t { kAction, kSent, kArrived, kTimer } kind{};
    uint32_t host = 0;
    uint32_t slot = 0;  // a datagram or an action
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };
  struct InFlight {
    uint32_t from = 0;
    Endpoint claimed;
    std::vector<uint8_t> bytes;
  };

  void schedule(Instant when, Event::Kind kind, uint32_t host, uint32_t slot);
  void transmit(uint32_t from, const Endpoint& to, std::span<const uint8_t> bytes);
  void deliver(const Event& event);
  void wake(Host& host);
  void after(Host& host);
  void handle_events(Host& host);
  void finish(Host& host);
  [[nodiscard]] Duration delay(const Host& a, const Host& b) const;
  uint32_t put(InFlight datagram);

  WorldOptions options_;
  std::unique_ptr<content::MemorySite> site_;
  Rng rng_;
  Instant now_{};
  uint64_t sequence_ = 0;
  uint64_t events_ = 0;
  size_t waiting_ = 0;  // peers that have not ended
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  std::vector<std::unique_ptr<Host>> hosts_;  // 0 is the seeder
  std::vector<InFlight> in_flight_;
  std::vector<uint32_t> free_slots_;
  std::vector<std::function<void()>> actions_;
};

}  // namespace fb::sim
