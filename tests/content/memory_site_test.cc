#include "content/memory_site.h"

#include "catch.h"
#include "content/chunk_store.h"
#include "content/support.h"

namespace fb::content {
namespace {

std::vector<MemoryFile> some_files() {
  std::vector<MemoryFile> out;
  for (const size_t length : {0UL, 1UL, 64UL, 1000UL, 5000UL, 70'000UL}) {
    out.push_back({"dir/" + std::to_string(length) + ".bin", "a/b", random_bytes(length, length)});
  }
  return out;
}

// Fetches an object through a chunk store, as a peer would.
Bytes fetched(SiteCatalog& site, const ObjectInfo& info) {
  ChunkStore store(info, std::make_unique<MemoryStorage>(info.geometry.length));
  std::array<uint8_t, kChunkSizeMax> chunk{};
  REQUIRE(site.object(info.id) == info.geometry);
  for (uint32_t i = 0; i < info.geometry.chunk_count(); ++i) {
    const size_t length = site.read_chunk(info.id, i, chunk);
    (void)store.add(i, std::span(chunk).first(length), SenderId{1});
  }
  REQUIRE(store.complete());
  Bytes out(info.geometry.length);
  REQUIRE(store.read_verified(0, out));
  return out;
}

Bytes fetched(SiteCatalog& site, const FileRecord& record) {
  ObjectInfo info = record.deepest();
  for (size_t level = record.list_ids.size(); level-- > 0;) {
    info = record.above(level, fetched(site, info)).value();
  }
  return fetched(site, info);
}

TEST_CASE("everything of a site can be fetched with its key alone") {
  MemorySite site(some_files(), test_key(), {64, 4});
  REQUIRE(site.public_key() == public_key_of(test_key()));
  REQUIRE(site.records().size() == 7);
  REQUIRE(site.root().file_count == 7);
  for (const MemoryFile& file : some_files()) {
    const auto manifest = decode_manifest_blob(site.manifest(file.path), site.public_key());
    REQUIRE(manifest.has_value());
    REQUIRE(manifest->site == site.root());
    REQUIRE(manifest->record == *site.record(file.path));
    REQUIRE(fetched(site, manifest->record) == file.bytes);
    REQUIRE(sha256(file.bytes) == manifest->record.sha256);
  }
}

TEST_CASE("the index holds all other records") {
  MemorySite site(some_files(), test_key(), {64, 4});
  const auto manifest = decode_manifest_blob(site.manifest(kSiteIndexPath), site.public_key());
  REQUIRE(manifest.has_value());
  const auto records = decode_site_index(fetched(site, manifest->record)).value();
  REQUIRE(records.size() == 6);
  for (const FileRecord& record : records) REQUIRE(record == *site.record(record.path));
}

TEST_CASE("a site without files has an index of nothing") {
  MemorySite site({}, test_key());
  REQUIRE(site.records().size() == 1);
  const auto manifest = decode_manifest_blob(site.manifest(kSiteIndexPath), site.public_key());
  REQUIRE(manifest->record.geometry.length == 0);
  REQUIRE(fetched(site, manifest->record).empty());
}

TEST_CASE("a site refuses what it does not have") {
  MemorySite site(some_files(), test_key());
  REQUIRE(site.manifest("none").empty());
  REQUIRE(site.manifest("").empty());
  REQUIRE_FALSE(site.object(FileId{0}).has_value());
  Bytes out(kChunkSizeMax);
  REQUIRE(site.read_chunk(FileId{0}, 0, out) == 0);
  const FileRecord& record = *site.record("dir/1000.bin");
  REQUIRE(site.read_chunk(record.id, 0, out) == 1000);
  REQUIRE(site.read_chunk(record.id, 1, out) == 1024);  // the repair chunk
  REQUIRE(site.read_chunk(record.id, 1, std::span(out).first(1023)) == 0);
  REQUIRE(site.read_chunk(record.id, 2, out) == 0);
  REQUIRE(site.read_chunk(record.id, 0, std::span(out).first(999)) == 0);
}

TEST_CASE("a site survives being moved, and keeps its ids over restarts") {
  MemorySite site(some_files(), test_key());
  const FileId id = site.record("dir/5000.bin")->id;
  MemorySite moved(std::move(site));
  REQUIRE(moved.record("dir/5000.bin")->id == id);
  REQUIRE(read_all(moved, id) == some_files()[4].bytes);
  const MemorySite again(some_files(), test_key(), {}, 2);
  REQUIRE(again.record("dir/5000.bin")->id == id);
  const MemorySite other(some_files(), test_key(2));
  REQUIRE(other.record("dir/5000.bin")->id != id);
}

}  // namespace
}  // namespace fb::content
