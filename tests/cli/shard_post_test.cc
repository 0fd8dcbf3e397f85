// The letters between a seeder's threads.
#include "cli/shard_post.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "catch.h"
#include "content/keys.h"
#include "content/memory_site.h"
#include "roulette/transport.h"

using namespace fb;
using fb::cli::ShardPost;

namespace {

constexpr Instant kNow{1'000'000'000};

struct Nowhere final : roulette::Transport {
  void send(const Endpoint& /*to*/, std::span<const uint8_t> /*datagram*/) override {}
};

roulette::RouletteConfig v2_config() {
  roulette::RouletteConfig out;
  out.profile = wire::Profile::kV2;
  return out;
}

struct Shard {
  explicit Shard(ShardPost& post, uint32_t shard)
      : site({{"f", "text/plain", std::vector<uint8_t>(1000)}}, content::secret_key_from_seed({})),
        node({.config = v2_config(), .seeder = {}, .shards = &post, .shard = shard}, site,
             transport) {}

  Nowhere transport;
  content::MemorySite site;
  roulette::SeederNode node;
};

Endpoint host(uint32_t number) {
  return {Address::v4(10, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)), 1};
}

}  // namespace

TEST_CASE("post: news reach all but their writer, and wake each once until it has looked") {
  std::vector<int> wakes(3);
  ShardPost post(3, v2_config(), 1, [&](uint32_t shard) { ++wakes[shard]; });
  Shard reader(post, 1);
  post.tell(0, {true, host(1), 1, 2, 3, "f"});
  post.tell(0, {true, host(2), 2, 2, 3, "f"});
  CHECK(wakes == std::vector<int>{0, 1, 1});
  CHECK(reader.node.footprint().neighbours == 0);
  post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.footprint().neighbours == 2);
  post.tell(2, {false, host(1), 1, 0, 3, {}});
  CHECK(wakes == std::vector<int>{1, 2, 1});
  post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.footprint().neighbours == 1);
  CHECK(post.lost() == 0);
}

TEST_CASE("post: a datagram is handed on as it came, and what is too long is lost") {
  ShardPost post(2, v2_config(), 1, [](uint32_t) {});
  Shard reader(post, 1);
  post.forward(0, 1, host(1), std::vector<uint8_t>{1, 2, 3});
  post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.stats().datagrams_in == 1);
  CHECK(reader.node.stats().bytes_in == 3);
  post.forward(0, 1, host(1), std::vector<uint8_t>(1501));
  post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.stats().datagrams_in == 1);
  CHECK(post.lost() == 1);
}

TEST_CASE("post: a reader that does not look costs letters, and no memory") {
  int wakes = 0;
  ShardPost post(2, v2_config(), 1, [&](uint32_t) { ++wakes; });
  Shard reader(post, 1);
  for (uint32_t i = 0; i < 20'000; ++i) post.forward(0, 1, host(i), std::vector<uint8_t>(50));
  for (; wakes > 0; --wakes) post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.stats().datagrams_in + post.lost() == 20'000);
  CHECK(post.lost() > 0);
}

TEST_CASE("post: of a letter that does not fit nothing is written") {
  ShardPost post(2, v2_config(), 1, [](uint32_t) {});
  Shard reader(post, 1);
  uint64_t written = 0;
  for (; post.lost() == 0; ++written) post.forward(0, 1, host(1), std::vector<uint8_t>(1500));
  --written;
  // What was left of the room is enough for a short one.
  post.forward(0, 1, host(1), std::vector<uint8_t>(1));
  CHECK(post.lost() == 1);
  post.deliver(kNow, 1, reader.node);
  CHECK(reader.node.stats().datagrams_in == written + 1);
  CHECK(reader.node.stats().bytes_in == written * 1500 + 1);
}

TEST_CASE("post: one shard has nobody to write to") {
  ShardPost post(1, v2_config(), 1, [](uint32_t) { FAIL("nobody to wake"); });
  Shard reader(post, 0);
  post.tell(0, {true, host(1), 1, 2, 3, "f"});
  post.deliver(kNow, 0, reader.node);
  CHECK(post.lost() == 0);
}

TEST_CASE("post: threads write while one reads, and nothing is lost without being counted") {
  constexpr uint32_t kEach = 3000;
  std::atomic<uint64_t> wakes = 0;
  ShardPost post(3, v2_config(), 1, [&](uint32_t) { wakes.fetch_add(1); });
  std::vector<std::unique_ptr<Shard>> shards;
  for (uint32_t i = 0; i < 3; ++i) shards.push_back(std::make_unique<Shard>(post, i));
  std::atomic<int> writing = 2;
  std::vector<std::thread> writers;
  for (uint32_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (uint32_t i = 0; i < kEach; ++i) {
        const uint32_t number = writer * kEach + i;
        post.tell(writer, {true, host(number), number + 1, 2, 3, "f"});
      }
      writing.fetch_sub(1);
    });
  }
  // As shards do: they look when they were woken, and only then.
  uint64_t seen = 0;
  for (bool last = false; !last || wakes.load() != seen;) {
    last = writing.load() == 0;
    const uint64_t woken = wakes.load();
    if (woken == seen) continue;
    seen = woken;
    for (uint32_t i = 0; i < 3; ++i) post.deliver(kNow, i, shards[i]->node);
  }
  for (std::thread& writer : writers) writer.join();
  uint64_t arrived = 0;
  for (const auto& shard : shards) arrived += shard->node.footprint().neighbours;
  CHECK(arrived + post.lost() == 4 * uint64_t{kEach});
  CHECK(arrived > 0);
}

TEST_CASE("post: of much that waits only some is handed over at a time, and the rest wakes again") {
  int wakes = 0;
  ShardPost post(2, v2_config(), 1, [&](uint32_t) { ++wakes; });
  Shard shard(post, 1);
  for (uint32_t i = 0; i < 2000; ++i) post.forward(0, 1, host(i), std::vector<uint8_t>{1, 2, 3});
  CHECK(wakes == 1);
  post.deliver(kNow, 1, shard.node);
  CHECK(wakes == 2);
  const uint64_t first = shard.node.stats().datagrams_in;
  CHECK(first > 0);
  CHECK(first < 2000);
  post.deliver(kNow, 1, shard.node);
  CHECK(wakes == 2);
  CHECK(shard.node.stats().datagrams_in == 2000);
  CHECK(post.lost() == 0);
}

TEST_CASE("post: news and datagrams of every length cross the end of the queue whole") {
  ShardPost post(2, v2_config(), 1, [](uint32_t) {});
  Shard reader(post, 1);
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < 6000; ++i) {
    const uint32_t length = i % 1501;
    post.forward(0, 1, host(i), std::vector<uint8_t>(length, 7));
    post.tell(0, {true, host(i), i + 1, 2, 3, "f"});
    post.deliver(kNow, 1, reader.node);
    ++datagrams;
    bytes += length;
  }
  CHECK(reader.node.stats().datagrams_in == datagrams);
  CHECK(reader.node.stats().bytes_in == bytes);
  CHECK(reader.node.footprint().neighbours == 6000);
  CHECK(post.lost() == 0);
}
