#include "cli/seed_thread.h"

#include <utility>

namespace fb::cli {
namespace {

constexpr Duration kPublishEvery = milliseconds(100);

}  // namespace

void SeedThread::start() {
  std::promise<std::optional<engine::EngineError>> opened;
  opened_ = opened.get_future();
  thread_ = std::thread(&SeedThread::run, this, std::move(opened));
}

SeedThread::~SeedThread() { stop(); }

std::optional<engine::EngineError> SeedThread::opened() { return opened_.get(); }

void SeedThread::adopt(std::shared_ptr<const content::SiteVersion> version) {
  {
    const std::lock_guard lock(mutex_);
    version_ = std::move(version);
  }
  wake();
}

void SeedThread::wake() {
  const std::lock_guard lock(mutex_);
  if (shard_ != nullptr) shard_->wake();
}

void SeedThread::stop() {
  stop_.store(true, std::memory_order_relaxed);
  wake();
  if (thread_.joinable()) thread_.join();
}

SeedShard::Counters SeedThread::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void SeedThread::publish(const SeedShard& shard) {
  const SeedShard::Counters counters = shard.counters();
  const std::lock_guard lock(mutex_);
  counters_ = counters;
}

void SeedThread::run(std::promise<std::optional<engine::EngineError>> opened) {
  auto engine = engine::UdpEngine::open(options_.engine);  // used, and closed, on this thread
  if (!engine) return opened.set_value(engine.error());
  SeedShard shard(std::move(*engine), std::move(options_.site), options_.node, *options_.post);
  {
    const std::lock_guard lock(mutex_);
    shard_ = &shard;
  }
  opened.set_value({});
  Instant publish_at{};
  while (!stop_.load(std::memory_order_relaxed)) {
    const Instant now = shard.round(publish_at);
    std::shared_ptr<const content::SiteVersion> version;
    if (now >= publish_at) {
      publish(shard);
      publish_at = now + kPublishEvery;
    }
    {
      const std::lock_guard lock(mutex_);
      version = std::exchange(version_, nullptr);
    }
    if (version != nullptr) shard.adopt(std::move(version), now);
  }
  shard.close(engine::monotonic_now());
  publish(shard);
  const std::lock_guard lock(mutex_);
  shard_ = nullptr;
}

}  // namespace fb::cli
