// A further thread of a seeder, with a shard of it.
//
// Thread safety: every member from any thread; made and destroyed by one.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cli/seed_shard.h"

namespace fb::cli {

class SeedThread {
 public:
  struct Options {
    engine::EngineOptions engine;
    std::unique_ptr<content::SiteSource> site;
    roulette::SeederOptions node;
    ShardPost* post = nullptr;
  };

  explicit SeedThread(Options options) : options_(std::move(options)) {}
  ~SeedThread();  // stops it
  SeedThread(const SeedThread&) = delete;
  SeedThread& operator=(const SeedThread&) = delete;

  // Once: begins to serve. When all threads are made, because they wake each other.
  void start();
  // Waits until it listens; else why it does not.
  [[nodiscard]] std::optional<engine::EngineError> opened();
  void adopt(std::shared_ptr<const content::SiteVersion> version);
  void wake();
  // Says BYE to its visitors and ends. Waits for it.
  void stop();
  // A fraction of a second old at most, or the last.
  [[nodiscard]] SeedShard::Counters counters() const;

 private:
  void run(std::promise<std::optional<engine::EngineError>> opened);
  void publish(const SeedShard& shard);

  Options options_;  // its thread's, from start() on
  std::future<std::optional<engine::EngineError>> opened_;
  std::atomic<bool> stop_ = false;  // relaxed: the wake orders it
  mutable std::mutex mutex_;        // guards what follows
  SeedShard* shard_ = nullptr;      // while it runs, for wake()
  SeedShard::Counters counters_;
  std::shared_ptr<const content::SiteVersion> version_;  // to be adopted
  std::thread thread_;
};

}  // namespace fb::cli
