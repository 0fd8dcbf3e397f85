// The shared cache by one thread at a time, and what its header promises of several Readers.
#include "content/shared_cache.h"

#include <map>

#include "catch.h"
#include "content/support.h"
#include "counting_new.h"

namespace fb::content {
namespace {

constexpr uint64_t kSmall = 100 + kCacheEntryOverhead;

std::shared_ptr<SharedCache> cache_of(uint64_t bytes_max) {
  return std::make_shared<SharedCache>(bytes_max);
}

// Whether it was kept.
bool put(SharedCache::Reader& reader, uint32_t number, size_t length = 100) {
  Bytes bytes(length, static_cast<uint8_t>(number));
  return reader.put(FileId{1}, number, bytes).has_value();
}

TEST_CASE("shared cache drops what was not used since the hand came by") {
  SharedCache::Reader reader(cache_of(3 * kSmall));
  for (uint32_t i = 0; i < 3; ++i) REQUIRE(put(reader, i));
  REQUIRE(reader.cache()->bytes() == 3 * kSmall);
  REQUIRE(reader.get(FileId{1}, 0)->back() == 0);
  REQUIRE(put(reader, 3));
  REQUIRE(reader.contains(FileId{1}, 0));
  REQUIRE_FALSE(reader.contains(FileId{1}, 1));
  REQUIRE_FALSE(reader.get(FileId{1}, 1).has_value());
  REQUIRE(reader.cache()->entries() == 3);
  // Of nothing but what is used something goes all the same.
  for (const uint32_t i : {0U, 2U, 3U}) REQUIRE(reader.get(FileId{1}, i).has_value());
  REQUIRE(put(reader, 4));
  REQUIRE(reader.cache()->entries() == 3);
  REQUIRE(reader.cache()->bytes() == 3 * kSmall);
}

TEST_CASE("shared cache: asking whether something is there is no use of it") {
  SharedCache::Reader reader(cache_of(2 * kSmall));
  REQUIRE(put(reader, 0));
  REQUIRE(put(reader, 1));
  REQUIRE(reader.contains(FileId{1}, 0));
  REQUIRE(reader.get(FileId{1}, 1).has_value());
  REQUIRE(put(reader, 2));
  REQUIRE_FALSE(reader.contains(FileId{1}, 0));
  REQUIRE(reader.contains(FileId{1}, 1));
}

TEST_CASE("shared cache leaves alone what does not fit") {
  SharedCache::Reader reader(cache_of(kSmall));
  REQUIRE(put(reader, 0));
  Bytes large(101, 7);
  REQUIRE_FALSE(reader.put(FileId{1}, 1, large).has_value());
  REQUIRE(large == Bytes(101, 7));
  REQUIRE(reader.contains(FileId{1}, 0));
  SharedCache::Reader none(cache_of(0));
  REQUIRE_FALSE(none.put(FileId{1}, 0, large).has_value());
  REQUIRE(none.cache()->bytes() == 0);
}

TEST_CASE("shared cache keeps what is there when the same is put again") {
  SharedCache::Reader one(cache_of(10 * kSmall));
  SharedCache::Reader two(one.cache());
  Bytes bytes(100, 1);
  const auto first = one.put(FileId{1}, 0, bytes);
  Bytes again(100, 2);
  const auto second = two.put(FileId{1}, 0, again);
  REQUIRE(first->data() == second->data());
  REQUIRE(again == Bytes(100, 2));
  REQUIRE(one.cache()->entries() == 1);
  REQUIRE(one.cache()->bytes() == kSmall);
}

TEST_CASE("shared cache: what a reader holds outlives its entry, and counts") {
  SharedCache::Reader holder(cache_of(2 * kSmall));
  SharedCache::Reader other(holder.cache());
  REQUIRE(put(other, 0));
  const auto held = holder.get(FileId{1}, 0);
  // Two rounds of the hand over everything.
  for (uint32_t i = 1; i < 9; ++i) REQUIRE(put(other, i));
  REQUIRE_FALSE(other.contains(FileId{1}, 0));
  REQUIRE(holder.cache()->entries() == 1);
  REQUIRE(holder.cache()->bytes() == 2 * kSmall);
  REQUIRE(std::ranges::equal(*held, Bytes(100, 0)));
  // Once it is let go, there is room for two again.
  holder.release();
  REQUIRE(put(other, 9));
  REQUIRE(put(other, 10));
  REQUIRE(holder.cache()->entries() == 2);
  REQUIRE(holder.cache()->bytes() == 2 * kSmall);
}

TEST_CASE("shared cache: room that a reader held comes back though nothing is left to drop") {
  SharedCache::Reader holder(cache_of(kSmall));
  SharedCache::Reader other(holder.cache());
  REQUIRE(put(other, 0));
  const auto held = holder.get(FileId{1}, 0);
  other.release();
  REQUIRE_FALSE(put(other, 1));  // 0 goes, but is not free yet
  REQUIRE(holder.cache()->entries() == 0);
  REQUIRE(std::ranges::equal(*held, Bytes(100, 0)));
  // Any other call lets go of it, too.
  REQUIRE_FALSE(holder.contains(FileId{1}, 0));
  holder.release();
  REQUIRE(put(other, 1));
}

TEST_CASE("shared cache: a reader that goes lets go, and its record is used again") {
  const auto cache = cache_of(kSmall);
  SharedCache::Reader other(cache);
  REQUIRE(put(other, 0));
  other.release();
  {
    SharedCache::Reader holder(cache);
    REQUIRE(holder.get(FileId{1}, 0).has_value());
    SharedCache::Reader moved(std::move(holder));
    REQUIRE_FALSE(put(other, 1));
    holder = SharedCache::Reader(cache);
    REQUIRE_FALSE(holder.get(FileId{1}, 0).has_value());
  }
  REQUIRE(put(other, 1));
  for (int i = 0; i < 1000; ++i) REQUIRE(SharedCache::Reader(cache).contains(FileId{1}, 1));
}

TEST_CASE("shared cache: places run out before bytes when entries are small") {
  // Four sets.
  SharedCache::Reader reader(cache_of(4 * 16 * SharedCache::kBytesAPlace));
  for (uint32_t i = 0; i < 1000; ++i) REQUIRE(put(reader, i, 1));
  REQUIRE(reader.cache()->entries() == 4 * 16);
  REQUIRE(reader.cache()->bytes() == 4 * 16 * (1 + kCacheEntryOverhead));
  REQUIRE(reader.contains(FileId{1}, 999));
  // What is used stays, in a full set too.
  for (uint32_t i = 1000; i < 2000; ++i) {
    REQUIRE(reader.get(FileId{1}, 999).has_value());
    REQUIRE(put(reader, i, 1));
  }
}

TEST_CASE("shared cache: getting allocates nothing") {
  SharedCache::Reader reader(cache_of(50 * kSmall));
  for (uint32_t i = 0; i < 100; ++i) REQUIRE(put(reader, i));
  const uint64_t before = test::allocations;
  size_t found = 0;
  for (uint32_t i = 0; i < 1000; ++i) found += reader.get(FileId{1}, i % 100) ? 1U : 0U;
  reader.release();
  const uint64_t after = test::allocations;
  REQUIRE(found == 10 * reader.cache()->entries());
  REQUIRE(after == before);
}

TEST_CASE("shared cache: all memory comes back, and the bound is of memory") {
  const uint64_t before = test::live_bytes;
  uint64_t most = 0;
  constexpr uint64_t kBytesMax = 400'000;
  {
    SharedCache::Reader reader(cache_of(kBytesMax));
    const uint64_t empty = test::live_bytes - before;
    REQUIRE(empty <= kBytesMax / 32 + 1024);
    Rng rng(1);
    for (uint32_t i = 0; i < 5000; ++i) {
      REQUIRE(put(reader, i, 1 + rng.below(2000)));
      most = std::max(most, test::live_bytes - before - empty);
    }
  }
  REQUIRE(test::live_bytes == before);
  REQUIRE(most <= kBytesMax);
  if (test::kCountsAllocations) REQUIRE(most > kBytesMax / 2);
}

// Against what was put: a key gives its bytes or nothing, the newest is there, and what is found is
// what counts.
TEST_CASE("shared cache behaves as a map that may forget") {
  for (const uint64_t seed : seeds(20)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    const uint64_t bytes_max = 1500 + rng.below(40'000);
    const auto cache = cache_of(bytes_max);
    std::vector<SharedCache::Reader> readers;
    for (int i = 0; i < 3; ++i) readers.emplace_back(cache);
    std::map<uint32_t, Bytes> model;                         // what was put last
    std::vector<std::optional<SharedCache::Bytes>> held(3);  // what each reader has,
    std::vector<Bytes> truth(3);                             // and what it was when it got it
    for (int step = 0; step < 2000; ++step) {
      const size_t self = rng.below(3);
      const auto number = static_cast<uint32_t>(rng.below(120));
      const FileId file{number % 4};
      held[self] = readers[self].get(file, number);
      if (!held[self]) {
        Bytes fresh = random_bytes(rng.next(), 1 + rng.below(600));
        const Bytes copy = fresh;
        held[self] = readers[self].put(file, number, fresh);
        if (held[self]) {
          model[number] = copy;
          REQUIRE(readers[self].contains(file, number));
        } else {
          REQUIRE(fresh == copy);
        }
      }
      if (held[self]) truth[self] = model.at(number);
      bool good = cache->bytes() <= bytes_max;
      for (size_t i = 0; i < 3; ++i) {
        good = good && (!held[i] || std::ranges::equal(*held[i], truth[i]));
      }
      if (!good) FAIL("wrong bytes, or too many, at step " << step);
      if (rng.below(50) == 0) {
        readers[self].release();
        held[self].reset();
      }
    }
    // With nothing held, and all that was retired freed by a change, what counts can be found.
    for (auto& reader : readers) reader.release();
    Bytes last(1500 - kCacheEntryOverhead, 1);
    REQUIRE(readers[0].put(FileId{9}, 9, last).has_value());
    uint64_t cost = 1500;
    size_t entries = 1;
    for (const auto& [number, bytes] : model) {
      const auto found = readers[0].get(FileId{number % 4}, number);
      if (!found) continue;
      REQUIRE(std::ranges::equal(*found, bytes));
      cost += bytes.size() + kCacheEntryOverhead;
      ++entries;
    }
    REQUIRE(entries == cache->entries());
    REQUIRE(cost <= cache->bytes());
    REQUIRE(cache->bytes() - cost <= 600 + kCacheEntryOverhead);
  }
}

}  // namespace
}  // namespace fb::content
