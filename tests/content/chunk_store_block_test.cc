// Repair chunks in a download: decoding, blocks that somebody spoilt, and who is credited.
#include <algorithm>
#include <map>
#include <set>

#include "catch.h"
#include "content/chunk_store.h"
#include "content/support.h"
#include "sim/reference_storage.h"

namespace fb::content {
namespace {

using Outcome = ChunkStore::Outcome;

constexpr SenderId kAnn{1};
constexpr SenderId kBob{2};
constexpr SenderId kEve{3};
constexpr SenderId kMallory{4};

// A site with one object, whose chunks all have an id here.
struct Source {
  MemorySite site;
  ObjectInfo info;
  Bytes bytes;
  Bytes repair;

  explicit Source(uint64_t length, uint16_t chunk_size = 100, uint8_t metachunk_chunks = 4)
      : site({{"f", "text/plain", random_bytes(length, length)}}, test_key(),
             {chunk_size, metachunk_chunks}),
        info(*site.info(site.record("f")->id)) {
    const auto source = site.bytes(info.id);
    bytes.assign(source.begin(), source.end());
    const auto all = site.repair_bytes(info.id);
    repair.assign(all.begin(), all.end());
  }
  [[nodiscard]] const Geometry& geometry() const { return info.geometry; }
  [[nodiscard]] std::span<const uint8_t> chunk(uint32_t id) const {
    const size_t length = geometry().coded_length(id);
    return geometry().is_repair(id)
               ? std::span(repair).subspan(geometry().repair_offset(id), length)
               : std::span(bytes).subspan(geometry().chunk_offset(id), length);
  }
  [[nodiscard]] Bytes wrong_chunk(uint32_t id, uint8_t how = 1) const {
    Bytes out(chunk(id).begin(), chunk(id).end());
    out[0] = static_cast<uint8_t>(out[0] ^ how);
    return out;
  }
  [[nodiscard]] std::vector<uint64_t> digests(nois::Interval ids) const {
    std::vector<uint64_t> out;
    for (uint64_t id = ids.first; id <= ids.last; ++id) {
      out.push_back(short_digest(chunk(static_cast<uint32_t>(id))));
    }
    return out;
  }
  [[nodiscard]] std::vector<uint32_t> shuffled_ids(Rng& rng) const {
    std::vector<uint32_t> out(geometry().coded_count());
    for (uint32_t i = 0; i < out.size(); ++i) out[i] = i;
    for (size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[rng.below(i)]);
    return out;
  }
};

struct Fixture : Source {
  ChunkStore store;

  explicit Fixture(uint64_t length, uint16_t chunk_size = 100, uint8_t metachunk_chunks = 4)
      : Source(length, chunk_size, metachunk_chunks),
        store(info, std::make_unique<MemoryStorage>(length), Coding::kRepair) {}

  ChunkStore::Result good(uint32_t id, SenderId sender) {
    return store.add(id, chunk(id), sender);
  }
  ChunkStore::Result bad(uint32_t id, SenderId sender, uint8_t how = 1) {
    return store.add(id, wrong_chunk(id, how), sender);
  }
  // The digests of a whole block; `digests` of sources and then repair chunks, as a node asks.
  std::vector<ChunkStore::Result> tell_digests(uint32_t block) {
    const nois::Interval source = geometry().source_chunks_of(block);
    const nois::Interval repairs = geometry().repair_chunks_of(block);
    return {store.set_digests(source.first, digests(source)),
            store.set_digests(repairs.first, digests(repairs))};
  }
  void check_whole() {
    REQUIRE(store.complete());
    Bytes out(geometry().length);
    REQUIRE(store.read_verified(0, out));
    REQUIRE(out == bytes);
  }
};

uint64_t total(const std::vector<ChunkStore::Contribution>& contributions) {
  uint64_t out = 0;
  for (const auto& contribution : contributions) out += contribution.bytes;
  return out;
}

uint64_t of(const std::vector<ChunkStore::Contribution>& contributions, SenderId sender) {
  for (const auto& one : contributions) {
    if (one.sender == sender) return one.bytes;
  }
  return 0;
}

TEST_CASE("a block is there as soon as any chunks suffice") {
  for (const uint64_t seed : seeds(40)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Fixture f(1 + rng.below(40'000), static_cast<uint16_t>(64 + rng.below(100)),
              static_cast<uint8_t>(4 + rng.below(20)));
    std::map<uint32_t, uint32_t> held;  // chunks, by block
    uint64_t credited = 0;
    uint64_t sent = 0;
    std::set<uint32_t> verified;
    for (const uint32_t id : f.shuffled_ids(rng)) {
      const uint32_t block = f.geometry().block_of(id);
      const auto needed = f.geometry().source_chunks_of(block).length();
      const bool had_it = held[block] == needed;
      REQUIRE(f.store.block_verified(block) == had_it);
      const auto result = f.good(id, SenderId{static_cast<uint32_t>(rng.below(3))});
      REQUIRE(result.polluters.empty());
      REQUIRE(result.revoked.empty());
      if (had_it) {
        REQUIRE(result.outcome == Outcome::kDuplicate);
        continue;
      }
      sent += f.geometry().coded_length(id);
      ++held[block];
      REQUIRE(result.block == block);
      REQUIRE(f.store.block_verified(block) == (held[block] == needed));
      if (result.outcome == Outcome::kBlockDecoded) REQUIRE(held[block] == needed);
      for (const uint32_t metachunk : result.verified) {
        REQUIRE(verified.insert(metachunk).second);
        REQUIRE(f.store.metachunk_verified(metachunk));
      }
      credited += total(result.contributions);
      REQUIRE(f.bad(id, kEve).outcome == Outcome::kDuplicate);
    }
    f.check_whole();
    REQUIRE(verified.size() == f.geometry().metachunk_count());
    REQUIRE(credited == sent);
    REQUIRE(f.store.verified().count() == f.geometry().chunk_count());
    if (f.geometry().block_count() > 1) REQUIRE(f.store.held() == f.store.verified());
    REQUIRE(f.store.held() == f.store.checked());
  }
}

TEST_CASE("a block of source chunks alone needs no decoding") {
  Fixture f(1250);
  for (uint32_t id = 0; id < 13; ++id) {
    const auto outcome = f.good(id, kAnn).outcome;
    REQUIRE(outcome == (id % 4 == 3 || id == 12 ? Outcome::kMetachunkVerified : Outcome::kStored));
  }
  f.check_whole();
  REQUIRE(f.good(13, kBob).outcome == Outcome::kDuplicate);
}

TEST_CASE("a block of repair chunks alone decodes, short end and all") {
  for (const uint64_t length : {1U, 64U, 99U, 100U, 101U, 1250U, 12'800U, 12'801U, 40'001U}) {
    INFO("length " << length);
    Fixture f(length);
    ChunkStore::Result last;
    const auto end = static_cast<uint32_t>(f.geometry().coded_count());
    for (uint32_t id = f.geometry().chunk_count(); id < end; ++id) last = f.good(id, kAnn);
    // Blocks of 128 have one repair chunk less than source chunks.
    for (uint32_t block = 0; block < f.geometry().block_count(); ++block) {
      const nois::Interval sources = f.geometry().source_chunks_of(block);
      if (sources.length() == 128) last = f.good(sources.last, kBob);
      REQUIRE(f.store.block_verified(block));
    }
    REQUIRE(last.outcome == Outcome::kBlockDecoded);
    f.check_whole();
  }
}

TEST_CASE("a file of one chunk has one repair chunk, which will do") {
  Fixture f(70);
  REQUIRE(f.geometry().coded_count() == 2);
  REQUIRE(f.store.add(1, f.chunk(0), kAnn).outcome == Outcome::kOutOfRange);  // too short
  const auto result = f.good(1, kAnn);
  REQUIRE(result.outcome == Outcome::kBlockDecoded);
  REQUIRE(result.verified == std::vector<uint32_t>{0});
  REQUIRE(of(result.contributions, kAnn) == 100);
  f.check_whole();
}

TEST_CASE("repair chunks of a verified block stay readable in an object of one block only") {
  Fixture one(1250);
  Bytes out(100);
  for (uint32_t id = 5; id < 18; ++id) one.good(id, kAnn);
  one.check_whole();
  REQUIRE(one.store.held().count() == 18);
  REQUIRE(one.store.checked() == one.store.held());
  REQUIRE(one.store.read_chunk(17, out) == 100);
  REQUIRE(std::equal(out.begin(), out.end(), one.chunk(17).begin()));
  REQUIRE(one.store.read_chunk(18, out) == 0);
  REQUIRE(one.good(18, kAnn).outcome == Outcome::kDuplicate);

  Fixture two(20'000);
  const nois::Interval repairs = two.geometry().repair_chunks_of(1);
  for (uint32_t id = repairs.first; id <= repairs.last; ++id) two.good(id, kAnn);
  REQUIRE(two.store.block_verified(1));
  REQUIRE(two.store.held().count() == two.geometry().source_chunks_of(1).length());
  REQUIRE(two.store.read_chunk(repairs.first, out) == 0);
  REQUIRE(two.good(repairs.first, kAnn).outcome == Outcome::kDuplicate);
}

TEST_CASE("without coding there are no repair chunks") {
  const Source source(1250);
  ChunkStore store(source.info, std::make_unique<MemoryStorage>(1250));
  REQUIRE(store.add(13, source.chunk(13), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(store.set_digests(13, source.digests({13, 25})).outcome == Outcome::kStored);
  REQUIRE_FALSE(store.has_digest(13));
}

TEST_CASE("ids beyond the last repair chunk are out of range") {
  Fixture f(1250);
  const Bytes any(100);
  REQUIRE(f.store.add(26, any, kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(0xffffffff, any, kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(25, std::span(any).first(99), kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE(f.store.add(12, any, kAnn).outcome == Outcome::kOutOfRange);  // the short one
  Fixture nothing(0);
  REQUIRE(nothing.store.complete());
  REQUIRE(nothing.store.add(0, any, kAnn).outcome == Outcome::kOutOfRange);
  REQUIRE_FALSE(nothing.store.block_verified(0));
}

TEST_CASE("a bad chunk spoils a block, digests name its sender, and the download completes") {
  for (const bool repair : {false, true}) {
    INFO((repair ? "repair" : "source"));
    Fixture f(1250);  // 13 source chunks, 13 repair chunks
    const uint32_t wrong = repair ? 15 : 5;
    ChunkStore::Result last;
    for (const uint32_t id : {0U, 1U, 2U, 4U, 5U, 8U, 9U, 13U, 14U, 15U, 16U, 17U, 18U}) {
      REQUIRE_FALSE(f.store.spoilt(0));
      last = id == wrong ? f.bad(id, kEve) : f.good(id, kAnn);
    }
    REQUIRE(last.outcome == Outcome::kBlockSpoilt);
    REQUIRE(last.verified.empty());
    REQUIRE(last.polluters.empty());
    REQUIRE(last.contributions.empty());
    REQUIRE(f.store.spoilt(0));
    REQUIRE(f.store.held().count() == 13);
    // More without a digest does not help.
    REQUIRE(f.good(19, kBob).outcome == Outcome::kStored);
    const auto results = f.tell_digests(0);
    const auto& naming = results[repair ? 1 : 0];
    REQUIRE(naming.polluters == std::vector{kEve});
    REQUIRE(results[repair ? 0 : 1].polluters.empty());
    REQUIRE(results[1].outcome == Outcome::kBlockDecoded);
    // The chunk that came afterwards takes the bad one's place.
    f.check_whole();
    REQUIRE_FALSE(f.store.spoilt(0));
    REQUIRE(of(results[1].contributions, kAnn) == 1200);
    REQUIRE(of(results[1].contributions, kBob) == 100);
    const auto& back = repair ? results[1].revoked : results[0].contributions;
    REQUIRE(total(back) == 100);
    REQUIRE(of(back, kEve) == 100);
  }
}

TEST_CASE("a digest that comes again and differs is not believed of what fits the first") {
  Fixture f(1250);
  for (const uint32_t id : {0U, 1U, 2U, 4U, 8U, 9U, 13U, 14U, 15U, 16U, 17U, 18U}) f.good(id, kAnn);
  REQUIRE(f.bad(5, kEve).outcome == Outcome::kBlockSpoilt);
  f.tell_digests(0);
  REQUIRE(f.store.checked().count() == 12);
  f.store.set_digests(0, std::vector{short_digest(f.chunk(1))});  // spoilt on its way, say
  REQUIRE(f.store.checked().count() == 12);
  REQUIRE(f.good(3, kBob).outcome == Outcome::kBlockDecoded);
  f.check_whole();
}

TEST_CASE("a spoilt block waits for as many checked chunks as it needs") {
  Fixture f(1250);
  for (uint32_t id = 13; id < 25; ++id) f.good(id, kAnn);
  REQUIRE(f.bad(25, kEve).outcome == Outcome::kBlockSpoilt);
  for (const auto& result : f.tell_digests(0)) REQUIRE(result.outcome == Outcome::kStored);
  REQUIRE(f.store.spoilt(0));
  REQUIRE(f.store.checked().count() == 12);
  REQUIRE(f.bad(25, kEve).outcome == Outcome::kBadDigest);
  REQUIRE(f.good(3, kBob).outcome == Outcome::kBlockDecoded);
  f.check_whole();
}

TEST_CASE("a spoilt block that source chunks complete judges its repair chunks") {
  Fixture f(1250);
  for (uint32_t id = 13; id < 25; ++id) f.good(id, kAnn);
  REQUIRE(f.bad(25, kEve).outcome == Outcome::kBlockSpoilt);
  ChunkStore::Result last;
  for (uint32_t id = 0; id < 13; ++id) {
    REQUIRE_FALSE(f.store.complete());
    last = f.good(id, kBob);
  }
  REQUIRE(last.outcome == Outcome::kMetachunkVerified);
  REQUIRE(last.verified == std::vector<uint32_t>{3});
  REQUIRE(last.polluters == std::vector{kEve});
  REQUIRE(of(last.contributions, kAnn) == 1200);
  REQUIRE(of(last.revoked, kEve) == 100);
  f.check_whole();
  REQUIRE_FALSE(f.store.held().contains(25));
  REQUIRE(f.store.checked().contains(24));
}

TEST_CASE("source chunks without a digest are judged when a spoilt block decodes") {
  Fixture f(1250);
  f.bad(0, kEve);
  f.good(1, kBob);
  for (uint32_t id = 13; id < 23; ++id) f.good(id, kAnn);
  REQUIRE(f.good(23, kAnn).outcome == Outcome::kBlockSpoilt);
  REQUIRE(f.store.set_digests(13, f.digests({13, 25})).outcome == Outcome::kStored);
  REQUIRE(f.good(24, kAnn).outcome == Outcome::kStored);
  const auto result = f.good(25, kAnn);
  REQUIRE(result.outcome == Outcome::kBlockDecoded);
  REQUIRE(result.polluters == std::vector{kEve});
  REQUIRE(of(result.revoked, kEve) == 100);
  REQUIRE(of(result.contributions, kBob) == 100);
  REQUIRE(of(result.contributions, kAnn) == 1300);
  f.check_whole();
}

TEST_CASE("a repair chunk that is wrong behind the object's end is found out") {
  Fixture f(1250);  // the last chunk has 50 bytes
  for (uint32_t id = 0; id < 12; ++id) f.good(id, kAnn);
  Bytes wrong(f.chunk(13).begin(), f.chunk(13).end());
  wrong[99] ^= 1;
  const auto result = f.store.add(13, wrong, kEve);
  REQUIRE(result.outcome == Outcome::kBlockDecoded);
  REQUIRE(result.polluters == std::vector{kEve});
  REQUIRE(of(result.revoked, kEve) == 100);
  REQUIRE(result.contributions.empty());
  REQUIRE_FALSE(f.store.held().contains(13));
  f.check_whole();
}

TEST_CASE("MetaChunks that were verified before are not counted again") {
  Fixture f(1250);
  uint64_t credited = 0;
  for (uint32_t id = 0; id < 4; ++id) credited += total(f.good(id, kAnn).contributions);
  REQUIRE(credited == 400);
  ChunkStore::Result last;
  for (uint32_t id = 13; id < 22; ++id) last = f.good(id, kBob);
  REQUIRE(last.outcome == Outcome::kBlockDecoded);
  REQUIRE(last.verified == std::vector<uint32_t>{1, 2, 3});
  REQUIRE(of(last.contributions, kAnn) == 0);
  REQUIRE(of(last.contributions, kBob) == 900);
}

TEST_CASE("a chunk can complete its MetaChunk and its block at once") {
  Fixture f(1250);
  for (uint32_t id = 0; id < 3; ++id) f.good(id, kAnn);
  for (uint32_t id = 13; id < 22; ++id) f.good(id, kBob);
  const auto result = f.good(3, kAnn);
  REQUIRE(result.outcome == Outcome::kBlockDecoded);
  REQUIRE(result.verified == std::vector<uint32_t>{0, 1, 2, 3});
  REQUIRE(total(result.contributions) == 1300);
}

TEST_CASE("a MetaChunk of bad source chunks is discarded as without coding") {
  Fixture f(1250);
  for (uint32_t id = 13; id < 20; ++id) f.good(id, kAnn);
  for (uint32_t id = 0; id < 3; ++id) f.good(id, kBob);
  const auto result = f.bad(3, kEve);
  REQUIRE(result.outcome == Outcome::kMetachunkDiscarded);
  REQUIRE(f.store.single_source(0));
  REQUIRE(f.store.held().count() == 7);
  REQUIRE_FALSE(f.store.spoilt(0));
  // Decoding brings the truth, by which the suspects are judged.
  ChunkStore::Result last;
  for (uint32_t id = 20; id < 26; ++id) last = f.good(id, kAnn);
  REQUIRE(last.outcome == Outcome::kBlockDecoded);
  REQUIRE(last.polluters == std::vector{kEve});
  f.check_whole();
}

TEST_CASE("digests that lie cost what they vouched for, and the block begins anew") {
  Fixture f(1250);
  auto lies = f.digests({13, 25});
  lies[4] = short_digest(f.wrong_chunk(17));
  f.good(0, kBob);
  f.store.set_digests(0, f.digests({0, 0}));
  f.store.set_digests(13, lies);
  for (uint32_t id = 13; id < 24; ++id) id == 17 ? f.bad(id, kEve) : f.good(id, kAnn);
  const auto result = f.good(24, kAnn);
  REQUIRE(result.outcome == Outcome::kBlockSpoilt);
  REQUIRE_FALSE(f.store.spoilt(0));
  REQUIRE(f.store.held().empty());
  REQUIRE(f.store.checked().empty());
  REQUIRE_FALSE(f.store.has_digest(0));
  REQUIRE_FALSE(f.store.has_digest(17));
  REQUIRE(total(result.revoked) == 1300);
  REQUIRE(result.contributions.empty());
  for (uint32_t id = 13; id < 26; ++id) f.good(id, kAnn);
  f.check_whole();
}

TEST_CASE("digests of repair chunks are kept, refused by and forgotten") {
  Fixture f(1250);
  f.good(13, kAnn);
  f.bad(14, kEve);
  const auto result = f.store.set_digests(12, f.digests({12, 25}));
  REQUIRE(result.outcome == Outcome::kStored);
  REQUIRE(result.polluters == std::vector{kEve});
  REQUIRE(of(result.contributions, kEve) == 100);
  REQUIRE(f.store.held().count() == 1);
  REQUIRE(f.store.checked().contains(13));
  REQUIRE(f.bad(14, kEve).outcome == Outcome::kBadDigest);
  f.store.forget_digest(14);
  REQUIRE_FALSE(f.store.has_digest(14));
  REQUIRE(f.bad(14, kEve).outcome == Outcome::kStored);
}

TEST_CASE("a medium that fails ends a download with coding too") {
  struct Failing final : Storage {
    explicit Failing(const bool& fails) : memory(1300), failing(fails) {}
    bool write(uint64_t offset, std::span<const uint8_t> bytes) override {
      return memory.write(offset, bytes);
    }
    bool read(uint64_t offset, std::span<uint8_t> out) const override {
      return !failing && memory.read(offset, out);
    }
    MemoryStorage memory;
    const bool& failing;
  };
  for (const bool repair : {false, true}) {
    const Source source(1250);
    bool fails = false;
    const bool never = false;
    ChunkStore store(source.info, std::make_unique<Failing>(repair ? never : fails),
                     Coding::kRepair, std::make_unique<Failing>(repair ? fails : never));
    for (const uint32_t id : {0U, 1U, 15U, 16U, 17U, 18U, 19U, 20U, 21U, 22U, 23U, 24U}) {
      REQUIRE(store.add(id, source.chunk(id), kAnn).outcome == Outcome::kStored);
    }
    fails = true;
    const auto result = store.add(25, source.chunk(25), kAnn);
    REQUIRE(result.outcome == Outcome::kStorageFailed);
    REQUIRE(result.polluters.empty());
    REQUIRE(store.add(2, source.chunk(2), kAnn).outcome == Outcome::kStorageFailed);
  }
}

// Pays and takes back what results say, and checks that nobody is paid twice.
struct Ledger {
  std::map<SenderId, uint64_t> pending;
  std::map<SenderId, uint64_t> firm;

  void take(const std::vector<ChunkStore::Contribution>& contributions, bool proven) {
    for (const auto& [sender, bytes] : contributions) {
      REQUIRE(pending[sender] >= bytes);
      pending[sender] -= bytes;
      if (proven) firm[sender] += bytes;
    }
  }
  void take(const ChunkStore::Result& result) {
    const bool proven = result.outcome == Outcome::kMetachunkVerified ||
                        result.outcome == Outcome::kBlockDecoded ||
                        result.outcome == Outcome::kBlockSpoilt;
    take(result.contributions, proven);
    take(result.revoked, false);
    if (!proven) REQUIRE(result.revoked.empty());
  }
};

TEST_CASE("random chunks, good and bad, complete an object, and everybody gets their due") {
  for (const uint64_t seed : seeds(60)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Fixture f(1 + rng.below(30'000), 100, static_cast<uint8_t>(4 + rng.below(20)));
    const uint64_t badness = rng.below(6);  // of ten chunks from Eve and Mallory
    const bool digests_from_start = rng.below(4) == 0;
    Ledger ledger;
    std::map<SenderId, uint64_t> good_bytes;
    const auto judge = [&](const ChunkStore::Result& result) {
      ledger.take(result);
      for (const SenderId sender : result.polluters) {
        REQUIRE((sender == kEve || sender == kMallory));
      }
    };
    const auto blocks = f.geometry().block_count();
    if (digests_from_start) {
      for (uint32_t block = 0; block < blocks; ++block) f.tell_digests(block);
    }
    int steps = 0;
    while (!f.store.complete()) {
      REQUIRE(++steps < 100'000);
      const auto id = static_cast<uint32_t>(rng.below(f.geometry().coded_count()));
      const SenderId sender{static_cast<uint32_t>(1 + rng.below(4))};
      const bool is_bad = (sender == kEve || sender == kMallory) && rng.below(10) < badness;
      const bool held = f.store.held().contains(id);
      const auto result = is_bad ? f.bad(id, sender) : f.good(id, sender);
      if (held) REQUIRE(result.outcome == Outcome::kDuplicate);
      if (result.outcome != Outcome::kDuplicate && result.outcome != Outcome::kBadDigest) {
        ledger.pending[sender] += f.geometry().coded_length(id);
      }
      judge(result);
      const uint32_t block = f.geometry().block_of(id);
      if (f.store.spoilt(block) && rng.below(3) == 0) {
        for (const auto& told : f.tell_digests(block)) judge(told);
        REQUIRE((f.store.block_verified(block) || f.store.spoilt(block)));
      }
      if (rng.below(200) == 0) {
        const auto metachunk = static_cast<uint32_t>(rng.below(f.geometry().metachunk_count()));
        ledger.take(f.store.restart(metachunk), false);
      }
    }
    f.check_whole();
    for (const auto& [sender, bytes] : ledger.pending) REQUIRE(bytes == 0);
    Bytes out(100);
    for (const auto& interval : f.store.held().intervals()) {
      for (uint32_t id = interval.first; id <= interval.last; ++id) {
        const size_t length = f.store.read_chunk(id, out);
        REQUIRE(std::ranges::equal(std::span(out).first(length), f.chunk(id)));
      }
    }
  }
}

// Gives what it knows and must not be written to.
struct OnlyRecalls final : Storage {
  explicit OnlyRecalls(std::span<const uint8_t> truth) : reference(truth, 100) {}
  bool write(uint64_t, std::span<const uint8_t>) override { return false; }
  bool read(uint64_t offset, std::span<uint8_t> out) const override {
    return reference.read(offset, out);
  }
  bool recall(uint64_t offset, uint64_t length) override {
    return reference.recall(offset, length);
  }
  sim::ReferenceStorage reference;
};

TEST_CASE("a block that the media recall is not decoded") {
  const Source source(1250);
  ChunkStore store(source.info, std::make_unique<OnlyRecalls>(source.bytes), Coding::kRepair,
                   std::make_unique<sim::ReferenceStorage>(source.repair, 100));
  ChunkStore::Result last;
  for (uint32_t id = 13; id < 26; ++id) last = store.add(id, source.chunk(id), kAnn);
  REQUIRE(last.outcome == Outcome::kBlockDecoded);
  REQUIRE(store.complete());
}

TEST_CASE("media that recall give the same results as media that do not") {
  for (const uint64_t seed : seeds(40)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Fixture f(1 + rng.below(30'000));
    ChunkStore other(
        f.info, std::make_unique<sim::ReferenceStorage>(f.bytes, 100), Coding::kRepair,
        std::make_unique<sim::ReferenceStorage>(f.repair, 100));
    const uint64_t badness = rng.below(4);  // of a hundred chunks
    const auto same = [&](const ChunkStore::Result& a, const ChunkStore::Result& b) {
      REQUIRE(a.outcome == b.outcome);
      REQUIRE(a.verified == b.verified);
      REQUIRE(a.polluters == b.polluters);
      for (const SenderId sender : {kAnn, kBob, kEve, kMallory}) {
        REQUIRE(of(a.contributions, sender) == of(b.contributions, sender));
        REQUIRE(of(a.revoked, sender) == of(b.revoked, sender));
      }
    };
    for (int round = 0; round < 20 && !f.store.complete(); ++round) {
      for (const uint32_t id : f.shuffled_ids(rng)) {
        const SenderId sender{static_cast<uint32_t>(1 + rng.below(4))};
        const bool is_bad = rng.below(100) < badness;
        const Bytes wrong = f.wrong_chunk(id);
        const auto bytes = is_bad ? std::span<const uint8_t>(wrong) : f.chunk(id);
        same(f.store.add(id, bytes, sender), other.add(id, bytes, sender));
        const uint32_t block = f.geometry().block_of(id);
        REQUIRE(f.store.spoilt(block) == other.spoilt(block));
        if (!f.store.spoilt(block) || rng.below(10) != 0) continue;
        for (const nois::Interval ids :
             {f.geometry().source_chunks_of(block), f.geometry().repair_chunks_of(block)}) {
          same(f.store.set_digests(ids.first, f.digests(ids)),
               other.set_digests(ids.first, f.digests(ids)));
        }
      }
      REQUIRE(f.store.held() == other.held());
      REQUIRE(f.store.checked() == other.checked());
    }
    f.check_whole();
    REQUIRE(other.complete());
  }
}

}  // namespace
}  // namespace fb::content
