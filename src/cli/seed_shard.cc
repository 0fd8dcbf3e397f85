#include "cli/seed_shard.h"

#include <algorithm>
#include <utility>

namespace fb::cli {
namespace {

// How many small files are loaded into the cache between two polls: a few milliseconds.
constexpr size_t kPreloadStep = 4;

}  // namespace

SeedShard::SeedShard(std::unique_ptr<engine::UdpEngine> engine,
                     std::unique_ptr<content::SiteSource> site,
                     const roulette::SeederOptions& options, ShardPost& post)
    : engine_(std::move(engine)),
      site_(std::move(site)),
      number_(options.shard),
      post_(post),
      node_(options, *site_, static_cast<roulette::Transport&>(*this)) {}

SeedShard::~SeedShard() = default;

Instant SeedShard::round(Instant until) {
  until = std::min({until, node_.next_deadline(), site_->next_expiry()});
  const Instant now = engine_->poll(preloading_ ? Instant{} : until, *this);
  post_.deliver(now, number_, node_);
  node_.advance(now);
  site_->forget_expired(now);
  if (preloading_) preloading_ = site_->preload(kPreloadStep);
  return now;
}

void SeedShard::adopt(std::shared_ptr<const content::SiteVersion> version, Instant now) {
  site_->adopt(std::move(version), now);
}

void SeedShard::close(Instant now) {
  node_.close(now);
  engine_->flush();
}

void SeedShard::on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  node_.receive(now, from, bytes);
}

void SeedShard::send(const Endpoint& to, std::span<const uint8_t> datagram) {
  engine_->send(to, datagram);
}

}  // namespace fb::cli
