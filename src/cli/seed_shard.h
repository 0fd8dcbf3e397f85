// One thread of a seeder: an engine with a socket on the common port, a node, and its view of the
// site.
//
// Thread safety: all on one thread, that which opened the engine, but for wake().
#pragma once

#include <memory>

#include "cli/shard_post.h"
#include "content/site_source.h"
#include "engine/udp_engine.h"
#include "roulette/seeder_node.h"
#include "roulette/transport.h"

namespace fb::cli {

class SeedShard final : engine::DatagramHandler, roulette::Transport {
 public:
  struct Counters {
    roulette::NodeStats node;
    engine::EngineStats engine;
  };

  // `post` is borrowed; the site is this thread's own view of it.
  SeedShard(std::unique_ptr<engine::UdpEngine> engine, std::unique_ptr<content::SiteSource> site,
            const roulette::SeederOptions& options, ShardPost& post);
  ~SeedShard() override;

  // One poll, and what follows from it: until something happens or `until` is reached at most.
  Instant round(Instant until);
  void set_uplink(Instant now, BitRate uplink) { node_.set_uplink(now, uplink); }
  // Serves another version from now on.
  void adopt(std::shared_ptr<const content::SiteVersion> version, Instant now);
  void preload() { preloading_ = true; }  // small files into the cache, while there is time
  // Says BYE to its visitors.
  void close(Instant now);
  [[nodiscard]] content::SiteSource& site() { return *site_; }
  [[nodiscard]] engine::UdpEngine& engine() { return *engine_; }
  [[nodiscard]] Counters counters() const { return {node_.stats(), engine_->stats()}; }

  // Any thread.
  void wake() { engine_->wake(); }

 private:
  void on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) override;
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override;

  std::unique_ptr<engine::UdpEngine> engine_;
  std::unique_ptr<content::SiteSource> site_;
  uint32_t number_;
  ShardPost& post_;
  roulette::SeederNode node_;
  bool preloading_ = false;
};

}  // namespace fb::cli
