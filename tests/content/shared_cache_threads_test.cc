// The shared cache by several threads that use it as fast as they can. The sanitizers run this too.
#include <atomic>
#include <thread>

#include "catch.h"
#include "content/shared_cache.h"
#include "content/support.h"

namespace fb::content {
namespace {

constexpr uint32_t kThreads = 4;

void in_threads(const std::function<void(uint32_t)>& body) {
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back([&body, i] { body(i); });
}

size_t length_of(uint32_t key) { return 1 + key * 37 % 800; }
uint8_t byte_of(uint32_t key, size_t at) { return static_cast<uint8_t>(key * 151 + at * 7); }

Bytes bytes_of(uint32_t key) {
  Bytes out(length_of(key));
  for (size_t i = 0; i < out.size(); ++i) out[i] = byte_of(key, i);
  return out;
}

bool belong_to(SharedCache::Bytes bytes, uint32_t key) {
  if (bytes.size() != length_of(key)) return false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != byte_of(key, i)) return false;
  }
  return true;
}

struct Tally {
  uint64_t hits = 0, kept = 0, refused = 0, wrong = 0;
};

// Gets, and puts what is not there; now and then goes away for a while with what it holds.
Tally use(const std::shared_ptr<SharedCache>& cache, uint32_t keys, int calls, uint64_t seed) {
  Tally out;
  Rng rng(seed);
  std::optional<SharedCache::Reader> reader(cache);
  for (int i = 0; i < calls; ++i) {
    if (rng.below(1000) == 0) reader.emplace(cache);
    // Low keys more often, as of a site's files some are wanted more.
    const auto key = static_cast<uint32_t>(rng.below(1 + rng.below(keys)));
    auto found = reader->get(FileId{key % 3}, key);
    if (found) {
      ++out.hits;
    } else {
      Bytes bytes = bytes_of(key);
      found = reader->put(FileId{key % 3}, key, bytes);
      if (found) {
        ++out.kept;
      } else {
        ++out.refused;
        out.wrong += bytes == bytes_of(key) ? 0U : 1U;
      }
    }
    if (rng.below(8) == 0) std::this_thread::yield();
    if (found && !belong_to(*found, key)) ++out.wrong;
    if (cache->bytes() > cache->bytes_max()) ++out.wrong;
  }
  return out;
}

void check_by_threads(uint64_t bytes_max, uint32_t keys, int calls) {
  const auto cache = std::make_shared<SharedCache>(bytes_max);
  std::array<Tally, kThreads> tallies;
  in_threads([&](uint32_t self) { tallies[self] = use(cache, keys, calls, self + 1); });
  Tally sum;
  for (const Tally& one : tallies) {
    sum.wrong += one.wrong;
    sum.hits += one.hits;
    sum.kept += one.kept;
    sum.refused += one.refused;
  }
  CHECK(sum.wrong == 0);
  CHECK(sum.hits > 0);
  CHECK(sum.kept > 0);
  // What is in the table is found, once; what counts besides is what was held at the end.
  SharedCache::Reader reader(cache);
  size_t found = 0;
  uint64_t cost = 0;
  for (uint32_t key = 0; key < keys; ++key) {
    if (!reader.contains(FileId{key % 3}, key)) continue;
    ++found;
    cost += length_of(key) + kCacheEntryOverhead;
  }
  CHECK(found == cache->entries());
  CHECK(cost <= cache->bytes());
  CHECK(cache->bytes() - cost <= kThreads * (800 + kCacheEntryOverhead));
}

TEST_CASE("shared cache: what threads read belongs to the key they asked for") {
  check_by_threads(60'000, 300, 20'000);  // most stays
  check_by_threads(10'000, 300, 10'000);  // all is dropped soon
  check_by_threads(1'500, 20, 10'000);    // one or two entries at a time
}

TEST_CASE("shared cache: of threads that put the same at once all get true bytes, one keeps") {
  constexpr uint32_t kKeys = 8'000;
  const auto cache = std::make_shared<SharedCache>(uint64_t{kKeys} * 1500);
  std::atomic<uint32_t> arrived{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> kept{0};
  in_threads([&](uint32_t) {
    SharedCache::Reader reader(cache);
    for (uint32_t key = 0; key < kKeys; ++key) {
      // All begin each sixteenth key at about the same time.
      if (key % 16 == 0) {
        const uint32_t round = arrived.fetch_add(1, std::memory_order_relaxed) / kThreads;
        while (arrived.load(std::memory_order_relaxed) / kThreads == round) {
          std::this_thread::yield();
        }
      }
      Bytes bytes = bytes_of(key);
      const auto got = reader.put(FileId{key % 3}, key, bytes);
      if (got && bytes.empty()) kept.fetch_add(1, std::memory_order_relaxed);
      if (!belong_to(got ? *got : SharedCache::Bytes(bytes), key)) wrong.fetch_add(1);
    }
  });
  CHECK(wrong == 0);
  // Nothing had to go: what was kept is there, and nothing twice.
  CHECK(kept == cache->entries());
  uint64_t cost = 0;
  SharedCache::Reader reader(cache);
  for (uint32_t key = 0; key < kKeys; ++key) {
    if (reader.contains(FileId{key % 3}, key)) cost += length_of(key) + kCacheEntryOverhead;
  }
  CHECK(cost == cache->bytes());
}

TEST_CASE("shared cache: a thread that sleeps with what it holds stops nobody") {
  const auto cache = std::make_shared<SharedCache>(20'000);
  std::atomic<bool> asleep{false};
  std::atomic<bool> wake{false};
  bool good = false;
  std::jthread sleeper([&] {
    SharedCache::Reader reader(cache);
    Bytes bytes = bytes_of(7);
    const auto held = reader.put(FileId{1}, 7, bytes);
    asleep = true;
    asleep.notify_one();
    wake.wait(false);
    good = held && belong_to(*held, 7);
  });
  asleep.wait(false);
  SharedCache::Reader reader(cache);
  size_t refused = 0;
  for (uint32_t i = 0; i < 5'000; ++i) {
    Bytes bytes = bytes_of(i);
    if (!reader.put(FileId{2}, i, bytes)) ++refused;
  }
  CHECK(refused == 0);
  CHECK(cache->bytes() <= cache->bytes_max());
  CHECK_FALSE(reader.contains(FileId{1}, 7));
  wake = true;
  wake.notify_one();
  sleeper.join();
  CHECK(good);
}

}  // namespace
}  // namespace fb::content
