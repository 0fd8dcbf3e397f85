// The seeder's node: answers joins and manifests, serves every chunk, refers newcomers to each
// other, and keeps within its uplink.
//
// Sans-IO, one thread at a time, `now` never goes back. A stranger costs it no memory: until an
// address has echoed a cookie, nothing is kept of it, and it gets at most three times its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/endpoint.h"
#include "base/rng.h"
#include "base/time.h"
#include "content/site_catalog.h"
#include "roulette/config.h"
#include "roulette/stats.h"
#include "roulette/transport.h"

namespace fb::roulette {

class SeederShards;
struct ShardNews;

struct SeederOptions {
  RouletteConfig config;     // config.uplink paces it
  SeederConfig seeder;
  SecretRng::Seed secret{};
  uint64_t choice_seed = 0;
  // One of several shards (seeder_shards.h), borrowed; or null: it is the only one.
  SeederShards* shards = nullptr;
  uint32_t shard = 0;
};

class SeederProfile;

class SeederNode {
 public:
  // Borrows catalog and transport for its life.
  SeederNode(const SeederOptions& options, content::SiteCatalog& catalog, Transport& transport);
  ~SeederNode();
  SeederNode(const SeederNode&) = delete;
  SeederNode& operator=(const SeederNode&) = delete;

  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram);
  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  // What another shard has told.
  void hear(Instant now, const ShardNews& news);
  // A new uplink takes effect at once (configuration reload); one shard's is all shards'.
  void set_uplink(Instant now, BitRate uplink);
  // Says BYE to all neighbours: a clean end.
  void close(Instant now);

  [[nodiscard]] NodeStats stats() const;
  [[nodiscard]] Footprint footprint() const;

 private:
  std::unique_ptr<SeederProfile> profile_;
};

}  // namespace fb::roulette
