#include "cli/shard_post.h"

#include <algorithm>
#include <array>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace fb::cli {
namespace {

// A poll takes a millisecond at most where much comes, and in that time no thread admits as many as
// fit in here, a hundred bytes each.
constexpr size_t kBoxBytes = 512 * 1024;   // of a reader, in equal parts from each writer
constexpr size_t kQueueBytes = 16 * 1024;  // at least, from one writer
// The socket has its turn, too, even when writers are quicker than the reader.
constexpr int kLettersAtATime = 1024;
constexpr size_t kBytesMax = 1500;
static_assert(kBytesMax >= content::kPathLengthMax);

enum class Kind : uint8_t { kHere, kGone, kDatagram };

// How a letter begins; behind it, its bytes: the path, or the datagram.
struct Head {
  Endpoint endpoint;
  wire::Token name = 0, token_out = 0, join_token = 0;
  uint16_t length = 0;
  Kind kind = Kind::kGone;
};

}  // namespace

// Written in one piece, so that the reader finds all of it or nothing.
struct ShardPost::Letter {
  Head head;
  std::array<uint8_t, kBytesMax> bytes;

  [[nodiscard]] size_t size() const { return sizeof(Head) + head.length; }
  [[nodiscard]] std::span<const uint8_t> datagram() const {
    return std::span(bytes).first(head.length);
  }
  [[nodiscard]] std::string_view path() const {
    return {reinterpret_cast<const char*>(bytes.data()), head.length};
  }
};

struct ShardPost::Box {
  using Queue = boost::lockfree::spsc_queue<uint8_t>;

  explicit Box(uint32_t writers) {
    for (uint32_t i = 0; i < writers; ++i) {
      queues.push_back(std::make_unique<Queue>(std::max(kBoxBytes / writers, kQueueBytes)));
    }
  }

  std::vector<std::unique_ptr<Queue>> queues;  // from each shard but the reader, in their order
  // Somebody has woken the reader since it looked. Released by writers behind what they wrote and
  // acquired by the reader before it looks, so that nothing is left lying without a wake.
  std::atomic<bool> woken = false;
};

ShardPost::ShardPost(uint32_t shards, const roulette::RouletteConfig& config, uint64_t order_seed,
                     std::function<void(uint32_t shard)> wake)
    : SeederShards(shards, config.uplink, config.v2.backlog, order_seed), wake_(std::move(wake)) {
  static_assert(std::is_trivially_copyable_v<Letter> && offsetof(Letter, bytes) == sizeof(Head));
  if (shards == 1) return;  // nobody writes
  for (uint32_t i = 0; i < shards; ++i) boxes_.push_back(std::make_unique<Box>(shards - 1));
}

ShardPost::~ShardPost() = default;

void ShardPost::write(uint32_t from, uint32_t to, const Letter& letter) {
  Box& box = *boxes_[to];
  Box::Queue& queue = *box.queues[from < to ? from : from - 1];
  // The reader only adds to the room meanwhile.
  if (queue.write_available() >= letter.size()) {
    queue.push(reinterpret_cast<const uint8_t*>(&letter), letter.size());
  } else {
    lost_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!box.woken.exchange(true, std::memory_order_acq_rel)) wake_(to);
}

void ShardPost::tell(uint32_t from, const roulette::ShardNews& news) {
  Letter letter;
  letter.head = {news.endpoint, news.name, news.token_out, news.join_token,
                 static_cast<uint16_t>(std::min(news.path.size(), letter.bytes.size())),
                 news.here ? Kind::kHere : Kind::kGone};
  std::copy_n(news.path.begin(), letter.head.length, letter.bytes.begin());
  for (uint32_t to = 0; to < count(); ++to) {
    if (to != from) write(from, to, letter);
  }
}

void ShardPost::forward(uint32_t from, uint32_t to, const Endpoint& sender,
                        std::span<const uint8_t> datagram) {
  Letter letter;
  if (datagram.size() > letter.bytes.size()) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  letter.head = {sender, 0, 0, 0, static_cast<uint16_t>(datagram.size()), Kind::kDatagram};
  std::ranges::copy(datagram, letter.bytes.begin());
  write(from, to, letter);
}

void ShardPost::deliver(Instant now, uint32_t shard, roulette::SeederNode& node) {
  if (boxes_.empty()) return;
  Box& box = *boxes_[shard];
  if (!box.woken.exchange(false, std::memory_order_acq_rel)) return;
  bool more = false;
  Letter letter;
  for (const auto& queue : box.queues) {
    int left = kLettersAtATime;
    while (left > 0 && queue->pop(reinterpret_cast<uint8_t*>(&letter.head), sizeof(Head)) > 0) {
      --left;
      queue->pop(letter.bytes.data(), letter.head.length);
      const Head& head = letter.head;
      if (head.kind == Kind::kDatagram) {
        node.receive(now, head.endpoint, letter.datagram());
      } else {
        node.hear(now, {head.kind == Kind::kHere, head.endpoint, head.name, head.token_out,
                        head.join_token, letter.path()});
      }
    }
    more = more || left == 0;
  }
  if (more && !box.woken.exchange(true, std::memory_order_acq_rel)) wake_(shard);
}

}  // namespace fb::cli
