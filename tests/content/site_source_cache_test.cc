#include "content/site_source_cache.h"

#include <list>

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

TEST_CASE("cache drops the least recently used and stays within its bytes") {
  MetachunkCache cache(3 * (100 + kCacheEntryOverhead));
  for (uint32_t i = 0; i < 3; ++i) {
    Bytes bytes(100, static_cast<uint8_t>(i));
    REQUIRE(cache.put(FileId{1}, i, bytes) != nullptr);
  }
  REQUIRE(cache.bytes() == 3 * (100 + kCacheEntryOverhead));
  REQUIRE(cache.get(FileId{1}, 0)->at(99) == 0);
  Bytes bytes(100);
  REQUIRE(cache.put(FileId{2}, 0, bytes) != nullptr);
  REQUIRE(cache.contains(FileId{1}, 0));
  REQUIRE_FALSE(cache.contains(FileId{1}, 1));
  REQUIRE(cache.get(FileId{1}, 1) == nullptr);
  REQUIRE(cache.entries() == 3);
}

TEST_CASE("cache leaves alone what does not fit") {
  MetachunkCache cache(100 + kCacheEntryOverhead);
  Bytes small(100, 1);
  REQUIRE(cache.put(FileId{1}, 0, small) != nullptr);
  Bytes large(101, 7);
  REQUIRE(cache.put(FileId{1}, 1, large) == nullptr);
  REQUIRE(large == Bytes(101, 7));
  REQUIRE(cache.contains(FileId{1}, 0));
  MetachunkCache none(0);
  REQUIRE(none.put(FileId{1}, 0, large) == nullptr);
  REQUIRE(none.bytes() == 0);
}

TEST_CASE("cache behaves as a list of what was used last") {
  for (const uint64_t seed : seeds(20)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    constexpr uint64_t kBytesMax = 5000;
    MetachunkCache cache(kBytesMax);
    std::list<std::pair<uint32_t, Bytes>> model;  // most recently used first
    const auto cost = [](const Bytes& bytes) { return bytes.size() + kCacheEntryOverhead; };
    for (int step = 0; step < 2000; ++step) {
      const auto number = static_cast<uint32_t>(rng.below(40));
      const FileId file{number % 4};
      const auto known = std::find_if(model.begin(), model.end(),
                                      [&](const auto& entry) { return entry.first == number; });
      const auto* const bytes = cache.get(file, number);
      REQUIRE((bytes != nullptr) == (known != model.end()));
      if (bytes != nullptr) {
        REQUIRE(*bytes == known->second);
        model.splice(model.begin(), model, known);
        continue;
      }
      Bytes fresh(rng.below(900), static_cast<uint8_t>(step));
      model.emplace_front(number, fresh);
      REQUIRE(cache.put(file, number, fresh) != nullptr);
      uint64_t total = 0;
      for (const auto& entry : model) total += cost(entry.second);
      while (total > kBytesMax) {
        total -= cost(model.back().second);
        model.pop_back();
      }
      REQUIRE(cache.bytes() == total);
      REQUIRE(cache.entries() == model.size());
    }
  }
}

}  // namespace
}  // namespace fb::content
