// A datagram's way through the world:
//   1. transmit(): a node sends; its behaviour may interfere; its uplink queues, delays or drops;
//   2. Network::pass(): what the network makes of it;
//   3. arrive_at(): the receiver's NAT, and then its line, or, in real time, the wire, from which
//      from_wire() takes it up again;
//   4. deliver(): the node gets it, and after() looks at what it wants next.
#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "sim/behaviour.h"
#include "wire/decode.h"

namespace fb::sim {
namespace {

constexpr uint16_t kPort = 4711;
constexpr uint64_t kFateStream = 0x66617465;  // "fate"

// In virtual time host n is 10.x.y.z, so that a datagram's destination is found without a table.
Endpoint endpoint_of(uint32_t host) {
  return {Address::v4(10, static_cast<uint8_t>(host >> 16), static_cast<uint8_t>(host >> 8),
                      static_cast<uint8_t>(host)),
          kPort};
}

uint32_t host_of(const Endpoint& endpoint) {
  const auto& b = endpoint.address.bytes;
  return static_cast<uint32_t>(b[13]) << 16 | static_cast<uint32_t>(b[14]) << 8 | b[15];
}

// What will happen to the lines of a visitor that comes at `arrives`.
void plan_lines(Host& host, const LineEvents& events, Instant arrives) {
  const Instant change = arrives + events.change_after;
  if (events.up_after.limited()) host.up.set_rate(change, events.up_after);
  if (events.down_after.limited()) host.down.set_rate(change, events.down_after);
  if (!events.cross_up.limited()) return;
  const Instant from = arrives + events.cross_after;
  host.up.share({.rate = events.cross_up,
                 .packet = events.cross_packet,
                 .from = from,
                 .until = events.cross_for > Duration{} ? from + events.cross_for
                                                        : Instant::never()});
}

std::string visitor(const Host& host) { return "visitor " + std::to_string(host.number - 1); }

}  // namespace

World::World(const Scenario& scenario, uint64_t seed, WorldContent content, Attachment* attachment)
    : scenario_(scenario),
      content_(std::move(content)),
      attachment_(attachment),
      population_(scenario, seed, content_.paths.size()),
      checker_(scenario.roulette),
      rng_(seed ^ kFateStream ^ (attachment != nullptr ? uint64_t{attachment->shard} << 32 : 0)),
      start_(attachment != nullptr ? attachment->start : Instant{}),
      now_(start_),
      network_(scenario, rng_.next(), start_, attachment != nullptr ? attachment->nats : nullptr) {
  if (attachment != nullptr && attachment->foreign_seeder) network_.seeder_is_foreign();
  hosts_.resize(1);
  if (attachment_ == nullptr || attachment_->has_seeder) {
    hosts_[0] = std::make_unique<Host>(owner(), 0, scenario_.seeder, population_.seeder());
    restart_seeder();
  }
}

World::~World() = default;

void World::start() {
  if (attachment_ == nullptr || !attachment_->has_seeder) {
    arriving_ = true;
    next_arrival_ = attachment_ != nullptr ? attachment_->shard : 0;
    schedule_next_arrival();
  }
  const FaultSpec& faults = scenario_.faults;
  if (hosts_[0] && faults.seeder_down_for > Duration{}) {
    at(start_ + faults.seeder_down_at, [this] { kill_seeder(); });
    at(start_ + faults.seeder_down_at + faults.seeder_down_for, [this] { restart_seeder(); });
  }
  if (faults.kill_every > Duration{}) {
    at(start_ + faults.kill_every, [this] { kill_some(); });
  }
}

void World::stop_arrivals() { arriving_ = false; }

void World::schedule_next_arrival() {
  const PeerPlan* plan = population_.plan(next_arrival_);
  if (plan == nullptr) {
    arriving_ = false;
    return;
  }
  schedule(start_ + plan->arrives, Event::Kind::kArrive, next_arrival_ + 1);
  next_arrival_ += attachment_ != nullptr ? attachment_->shards : 1;
}

uint32_t World::add_peer(Instant when, uint32_t peer_class, uint32_t path) {
  const auto number = static_cast<uint32_t>(hosts_.size() - 1);
  PeerPlan plan = population_.draw(number);
  plan.arrives = when - start_;
  plan.peer_class = peer_class;
  plan.path = path;
  make_host(number + 1, plan);
  ++waiting_;
  at(when, [this, number] { arrive(number + 1); });
  return number;
}

Host& World::make_host(uint32_t number, const PeerPlan& plan) {
  if (hosts_.size() <= number) hosts_.resize(number + 1);
  const PeerClass& its_class = scenario_.classes[plan.peer_class];
  hosts_[number] = std::make_unique<Host>(owner(), number, its_class.link, plan);
  plan_lines(*hosts_[number], its_class.events, start_ + plan.arrives);
  PeerRecord& record = hosts_[number]->record;
  record.number = number - 1;
  record.peer_class = plan.peer_class;
  record.arrived = plan.arrives;
  record.counted = plan.arrives >= scenario_.warm_up;
  return *hosts_[number];
}

void World::arrive(uint32_t number) {
  Host& host = *hosts_[number];
  const PeerClass& its_class = scenario_.classes[host.plan.peer_class];
  roulette::PeerOptions options;
  options.config = scenario_.roulette;
  if (sabotage && its_class.behaviour == Behaviour::kHonest) sabotage(options.config);
  adapt(its_class.behaviour, options.config);
  options.config.linger = its_class.linger;
  if (scenario_.peers_know_uplink) {
    options.config.uplink = its_class.link.up;
    options.config.downlink = its_class.link.down;
  }
  options.seeder = seeder_endpoint();
  options.key = attachment_ != nullptr ? attachment_->key : content_.site->public_key();
  SecretRng::from_number(host.plan.secret_number).fill(options.secret);
  options.choice_seed = host.plan.choice_seed;
  // On the wire many hosts share a socket.
  options.prefix = attachment_ != nullptr ? number : 0;
  host.peer = std::make_unique<roulette::PeerNode>(options, host);
  host.progress = now_;
  ++sample_.arrived;
  ++sample_.pool;
  if (const Duration patience = patience_of(its_class, host.plan); patience > Duration{}) {
    schedule(start_ + host.plan.arrives + patience, Event::Kind::kAbandon, number);
  }
  host.visit.begin(now_, *host.peer, content_, host.plan.path);
  after(host);
}

void World::restart_seeder() {
  Host& host = *hosts_[0];
  roulette::SeederOptions options;
  options.config = scenario_.roulette;
  if (scenario_.seeder_paced) options.config.uplink = scenario_.seeder.up;
  SecretRng::from_number(rng_.next()).fill(options.secret);
  options.choice_seed = rng_.next();
  host.timer = Instant::never();
  host.payload_sent = host.payload_received = 0;
  host.seeder = std::make_unique<roulette::ShardedSeeder>(options, scenario_.seeder_shards,
                                                          *content_.site, host);
}

void World::kill_seeder() {
  Host& host = *hosts_[0];
  if (!host.seeder) return;
  seeder_drops_ += host.seeder->stats().drops;
  host.seeder.reset();
}

void World::at(Instant when, std::function<void()> action) {
  actions_.push_back(std::move(action));
  schedule(when, Event::Kind::kAction, 0, static_cast<uint32_t>(actions_.size() - 1));
}

void World::schedule(Instant when, Event::Kind kind, uint32_t host, uint32_t slot) {
  queue_.push(std::max(when, now_), kind, host, slot);
}

Host* World::host(uint32_t number) {
  return number < hosts_.size() ? hosts_[number].get() : nullptr;
}

Network::End World::end_of(uint32_t number) {
  if (number == 0) return {0, &population_.seeder()};
  if (const Host* known = host(number)) return {number, &known->plan};
  return {number, population_.plan(number - 1)};
}

Endpoint World::seeder_endpoint() const {
  return attachment_ != nullptr ? attachment_->seeder : endpoint_of(0);
}

Endpoint World::endpoint(uint32_t peer) const { return endpoint_of(peer + 1); }

// On the wire many hosts share an address; there the token's prefix tells whom a datagram is for.
uint32_t World::target_of(const Endpoint& to, std::span<const uint8_t> bytes) const {
  if (attachment_ == nullptr) return host_of(to);
  const auto header = wire::decode_header(bytes);
  return header ? roulette::peer_prefix(header->to) : 0;
}

void World::transmit(Host& from, const Endpoint& to, std::span<const uint8_t> bytes) {
  from.payload_sent += bytes.size();
  const uint32_t target = target_of(to, bytes);
  if (observe) observe(from.number, target, bytes);
  const uint32_t slot =
      pool_.put(from.number, attachment_ != nullptr ? to : endpoint_of(from.number), bytes);
  const Behaviour behaviour = from.number == 0
                                  ? Behaviour::kHonest
                                  : scenario_.classes[from.plan.peer_class].behaviour;
  const ByteCount size{misbehave(behaviour, pool_.bytes(slot))};
  if (size == ByteCount{}) return pool_.release(slot);
  pool_.shorten(slot, size.bytes);
  ++sent_;
  const auto data = data_payload(pool_.bytes(slot));
  if (data) from.data_sent += data->bytes;
  if (data && from.number != 0 && behaviour == Behaviour::kHonest) {
    check_sent(from, target, bytes, *data);
  }
  const auto left = from.up.pass(now_, size);
  if (!left) {
    ++network_.drops.uplink_queue;
    pool_.release(slot);
    return;
  }
  if (from.number != 0) peers_sent_ += size + kHeaders;
  // Its departure matters to nobody but its arrival: one event does for both.
  const Network::Passage passage =
      network_.pass(*left, {from.number, &from.plan}, end_of(target), pool_.bytes(slot));
  if (passage.copy_arrives) {
    ++duplicated_;
    const std::vector<uint8_t> copy(pool_.bytes(slot).begin(), pool_.bytes(slot).end());
    schedule(*passage.copy_arrives, Event::Kind::kSent, target,
             pool_.put(from.number, pool_.other(slot), copy));
  }
  if (!passage.arrives) return pool_.release(slot);
  schedule(*passage.arrives, Event::Kind::kSent, target, slot);
}

void World::inject(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram) {
  ++sent_;
  schedule(now_, Event::Kind::kSent, host_of(to), pool_.put(0, from, datagram));
}

void World::arrive_at(uint32_t target, uint32_t slot) {
  if (!network_.admits(now_, end_of(pool_.from(slot)), end_of(target))) return pool_.release(slot);
  if (attachment_ != nullptr) {
    ++to_wire_;
    attachment_->send(pool_.from(slot), pool_.other(slot), pool_.bytes(slot));
    return pool_.release(slot);
  }
  Host* receiver = host(target);
  if (receiver == nullptr || !receiver->alive()) {
    ++network_.drops.nobody;
    return pool_.release(slot);
  }
  down_the_line(*receiver, slot);
}

void World::from_wire(const Endpoint& from, std::span<const uint8_t> datagram) {
  ++from_wire_;
  if (attachment_->foreign_seeder && from == attachment_->seeder) {
    from_foreign_ += ByteCount{datagram.size()} + kHeaders;
  }
  const auto header = wire::decode_header(datagram);
  Host* receiver = header ? host(roulette::peer_prefix(header->to)) : nullptr;
  if (receiver == nullptr || !receiver->alive() || datagram.size() > DatagramPool::kSizeMax) {
    ++network_.drops.nobody;
    return;
  }
  down_the_line(*receiver, pool_.put(0, from, datagram));
}

void World::down_the_line(Host& host, uint32_t slot) {
  const auto passed = host.down.pass(now_, {pool_.bytes(slot).size()});
  if (!passed) {
    ++network_.drops.downlink_queue;
    return pool_.release(slot);
  }
  schedule(*passed, Event::Kind::kDelivered, host.number, slot);
}

void World::deliver(Host& host, uint32_t slot) {
  if (!host.alive()) {
    ++network_.drops.nobody;
    return pool_.release(slot);
  }
  ++delivered_;
  const auto bytes = pool_.bytes(slot);
  host.payload_received += bytes.size();
  if (const auto data = data_payload(bytes); data && host.number != 0) {
    host.data_received += data->bytes;
    if (attachment_ == nullptr) host.pairs.of(pool_.from(slot)).received += data->bytes;
  }
  const Endpoint from = pool_.other(slot);
  if (host.seeder) {
    host.seeder->receive(now_, from, bytes);
  } else {
    host.peer->receive(now_, from, bytes);
  }
  pool_.release(slot);
  after(host);
}

void World::handle(const Event& event) {
  ++events_;
  if (attachment_ != nullptr) attachment_->on_handled(event.kind, now_ - event.when);
  switch (event.kind) {
    case Event::Kind::kArrive: {
      if (!arriving_) return;
      const PeerPlan plan = *population_.plan(event.host - 1);
      schedule_next_arrival();
      make_host(event.host, plan);
      ++waiting_;
      arrive(event.host);
      return;
    }
    case Event::Kind::kAction:
      std::exchange(actions_[event.slot], nullptr)();
      return;
    case Event::Kind::kSent:
      arrive_at(event.host, event.slot);
      return;
    case Event::Kind::kDelivered:
      deliver(*hosts_[event.host], event.slot);
      return;
    case Event::Kind::kTimer: {
      Host& host = *hosts_[event.host];
      // A later timer that an earlier one replaced still fires; it finds nothing due.
      if (host.timer > now_ || !host.alive()) return;
      host.timer = Instant::never();
      if (host.seeder) {
        host.seeder->advance(now_);
      } else {
        host.peer->advance(now_);
      }
      after(host);
      return;
    }
    case Event::Kind::kAbandon:
      abandon(*hosts_[event.host]);
      return;
  }
}

// What a node's shell does after each call: takes events, sets the timer.
void World::after(Host& host) {
  if (host.peer) handle_events(host);
  if (!host.alive()) return;
  const Instant next = host.seeder ? host.seeder->next_deadline() : host.peer->next_deadline();
  if (next < host.timer) {
    host.timer = std::max(next, now_);
    schedule(host.timer, Event::Kind::kTimer, host.number);
  }
}

void World::handle_events(Host& host) {
  while (host.peer && host.peer->has_events()) {
    for (const auto& event : host.peer->take_events()) {
      if (const auto* found = std::get_if<roulette::FileFound>(&event)) {
        on_found(host, *found);
      } else if (const auto* ready = std::get_if<roulette::MetachunkReady>(&event)) {
        host.visit.on_ready(now_, *ready);
        note_first(host);
      } else if (const auto* complete = std::get_if<roulette::DownloadComplete>(&event)) {
        on_complete(host, *complete);
      } else if (const auto* failed = std::get_if<roulette::DownloadFailed>(&event)) {
        host.record.why = failed->why;
        end(host, PeerEnd::kFailed);
        break;
      } else if (const auto* missed = std::get_if<roulette::FindFailed>(&event)) {
        host.record.why = missed->why;
        end(host, PeerEnd::kFailed);
        break;
      } else if (std::holds_alternative<roulette::FileMissing>(event)) {
        end(host, PeerEnd::kMissing);
        break;
      } else if (std::holds_alternative<roulette::LeftSwarm>(event)) {
        end(host, host.record.end);
        break;
      }
    }
  }
}

void World::on_found(Host& host, const roulette::FileFound& found) {
  host.progress = now_;
  host.visit.on_found(now_, *host.peer, content_, found);
  host.record.file = host.visit.size();
}

// When something of the first file came, since the visitor was to come.
void World::note_first(Host& host) {
  const Instant came = start_ + host.plan.arrives;
  if (const auto at = host.visit.first_byte()) host.record.first_byte = *at - came;
  if (const auto at = host.visit.first_file()) host.record.first_file = *at - came;
}

// All bytes, beyond what each MetaChunk proved.
void World::on_complete(Host& host, const roulette::DownloadComplete& complete) {
  const bool all = host.visit.on_complete(now_, complete);
  note_first(host);
  if (!all) return;
  const bool right = host.visit.is_right(*host.peer, content_);
  host.record.took = now_ - (start_ + host.plan.arrives);
  host.record.end = right ? PeerEnd::kComplete : PeerEnd::kWrongContent;
  --sample_.pool;
  ++(right ? sample_.completed : sample_.failed);
  if (!right) checker_.fail("content", since_start(), visitor(host) + " holds wrong bytes");
}

// The visitor is gone: its numbers are kept, its node is not.
void World::end(Host& host, PeerEnd how) {
  if (host.record.end == PeerEnd::kNotYet) {
    host.record.end = how;
    --sample_.pool;
    if (how == PeerEnd::kAbandoned) {
      ++sample_.abandoned;
    } else {
      ++sample_.failed;
    }
  }
  check_peer(host);
  peer_drops_ += host.peer->stats().drops;
  host.peer.reset();
  host.pairs = {};
  --waiting_;
}

void World::abandon(Host& host) {
  if (!host.peer || host.record.end != PeerEnd::kNotYet) return;
  host.peer->leave(now_);
  end(host, PeerEnd::kAbandoned);
}

void World::kill_peer(uint32_t peer) {
  Host& victim = *hosts_[peer + 1];
  if (victim.peer) end(victim, PeerEnd::kKilled);
}

void World::kill_some() {
  std::vector<uint32_t> alive;
  for (const auto& host : hosts_) {
    if (host && host->peer) alive.push_back(host->number - 1);
  }
  const auto wanted =
      static_cast<size_t>(static_cast<double>(alive.size()) * scenario_.faults.kill_share);
  for (size_t i = 0; i < wanted; ++i) {
    std::swap(alive[i], alive[i + rng_.below(alive.size() - i)]);
    kill_peer(alive[i]);
  }
  at(now_ + scenario_.faults.kill_every, [this] { kill_some(); });
}

void World::check_sent(Host& from, uint32_t target, std::span<const uint8_t> bytes,
                       ByteCount data) {
  checker_.on_total_sent(since_start(), from.number - 1, from.data_sent, from.data_received);
  if (attachment_ != nullptr) return;  // there the sender of what arrives is not known
  const auto header = wire::decode_header(bytes);
  checker_.on_pair_sent(since_start(), from.number - 1, from.pairs.of(target), header->to,
                        data.bytes);
}

// What must hold of a visitor at any time; brings its record up to date.
void World::check_peer(Host& host) {
  const roulette::NodeStats stats = host.peer->stats();
  PeerRecord& record = host.record;
  record.received = {stats.bytes_in + kHeaders.bytes * stats.datagrams_in};
  record.sent = {stats.bytes_out + kHeaders.bytes * stats.datagrams_out};
  record.chunks_received = {stats.chunk_bytes_received};
  record.chunks_sent = {host.data_sent};  // not what a free rider's node believes
  record.chunks_from_seeder = {stats.chunk_bytes_from_seeder};
  record.chunks_duplicate = {stats.chunk_bytes_duplicate};
  record.promise_broken =
      host.data_sent > stats.chunk_bytes_received + scenario_.roulette.upload_promise.bytes;
  const uint64_t useful = stats.chunk_bytes_received - stats.chunk_bytes_duplicate;
  if (useful > host.useful) {
    useful_ += ByteCount{useful - host.useful};
    host.useful = useful;
    host.progress = now_;
  }
  if (stats.bytes_in != host.payload_received || stats.bytes_out != host.payload_sent) {
    checker_.fail("conserved", since_start(),
                  visitor(host) + " counts " + std::to_string(stats.bytes_in) + " bytes in and " +
                      std::to_string(stats.bytes_out) + " out, the world " +
                      std::to_string(host.payload_received) + " and " +
                      std::to_string(host.payload_sent));
  }
  const bool honest =
      scenario_.classes[host.plan.peer_class].behaviour == Behaviour::kHonest;
  if (honest) {
    const roulette::RouletteConfig& rules = scenario_.roulette;
    const BitRate known = scenario_.classes[host.plan.peer_class].link.up;
    checker_.on_footprint(since_start(), visitor(host), host.peer->footprint(),
                          rules.degree_max + rules.degree_max / 2,
                          scenario_.peers_know_uplink ? known : rules.uplink);
  }
  if (record.end != PeerEnd::kNotYet) return;
  if (host.timer == Instant::never()) {
    checker_.fail("stuck", since_start(), visitor(host) + " waits without a timer");
  }
  if (now_ - host.progress > checker_.patience()) {
    checker_.fail("stuck", since_start(),
                  visitor(host) + " has made no progress for " +
                      std::to_string((now_ - host.progress).ns / 1'000'000'000) +
                      " s and has not given up");
    host.progress = now_;  // once is enough
  }
}

void World::check_network() {
  const uint64_t in = sent_ + duplicated_ + from_wire_;
  const uint64_t dropped = network_.drops.total();
  const uint64_t out = delivered_ + dropped + to_wire_ + pool_.live();
  if (in != out) {
    checker_.fail("conserved", since_start(),
                  std::to_string(in) + " datagrams went into the network, " +
                      std::to_string(out) + " are accounted for");
  }
}

Sample World::sample() {
  for (const auto& host : hosts_) {
    if (host && host->peer) check_peer(*host);
  }
  if (hosts_[0] && hosts_[0]->seeder) {
    checker_.on_footprint(since_start(), "the seeder", hosts_[0]->seeder->footprint(),
                          roulette::SeederConfig{}.neighbours_max,
                          scenario_.seeder_paced ? scenario_.seeder.up : BitRate{});
  }
  check_network();
  Sample out = sample_;
  out.at = since_start();
  const ByteCount seeder = seeder_sent();
  out.seeder_sent = seeder - std::exchange(seeder_before_, seeder);
  out.peers_sent = peers_sent_ - std::exchange(peers_before_, peers_sent_);
  out.useful = std::exchange(useful_, {});
  return out;
}

ByteCount World::seeder_sent() const {
  return hosts_[0] ? hosts_[0]->up.bytes() : from_foreign_;
}

roulette::NodeStats World::seeder_stats() const {
  return hosts_[0] && hosts_[0]->seeder ? hosts_[0]->seeder->stats() : roulette::NodeStats{};
}

void World::report(RunResult& result) {
  result.elapsed = std::max(result.elapsed, since_start());
  result.events += events_;
  for (const auto& host : hosts_) {
    if (!host || host->number == 0) continue;
    if (host->peer) peer_drops_ += host->peer->stats().drops;
    result.peers.push_back(host->record);
  }
  if (hosts_[0]) {
    result.seeder_sent += hosts_[0]->up.bytes();
    seeder_drops_ += seeder_stats().drops;
  } else if (attachment_ != nullptr && attachment_->foreign_seeder) {
    result.seeder_sent += from_foreign_;
  }
  result.peer_drops += std::exchange(peer_drops_, {});
  result.seeder_drops += std::exchange(seeder_drops_, {});
  result.network += network_.drops;
  checker_.move_to(result);
}

Instant World::next_event() { return queue_.empty() ? Instant::never() : queue_.top().when; }

void World::run_until(Instant end) {
  while (!queue_.empty()) {
    const Event event = queue_.top();
    if (event.when > end) break;
    if (attachment_ == nullptr && idle()) return;
    queue_.pop();
    now_ = std::max(now_, event.when);
    handle(event);
  }
  if (attachment_ == nullptr && !idle()) now_ = std::max(now_, end);
}

void World::flush() {
  while (!queue_.empty()) {
    const Event event = queue_.top();
    queue_.pop();
    if (event.kind == Event::Kind::kSent) arrive_at(event.host, event.slot);
  }
}

}  // namespace fb::sim
