#include "cli/live_run.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "cli/live_shard.h"
#include "sim/pool.h"
#include "sim/population.h"

namespace fb::cli {
namespace {

constexpr int kReceiveBuffer = 32 << 20;  // a whole crowd's lines end in one socket
constexpr int kReceiveBufferOfMany = 1 << 20;
constexpr Duration kHeadStart = milliseconds(200);
constexpr auto kTick = std::chrono::milliseconds(50);

// What several threads know of their NATs together.
class SharedNats final : public sim::NatBook {
 public:
  void note_sent(Instant now, uint32_t from, uint32_t to) override {
    const std::lock_guard lock(mutex_);
    NatBook::note_sent(now, from, to);
  }
  void note_heard(Instant now, uint32_t host, uint32_t from) override {
    const std::lock_guard lock(mutex_);
    NatBook::note_heard(now, host, from);
  }
  bool admits(Instant now, uint32_t from, sim::Nat from_nat, uint32_t to,
              sim::Nat to_nat) override {
    const std::lock_guard lock(mutex_);
    return NatBook::admits(now, from, from_nat, to, to_nat);
  }

 private:
  std::mutex mutex_;
};

// The shards, each on its thread, which ends before this does.
class Crew {
 public:
  ~Crew() { stop(); }
  LiveShard& add(std::unique_ptr<LiveShard> shard) {
    shards_.push_back(std::move(shard));
    threads_.emplace_back([shard = shards_.back().get()] { shard->run(); });
    return *shards_.back();
  }
  void stop() {
    for (const auto& shard : shards_) shard->ask_to_stop();
    threads_.clear();
  }
  [[nodiscard]] const std::vector<std::unique_ptr<LiveShard>>& shards() const { return shards_; }

 private:
  std::vector<std::unique_ptr<LiveShard>> shards_;
  std::vector<std::jthread> threads_;
};

// Second number `index`, once every shard has come so far; a shard that ended keeps its
// last counts and sends nothing more.
std::optional<sim::Sample> merged(const std::vector<LiveShard::State>& states, size_t index) {
  sim::Sample sum;
  sum.at = seconds(static_cast<int64_t>(index) + 1);
  for (const LiveShard::State& state : states) {
    if (index < state.samples.size()) {
      sum += state.samples[index];
    } else if (state.ended && !state.samples.empty()) {
      sim::Sample last = state.samples.back();
      last.seeder_sent = last.peers_sent = last.useful = {};
      sum += last;
    } else if (!state.ended) {
      return {};
    }
  }
  return sum;
}

// The crowd's threads and the seeder's share the site, and a MemorySite is for one thread unless it
// is only read: so what it computes on the first call is computed before they begin.
void compute_repair_chunks(const sim::WorldContent& content) {
  if (!content.site) return;
  for (const auto* paths : {&content.paths, &content.page}) {
    for (const std::string& path : *paths) {
      const content::FileRecord* record = content.site->record(path);
      if (record != nullptr) static_cast<void>(content.site->repair_bytes(record->id));
    }
  }
}

class LiveRun {
 public:
  LiveRun(const sim::Scenario& scenario, uint64_t seed, const sim::WorldContent& content,
          const LiveOptions& options)
      : scenario_(scenario),
        seed_(seed),
        content_(content),
        options_(options),
        expected_(sim::Population(scenario, seed, content.paths.size()).expected()) {}

  std::expected<LiveResult, std::string> run(const sim::OnSecond& on_second);

 private:
  [[nodiscard]] engine::EngineOptions engine_options(bool on_loopback) const;
  std::optional<std::string> begin();
  void supervise(const sim::OnSecond& on_second);
  bool take_seconds(const sim::OnSecond& on_second);
  [[nodiscard]] LiveResult result();

  const sim::Scenario& scenario_;
  uint64_t seed_;
  const sim::WorldContent& content_;
  const LiveOptions& options_;
  uint32_t expected_;
  SharedNats nats_;
  sim::PoolMeter pool_;
  sim::RunResult run_;
  Crew seeder_;  // none or one
  Crew crowd_;
};

engine::EngineOptions LiveRun::engine_options(bool on_loopback) const {
  engine::EngineOptions out;
  const bool v4 = !options_.target || options_.target->seeder.address.is_v4();
  out.listen.address = on_loopback ? Address::v4(127, 0, 0, 1)
                                   : (v4 ? Address::v4(0, 0, 0, 0) : Address{});
  out.backend = options_.io;
  out.receive_buffer_bytes = kReceiveBuffer;
  out.on_fallback = [this](std::string_view why) {
    if (options_.on_warning) {
      options_.on_warning("io_uring is not used: " + std::string(why) + "; using epoll");
    }
  };
  return out;
}

std::optional<std::string> LiveRun::begin() {
  LiveShard::Options shard;
  shard.start = engine::monotonic_now() + kHeadStart;
  shard.engine = engine_options(!options_.target);
  shard.nats = &nats_;
  if (options_.target) {
    shard.seeder = options_.target->seeder;
    shard.key = options_.target->key;
    shard.foreign_seeder = true;
  } else {
    shard.key = content_.site->public_key();
    shard.is_seeder = true;
    LiveShard& seeder =
        seeder_.add(std::make_unique<LiveShard>(scenario_, seed_, content_, shard));
    const auto where = seeder.endpoint();
    if (!where) return seeder.state().error;
    shard.is_seeder = false;
    shard.seeder = *where;
  }
  shard.engine.sockets = options_.sockets;
  if (options_.sockets > 1) shard.engine.receive_buffer_bytes = kReceiveBufferOfMany;
  shard.shards = options_.threads != 0 ? options_.threads
                                       : std::max(1U, std::thread::hardware_concurrency());
  for (shard.shard = 0; shard.shard < shard.shards; ++shard.shard) {
    crowd_.add(std::make_unique<LiveShard>(scenario_, seed_, content_, shard));
  }
  for (const auto& part : crowd_.shards()) {
    if (!part->endpoint()) return part->state().error;
  }
  return {};
}

// Reports the seconds that every shard has finished; false when the run is to end.
bool LiveRun::take_seconds(const sim::OnSecond& on_second) {
  std::vector<LiveShard::State> states;
  for (const auto& part : crowd_.shards()) states.push_back(part->state());
  for (const auto& part : seeder_.shards()) states.push_back(part->state());
  const bool arriving = std::ranges::any_of(states, &LiveShard::State::arriving);
  size_t longest = 0;
  for (const auto& state : states) longest = std::max(longest, state.samples.size());
  while (run_.samples.size() < longest) {
    const auto sample = merged(states, run_.samples.size());
    if (!sample) break;
    run_.samples.push_back(*sample);
    if (arriving) pool_.add(sample->at, sample->pool);  // one that drains has not stabilised
    run_.interrupted = !on_second({*sample, expected_, arriving});
    const bool no_drain = !arriving && !scenario_.stop.drain;
    if (run_.interrupted || no_drain || sample->at >= scenario_.stop.limit) return false;
  }
  if (scenario_.stop.rule == sim::StopRule::kStabilisedPool && pool_.stabilised_at()) {
    for (const auto& part : crowd_.shards()) part->stop_arrivals();
  }
  return true;
}

void LiveRun::supervise(const sim::OnSecond& on_second) {
  while (take_seconds(on_second)) {
    if (std::ranges::all_of(crowd_.shards(), [](const auto& s) { return s->state().ended; })) {
      return;
    }
    std::this_thread::sleep_for(kTick);
  }
}

LiveResult LiveRun::result() {
  LiveResult out;
  out.run = std::move(run_);
  out.run.mode = sim::Mode::kReal;
  out.run.seed = seed_;
  out.run.stabilised_at = pool_.stabilised_at();
  Lateness lateness;
  const auto take = [&](LiveShard& shard) {
    shard.report(out.run);
    lateness.merge(shard.lateness());
    out.run.host.processor_share =
        std::max(out.run.host.processor_share, shard.processor_share());
    ++out.run.host.threads;
    const engine::EngineStats& engine = shard.engine_stats();
    out.run.host.socket_drops += engine.kernel_receive_drops;
    out.engine += engine;
    out.io = shard.io();
  };
  for (const auto& part : seeder_.shards()) take(*part);
  for (const auto& part : crowd_.shards()) take(*part);
  out.run.host.lateness_p50_ms = lateness.quantile_ms(0.5);
  out.run.host.lateness_p99_ms = lateness.quantile_ms(0.99);
  out.run.host.arrival_lateness_max_ms = lateness.arrival_max_ms();
  std::ranges::sort(out.run.peers, {}, &sim::PeerRecord::number);
  leave_out_last(out.run, scenario_.cool_down);
  return out;
}

std::expected<LiveResult, std::string> LiveRun::run(const sim::OnSecond& on_second) {
  compute_repair_chunks(content_);
  if (auto error = begin()) return std::unexpected(*error);
  supervise(on_second);
  crowd_.stop();
  seeder_.stop();
  if (!run_.interrupted) take_seconds(on_second);  // what was not yet whole
  return result();
}

}  // namespace

std::expected<LiveResult, std::string> run_live(const sim::Scenario& scenario, uint64_t seed,
                                                const sim::WorldContent& content,
                                                const LiveOptions& options,
                                                const sim::OnSecond& on_second) {
  return LiveRun(scenario, seed, content, options).run(on_second);
}

}  // namespace fb::cli
