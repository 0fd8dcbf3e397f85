// What becomes of a site whose files change under it.
#include <unistd.h>

#include <thread>

#include "catch.h"
#include "content/site_source.h"
#include "content/support.h"

namespace fb::content {
namespace {

namespace fs = std::filesystem;

constexpr Instant kStart{1'000'000'000};

// A site of "f" (60,000 bytes) and "other", with or without a cache that could hold them.
struct Fixture {
  TemporaryDirectory directory;
  Bytes old_bytes = random_bytes(1, 60'000);
  Bytes new_bytes = random_bytes(2, 60'000);
  std::unique_ptr<SiteSource> site;
  FileRecord old_record;

  explicit Fixture(const SiteOptions& options = {}) {
    directory.write("f", old_bytes);
    directory.write("other", "other");
    site = SiteSource::open(directory.path().string(), test_key(), options).value();
    old_record = record("f");
  }
  [[nodiscard]] FileRecord record(std::string_view path) {
    return decode_manifest_blob(site->manifest(path), site->public_key()).value().record;
  }
  void replace_by_rename() {
    directory.write("f.new", new_bytes);
    fs::rename(directory / "f.new", directory / "f");
  }
  [[nodiscard]] Bytes read(FileId id) { return read_all(*site, id); }
};

// Neither cache nor descriptors of its own: every read opens the path.
SiteOptions bare() {
  return {.cache_bytes = 0, .pinned_descriptors_max = 0, .open_descriptors_max = 0};
}
// No cache, but descriptors.
SiteOptions descriptors_only() { return {.cache_bytes = 0}; }

TEST_CASE("a rescan without changes keeps version, root and ids") {
  Fixture f;
  const SiteRoot root = f.site->root();
  const auto files = f.site->current()->files();
  REQUIRE(f.site->rescan(kStart).value() == false);
  REQUIRE(f.site->root() == root);
  // The very same objects: nothing was read again, but for the index, which is made anew.
  const auto& again = f.site->current()->files();
  for (size_t i = 0; i < files.size(); ++i) {
    REQUIRE((again[i] == files[i]) == !files[i]->in_memory);
  }
  REQUIRE(f.site->retired_files() == 0);
  // A new time on the same bytes is no change either.
  fs::last_write_time(f.directory / "f", fs::file_time_type::clock::now() + std::chrono::hours(1));
  REQUIRE(f.site->rescan(kStart).value() == false);
  REQUIRE(f.site->root() == root);
  REQUIRE(f.site->current()->find("f") != files[1].get());
}

TEST_CASE("a file that is replaced is served in both versions for the grace time") {
  for (const SiteOptions& options : {SiteOptions{}, descriptors_only()}) {
    Fixture f(options);
    const SiteRoot root = f.site->root();
    const FileId other = f.record("other").id;
    const FileRecord old_index = f.record(kSiteIndexPath);
    f.replace_by_rename();
    // Before the rescan nothing shows.
    REQUIRE(f.read(f.old_record.id) == f.old_bytes);
    REQUIRE(f.site->rescan(kStart).value());
    REQUIRE(f.site->root().version > root.version);
    const FileRecord fresh = f.record("f");
    REQUIRE(fresh.id != f.old_record.id);
    REQUIRE(fresh.sha256 == sha256(f.new_bytes));
    REQUIRE(f.record("other").id == other);
    REQUIRE(f.site->retired_files() == 2);  // the file and the index
    REQUIRE(f.read(fresh.id) == f.new_bytes);
    REQUIRE(f.read(f.old_record.id) == f.old_bytes);
    REQUIRE(f.read(old_index.id).size() == old_index.geometry.length);
    REQUIRE(f.site->next_expiry() == kStart + seconds(60));

    f.site->forget_expired(kStart + seconds(60) - nanoseconds(1));
    REQUIRE(f.read(f.old_record.id) == f.old_bytes);
    f.site->forget_expired(kStart + seconds(60));
    REQUIRE_FALSE(f.site->object(f.old_record.id).has_value());
    REQUIRE(f.read(f.old_record.id).empty());
    REQUIRE(f.read(fresh.id) == f.new_bytes);
    REQUIRE(f.site->next_expiry() == Instant::never());
  }
}

TEST_CASE("a file that was read last is gone with its version where nothing is kept") {
  SiteOptions options;
  options.retired_files_max = 0;
  Fixture f(options);
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  f.replace_by_rename();
  REQUIRE(f.site->rescan(kStart).value());
  REQUIRE_FALSE(f.site->object(f.old_record.id).has_value());
  REQUIRE(f.read(f.old_record.id).empty());
  REQUIRE(f.read(f.record("f").id) == f.new_bytes);
}

TEST_CASE("a file that is deleted is served for the grace time") {
  Fixture f(descriptors_only());
  fs::remove(f.directory / "f");
  REQUIRE(f.site->rescan(kStart).value());
  REQUIRE(f.site->manifest("f").empty());
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  f.site->forget_expired(kStart + seconds(61));
  REQUIRE(f.read(f.old_record.id).empty());
}

TEST_CASE("a file that is changed in place is never served with wrong bytes") {
  for (const SiteOptions& options : {bare(), descriptors_only()}) {
    Fixture f(options);
    Bytes changed = f.old_bytes;
    changed[50'000] ^= 1;  // in the last MetaChunk
    f.directory.write("f", changed);
    Bytes out(kChunkSizeMax);
    REQUIRE(f.site->read_chunk(f.old_record.id, 0, out) == 1024);
    REQUIRE(f.site->read_chunk(f.old_record.id, 58, out) == 0);
    REQUIRE(f.site->read_chunk(f.old_record.id, 49, out) == 0);
    REQUIRE(f.site->failed_reads() == 2);
    REQUIRE(f.site->rescan(kStart).value());
    REQUIRE(f.read(f.record("f").id) == changed);
    REQUIRE(f.site->read_chunk(f.old_record.id, 0, out) == 1024);
    REQUIRE(f.site->read_chunk(f.old_record.id, 58, out) == 0);
  }
}

TEST_CASE("a file that is cut short gives what still matches") {
  Fixture f(bare());
  fs::resize_file(f.directory / "f", 20'000);
  Bytes out(kChunkSizeMax);
  REQUIRE(f.site->read_chunk(f.old_record.id, 15, out) == 1024);
  REQUIRE(f.site->read_chunk(f.old_record.id, 16, out) == 0);
}

TEST_CASE("what is in the cache outlives every change on the disk") {
  Fixture f;
  f.directory.write("f", f.new_bytes);
  fs::remove(f.directory / "other");
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  REQUIRE(f.site->rescan(kStart).value());
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  REQUIRE(f.read(f.record("f").id) == f.new_bytes);
}

TEST_CASE("without cache and descriptors a replaced file fails, and a rescan mends it") {
  Fixture f(bare());
  f.replace_by_rename();
  REQUIRE(f.read(f.old_record.id).empty());
  REQUIRE(f.site->failed_reads() > 0);
  REQUIRE(f.site->rescan(kStart).value());
  REQUIRE(f.read(f.record("f").id) == f.new_bytes);
}

TEST_CASE("a file that comes back has its old id and is no longer retired") {
  Fixture f;
  f.replace_by_rename();
  REQUIRE(f.site->rescan(kStart).value());
  f.directory.write("f", f.old_bytes);
  REQUIRE(f.site->rescan(kStart + seconds(1)).value());
  REQUIRE(f.record("f").id == f.old_record.id);
  // Retired a second time: the first entry's end must not take the second's away.
  f.replace_by_rename();
  REQUIRE(f.site->rescan(kStart + seconds(30)).value());
  f.site->forget_expired(kStart + seconds(70));
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  f.site->forget_expired(kStart + seconds(90));
  REQUIRE(f.read(f.old_record.id).empty());
}

TEST_CASE("a read that failed makes the next scan hash the file again") {
  Fixture f(bare());
  // Wrong bytes behind an unchanged stamp cannot be made with plain writes, so the flag is set.
  const auto file = f.site->current()->files()[1];
  REQUIRE(file->record().path == "f");
  file->doubtful = true;
  REQUIRE(f.site->rescan(kStart).value() == false);
  REQUIRE(f.site->current()->files()[1] != file);
  REQUIRE_FALSE(f.site->current()->files()[1]->doubtful);
}

TEST_CASE("a scan that fails leaves the old version in place") {
  Fixture f;
  const auto version = f.site->current();
  const fs::path moved = f.directory.path().string() + "-moved";
  fs::rename(f.directory.path(), moved);
  const auto result = f.site->rescan(kStart);
  REQUIRE_FALSE(result.has_value());
  REQUIRE(result.error().find(f.directory.path().string()) != std::string::npos);
  REQUIRE(f.site->current() == version);
  REQUIRE(f.read(f.old_record.id) == f.old_bytes);
  fs::rename(moved, f.directory.path());
  REQUIRE(f.site->rescan(kStart).value() == false);
}

TEST_CASE("a site whose directory is another one now is scanned anew") {
  const TemporaryDirectory directory;
  directory.write("one/f", "first");
  directory.write("two/f", "second");
  fs::create_directory_symlink(directory / "one", directory / "current");
  const auto site =
      SiteSource::open(directory / "current", test_key(), {.cache_bytes = 0}).value();
  const FileId old = site->current()->find("f")->record().id;
  fs::remove(directory / "current");
  fs::create_directory_symlink(directory / "two", directory / "current");
  REQUIRE(site->rescan(kStart).value());
  REQUIRE(read_all(*site, site->current()->find("f")->record().id).size() == 6);
  REQUIRE(read_all(*site, old).size() == 5);
}

TEST_CASE("what is retired is bounded in number and in descriptors, the oldest goes first") {
  const TemporaryDirectory directory;
  const auto write_all = [&](uint64_t version) {
    for (uint64_t i = 0; i < 10; ++i) {
      // A file of its own each time: what is written in place cannot be read any more.
      fs::remove(directory / std::to_string(i));
      directory.write(std::to_string(i), random_bytes(version * 100 + i, 500 + i));
    }
  };
  write_all(0);
  SiteOptions options{.cache_bytes = 0, .pinned_descriptors_max = 4, .open_descriptors_max = 0};
  options.retired_files_max = 15;
  const auto site = SiteSource::open(directory.path().string(), test_key(), options).value();
  std::vector<std::vector<FileId>> ids;
  for (uint64_t version = 1; version <= 5; ++version) {
    std::vector<FileId> now;
    for (const auto& file : site->current()->files()) now.push_back(file->record().id);
    ids.push_back(now);
    write_all(version);
    REQUIRE(site->rescan(kStart + seconds(static_cast<int64_t>(version))).value());
    REQUIRE(site->retired_files() <= 15);
  }
  REQUIRE(site->retired_files() == 15);
  size_t readable = 0;
  for (const FileId id : ids[4]) readable += read_all(*site, id).empty() ? 0U : 1U;
  REQUIRE(readable == 4 + 1);  // the pinned ones and the index
  for (const FileId id : ids[0]) REQUIRE_FALSE(site->object(id).has_value());
}

TEST_CASE("scanning on another thread while serving") {
  Fixture f;
  std::shared_ptr<const SiteVersion> next;
  for (uint64_t round = 0; round < 10; ++round) {
    f.directory.write("g" + std::to_string(round), random_bytes(round + 10, 30'000));
    const auto previous = f.site->current();
    std::atomic<bool> done = false;
    std::thread scanner([&] {
      next = f.site->scanner().scan(previous).value();
      done = true;
    });
    int reads = 0;
    bool good = true;
    while (!done || reads == 0) {
      good = good && f.read(f.old_record.id) == f.old_bytes;
      ++reads;
    }
    scanner.join();
    REQUIRE(good);
    f.site->adopt(next, kStart);
    REQUIRE(f.site->site_version_stats().files == 3 + round);
  }
}

TEST_CASE("adopting preloads little by little") {
  Fixture f;
  for (int i = 0; i < 200; ++i) f.directory.write("s" + std::to_string(i), Bytes(10, 1));
  auto version = f.site->scanner().scan(f.site->current()).value();
  const size_t before = f.site->cache()->entries();
  f.site->adopt(version, kStart);
  REQUIRE(f.site->cache()->entries() < before + 200);
  while (f.site->preload(10)) {
  }
  REQUIRE(f.site->cache()->entries() == before + 200);
  REQUIRE_FALSE(f.site->preload(10));
}

}  // namespace
}  // namespace fb::content
