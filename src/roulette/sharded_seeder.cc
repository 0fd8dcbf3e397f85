#include "roulette/sharded_seeder.h"

#include <algorithm>

namespace fb::roulette {

ShardedSeeder::ShardedSeeder(const SeederOptions& options, uint32_t shards,
                             content::SiteCatalog& catalog, Transport& transport)
    : SeederShards(shards, options.config.uplink, options.config.v2.backlog, options.choice_seed) {
  FB_CHECK(shards == 1 || options.config.profile == wire::Profile::kV2);
  for (uint32_t i = 0; i < shards; ++i) {
    SeederOptions each = options;
    each.shards = this;
    each.shard = i;
    each.secret.front() = static_cast<uint8_t>(each.secret.front() ^ i);
    each.choice_seed ^= i;
    nodes_.push_back(std::make_unique<SeederNode>(each, catalog, transport));
  }
}

ShardedSeeder::~ShardedSeeder() = default;

uint32_t ShardedSeeder::shard_for(const Endpoint& from) const {
  uint32_t hash = from.port;
  for (const uint8_t byte : from.address.bytes) hash = (hash ^ byte) * 0x01000193U;  // FNV-1a
  return hash % count();
}

void ShardedSeeder::receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram) {
  nodes_[shard_for(from)]->receive(now, from, datagram);
  deliver(now);
}

void ShardedSeeder::advance(Instant now) {
  // Another is first each time, as it is with threads.
  ++first_;
  for (uint32_t i = 0; i < count(); ++i) nodes_[(first_ + i) % count()]->advance(now);
  deliver(now);
}

Instant ShardedSeeder::next_deadline() const {
  Instant next = Instant::never();
  for (const auto& node : nodes_) next = std::min(next, node->next_deadline());
  return next;
}

void ShardedSeeder::close(Instant now) {
  for (const auto& node : nodes_) node->close(now);
  letters_.clear();
}

NodeStats ShardedSeeder::stats() const {
  NodeStats out;
  for (const auto& node : nodes_) out += node->stats();
  return out;
}

Footprint ShardedSeeder::footprint() const {
  Footprint out;
  for (const auto& node : nodes_) {
    const Footprint each = node->footprint();
    // Each knows all.
    out.neighbours = std::max(out.neighbours, each.neighbours);
    out.strangers += each.strangers;
    out.queued += each.queued;
  }
  return out;
}

void ShardedSeeder::tell(uint32_t from, const ShardNews& news) {
  for (uint32_t to = 0; to < count(); ++to) {
    if (to != from) letters_.push_back({to, news, std::string(news.path), {}, {}});
  }
}

void ShardedSeeder::forward(uint32_t /*from*/, uint32_t to, const Endpoint& sender,
                            std::span<const uint8_t> datagram) {
  letters_.push_back({to, {}, {}, sender, {datagram.begin(), datagram.end()}});
}

void ShardedSeeder::deliver(Instant now) {
  while (!letters_.empty()) {
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    SeederNode& to = *nodes_[letter.to];
    if (letter.datagram.empty()) {
      letter.news.path = letter.path;
      to.hear(now, letter.news);
    } else {
      to.receive(now, letter.from, letter.datagram);
    }
  }
}

}  // namespace fb::roulette
