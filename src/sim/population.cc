#include "sim/population.h"

#include <algorithm>
#include <cmath>

namespace fb::sim {
namespace {

// Each visitor's draws come from a generator of its own, so that no other visitor shifts them.
constexpr uint64_t kVisitorStride = 0x9e3779b97f4a7c15U;
constexpr uint64_t kSeederNumber = UINT64_MAX;
constexpr uint64_t kArrivalStream = 0x61727269;  // "arri"

constexpr Duration kFar = seconds(100LL * 365 * 86'400);  // beyond every stop.limit

// What no clock can hold, or is no number, is far.
Duration from_seconds(double seconds) {
  const double ns = seconds * 1e9;
  return ns < static_cast<double>(kFar.ns) ? Duration{static_cast<int64_t>(ns)} : kFar;
}

// When arrival number `n` of a ramp comes: where the integral of the rate reaches n.
Duration ramp_arrival(const ArrivalSpec& spec, double n) {
  const double length = spec.ramp.seconds();
  const double from = spec.rate;
  const double to = spec.rate_end;
  const double in_ramp = (from + to) / 2 * length;
  if (n >= in_ramp) return from_seconds(length + (n - in_ramp) / to);
  const double growth = (to - from) / length;
  if (growth == 0) return from_seconds(n / from);
  return from_seconds((std::sqrt(from * from + 2 * growth * n) - from) / growth);
}

}  // namespace

Population::Population(const Scenario& scenario, uint64_t seed, size_t paths)
    : scenario_(scenario),
      seed_(seed),
      paths_(paths),
      seeder_(draw(kSeederNumber)),
      arrivals_(seed ^ kArrivalStream) {
  seeder_.cut_off = false;
  seeder_.place.access = seeder_.place.access + scenario.seeder_delay;
}

uint32_t Population::expected() const {
  if (scenario_.stop.rule != StopRule::kNumber) return 0;
  if (scenario_.arrivals.kind != ArrivalKind::kTrace) return scenario_.stop.peers;
  return static_cast<uint32_t>(
      std::min<size_t>(scenario_.stop.peers, scenario_.arrivals.trace.size()));
}

std::optional<Duration> Population::next_arrival() {
  const ArrivalSpec& spec = scenario_.arrivals;
  const size_t number = plans_.size();
  const auto n = static_cast<double>(number);
  switch (spec.kind) {
    case ArrivalKind::kOneShot: return Duration{};
    case ArrivalKind::kConstant: return from_seconds(n / spec.rate);
    case ArrivalKind::kRamp: return ramp_arrival(spec, n);
    case ArrivalKind::kPoisson:
      return std::min(kFar, last_ + from_seconds(-std::log(1 - arrivals_.unit()) / spec.rate));
    case ArrivalKind::kTrace:
      if (number >= spec.trace.size()) return {};
      return spec.trace[number] - Instant{};
  }
  return {};
}

const PeerPlan* Population::plan(uint32_t number) {
  while (plans_.size() <= number && !exhausted_) {
    const bool timed = scenario_.stop.rule != StopRule::kNumber;
    const auto arrives = next_arrival();
    if (!arrives || plans_.size() >= scenario_.stop.peers ||
        (timed && *arrives >= scenario_.stop.duration)) {
      exhausted_ = true;
      break;
    }
    last_ = *arrives;
    plans_.push_back(draw(plans_.size()));
    plans_.back().arrives = last_;
  }
  return number < plans_.size() ? &plans_[number] : nullptr;
}

PeerPlan Population::draw(uint64_t number) const {
  Rng rng(seed_ + (number + 1) * kVisitorStride);
  PeerPlan plan;
  double left = rng.unit();
  while (plan.peer_class + 1 < scenario_.classes.size() &&
         left >= scenario_.classes[plan.peer_class].share) {
    left -= scenario_.classes[plan.peer_class].share;
    ++plan.peer_class;
  }
  plan.path = static_cast<uint32_t>(rng.below(paths_));
  plan.place.x = rng.unit();
  plan.place.y = rng.unit();
  const NetworkSpec& network = scenario_.network;
  plan.place.access =
      network.access_min + scale(network.access_max - network.access_min, rng.unit());
  if (number != kSeederNumber) {
    plan.place.access = plan.place.access + scenario_.classes[plan.peer_class].delay;
  }
  plan.secret_number = rng.next();
  plan.choice_seed = rng.next();
  plan.cut_off = rng.unit() < scenario_.faults.partition_share;
  plan.patience = 1 - rng.unit();
  return plan;
}

Duration patience_of(const PeerClass& its_class, const PeerPlan& plan) {
  if (!its_class.abandon_uniform || its_class.abandon_after <= Duration{}) {
    return its_class.abandon_after;
  }
  return std::max(nanoseconds(1), scale(its_class.abandon_after, plan.patience));
}

Duration delay_between(const NetworkSpec& network, const Place& a, const Place& b) {
  const double dx = a.x - b.x;
  const double dy = a.y - b.y;
  return a.access + b.access + scale(network.plane, std::sqrt(dx * dx + dy * dy));
}

}  // namespace fb::sim
