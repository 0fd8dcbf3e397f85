#include "cli/load_swarm.h"

#include <algorithm>
#include <bit>

#include "content/hash.h"
#include "wire/decode.h"

namespace fb::cli {
namespace {

constexpr Duration kTick = milliseconds(100);

}  // namespace

struct LoadSwarm::Peer final : roulette::Transport {
  Peer(LoadSwarm& owner, uint32_t peer_number, const LoadLink& link)
      : swarm(owner), number(peer_number), up(link.up, link.queue, link.delay),
        down(link.down, link.queue, link.delay) {}
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
    swarm.transmit(number, to, datagram);
  }

  LoadSwarm& swarm;
  uint32_t number;
  sim::AccessLink up;
  sim::AccessLink down;
  Instant scheduled{};
  Instant timer = Instant::never();  // the earliest timer event that is queued
  std::unique_ptr<roulette::PeerNode> node;  // while it is in the swarm
  std::optional<roulette::DownloadId> download;
  ByteCount length;
  content::Sha256 sha256{};
};

LoadSwarm::LoadSwarm(const LoadOptions& options, engine::UdpEngine& engine)
    : options_(options), engine_(engine), rng_(options.seed), results_(options.peers) {
  peers_.reserve(options.peers);
  for (uint32_t i = 0; i < options.peers; ++i) {
    peers_.push_back(std::make_unique<Peer>(*this, i, options_.link));
  }
}

LoadSwarm::~LoadSwarm() = default;

void LoadSwarm::schedule(Instant when, Kind kind, uint32_t peer, uint32_t slot) {
  queue_.push({when, sequence_++, kind, peer, slot});
}

void LoadSwarm::run(const std::function<void(const LoadProgress&)>& on_tick) {
  start_ = now_ = engine::monotonic_now();
  for (uint32_t i = 0; i < options_.peers; ++i) {
    const double at = options_.arrivals_per_second > 0 ? i / options_.arrivals_per_second : 0.0;
    schedule(start_ + Duration{static_cast<int64_t>(at * 1e9)}, Kind::kArrival, i);
  }
  if (options_.kill_every > Duration{}) schedule(start_ + options_.kill_every, Kind::kKill, 0);
  Instant tick = start_;
  const auto all_ended = [&] {
    return progress_.complete + progress_.failed + progress_.killed == options_.peers;
  };
  while (!stopped_ && !all_ended()) {
    if (tick <= now_) {
      on_tick(progress());
      tick = now_ + kTick;
    }
    while (!queue_.empty() && queue_.top().when <= now_) {
      const Event event = queue_.top();
      queue_.pop();
      handle(event);
    }
    const Instant next = queue_.empty() ? tick : std::min(tick, queue_.top().when);
    now_ = engine_.poll(next, *this);
  }
  // The farewells are still on their lines.
  while (!queue_.empty()) {
    if (queue_.top().kind == Kind::kDeparted) handle(queue_.top());
    queue_.pop();
  }
  engine_.flush();
  for (const auto& peer : peers_) {
    if (peer->node) results_[peer->number].stats = peer->node->stats();
  }
  on_tick(progress());
}

void LoadSwarm::handle(const Event& event) {
  if (event.kind != Kind::kArrival) note_lateness(now_ - event.when);
  Peer& peer = *peers_[event.peer];
  switch (event.kind) {
    case Kind::kArrival:
      arrive(event.peer);
      return;
    case Kind::kKill:
      kill_some();
      return;
    case Kind::kDeparted: {
      const Datagram& datagram = datagrams_[event.slot];
      engine_.send(datagram.other, datagram.bytes);
      free_.push_back(event.slot);
      return;
    }
    case Kind::kDelivered: {
      // Moved out, because the node's answer may need the table to grow.
      const std::vector<uint8_t> bytes = std::move(datagrams_[event.slot].bytes);
      const Endpoint from = datagrams_[event.slot].other;
      free_.push_back(event.slot);
      if (!peer.node) return;
      peer.node->receive(now_, from, bytes);
      after(peer);
      return;
    }
    case Kind::kTimer:
      if (!peer.node || peer.timer > now_) return;
      peer.timer = Instant::never();
      peer.node->advance(now_);
      after(peer);
      return;
  }
}

void LoadSwarm::arrive(uint32_t number) {
  Peer& peer = *peers_[number];
  const double at =
      options_.arrivals_per_second > 0 ? number / options_.arrivals_per_second : 0.0;
  peer.scheduled = start_ + Duration{static_cast<int64_t>(at * 1e9)};
  arrival_late_ms_ = std::max(arrival_late_ms_, (now_ - peer.scheduled).milliseconds());
  roulette::PeerOptions options;
  options.config = options_.config;
  options.seeder = options_.seeder;
  options.key = options_.key;
  SecretRng::from_number(rng_.next()).fill(options.secret);
  options.choice_seed = rng_.next();
  options.prefix = number + 1;
  peer.node = std::make_unique<roulette::PeerNode>(options, peer);
  ++progress_.arrived;
  ++progress_.in_swarm;
  peer.node->find_file(now_, options_.path);
  after(peer);
}

// Without a word: the neighbours have to find out.
void LoadSwarm::kill_some() {
  std::vector<uint32_t> alive;
  for (const auto& peer : peers_) {
    if (peer->node) alive.push_back(peer->number);
  }
  const size_t wanted = alive.size() * options_.kill_percent / 100;
  for (size_t i = 0; i < wanted; ++i) {
    std::swap(alive[i], alive[i + rng_.below(alive.size() - i)]);
    end(*peers_[alive[i]], LoadPeerResult::End::kKilled);
  }
  schedule(now_ + options_.kill_every, Kind::kKill, 0);
}

uint32_t LoadSwarm::put(const Endpoint& other, std::span<const uint8_t> bytes) {
  if (free_.empty()) {
    datagrams_.emplace_back();
    free_.push_back(static_cast<uint32_t>(datagrams_.size() - 1));
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  datagrams_[slot].other = other;
  datagrams_[slot].bytes.assign(bytes.begin(), bytes.end());
  return slot;
}

void LoadSwarm::transmit(uint32_t number, const Endpoint& to, std::span<const uint8_t> bytes) {
  const auto departs = peers_[number]->up.pass(now_, {bytes.size()});
  if (!departs) {
    ++line_drops_;
    return;
  }
  schedule(*departs, Kind::kDeparted, number, put(to, bytes));
}

void LoadSwarm::on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  now_ = std::max(now_, now);
  const ByteCount whole = ByteCount{bytes.size()} + sim::kHeaders;
  (from == options_.seeder ? progress_.from_seeder : progress_.between_peers) += whole;
  const auto header = wire::decode_header(bytes);
  if (!header) return;
  const uint32_t prefix = roulette::peer_prefix(header->to);
  if (prefix == 0 || prefix > peers_.size() || !peers_[prefix - 1]->node) return;
  Peer& peer = *peers_[prefix - 1];
  const auto arrives = peer.down.pass(now_, {bytes.size()});
  if (!arrives) {
    ++line_drops_;
    return;
  }
  schedule(*arrives, Kind::kDelivered, peer.number, put(from, bytes));
}

void LoadSwarm::after(Peer& peer) {
  take_events(peer);
  if (!peer.node) return;
  const Instant next = std::max(peer.node->next_deadline(), now_);
  if (next < peer.timer) {
    peer.timer = next;
    schedule(next, Kind::kTimer, peer.number);
  }
}

void LoadSwarm::take_events(Peer& peer) {
  LoadPeerResult& result = results_[peer.number];
  while (peer.node && peer.node->has_events()) {
    for (const auto& event : peer.node->take_events()) {
      if (const auto* found = std::get_if<roulette::FileFound>(&event)) {
        const auto& record = found->manifest.record;
        file_length_ = peer.length = {record.geometry.length};
        peer.sha256 = record.sha256;
        peer.download = peer.node->download(
            now_, record, std::make_unique<content::MemoryStorage>(record.geometry.length));
      } else if (std::holds_alternative<roulette::DownloadComplete>(event)) {
        result.took = now_ - peer.scheduled;
        check_content(peer);
      } else if (const auto* failed = std::get_if<roulette::DownloadFailed>(&event)) {
        result.why = failed->why;
        return end(peer, LoadPeerResult::End::kFailed);
      } else if (const auto* missed = std::get_if<roulette::FindFailed>(&event)) {
        result.why = missed->why;
        return end(peer, LoadPeerResult::End::kFailed);
      } else if (std::holds_alternative<roulette::FileMissing>(event)) {
        return end(peer, LoadPeerResult::End::kMissing);
      } else if (std::holds_alternative<roulette::LeftSwarm>(event)) {
        return end(peer, result.end == LoadPeerResult::End::kNotYet
                             ? LoadPeerResult::End::kComplete
                             : result.end);
      }
    }
  }
}

// The whole file against the hash in the signed manifest, beyond what each MetaChunk proved.
void LoadSwarm::check_content(Peer& peer) {
  std::vector<uint8_t> bytes(peer.length.bytes);
  const bool right = peer.node->read(*peer.download, 0, bytes) &&
                     content::sha256(bytes) == peer.sha256;
  if (!right) results_[peer.number].end = LoadPeerResult::End::kWrongContent;
}

void LoadSwarm::end(Peer& peer, LoadPeerResult::End how) {
  LoadPeerResult& result = results_[peer.number];
  result.end = how;
  result.stats = peer.node->stats();
  peer.node.reset();
  --progress_.in_swarm;
  if (how == LoadPeerResult::End::kComplete) {
    ++progress_.complete;
  } else if (how == LoadPeerResult::End::kKilled) {
    ++progress_.killed;
  } else {
    ++progress_.failed;
  }
}

LoadProgress LoadSwarm::progress() const {
  LoadProgress out = progress_;
  out.elapsed = now_ - start_;
  return out;
}

void LoadSwarm::note_lateness(Duration late) {
  const auto us = static_cast<uint64_t>(std::max<int64_t>(0, late.ns / 1000));
  ++lateness_[static_cast<size_t>(std::bit_width(us))];
}

double LoadSwarm::lateness_ms(double share) const {
  uint64_t total = 0;
  for (const uint64_t count : lateness_) total += count;
  uint64_t seen = 0;
  for (size_t i = 0; i < lateness_.size(); ++i) {
    seen += lateness_[i];
    // The upper end of the bucket: never flattering.
    if (static_cast<double>(seen) >= share * static_cast<double>(total)) {
      return i == 0 ? 0.0 : static_cast<double>(uint64_t{1} << i) / 1000.0;
    }
  }
  return 0;
}

}  // namespace fb::cli
