// A seeder that runs: its first shard and all that is said of it on one thread, further shards on
// threads of their own, the site's changes on another.
//
// Thread safety: open() and run() on one thread; stop(), reload() and log_status() from any.
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/report.h"
#include "cli/seed_config.h"
#include "cli/seed_thread.h"
#include "cli/site_key.h"
#include "cli/site_watch.h"
#include "content/link.h"

namespace fb::cli {

class SeedServer {
 public:
  struct Failure {
    ExitCode code = ExitCode::kLocal;
    std::string what;
  };
  // Gives the new configuration, or nothing when it is wrong (what is wrong is logged already).
  using Reload = std::function<std::unique_ptr<SeedSettings>()>;

  // Scans the site, then listens. `settings` must be good.
  static std::expected<std::unique_ptr<SeedServer>, Failure> open(
      std::unique_ptr<SeedSettings> settings, const SiteKey& key, Reload reload);
  ~SeedServer();

  [[nodiscard]] const content::Link& link() const { return link_; }
  // Logs what is served, where, and what plain HTTP could do with the same uplink.
  void log_start() const;
  // Serves until stop(); says BYE, writes the last figures.
  void run();
  void stop();
  // Reads configuration and site again.
  void reload();

 private:
  SeedServer(std::unique_ptr<SeedSettings> settings, Reload reload);
  std::optional<Failure> start_shards(std::unique_ptr<content::SiteSource> site);
  void wake(uint32_t shard);
  [[nodiscard]] SeedShard::Counters counters() const;
  void reload_now(Instant now);
  void take_settings(Instant now, std::unique_ptr<SeedSettings> fresh);
  void take_site(Instant now);
  void status(Instant now);
  void write_stats(Instant now) const;
  void finish(Instant now);
  [[nodiscard]] const SeedConfig& config() const { return settings_->config; }

  std::unique_ptr<SeedSettings> settings_;
  Reload reload_;
  content::Link link_;
  std::unique_ptr<ShardPost> post_;
  std::unique_ptr<SeedShard> shard_;  // the first
  std::vector<std::unique_ptr<SeedThread>> threads_;  // the others
  std::unique_ptr<SiteWatch> watch_;  // after the shard, which it wakes
  Instant started_;
  Instant status_due_ = Instant::never();

  // What the last status line said.
  Instant status_last_;
  roulette::NodeStats status_stats_;
  mutable std::string write_error_;

  // Told to the loop, together with a wake() that orders them.
  std::atomic<bool> stop_ = false;
  std::atomic<bool> reload_asked_ = false;
};

}  // namespace fb::cli
