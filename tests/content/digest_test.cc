// Digests: bad chunks are known on arrival.
#include "catch.h"
#include "content/chunk_store.h"
#include "content/memory_site.h"

using namespace fb;
using namespace fb::content;

namespace {

constexpr auto kGood = static_cast<SenderId>(1);
constexpr auto kBad = static_cast<SenderId>(2);

struct Fixture {
  Fixture() {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31 + i / 1024);
    const MemorySite site({{"f", "text/plain", bytes}}, secret_key_from_seed({}));
    const ObjectInfo info = *site.info(site.record("f")->id);
    for (uint32_t chunk = 0; chunk < info.geometry.chunk_count(); ++chunk) {
      digests.push_back(short_digest(at(chunk)));
    }
    store = std::make_unique<ChunkStore>(info, std::make_unique<MemoryStorage>(bytes.size()));
  }
  std::span<const uint8_t> at(uint32_t chunk) const {
    return std::span(bytes).subspan(chunk * 1024, 1024);
  }
  std::vector<uint8_t> bytes = std::vector<uint8_t>(32 * 1024);
  std::vector<uint8_t> wrong = std::vector<uint8_t>(1024, 0xee);
  std::vector<uint64_t> digests;
  std::unique_ptr<ChunkStore> store;
};

}  // namespace

TEST_CASE("a chunk that does not fit its digest is refused and its sender named") {
  Fixture f;
  CHECK(f.store->set_digests(0, f.digests).polluters.empty());
  const auto result = f.store->add(3, f.wrong, kBad);
  CHECK(result.outcome == ChunkStore::Outcome::kBadDigest);
  REQUIRE(result.polluters.size() == 1);
  CHECK(result.polluters[0] == kBad);
  CHECK_FALSE(f.store->held().contains(3));
  CHECK(f.store->add(3, f.at(3), kGood).outcome == ChunkStore::Outcome::kStored);
  CHECK(f.store->checked().contains(3));
}

TEST_CASE("digests drop what is held and wrong, keep what is right, and take credit back") {
  Fixture f;
  f.store->add(0, f.at(0), kGood);
  f.store->add(1, f.wrong, kBad);
  CHECK_FALSE(f.store->checked().contains(0));
  const auto result = f.store->set_digests(0, f.digests);
  REQUIRE(result.polluters.size() == 1);
  CHECK(result.polluters[0] == kBad);
  REQUIRE(result.contributions.size() == 1);
  CHECK(result.contributions[0].bytes == 1024);
  CHECK(f.store->held().count() == 1);
  CHECK(f.store->checked().contains(0));
  for (uint32_t chunk = 1; chunk < 16; ++chunk) {
    const auto added = f.store->add(chunk, f.at(chunk), kGood);
    CHECK((added.outcome == ChunkStore::Outcome::kMetachunkVerified) == (chunk == 15));
  }
}

TEST_CASE("digests name the senders of a MetaChunk that failed before") {
  Fixture f;
  for (uint32_t chunk = 0; chunk < 16; ++chunk) {
    const bool bad = chunk == 5;
    f.store->add(chunk, bad ? std::span<const uint8_t>(f.wrong) : f.at(chunk), bad ? kBad : kGood);
  }
  REQUIRE(f.store->single_source(0));
  const auto result = f.store->set_digests(0, f.digests);
  REQUIRE(result.polluters.size() == 1);
  CHECK(result.polluters[0] == kBad);
  CHECK_FALSE(f.store->single_source(0));
}

TEST_CASE("digests that lie are found out by the MetaChunk's hash") {
  Fixture f;
  auto lies = f.digests;
  lies[2] = short_digest(f.wrong);
  f.store->set_digests(0, lies);
  ChunkStore::Result last;
  for (uint32_t chunk = 0; chunk < 16; ++chunk) {
    last = f.store->add(chunk, chunk == 2 ? std::span<const uint8_t>(f.wrong) : f.at(chunk), kGood);
  }
  CHECK(last.outcome == ChunkStore::Outcome::kMetachunkDiscarded);
  CHECK_FALSE(f.store->has_digest(2));
  CHECK(f.store->checked().empty());
}

TEST_CASE("digests beyond the object, and of verified chunks, are passed over") {
  Fixture f;
  for (uint32_t chunk = 0; chunk < 16; ++chunk) f.store->add(chunk, f.at(chunk), kGood);
  const std::vector<uint64_t> nonsense(100, 1);
  CHECK(f.store->set_digests(0, nonsense).polluters.empty());
  CHECK(f.store->set_digests(4'000'000'000, nonsense).polluters.empty());
  CHECK(f.store->metachunk_verified(0));
}

TEST_CASE("a restart gives up a MetaChunk and tells whose bytes it was") {
  Fixture f;
  f.store->add(0, f.at(0), kGood);
  f.store->add(1, f.at(1), kBad);
  f.store->add(20, f.at(20), kGood);
  CHECK(f.store->restart(0).size() == 2);
  CHECK(f.store->held().count() == 1);
  CHECK(f.store->restart(0).empty());
}
