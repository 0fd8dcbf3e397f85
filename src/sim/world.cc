#include "sim/world.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace fb::sim {
namespace {

constexpr uint16_t kPort = 4711;
constexpr Duration kReorderDelayMax = milliseconds(50);

// Host n is 10.x.y.z, so that a datagram's destination is found without a table.
Endpoint endpoint_of(uint32_t host) {
  return {Address::v4(10, static_cast<uint8_t>(host >> 16), static_cast<uint8_t>(host >> 8),
                      static_cast<uint8_t>(host)),
          kPort};
}

uint32_t host_of(const Endpoint& endpoint) {
  const auto& b = endpoint.address.bytes;
  return static_cast<uint32_t>(b[13]) << 16 | static_cast<uint32_t>(b[14]) << 8 | b[15];
}

}  // namespace

struct World::Host final : roulette::Transport {
  Host(World& owner, uint32_t host_number, const LinkOptions& link)
      : world(owner),
        number(host_number),
        up(link.up, link.queue, {}),
        down(link.down, link.queue, {}) {}
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
    world.transmit(number, to, datagram);
  }

  World& world;
  uint32_t number;
  AccessLink up;
  AccessLink down;
  // Place in the unit square, and the delay of the access line itself.
  double x = 0, y = 0;
  Duration access{};
  bool alive = false;
  Instant timer = Instant::never();  // the earliest timer event that is queued
  std::unique_ptr<roulette::SeederNode> seeder;
  std::unique_ptr<roulette::PeerNode> peer;
  roulette::PeerOptions peer_options;
  std::string path;
  std::optional<roulette::DownloadId> download;
  Tamper tamper;
  PeerOutcome outcome;
};

World::World(const WorldOptions& options, std::unique_ptr<content::MemorySite> site)
    : options_(options), site_(std::move(site)), rng_(options.seed) {
  hosts_.push_back(std::make_unique<Host>(*this, 0, options_.seeder_link));
  Host& seeder = *hosts_[0];
  seeder.x = rng_.unit();
  seeder.y = rng_.unit();
  seeder.access = milliseconds(2) + scale(milliseconds(16), rng_.unit());
  restart_seeder();
}

World::~World() = default;

void World::restart_seeder() {
  Host& host = *hosts_[0];
  roulette::SeederOptions options;
  options.config = options_.config;
  options.config.uplink = options_.seeder_link.up;
  options.secret = {};
  SecretRng::from_number(rng_.next()).fill(options.secret);
  options.choice_seed = rng_.next();
  host.seeder = std::make_unique<roulette::SeederNode>(options, *site_, host);
  host.alive = true;
}

void World::kill_seeder() { hosts_[0]->alive = false; }

size_t World::add_peer(Instant when, const std::string& path, const LinkOptions& link,
                       const roulette::RouletteConfig* config) {
  const auto number = static_cast<uint32_t>(hosts_.size());
  hosts_.push_back(std::make_unique<Host>(*this, number, link));
  Host& host = *hosts_.back();
  host.x = rng_.unit();
  host.y = rng_.unit();
  host.access = milliseconds(2) + scale(milliseconds(16), rng_.unit());
  host.path = path;
  host.outcome.arrived = when;
  host.peer_options.config = config != nullptr ? *config : options_.config;
  host.peer_options.seeder = endpoint_of(0);
  host.peer_options.key = site_->public_key();
  SecretRng::from_number(rng_.next()).fill(host.peer_options.secret);
  host.peer_options.choice_seed = rng_.next();
  host.peer_options.prefix = number;
  ++waiting_;
  at(when, [this, &host] {
    host.alive = true;
    host.peer = std::make_unique<roulette::PeerNode>(host.peer_options, host);
    host.peer->find_file(now_, host.path);
    after(host);
  });
  return number - 1;
}

void World::tamper(size_t peer, Tamper tamper) { hosts_[peer + 1]->tamper = std::move(tamper); }

void World::at(Instant when, std::function<void()> action) {
  actions_.push_back(std::move(action));
  schedule(when, Event::Kind::kAction, 0, static_cast<uint32_t>(actions_.size() - 1));
}

void World::schedule(Instant when, Event::Kind kind, uint32_t host, uint32_t slot) {
  queue_.push({std::max(when, now_), sequence_++, kind, host, slot});
}

uint32_t World::put(InFlight datagram) {
  if (free_slots_.empty()) {
    in_flight_.push_back(std::move(datagram));
    return static_cast<uint32_t>(in_flight_.size() - 1);
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  in_flight_[slot] = std::move(datagram);
  return slot;
}

Duration World::delay(const Host& a, const Host& b) const {
  const double distance = std::hypot(a.x - b.x, a.y - b.y);
  return a.access + b.access + scale(microseconds(76'700), distance);
}

void World::transmit(uint32_t from, const Endpoint& to, std::span<const uint8_t> bytes) {
  Host& sender = *hosts_[from];
  const uint32_t target = host_of(to);
  if (target >= hosts_.size()) return;
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  if (sender.tamper) sender.tamper(copy);
  const auto left = sender.up.pass(now_, {copy.size()});
  const Impairment& harm = options_.impairment;
  if (!left || rng_.unit() < harm.loss) return;
  Instant arrives = *left + delay(sender, *hosts_[target]);
  if (rng_.unit() < harm.reorder) arrives = arrives + scale(kReorderDelayMax, rng_.unit());
  if (rng_.unit() < harm.corrupt && !copy.empty()) {
    copy[rng_.below(copy.size())] ^= static_cast<uint8_t>(1 + rng_.below(255));
  }
  if (rng_.unit() < harm.duplicate) {
    schedule(arrives + milliseconds(1), Event::Kind::kSent, target,
             put({from, endpoint_of(from), copy}));
  }
  schedule(arrives, Event::Kind::kSent, target, put({from, endpoint_of(from), std::move(copy)}));
}

void World::inject(const Endpoint& from, const Endpoint& to, std::vector<uint8_t> datagram) {
  schedule(now_, Event::Kind::kSent, host_of(to), put({0, from, std::move(datagram)}));
}

void World::deliver(const Event& event) {
  Host& host = *hosts_[event.host];
  if (event.kind == Event::Kind::kSent) {
    // At the far end of the network; now down the receiver's line.
    const auto passed = host.alive
                            ? host.down.pass(now_, {in_flight_[event.slot].bytes.size()})
                            : std::nullopt;
    if (passed) {
      schedule(*passed, Event::Kind::kArrived, event.host, event.slot);
    } else {
      free_slots_.push_back(event.slot);
    }
    return;
  }
  const InFlight datagram = std::move(in_flight_[event.slot]);
  free_slots_.push_back(event.slot);
  if (!host.alive) return;
  if (host.seeder) {
    host.seeder->receive(now_, datagram.claimed, datagram.bytes);
  } else {
    host.peer->receive(now_, datagram.claimed, datagram.bytes);
  }
  after(host);
}

void World::wake(Host& host) {
  host.timer = Instant::never();
  if (!host.alive) return;
  if (host.seeder) {
    host.seeder->advance(now_);
  } else {
    host.peer->advance(now_);
  }
  after(host);
}

// What a node's shell does after each call: takes events, sets the timer.
void World::after(Host& host) {
  if (host.peer) handle_events(host);
  if (!host.alive) return;
  const Instant next = host.seeder ? host.seeder->next_deadline() : host.peer->next_deadline();
  if (next < host.timer) {
    host.timer = std::max(next, now_);
    schedule(host.timer, Event::Kind::kTimer, host.number, 0);
  }
}

void World::handle_events(Host& host) {
  while (host.peer->has_events()) {
    for (const auto& event : host.peer->take_events()) {
      if (const auto* found = std::get_if<roulette::FileFound>(&event)) {
        const auto& record = found->manifest.record;
        host.download = host.peer->download(
            now_, record, std::make_unique<content::MemoryStorage>(record.geometry.length));
      } else if (std::holds_alternative<roulette::DownloadComplete>(event)) {
        host.outcome.completed = now_;
        const auto expected = site_->bytes(site_->record(host.path)->id);
        std::vector<uint8_t> got(expected.size());
        host.outcome.content_right =
            host.peer->read(*host.download, 0, got) && std::ranges::equal(got, expected);
      } else if (const auto* failed = std::get_if<roulette::DownloadFailed>(&event)) {
        host.outcome.failed = failed->why;
      } else if (const auto* missed = std::get_if<roulette::FindFailed>(&event)) {
        host.outcome.failed = missed->why;
        finish(host);
        return;
      } else if (std::holds_alternative<roulette::LeftSwarm>(event)) {
        finish(host);
        return;
      }
    }
  }
}

void World::finish(Host& host) {
  if (!host.alive) return;
  host.alive = false;
  host.outcome.stats = host.peer->stats();
  --waiting_;
}

void World::kill_peer(size_t peer) {
  Host& host = *hosts_[peer + 1];
  if (!host.alive) return;
  host.outcome.killed = true;
  finish(host);
}

void World::run_until(Instant end) {
  while (!queue_.empty() && queue_.top().when <= end && !idle()) {
    const Event event = queue_.top();
    queue_.pop();
    now_ = event.when;
    ++events_;
    switch (event.kind) {
      case Event::Kind::kAction:
        std::exchange(actions_[event.slot], nullptr)();
        break;
      case Event::Kind::kTimer:
        // A later timer that an earlier one replaced still fires; it finds nothing due.
        if (hosts_[event.host]->timer <= now_) wake(*hosts_[event.host]);
        break;
      case Event::Kind::kSent:
      case Event::Kind::kArrived:
        deliver(event);
        break;
    }
  }
  if (!idle()) now_ = std::max(now_, end);
}

bool World::idle() const { return waiting_ == 0; }

PeerOutcome World::outcome(size_t peer) const {
  const Host& host = *hosts_[peer + 1];
  PeerOutcome out = host.outcome;
  if (host.alive) out.stats = host.peer->stats();
  return out;
}

roulette::NodeStats World::seeder_stats() const { return hosts_[0]->seeder->stats(); }
ByteCount World::seeder_sent() const { return hosts_[0]->up.bytes(); }
roulette::PeerNode* World::node(size_t peer) { return hosts_[peer + 1]->peer.get(); }
Endpoint World::endpoint(size_t peer) const { return endpoint_of(static_cast<uint32_t>(peer + 1)); }

}  // namespace fb::sim
