#include "cli/shard_post.h"

#include <algorithm>
#include <boost/lockfree/queue.hpp>
#include <utility>

namespace fb::cli {
namespace {

// A poll takes a millisecond at most where much comes, and in that time no thread admits so many.
constexpr size_t kNewsMax = 1024;
// Only of who has moved to another port, and only until it has said so.
constexpr size_t kDatagramsMax = 64;
constexpr size_t kDatagramBytesMax = 1500;

// Plain values, for the queues copy them.
struct NewsLetter {
  bool here = false;
  Endpoint endpoint;
  wire::Token name = 0, token_out = 0, join_token = 0;
  uint16_t path_length = 0;
  std::array<char, content::kPathLengthMax> path;
};
struct DatagramLetter {
  Endpoint from;
  uint16_t length = 0;
  std::array<uint8_t, kDatagramBytesMax> bytes;
};

}  // namespace

struct ShardPost::Box {
  boost::lockfree::queue<NewsLetter> news{kNewsMax};
  boost::lockfree::queue<DatagramLetter> datagrams{kDatagramsMax};
  // Somebody has woken the reader since it looked. Released by writers behind what they wrote and
  // acquired by the reader before it looks, so that nothing is left lying without a wake.
  std::atomic<bool> woken = false;
};

ShardPost::ShardPost(uint32_t shards, const roulette::RouletteConfig& config, uint64_t order_seed,
                     std::function<void(uint32_t shard)> wake)
    : SeederShards(shards, config.uplink, config.v2.backlog, order_seed), wake_(std::move(wake)) {
  if (shards == 1) return;  // nobody writes
  for (uint32_t i = 0; i < shards; ++i) boxes_.push_back(std::make_unique<Box>());
}

ShardPost::~ShardPost() = default;

void ShardPost::written(uint32_t to, bool fits) {
  if (!fits) lost_.fetch_add(1, std::memory_order_relaxed);
  if (!boxes_[to]->woken.exchange(true, std::memory_order_acq_rel)) wake_(to);
}

void ShardPost::tell(uint32_t from, const roulette::ShardNews& news) {
  NewsLetter letter;
  letter.here = news.here;
  letter.endpoint = news.endpoint;
  letter.name = news.name;
  letter.token_out = news.token_out;
  letter.join_token = news.join_token;
  const size_t length = std::min(news.path.size(), letter.path.size());
  letter.path_length = static_cast<uint16_t>(length);
  std::copy_n(news.path.begin(), length, letter.path.begin());
  for (uint32_t to = 0; to < count(); ++to) {
    if (to != from) written(to, boxes_[to]->news.bounded_push(letter));
  }
}

void ShardPost::forward(uint32_t to, const Endpoint& from, std::span<const uint8_t> datagram) {
  DatagramLetter letter;
  letter.from = from;
  const bool fits = datagram.size() <= letter.bytes.size();
  if (fits) std::ranges::copy(datagram, letter.bytes.begin());
  letter.length = static_cast<uint16_t>(datagram.size());
  written(to, fits && boxes_[to]->datagrams.bounded_push(letter));
}

void ShardPost::deliver(Instant now, uint32_t shard, roulette::SeederNode& node) {
  if (boxes_.empty()) return;
  Box& box = *boxes_[shard];
  if (!box.woken.exchange(false, std::memory_order_acq_rel)) return;
  // Some at a time: writers may be quicker than this, and the socket has its turn, too.
  NewsLetter news;
  size_t left = kNewsMax;
  while (left > 0 && box.news.pop(news)) {
    --left;
    node.hear(now, {news.here, news.endpoint, news.name, news.token_out, news.join_token,
                    std::string_view(news.path.data(), news.path_length)});
  }
  DatagramLetter datagram;
  size_t datagrams_left = kDatagramsMax;
  while (datagrams_left > 0 && box.datagrams.pop(datagram)) {
    --datagrams_left;
    node.receive(now, datagram.from, std::span(datagram.bytes).first(datagram.length));
  }
  const bool more = left == 0 || datagrams_left == 0;
  if (more && !box.woken.exchange(true, std::memory_order_acq_rel)) wake_(shard);
}

}  // namespace fb::cli
