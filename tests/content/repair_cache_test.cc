// Repair chunks as sites give them away.
#include "content/repair_cache.h"

#include "catch.h"
#include "content/chunk_store.h"
#include "content/site_source.h"
#include "content/support.h"

namespace fb::content {
namespace {

constexpr SenderId kAnn{1};

// The object as it is decoded from the catalog's repair chunks, and source chunks where those do
// not suffice.
Bytes decoded(SiteCatalog& site, const ObjectInfo& info) {
  const Geometry& geometry = info.geometry;
  ChunkStore store(info, std::make_unique<MemoryStorage>(geometry.length), Coding::kRepair);
  std::array<uint8_t, kChunkSizeMax> chunk{};
  for (uint64_t id = geometry.coded_count(); id > 0 && !store.complete(); --id) {
    const auto number = static_cast<uint32_t>(id - 1);
    const size_t length = site.read_chunk(info.id, number, chunk);
    store.add(number, std::span(chunk).first(length), kAnn);
  }
  REQUIRE(store.complete());
  Bytes out(geometry.length);
  REQUIRE(store.read_verified(0, out));
  return out;
}

Bytes repair_chunks(SiteCatalog& site, FileId id) {
  Bytes out;
  const Geometry geometry = *site.object(id);
  std::array<uint8_t, kChunkSizeMax> chunk{};
  for (uint64_t i = geometry.chunk_count(); i < geometry.coded_count(); ++i) {
    REQUIRE(site.read_chunk(id, static_cast<uint32_t>(i), chunk) == geometry.chunk_size);
    out.insert(out.end(), chunk.begin(), chunk.begin() + geometry.chunk_size);
  }
  return out;
}

TEST_CASE("a memory site's repair chunks decode, and are the same one by one and at once") {
  for (const size_t length : {1U, 1000U, 2049U, 131'072U, 300'000U}) {
    INFO("length " << length);
    const Bytes bytes = random_bytes(length, length);
    MemorySite site({{"f", "text/plain", bytes}}, test_key());
    const ObjectInfo info = *site.info(site.record("f")->id);
    REQUIRE(decoded(site, info) == bytes);
    const Bytes one_by_one = repair_chunks(site, info.id);
    const auto at_once = site.repair_bytes(info.id);
    REQUIRE(std::ranges::equal(at_once, one_by_one));
    REQUIRE(at_once.size() == info.geometry.repair_length());
    REQUIRE(repair_chunks(site, info.id) == one_by_one);
    Bytes out(kChunkSizeMax);
    REQUIRE(site.read_chunk(info.id, static_cast<uint32_t>(info.geometry.coded_count()), out) == 0);
    REQUIRE(site.read_chunk(info.id, 0xffffffff, out) == 0);
    REQUIRE(site.read_chunk(info.id, info.geometry.chunk_count(), std::span(out).first(1023)) == 0);
  }
  MemorySite empty({{"f", "text/plain", {}}}, test_key());
  Bytes out(kChunkSizeMax);
  const FileId id = empty.record("f")->id;
  REQUIRE(empty.repair_bytes(id).empty());
  REQUIRE(empty.repair_bytes(FileId{0}).empty());
  REQUIRE(empty.read_chunk(id, 0, out) == 0);
}

TEST_CASE("a site source gives the repair chunks of a memory site") {
  const TemporaryDirectory directory;
  const Bytes bytes = random_bytes(2, 300'000);
  directory.write("f", bytes);
  MemorySite memory({{"f", "application/octet-stream", bytes}}, test_key());
  const ObjectInfo info = *memory.info(memory.record("f")->id);
  for (const uint64_t cache_bytes : {uint64_t{0}, uint64_t{1} << 20}) {
    SiteOptions options;
    options.cache_bytes = cache_bytes;
    const auto site = SiteSource::open(directory.path().string(), test_key(), options);
    REQUIRE(site.has_value());
    const auto manifest = decode_manifest_blob((*site)->manifest("f"), (*site)->public_key());
    REQUIRE(manifest.has_value());
    const FileId id = manifest->record.id;
    REQUIRE(repair_chunks(**site, id) == repair_chunks(memory, info.id));
    REQUIRE(decoded(**site, {id, info.geometry, info.hashes}) == bytes);
  }
}

TEST_CASE("a site source gives no repair chunks of a file that changed") {
  const TemporaryDirectory directory;
  directory.write("f", random_bytes(2, 300'000));
  SiteOptions options;
  options.cache_bytes = 0;
  options.pinned_descriptors_max = 0;
  const auto site = SiteSource::open(directory.path().string(), test_key(), options);
  REQUIRE(site.has_value());
  const auto manifest = decode_manifest_blob((*site)->manifest("f"), (*site)->public_key());
  directory.write("f", random_bytes(3, 300'000));
  Bytes out(kChunkSizeMax);
  REQUIRE((*site)->read_chunk(manifest->record.id, manifest->record.geometry.chunk_count(), out) ==
          0);
}

TEST_CASE("the repair cache keeps within its bound and works without any") {
  const Geometry geometry{500'000, 1024, 16};
  const Bytes bytes = random_bytes(1, geometry.length);
  int reads = 0;
  const auto read = [&](uint64_t offset, std::span<uint8_t> out) {
    ++reads;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return true;
  };
  RepairCache roomy;
  RepairCache tight(40'000);
  RepairCache none(0);
  Bytes a(1024);
  Bytes b(1024);
  Bytes c(1024);
  Rng rng(1);
  for (int i = 0; i < 500; ++i) {
    const auto id = static_cast<uint32_t>(geometry.chunk_count() +
                                          rng.below(geometry.coded_count() -
                                                    geometry.chunk_count()));
    REQUIRE(roomy.read_chunk(FileId{1}, geometry, id, a, read) == 1024);
    REQUIRE(tight.read_chunk(FileId{1}, geometry, id, b, read) == 1024);
    REQUIRE(none.read_chunk(FileId{1}, geometry, id, c, read) == 1024);
    REQUIRE(a == b);
    REQUIRE(a == c);
    REQUIRE(tight.bytes() <= 40'000);
  }
  REQUIRE(none.bytes() == 0);
  // All of it is there now, but for parts that no draw hit: another round reads next to nothing.
  reads = 0;
  for (uint64_t id = geometry.chunk_count(); id < geometry.coded_count(); ++id) {
    REQUIRE(roomy.read_chunk(FileId{1}, geometry, static_cast<uint32_t>(id), a, read) == 1024);
  }
  REQUIRE(reads <= 2);
  REQUIRE(roomy.read_chunk(FileId{1}, geometry, 0, a, read) == 0);
  const auto fails = [](uint64_t, std::span<uint8_t>) { return false; };
  RepairCache fresh;
  REQUIRE(fresh.read_chunk(FileId{1}, geometry, geometry.chunk_count(), a, fails) == 0);
  REQUIRE(fresh.bytes() == 0);
}

}  // namespace
}  // namespace fb::content
