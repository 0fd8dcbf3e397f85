#include "content/chunk_store.h"

#include <algorithm>
#include <set>

#include "catch.h"
#include "content/site_build.h"
#include "content/support.h"

namespace fb::content {
namespace {

using Outcome = ChunkStore::Outcome;

constexpr SenderId kAnn{1};
constexpr SenderId kBob{2};
constexpr SenderId kEve{3};
constexpr SenderId kMallory{4};

// Memory that fails when it is told to.
class FaultyStorage final : public Storage {
 public:
  struct Faults {
    bool write = false;
    bool read = false;
  };
  FaultyStorage(uint64_t size, const Faults& faults) : memory_(size), faults_(faults) {}
  [[nodiscard]] bool write(uint64_t offset, std::span<const uint8_t> bytes) override {
    return !faults_.write && memory_.write(offset, bytes);
  }
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> out) const override {
    return !faults_.read && memory_.read(offset, out);
  }

 private:
  MemoryStorage memory_;
  const Faults& faults_;
};

// An object, a store for it, and senders of true and bad chunks.
struct Fixture {
  Geometry geometry;
  Bytes bytes;
  FaultyStorage::Faults faults;
  ChunkStore store;

  explicit Fixture(uint64_t length, uint16_t chunk_size = 100, uint8_t metachunk_chunks = 4)
      : geometry{length, chunk_size, metachunk_chunks},
        bytes(random_bytes(length, length)),
        store({FileId{5}, geometry, metachunk_hashes(geometry, bytes)},
              std::make_unique<FaultyStorage>(length, faults)) {}

  [[nodiscard]] std::span<const uint8_t> chunk(uint32_t number) const {
    return std::span(bytes).subspan(geometry.chunk_offset(number), geometry.chunk_length(number));
  }
  ChunkStore::Result good(uint32_t number, SenderId sender) {
    return store.add(number, chunk(number), sender);
  }
  ChunkStore::Result bad(uint32_t number, SenderId sender, uint8_t how = 1) {
    Bytes wrong(chunk(number).begin(), chunk(number).end());
    wrong[0] = static_cast<uint8_t>(wrong[0] ^ how);
    return store.add(number, wrong, sender);
  }
};

std::set<SenderId> as_set(const std::vector<SenderId>& senders) {
  return {senders.begin(), senders.end()};
}

TEST_CASE("chunk store takes chunks in any order and becomes complete") {
  for (const uint64_t seed : seeds(30)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Fixture f(1 + rng.below(3000), static_cast<uint16_t>(64 + rng.below(100)),
              static_cast<uint8_t>(1 + rng.below(8)));
    std::vector<uint32_t> order(f.geometry.chunk_count());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    uint64_t credited = 0;
    for (const uint32_t chunk : order) {
      REQUIRE_FALSE(f.store.complete());
      const auto result = f.good(chunk, SenderId{static_cast<uint32_t>(rng.below(3))});
      REQUIRE(result.metachunk == f.geometry.metachunk_of(chunk));
      const bool verified = f.store.metachunk_verified(result.metachunk);
      REQUIRE(result.outcome == (verified ? Outcome::kMetachunkVerified : Outcome::kStored));
      for (const auto& contribution : result.contributions) credited += contribution.bytes;
      REQUIRE(result.polluters.empty());
      REQUIRE(f.good(chunk, kAnn).outcome == Outcome::kDuplicate);
      REQUIRE(f.bad(chunk, kEve).outcome == Outcome::kDuplicate);
    }
    REQUIRE(f.store.complete());
    REQUIRE(credited == f.geometry.length);
    REQUIRE(f.store.held() == f.store.verified());
    Bytes out(f.geometry.length);
    REQUIRE(f.store.read_verified(0, out));
    REQUIRE(out == f.bytes);
  }
}

TEST_CASE("chunk store of nothing is complete at once") {
  Fixture f(0);
  REQUIRE(f.store.complete());
  REQUIRE(f.store.add(0, {}, kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.read_verified(0, {}));
  Bytes one(1);
  REQUIRE_FALSE(f.store.read_verified(0, one));
}

TEST_CASE("chunk store refuses what is no chunk of it") {
  Fixture f(950);
  REQUIRE(f.store.add(10, f.chunk(0), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(0xffffffff, f.chunk(0), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(0, f.chunk(0).first(99), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(0, {}, kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(9, f.chunk(0), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.good(9, kAnn).outcome == Outcome::kStored);
  REQUIRE(f.store.held().count() == 1);
  REQUIRE_FALSE(f.store.metachunk_verified(2));
  REQUIRE_FALSE(f.store.metachunk_verified(3));
  REQUIRE_FALSE(f.store.metachunk_verified(0xffffffff));
}

TEST_CASE("chunk store reads what it holds and vouches only for what is verified") {
  Fixture f(950);
  Bytes out(kChunkSizeMax);
  REQUIRE(f.store.read_chunk(1, out) == 0);
  f.good(1, kAnn);
  REQUIRE(f.store.read_chunk(1, out) == 100);
  REQUIRE(std::equal(f.chunk(1).begin(), f.chunk(1).end(), out.begin()));
  REQUIRE(f.store.read_chunk(1, std::span(out).first(99)) == 0);
  Bytes some(10);
  REQUIRE_FALSE(f.store.read_verified(100, some));
  for (const uint32_t chunk : {0U, 2U, 3U}) f.good(chunk, kAnn);
  REQUIRE(f.store.read_verified(100, some));
  REQUIRE(std::equal(some.begin(), some.end(), f.bytes.begin() + 100));
  REQUIRE(f.store.read_verified(390, some));
  REQUIRE_FALSE(f.store.read_verified(391, some));
  REQUIRE_FALSE(f.store.read_verified(945, some));
  REQUIRE_FALSE(f.store.read_verified(~uint64_t{0}, some));
  REQUIRE(f.store.read_verified(950, {}));
  REQUIRE_FALSE(f.store.read_verified(951, {}));
}

TEST_CASE("a single sender of a bad MetaChunk is named at once") {
  Fixture f(800);
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kEve);
  const auto result = f.bad(3, kEve);
  REQUIRE(result.outcome == Outcome::kMetachunkDiscarded);
  REQUIRE(result.polluters == std::vector{kEve});
  REQUIRE(result.contributions.size() == 1);
  REQUIRE(result.contributions[0].bytes == 400);
  // Discarded whole, and free to be fetched from anyone.
  REQUIRE(f.store.held().empty());
  REQUIRE_FALSE(f.store.single_source(0));
  REQUIRE_FALSE(f.store.has_suspects());
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kAnn);
  REQUIRE(f.good(3, kBob).outcome == Outcome::kMetachunkVerified);
}

TEST_CASE("among mixed senders the bad one is named once the truth is known") {
  Fixture f(800);
  f.good(0, kAnn);
  f.bad(1, kEve);
  f.good(2, kBob);
  const auto failed = f.good(3, kAnn);
  REQUIRE(failed.outcome == Outcome::kMetachunkDiscarded);
  REQUIRE(failed.polluters.empty());
  REQUIRE(failed.contributions.size() == 3);
  REQUIRE(f.store.single_source(0));
  REQUIRE_FALSE(f.store.single_source(1));
  REQUIRE(f.store.has_suspects());
  for (const uint32_t chunk : {3U, 2U, 1U}) {
    REQUIRE(f.good(chunk, kBob).outcome == Outcome::kStored);
  }
  const auto verified = f.good(0, kBob);
  REQUIRE(verified.outcome == Outcome::kMetachunkVerified);
  REQUIRE(verified.polluters == std::vector{kEve});
  REQUIRE_FALSE(f.store.has_suspects());
}

TEST_CASE("two bad senders are both named") {
  Fixture f(400);
  f.bad(0, kMallory);
  f.bad(1, kEve);
  f.good(2, kBob);
  f.good(3, kAnn);
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kAnn);
  REQUIRE(as_set(f.good(3, kAnn).polluters) == std::set{kEve, kMallory});
  REQUIRE(f.store.complete());
}

TEST_CASE("a bad sender asked as the single source names itself, and stays suspect") {
  Fixture f(400);
  f.bad(0, kEve);
  for (const uint32_t chunk : {1U, 2U, 3U}) f.good(chunk, kAnn);
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kEve);
  const auto again = f.bad(3, kEve);
  REQUIRE(again.outcome == Outcome::kMetachunkDiscarded);
  REQUIRE(again.polluters == std::vector{kEve});
  REQUIRE(f.store.single_source(0));
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kBob);
  REQUIRE(f.good(3, kBob).polluters == std::vector{kEve});
}

TEST_CASE("pollution in random orders: the bad are named, the honest never") {
  for (const uint64_t seed : seeds(300)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Fixture f(1000 + rng.below(2000), 64, static_cast<uint8_t>(2 + rng.below(6)));
    const uint32_t honest = 1 + static_cast<uint32_t>(rng.below(4));
    const uint32_t evil = static_cast<uint32_t>(rng.below(3));
    std::set<SenderId> named;
    std::set<SenderId> guilty;  // whose bad bytes were part of a MetaChunk that was judged
    std::vector<std::set<SenderId>> bad_in(f.geometry.metachunk_count());
    std::vector<std::optional<SenderId>> only(f.geometry.metachunk_count());
    for (int step = 0; step < 20'000 && !f.store.complete(); ++step) {
      const auto chunk = static_cast<uint32_t>(rng.below(f.geometry.chunk_count()));
      const uint32_t metachunk = f.geometry.metachunk_of(chunk);
      if (f.store.held().contains(chunk)) continue;
      SenderId sender{static_cast<uint32_t>(rng.below(honest + evil))};
      if (f.store.single_source(metachunk) && rng.below(4) > 0) {
        if (!only[metachunk] || named.contains(*only[metachunk])) only[metachunk] = sender;
        sender = *only[metachunk];
      }
      if (named.contains(sender)) continue;
      const bool is_evil = static_cast<uint32_t>(sender) >= honest;
      const bool lies = is_evil && rng.below(2) == 0;
      const auto result = lies ? f.bad(chunk, sender, static_cast<uint8_t>(1 + rng.below(255)))
                               : f.good(chunk, sender);
      if (lies) bad_in[metachunk].insert(sender);
      for (const SenderId polluter : result.polluters) {
        REQUIRE(static_cast<uint32_t>(polluter) >= honest);
        named.insert(polluter);
      }
      if (result.outcome == Outcome::kMetachunkVerified) {
        guilty.insert(bad_in[metachunk].begin(), bad_in[metachunk].end());
        REQUIRE_FALSE(f.store.single_source(metachunk));
      }
    }
    REQUIRE(f.store.complete());
    REQUIRE(named == guilty);
    REQUIRE_FALSE(f.store.has_suspects());
  }
}

TEST_CASE("the memory of suspects is bounded, the oldest goes first") {
  Fixture f(400 * (kSuspectMetachunksMax + 10));
  const auto fail = [&](uint32_t metachunk) {
    const uint32_t first = f.geometry.chunks_of(metachunk).first;
    f.bad(first, kEve);
    for (uint32_t i = 1; i < 4; ++i) f.good(first + i, kAnn);
  };
  for (uint32_t m = 0; m < kSuspectMetachunksMax + 10; ++m) fail(m);
  uint32_t suspects = 0;
  for (uint32_t m = 0; m < f.geometry.metachunk_count(); ++m) {
    REQUIRE(f.store.single_source(m) == (m >= 10));
    suspects += f.store.single_source(m) ? 1U : 0U;
  }
  REQUIRE(suspects == kSuspectMetachunksMax);
  // Failing again does not make a MetaChunk younger, nor count it twice.
  fail(10);
  REQUIRE(f.store.single_source(10));
  REQUIRE(f.store.single_source(11));
}

TEST_CASE("a MetaChunk that fails without end keeps a bounded memory and the latest suspects") {
  Fixture f(400);
  for (uint32_t round = 0; round < 300; ++round) {
    f.bad(0, kEve, static_cast<uint8_t>(1 + round % 250));
    for (uint32_t i = 1; i < 4; ++i) f.good(i, SenderId{100 + round});
    REQUIRE(f.store.held().empty());
  }
  for (uint32_t i = 0; i < 3; ++i) f.good(i, kBob);
  REQUIRE(f.good(3, kBob).polluters == std::vector{kEve});
}

TEST_CASE("a storage that cannot be written ends the download and loses nothing held") {
  Fixture f(800);
  f.good(0, kAnn);
  f.faults.write = true;
  REQUIRE(f.good(1, kAnn).outcome == Outcome::kStorageFailed);
  REQUIRE(f.store.held().count() == 1);
  // Nothing is taken any more, even when the medium recovers: its state is not known.
  f.faults.write = false;
  REQUIRE(f.good(1, kAnn).outcome == Outcome::kStorageFailed);
}

TEST_CASE("a storage that cannot be read judges nobody") {
  Fixture f(400);
  for (const uint32_t chunk : {0U, 1U, 2U}) f.good(chunk, kAnn);
  f.faults.read = true;
  const auto result = f.bad(3, kEve);
  REQUIRE(result.outcome == Outcome::kStorageFailed);
  REQUIRE(result.polluters.empty());
  REQUIRE(result.contributions.empty());
  REQUIRE_FALSE(f.store.metachunk_verified(0));
  f.faults.read = false;
  REQUIRE(f.good(3, kAnn).outcome == Outcome::kStorageFailed);
  REQUIRE_FALSE(f.store.complete());
}

}  // namespace
}  // namespace fb::content
