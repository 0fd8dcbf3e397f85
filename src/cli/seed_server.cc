#include "cli/seed_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "cli/link_host.h"
#include "cli/log.h"
#include "cli/quantity.h"
#include "cli/service_notify.h"
#include "cli/system_random.h"

namespace fb::cli {
namespace {

constexpr std::string_view kIndexPage = "index.html";
constexpr int kBindTries = 10;
constexpr std::chrono::milliseconds kBindPause{100};

content::SiteOptions site_options(const SeedConfig& config) {
  content::SiteOptions out;
  out.geometry.chunk_size = static_cast<uint16_t>(config.chunk_size);
  out.geometry.metachunk_chunks = static_cast<uint8_t>(config.metachunk_chunks);
  out.hidden_files = config.hidden_files;
  out.cache_bytes = config.cache.bytes;
  out.retired_grace = config.retired_grace;
  return out;
}

engine::EngineOptions engine_options(const SeedConfig& config) {
  engine::EngineOptions out;
  out.listen = config.listen;
  out.backend = config.io;
  out.segmentation = config.segmentation;
  out.receive_buffer_bytes = static_cast<int>(config.receive_buffer.bytes);
  out.on_fallback = [](std::string_view why) {
    log_warning(fmt::format("io_uring is not available, epoll is used: {}", why));
  };
  return out;
}

void log_warnings(const content::SiteSource& site) {
  for (const std::string& warning : site.warnings()) log_warning(warning);
}

std::string site_text(const content::SiteSource& site) {
  const auto& stats = site.site_version_stats();
  return fmt::format("{} file{}, {}", stats.files, stats.files == 1 ? "" : "s",
                     for_people(ByteCount{stats.bytes}));
}

// How many times a second `bytes` pass the uplink.
std::string visits_per_second(BitRate uplink, uint64_t bytes) {
  const double visits = static_cast<double>(uplink.bits_per_second) /
                        (8.0 * static_cast<double>(std::max<uint64_t>(bytes, 1)));
  return visits < 10 ? fmt::format("{:.2g}", visits) : fmt::format("{:.0f}", visits);
}

uint32_t threads_of(const SeedConfig& config) {
  const uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::min(config.threads != 0 ? config.threads : cores,
                  roulette::SeederShards::kShardsMax);
}

// A process that was killed leaves its port taken for a moment, until the kernel has let go of its
// ring; so a supervisor's quick restart is not refused.
std::expected<std::unique_ptr<engine::UdpEngine>, engine::EngineError> open_engine(
    const engine::EngineOptions& options) {
  for (int tries = 1;; ++tries) {
    auto engine = engine::UdpEngine::open(options);
    const bool busy = !engine && engine.error().code == engine::EngineError::Code::kBind;
    if (!busy || tries >= kBindTries) return engine;
    std::this_thread::sleep_for(kBindPause);
  }
}

}  // namespace

std::expected<std::unique_ptr<SeedServer>, SeedServer::Failure> SeedServer::open(
    std::unique_ptr<SeedSettings> settings, const SiteKey& key, Reload reload) {
  std::unique_ptr<SeedServer> out(new SeedServer(std::move(settings), std::move(reload)));
  auto site = content::SiteSource::open(out->config().site, key.keys.secret_key,
                                        site_options(out->config()));
  if (!site) return std::unexpected(Failure{ExitCode::kLocal, site.error()});
  if (auto failure = out->start_shards(std::move(*site))) return std::unexpected(*failure);
  const Endpoint local = out->shard_->engine().local();
  out->link_ = {.host = out->config().host.empty() ? link_host(local) : out->config().host,
                .port = local.port,
                .path = {},
                .key = key.keys.public_key};
  return out;
}

SeedServer::SeedServer(std::unique_ptr<SeedSettings> settings, Reload reload)
    : settings_(std::move(settings)), reload_(std::move(reload)) {}

SeedServer::~SeedServer() {
  // They wake each other, so none goes before all have ended.
  for (const auto& thread : threads_) thread->stop();
}

std::optional<SeedServer::Failure> SeedServer::start_shards(
    std::unique_ptr<content::SiteSource> site) {
  const uint32_t count = threads_of(config());
  engine::EngineOptions options = engine_options(config());
  if (count > 1) options.sharing = engine::PortSharing::kFirst;
  auto engine = open_engine(options);
  if (!engine) return Failure{ExitCode::kLocal, engine.error().detail};
  options.listen = (*engine)->local();
  options.sharing = engine::PortSharing::kFurther;
  options.on_fallback = {};  // once is enough

  post_ = std::make_unique<ShardPost>(count, config().roulette, random_number(),
                                      [this](uint32_t shard) { wake(shard); });
  const auto node_options = [&](uint32_t shard) {
    return roulette::SeederOptions{.config = config().roulette,
                                   .seeder = config().seeder,
                                   .secret = random_secret(),
                                   .choice_seed = random_number(),
                                   .shards = post_.get(),
                                   .shard = shard};
  };
  content::SiteSource& source = *site;
  shard_ =
      std::make_unique<SeedShard>(std::move(*engine), std::move(site), node_options(0), *post_);
  for (uint32_t i = 1; i < count; ++i) {
    threads_.push_back(std::make_unique<SeedThread>(
        SeedThread::Options{.engine = options,
                            .site = source.for_another_thread(),
                            .node = node_options(i),
                            .post = post_.get()}));
  }
  for (const auto& thread : threads_) thread->start();
  for (const auto& thread : threads_) {
    if (const auto error = thread->opened()) return Failure{ExitCode::kLocal, error->detail};
  }
  started_ = engine::monotonic_now();
  status_last_ = started_;
  watch_ = std::make_unique<SiteWatch>(source.scanner(), source.current(), config().rescan,
                                       [this] { wake(0); });
  return {};
}

void SeedServer::wake(uint32_t shard) {
  if (shard == 0) {
    shard_->wake();
  } else {
    threads_[shard - 1]->wake();
  }
}

SeedShard::Counters SeedServer::counters() const {
  SeedShard::Counters out = shard_->counters();
  for (const auto& thread : threads_) {
    const SeedShard::Counters more = thread->counters();
    out.node += more.node;
    out.engine += more.engine;
  }
  return out;
}

void SeedServer::log_start() const {
  const content::SiteSource& site = shard_->site();
  const engine::UdpEngine& engine = shard_->engine();
  log_info(fmt::format("serving \"{}\": {}", config().site, site_text(site)));
  log_warnings(site);
  std::string where = fmt::format("listening on UDP {} with {}", engine.local().to_string(),
                                  to_string(engine.backend()));
  if (!threads_.empty()) where += fmt::format(", {} threads", threads_.size() + 1);
  log_info(where);
  if (!config().uplink.limited()) {
    log_info("the uplink is not limited; give --uplink what your line can carry, such as 800kbit");
    return;
  }
  const auto& stats = site.site_version_stats();
  if (stats.files == 0) return;
  const uint64_t mean = stats.bytes / stats.files;
  std::string text = fmt::format("over {}, plain HTTP would be saturated at about {} visits/s",
                                 for_people(config().uplink),
                                 visits_per_second(config().uplink, mean));
  text += fmt::format(" of the mean file ({})", for_people(ByteCount{mean}));
  if (const auto* index = site.current()->find(kIndexPage)) {
    const uint64_t length = index->record().geometry.length;
    text += fmt::format(", {}/s of {} ({})", visits_per_second(config().uplink, length),
                        kIndexPage, for_people(ByteCount{length}));
  }
  log_info(text);
}

void SeedServer::run() {
  Instant now = engine::monotonic_now();
  if (config().status_interval.ns > 0) status_due_ = now + config().status_interval;
  shard_->preload();
  while (!stop_.load(std::memory_order_acquire)) {
    now = shard_->round(status_due_);
    if (reload_asked_.exchange(false, std::memory_order_acquire)) reload_now(now);
    take_site(now);
    if (now >= status_due_) {
      status(now);
      status_due_ = now + config().status_interval;
    }
  }
  finish(now);
}

void SeedServer::stop() {
  stop_.store(true, std::memory_order_release);
  shard_->wake();
}

void SeedServer::reload() {
  reload_asked_.store(true, std::memory_order_release);
  shard_->wake();
}

void SeedServer::reload_now(Instant now) {
  service_notify_reloading();
  if (auto fresh = reload_()) {
    take_settings(now, std::move(fresh));
  } else {
    log_error("the new configuration is wrong; the old one stays in force");
  }
  watch_->scan_now();
  service_notify("READY=1");
}

void SeedServer::take_settings(Instant now, std::unique_ptr<SeedSettings> fresh) {
  std::vector<std::string> later;
  for (const Setting& row : fresh->table.rows()) {
    Setting* old = settings_->table.find(row.key);
    if (text_of(row) == text_of(*old)) continue;
    if (!row.reloadable) {
      later.push_back(row.key);
      continue;
    }
    log_info(fmt::format("{} is now {} (was {})", row.key, toml_of(row), toml_of(*old)));
    if (const auto stored = set_from_text(*old, text_of(row)); stored) old->origin = row.origin;
  }
  if (!later.empty()) {
    log_warning(fmt::format("changed, but in force only after a restart: {}",
                            joined(later, ", ")));
  }
  shard_->set_uplink(now, config().uplink);
  watch_->set_interval(config().rescan);
  log_level(config().log_level);
  status_due_ =
      config().status_interval.ns > 0 ? now + config().status_interval : Instant::never();
}

void SeedServer::take_site(Instant now) {
  auto news = watch_->take();
  if (!news) return;
  if (!news->error.empty()) log_error(fmt::format("the site stays as it was: {}", news->error));
  if (news->version) {
    shard_->adopt(news->version, now);
    shard_->preload();
    for (const auto& thread : threads_) thread->adopt(news->version);
  }
  if (news->changed) {
    log_info(fmt::format("the site changed: {}", site_text(shard_->site())));
    log_warnings(shard_->site());
  } else if (news->asked && news->error.empty()) {
    log_info("the site has not changed");
  }
}

void SeedServer::status(Instant now) {
  const roulette::NodeStats stats = counters().node;
  const double elapsed = std::max((now - status_last_).seconds(), 1e-3);
  const auto rate = [&](uint64_t after, uint64_t before) {
    return static_cast<double>(after - before) / elapsed;
  };
  write_stats(now);
  const bool idle = stats.datagrams_in == status_stats_.datagrams_in &&
                    stats.datagrams_out == status_stats_.datagrams_out;
  if (!idle) {
    const double out = rate(stats.bytes_out, status_stats_.bytes_out);
    std::string line = fmt::format("{:.3g} joins/s, {} neighbour{}, {} out",
                                   rate(stats.joins, status_stats_.joins), stats.neighbours_now,
                                   stats.neighbours_now == 1 ? "" : "s",
                                   for_people(BitRate{static_cast<uint64_t>(out * 8)}));
    if (stats.drops.total() != status_stats_.drops.total()) {
      line += fmt::format("; dropped so far: {}", drops_text(stats.drops));
    }
    log_info(line);
    service_notify(fmt::format("STATUS={}", line));
  }
  status_last_ = now;
  status_stats_ = stats;
}

void SeedServer::write_stats(Instant now) const {
  if (config().stats_json.empty()) return;
  const content::SiteSource& source = shard_->site();
  const auto& site = source.site_version_stats();
  const SeedShard::Counters now_counted = counters();
  const SeedReport report{.link = link_.to_string(),
                          .io = std::string(to_string(shard_->engine().backend())),
                          .uptime = now - started_,
                          .threads = post_->count(),
                          .letters_lost = post_->lost(),
                          .site_version = source.root().version,
                          .site_files = site.files,
                          .site_bytes = site.bytes,
                          .node = now_counted.node,
                          .engine = now_counted.engine};
  const auto written = write_file_atomically(config().stats_json, to_json(report));
  const std::string error = written ? std::string() : written.error();
  // Once is enough.
  if (!error.empty() && error != write_error_) log_error(error);
  write_error_ = error;
}

void SeedServer::finish(Instant now) {
  service_notify("STOPPING=1");
  watch_.reset();
  shard_->close(now);
  for (const auto& thread : threads_) thread->stop();
  write_stats(now);
  const roulette::NodeStats stats = counters().node;
  log_info(fmt::format("served {} visitor{}, {} out, {} in, in {:.1f} s", stats.joins,
                       stats.joins == 1 ? "" : "s", for_people(ByteCount{stats.bytes_out}),
                       for_people(ByteCount{stats.bytes_in}), (now - started_).seconds()));
}

}  // namespace fb::cli
