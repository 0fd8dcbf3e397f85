#include "cli/peer_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "cli/log.h"
#include "cli/system_random.h"

namespace fb::cli {

std::expected<std::unique_ptr<PeerRuntime>, std::string> PeerRuntime::start(
    const PeerConfig& config, const Endpoint& seeder, const content::PublicKey& key,
    PeerDriver& driver) {
  std::unique_ptr<PeerRuntime> out(new PeerRuntime(driver));
  std::promise<std::expected<void, std::string>> opened;
  auto result = opened.get_future();
  // io_uring wants its ring to be made by the thread that uses it.
  out->thread_ = std::thread([runtime = out.get(), &config, &seeder, &key, &opened] {
    auto outcome = runtime->open(config, seeder, key);
    const bool good = outcome.has_value();
    opened.set_value(std::move(outcome));
    if (good) runtime->run();
  });
  auto outcome = result.get();
  if (!outcome) return std::unexpected(outcome.error());
  return out;
}

PeerRuntime::~PeerRuntime() { stop(); }

bool PeerRuntime::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stop_) return false;
  tasks_.push_back(std::move(task));
  if (open_ && tasks_.size() == 1) engine_->wake();
  return true;
}

void PeerRuntime::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (open_) engine_->wake();
  }
  if (thread_.joinable()) thread_.join();
}

PeerRuntime::Snapshot PeerRuntime::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::expected<void, std::string> PeerRuntime::open(const PeerConfig& config,
                                                   const Endpoint& seeder,
                                                   const content::PublicKey& key) {
  engine::EngineOptions options;
  options.listen.address = seeder.address.is_v4() ? Address::v4(0, 0, 0, 0) : Address{};
  options.listen.port = static_cast<uint16_t>(config.port);
  options.backend = config.io;
  options.segmentation = config.segmentation;
  options.receive_buffer_bytes = static_cast<int>(config.receive_buffer.bytes);
  options.on_fallback = [](std::string_view why) {
    log_debug(fmt::format("io_uring is not available, epoll is used: {}", why));
  };
  auto engine = engine::UdpEngine::open(options);
  if (!engine) return std::unexpected(engine.error().detail);
  engine_ = std::move(*engine);
  node_ = std::make_unique<roulette::PeerNode>(
      roulette::PeerOptions{.config = config.roulette,
                            .seeder = seeder,
                            .key = key,
                            .secret = random_secret(),
                            .choice_seed = random_number(),
                            .prefix = 0},
      static_cast<roulette::Transport&>(*this));
  const std::lock_guard lock(mutex_);
  open_ = true;
  return {};
}

void PeerRuntime::run() {
  Instant now = engine::monotonic_now();
  for (;;) {
    run_tasks(now);
    node_->advance(now);
    hand_out_events(now);
    driver_.advance(*node_, now);
    hand_out_events(now);
    take_snapshot(now, false);
    {
      const std::lock_guard lock(mutex_);
      if (stop_) break;
    }
    Instant until = std::min(node_->next_deadline(), driver_.next_deadline());
    if (snapshot_due_ > now) until = std::min(until, snapshot_due_);
    now = engine_->poll(until, *this);
  }
  run_tasks(now);  // none is taken any more
  driver_.on_stop(*node_, now);
  node_->leave(now);
  engine_->flush();
  take_snapshot(now, true);
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  node_.reset();
  engine_.reset();
}

void PeerRuntime::run_tasks(Instant now) {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) task(*node_, now);
}

void PeerRuntime::hand_out_events(Instant now) {
  while (node_->has_events()) {
    for (const roulette::PeerEvent& event : node_->take_events()) {
      driver_.on_event(*node_, now, event);
    }
  }
}

// Counters are gathered and copied under the lock: not for every datagram. A snapshot that is too
// early is due later, so that the last state is seen even when nothing more happens.
void PeerRuntime::take_snapshot(Instant now, bool anyway) {
  if (!anyway && now < snapshot_due_) return;
  Snapshot fresh{node_->stats(), engine_->stats(), node_->in_swarm()};
  const std::lock_guard lock(mutex_);
  const bool same = fresh.node.datagrams_in == snapshot_.node.datagrams_in &&
                    fresh.node.datagrams_out == snapshot_.node.datagrams_out &&
                    fresh.in_swarm == snapshot_.in_swarm;
  snapshot_ = fresh;
  // Nothing new: sleep for as long as the node likes.
  snapshot_due_ = same ? now : now + kSnapshotInterval;
}

void PeerRuntime::on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  node_->receive(now, from, bytes);
}

void PeerRuntime::send(const Endpoint& to, std::span<const uint8_t> datagram) {
  engine_->send(to, datagram);
}

std::expected<Endpoint, std::string> resolve_seeder(const content::Link& link) {
  auto found = engine::resolve(link.host, link.port);
  if (!found) return std::unexpected(found.error());
  const auto first =
      std::ranges::find_if(*found, [](const Endpoint& e) { return e.address.is_v4(); });
  return first == found->end() ? found->front() : *first;
}

}  // namespace fb::cli
