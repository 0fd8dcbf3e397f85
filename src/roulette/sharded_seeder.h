// A seeder of several shards on one thread: what the simulator and the tests have in the place of
// threads (src/cli/seed_shard.h). With one shard it is a SeederNode and nothing else.
//
// Members are SeederNode's. Sans-IO, one thread at a time, `now` never goes back.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "roulette/seeder_node.h"
#include "roulette/seeder_shards.h"

namespace fb::roulette {

class ShardedSeeder final : SeederShards {
 public:
  // `options` as for one node; its `shards` and `shard` are ours. Requires one shard or profile v2.
  ShardedSeeder(const SeederOptions& options, uint32_t shards, content::SiteCatalog& catalog,
                Transport& transport);
  ~ShardedSeeder() override;

  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram);
  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  void set_uplink(Instant now, BitRate uplink) { nodes_.front()->set_uplink(now, uplink); }
  void close(Instant now);
  [[nodiscard]] NodeStats stats() const;
  [[nodiscard]] Footprint footprint() const;

  // To which its datagrams come, as a kernel chooses a socket by their addresses.
  [[nodiscard]] uint32_t shard_for(const Endpoint& from) const;
  [[nodiscard]] SeederNode& node(uint32_t shard) { return *nodes_[shard]; }
  [[nodiscard]] SeederShards& shards() { return *this; }

 private:
  // What one shard has for another.
  struct Letter {
    uint32_t to = 0;
    ShardNews news;
    std::string path;               // the news'
    Endpoint from;
    std::vector<uint8_t> datagram;  // instead of news
  };

  void tell(uint32_t from, const ShardNews& news) override;
  void forward(uint32_t from, uint32_t to, const Endpoint& sender,
               std::span<const uint8_t> datagram) override;
  void deliver(Instant now);

  std::vector<std::unique_ptr<SeederNode>> nodes_;
  std::deque<Letter> letters_;
  uint32_t first_ = 0;
};

}  // namespace fb::roulette
