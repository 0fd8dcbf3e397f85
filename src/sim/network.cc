#include "sim/network.h"

#include <algorithm>

namespace fb::sim {
namespace {

constexpr Duration kReorderDelayMax = milliseconds(50);
constexpr Duration kCopyDelay = milliseconds(1);
constexpr uint64_t kNetworkStream = 0x6e657477;  // "netw"

}  // namespace

NatTable& NatBook::table(uint32_t host) {
  if (host >= tables_.size()) tables_.resize(host + 1);
  return tables_[host];
}

void NatBook::note_sent(Instant now, uint32_t from, uint32_t to) {
  table(from).note_sent(now, to);
}

void NatBook::note_heard(Instant now, uint32_t host, uint32_t from) {
  table(host).note_heard(now, from);
}

bool NatBook::admits(Instant now, uint32_t from, Nat from_nat, uint32_t to, Nat to_nat) {
  table(std::max(from, to));  // so that both references stay good
  return nat_admits(now, from, from_nat, table(from), to, to_nat, table(to));
}

Network::Network(const Scenario& scenario, uint64_t seed, Instant start, NatBook* nats)
    : scenario_(scenario),
      start_(start),
      nats_(nats != nullptr ? *nats : own_nats_),
      any_nat_(std::ranges::any_of(scenario.classes,
                                   [](const PeerClass& c) { return c.nat != Nat::kOpen; })),
      any_loss_(scenario.network.loss > 0 ||
                std::ranges::any_of(scenario.classes,
                                    [](const PeerClass& c) { return c.loss > 0; })),
      rng_(seed ^ kNetworkStream) {}

const PeerClass* Network::class_of(const End& end) const {
  const bool visitor = end.number != 0 && end.plan != nullptr;
  return visitor ? &scenario_.classes[end.plan->peer_class] : nullptr;
}

bool Network::lost(const End& from, const End& to) {
  if (!any_loss_) return false;
  double passes = 1 - scenario_.network.loss;
  for (const PeerClass* each : {class_of(from), class_of(to)}) {
    if (each != nullptr) passes *= 1 - each->loss;
  }
  return rng_.unit() >= passes;
}

bool Network::parted(Instant now, const End& from, const End& to) const {
  const FaultSpec& faults = scenario_.faults;
  const Instant begin = start_ + faults.partition_at;
  if (now < begin || now >= begin + faults.partition_for) return false;
  return from.plan != nullptr && to.plan != nullptr && from.plan->cut_off != to.plan->cut_off;
}

Duration Network::delay(const End& from, const End& to) const {
  if (to.plan == nullptr || (to.number == 0 && foreign_seeder_)) return from.plan->place.access;
  return delay_between(scenario_.network, from.plan->place, to.plan->place);
}

Network::Passage Network::pass(Instant now, const End& from, const End& to,
                               std::span<uint8_t> datagram) {
  const NetworkSpec& network = scenario_.network;
  if (any_nat_ && to.plan != nullptr) nats_.note_sent(now, from.number, to.number);
  if (lost(from, to)) {
    ++drops.loss;
    return {};
  }
  if (parted(now, from, to)) {
    ++drops.partition;
    return {};
  }
  Passage out;
  out.arrives = now + delay(from, to);
  if (network.reorder > 0 && rng_.unit() < network.reorder) {
    out.arrives = *out.arrives + scale(kReorderDelayMax, rng_.unit());
  }
  if (network.corrupt > 0 && rng_.unit() < network.corrupt) {
    const uint64_t at = rng_.below(datagram.size());
    datagram[at] ^= static_cast<uint8_t>(1 + rng_.below(255));
  }
  if (network.duplicate > 0 && rng_.unit() < network.duplicate) {
    out.copy_arrives = *out.arrives + kCopyDelay;
  }
  return out;
}

bool Network::admits(Instant now, const End& from, const End& to) {
  // Of a host that was never there a table must not grow; the world counts it as nobody.
  if (!any_nat_ || to.plan == nullptr) return true;
  const auto nat_of = [&](const End& end) {
    const PeerClass* its_class = class_of(end);
    return its_class != nullptr ? its_class->nat : Nat::kOpen;
  };
  if (!nats_.admits(now, from.number, nat_of(from), to.number, nat_of(to))) {
    ++drops.nat;
    return false;
  }
  nats_.note_heard(now, to.number, from.number);
  return true;
}

}  // namespace fb::sim
