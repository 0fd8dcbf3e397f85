// What the threads of one seeder write to each other: a bounded queue without a lock from each to
// each (Boost.Lockfree), which the reader empties between two polls.
//
// Thread safety: tell() and forward() on the thread of the shard that writes, deliver() on that of
// the shard that reads; lost() from any.
// Memory: all of it when it is made. What does not fit is counted and lost; the protocol stands
// that (roulette/seeder_shards.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "content/file_record.h"
#include "roulette/seeder_node.h"
#include "roulette/seeder_shards.h"

namespace fb::cli {

class ShardPost final : public roulette::SeederShards {
 public:
  // `wake` makes a shard's poll return; from any thread, seldom more than once a poll.
  ShardPost(uint32_t shards, const roulette::RouletteConfig& config, uint64_t order_seed,
            std::function<void(uint32_t shard)> wake);
  ~ShardPost() override;

  void tell(uint32_t from, const roulette::ShardNews& news) override;
  void forward(uint32_t from, uint32_t to, const Endpoint& sender,
               std::span<const uint8_t> datagram) override;
  // What waits for `shard`, to its node.
  void deliver(Instant now, uint32_t shard, roulette::SeederNode& node);
  [[nodiscard]] uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Box;
  struct Letter;

  void write(uint32_t from, uint32_t to, const Letter& letter);

  std::function<void(uint32_t)> wake_;
  std::vector<std::unique_ptr<Box>> boxes_;  // of each reader
  std::atomic<uint64_t> lost_ = 0;
};

}  // namespace fb::cli
