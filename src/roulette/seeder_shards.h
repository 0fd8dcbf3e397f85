// What the shards of one seeder share: several SeederNodes, mostly each on a thread, a ring and a
// socket of its own, serve one swarm over one line.
//
// All datagrams of an endpoint come to one shard, which admits it, lists it and serves it. The
// others are told of it, and name it to their newcomers; so the swarm is one. Who is behind a NAT
// that gave it another port may come to another shard: its token tells whose it is, and that one
// gets the datagram.
//
// Thread safety: any thread, but tell() and forward() on that of the shard that writes. The
// counters are relaxed: each is a figure for itself, and one that is a few microseconds old is as
// good.
// Profile v2 only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/uplink.h"
#include "wire/message.h"

namespace fb::roulette {

// Of a visitor that another shard lists.
struct ShardNews {
  bool here = true;            // or it has gone; then the path is not said
  Endpoint endpoint;
  wire::Token name = 0;
  wire::Token token_out = 0;   // as in Visitor
  wire::Token join_token = 0;  // likewise
  std::string_view path;
};

class SeederShards {
 public:
  static constexpr uint32_t kShardsMax = 64;

  // `order_seed`: by which all draw the same order of an object's chunks.
  SeederShards(uint32_t count, BitRate uplink, Duration backlog, uint64_t order_seed)
      : count_(count), order_seed_(order_seed), uplink_(uplink, backlog) {
    FB_CHECK(count >= 1 && count <= kShardsMax);
  }
  virtual ~SeederShards() = default;

  [[nodiscard]] uint32_t count() const { return count_; }
  [[nodiscard]] uint64_t order_seed() const { return order_seed_; }
  [[nodiscard]] Uplink& uplink() { return uplink_; }

  // What waits for the line at a shard: the others send nothing that is less urgent meanwhile.
  enum class Waiting : uint8_t { kNothing, kChunks, kAnswers };
  void set_waiting(uint32_t shard, Waiting most) {
    set(waiting_[shard], most);
  }
  [[nodiscard]] Waiting waiting_at_others(uint32_t shard) const {
    Waiting out = Waiting::kNothing;
    for (uint32_t i = 0; i < count_; ++i) {
      if (i != shard) out = std::max(out, waiting_[i].load(std::memory_order_relaxed));
    }
    return out;
  }
  // Bytes that manifests may have of the line, as docs/protocol.md says: earned by all else that is
  // sent, up to `most`, and spent down to `least`.
  [[nodiscard]] double manifest_credit() const { return credit_.load(std::memory_order_relaxed); }
  void add_manifest_credit(double bytes, double least, double most) {
    double before = credit_.load(std::memory_order_relaxed);
    while (!credit_.compare_exchange_weak(before, std::clamp(before + bytes, least, most),
                                          std::memory_order_relaxed)) {
    }
  }
  // JOINs that came to a shard within a second, and those that wait there.
  void set_joins(Instant now, uint32_t shard, uint32_t joins) {
    set(joins_[shard], uint64_t{stamp(now)} << 32 | joins);
  }
  void set_joins_waiting(uint32_t shard, uint32_t joins) { set(joins_waiting_[shard], joins); }
  [[nodiscard]] uint32_t joins_of_others(Instant now, uint32_t shard) const {
    uint32_t out = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      if (i != shard) out += joins_waiting_[i].load(std::memory_order_relaxed);
      const uint64_t said = joins_[i].load(std::memory_order_relaxed);
      // Their clock may be ahead of ours.
      const auto age = static_cast<int32_t>(stamp(now) - static_cast<uint32_t>(said >> 32));
      if (i != shard && age >= -kJoinsHold && age <= kJoinsHold) out += static_cast<uint32_t>(said);
    }
    return out;
  }
  void add_chunk() { chunks_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t chunks_sent() const { return chunks_.load(std::memory_order_relaxed); }
  // One of them has seen that somebody pollutes; newcomers to all are warned until then.
  void set_polluted_until(Instant until) {
    int64_t before = polluted_until_.load(std::memory_order_relaxed);
    while (before < until.ns && !polluted_until_.compare_exchange_weak(
                                    before, until.ns, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] bool polluted(Instant now) const {
    return now.ns < polluted_until_.load(std::memory_order_relaxed);
  }

  // Whose a token is that a shard gave to a visitor.
  [[nodiscard]] static uint32_t shard_of(wire::Token token) {
    return static_cast<uint32_t>(token >> wire::kPrefixShift) % kShardsMax;
  }

  // To all shards but `from`. May be lost where they cannot follow: they know a visitor less, or
  // one that has gone, until it would have gone anyway.
  virtual void tell(uint32_t /*from*/, const ShardNews& /*news*/) {}
  // A datagram that came to the wrong shard. May be lost, as every datagram.
  virtual void forward(uint32_t /*from*/, uint32_t /*to*/, const Endpoint& /*sender*/,
                       std::span<const uint8_t> /*datagram*/) {}

 private:
  static constexpr int32_t kJoinsHold = 1000;
  // Not written when it is that already: the others have it in their caches.
  template <typename Value>
  static void set(std::atomic<Value>& where, std::type_identity_t<Value> value) {
    if (where.load(std::memory_order_relaxed) != value) {
      where.store(value, std::memory_order_relaxed);
    }
  }
  // Milliseconds, modulo 2^32.
  [[nodiscard]] static uint32_t stamp(Instant now) {
    return static_cast<uint32_t>(now.ns / 1'000'000);
  }

  const uint32_t count_;
  const uint64_t order_seed_;
  Uplink uplink_;
  std::array<std::atomic<uint64_t>, kShardsMax> joins_{};
  std::array<std::atomic<uint32_t>, kShardsMax> joins_waiting_{};
  std::array<std::atomic<Waiting>, kShardsMax> waiting_{};
  std::atomic<double> credit_ = 0;
  std::atomic<uint64_t> chunks_ = 0;
  std::atomic<int64_t> polluted_until_ = INT64_MIN;
};

}  // namespace fb::roulette
