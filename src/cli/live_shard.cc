#include "cli/live_shard.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "cli/report.h"

namespace fb::cli {
namespace {

constexpr Duration kTick = milliseconds(100);

double thread_seconds() {
  timespec spent{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) != 0) return 0;
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

}  // namespace

LiveShard::LiveShard(const sim::Scenario& scenario, uint64_t seed, sim::WorldContent content,
                     Options options)
    : scenario_(scenario),
      seed_(seed),
      content_(std::move(content)),
      options_(std::move(options)),
      opened_future_(opened_.get_future()) {
  state_.arriving = !options_.is_seeder;
}

LiveShard::~LiveShard() = default;

LiveShard::State LiveShard::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::optional<Endpoint> LiveShard::endpoint() { return opened_future_.get(); }

void LiveShard::run() {
  auto opened = engine::UdpEngine::open(options_.engine);
  if (!opened) {
    {
      const std::lock_guard lock(mutex_);
      state_.error = opened.error().detail;
      state_.ended = true;
      state_.arriving = false;
    }
    opened_.set_value({});
    return;
  }
  engine_ = std::move(*opened);
  io_ = to_string(engine_->backend());
  key = options_.key;
  seeder = options_.is_seeder ? engine_->local() : options_.seeder;
  has_seeder = options_.is_seeder;
  foreign_seeder = options_.foreign_seeder;
  shard = options_.shard;
  shards = options_.shards;
  nats = options_.nats;
  start = options_.start;
  sim::Attachment* attachment = this;
  world_ = std::make_unique<sim::World>(scenario_, seed_, content_, attachment);
  opened_.set_value(engine_->local());
  const double before = thread_seconds();
  loop();
  const double elapsed = (engine::monotonic_now() - start).seconds();
  processor_share_ = elapsed > 0 ? (thread_seconds() - before) / elapsed : 0;
  engine_stats_ = engine_->stats();
  engine_.reset();  // on the thread that opened it
  publish(/*ended=*/true);
}

void LiveShard::loop() {
  world_->start();
  Instant now = engine::monotonic_now();
  Instant second = start + seconds(1);
  while (!stop_.load(std::memory_order_relaxed)) {
    if (no_arrivals_.load(std::memory_order_relaxed)) world_->stop_arrivals();
    world_->set_now(now);
    world_->run_until(now);
    while (second <= now) {
      publish(/*ended=*/false);
      second = second + seconds(1);
    }
    // The seeder's own world is always idle: it has no visitors.
    if (!options_.is_seeder && world_->idle()) break;
    now = engine_->poll(std::min({world_->next_event(), second, now + kTick}), *this);
  }
  world_->flush();
  engine_->flush();
}

void LiveShard::publish(bool ended) {
  const sim::Sample sample = world_->sample();
  const std::lock_guard lock(mutex_);
  if (!ended) state_.samples.push_back(sample);
  state_.arriving = world_->arriving();
  state_.ended = ended;
  if (!ended) return;
  // Its last part of a second counts too.
  state_.samples.push_back(sample);
}

// Visitors take the sockets in turn: as long as fewer are there, each has its own.
void LiveShard::send(uint32_t from, const Endpoint& to, std::span<const uint8_t> datagram) {
  const uint32_t turn = from == 0 ? 0 : (from - 1) / shards;
  engine_->send_from(turn % options_.engine.sockets, to, datagram);
}

void LiveShard::on_handled(sim::Event::Kind kind, Duration late) {
  if (kind == sim::Event::Kind::kArrive) {
    lateness_.add_arrival(late);
  } else {
    lateness_.add(late);
  }
}

void LiveShard::on_datagram(Instant now, const Endpoint& from, std::span<const uint8_t> bytes) {
  world_->set_now(now);
  world_->from_wire(from, bytes);
}

void LiveShard::report(sim::RunResult& result) {
  if (world_) world_->report(result);
}

}  // namespace fb::cli
