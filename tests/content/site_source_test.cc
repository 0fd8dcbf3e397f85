// What a scan takes, and how the site on disk is read.
#include "content/site_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<SiteSource> opened(const TemporaryDirectory& directory,
                                   const SiteOptions& options = {}) {
  auto site = SiteSource::open(directory.path().string(), test_key(), options);
  REQUIRE(site.has_value());
  return std::move(*site);
}

std::vector<std::string> paths_of(const SiteSource& site) {
  std::vector<std::string> out;
  for (const auto& file : site.current()->files()) {
    if (!file->in_memory) out.push_back(file->record().path);
  }
  return out;
}

FileRecord record_of(SiteSource& site, std::string_view path) {
  const auto manifest = decode_manifest_blob(site.manifest(path), site.public_key());
  REQUIRE(manifest.has_value());
  REQUIRE(manifest->site == site.root());
  return manifest->record;
}

bool warned(const SiteSource& site, std::string_view text) {
  for (const std::string& warning : site.warnings()) {
    if (warning.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST_CASE("site source serves a tree with its manifests") {
  const TemporaryDirectory directory;
  const std::map<std::string, Bytes> files{{"index.html", random_bytes(1, 3000)},
                                           {"a.txt", random_bytes(2, 1)},
                                           {"a/b.css", random_bytes(3, 50'000)},
                                           {"a/empty", {}},
                                           {"big.bin", random_bytes(4, 700'000)}};
  for (const auto& [path, bytes] : files) directory.write(path, bytes);
  const auto site = opened(directory);
  REQUIRE(site->warnings().empty());
  REQUIRE(paths_of(*site) ==
          std::vector<std::string>{"a.txt", "a/b.css", "a/empty", "big.bin", "index.html"});
  uint64_t total = 0;
  for (const auto& [path, bytes] : files) {
    INFO(path);
    const FileRecord record = record_of(*site, path);
    REQUIRE(record.sha256 == sha256(bytes));
    REQUIRE(read_all(*site, record.id) == bytes);
    total += bytes.size();
  }
  REQUIRE(record_of(*site, "index.html").content_type == "text/html; charset=utf-8");
  REQUIRE(record_of(*site, "big.bin").list_ids.size() == 1);
  REQUIRE(site->manifest("none").empty());

  const FileRecord index = record_of(*site, kSiteIndexPath);
  const auto records = decode_site_index(read_all(*site, index.id)).value();
  REQUIRE(records.size() == files.size());
  for (const FileRecord& record : records) REQUIRE(record == record_of(*site, record.path));

  const SiteVersionStats& stats = site->site_version_stats();
  REQUIRE(stats.files == files.size());
  REQUIRE(stats.bytes == total);
  REQUIRE(stats.index_bytes == index.geometry.length);
  REQUIRE(stats.list_bytes == 43 * 32);
  uint64_t blobs = site->manifest(kSiteIndexPath).size();
  for (const auto& [path, bytes] : files) blobs += site->manifest(path).size();
  REQUIRE(stats.manifest_bytes == blobs);
}

TEST_CASE("site source serves hash lists, so that a long file can be fetched") {
  const TemporaryDirectory directory;
  const Bytes bytes = random_bytes(1, 60'000);
  directory.write("f", bytes);
  const auto site = opened(directory, {.geometry = {64, 4}});
  const FileRecord record = record_of(*site, "f");
  REQUIRE(record.list_ids.size() == 2);
  const Bytes list1 = read_all(*site, record.list_ids[1]);
  REQUIRE(metachunk_hashes(record.list_geometry(1), list1) == record.inline_hashes);
  const Bytes list0 = read_all(*site, record.list_ids[0]);
  const ObjectInfo file = record.above(0, list0).value();
  REQUIRE(metachunk_hashes(record.geometry, bytes) == file.hashes);
}

TEST_CASE("an empty directory is a site with its index only") {
  const TemporaryDirectory directory;
  const auto site = opened(directory);
  REQUIRE(site->site_version_stats().files == 0);
  const FileRecord index = record_of(*site, kSiteIndexPath);
  REQUIRE(index.geometry.length == 0);
  REQUIRE(read_all(*site, index.id).empty());
}

TEST_CASE("site source gives nothing for what it does not have") {
  const TemporaryDirectory directory;
  directory.write("f", random_bytes(1, 1500));
  const auto site = opened(directory);
  const FileId id = record_of(*site, "f").id;
  Bytes out(kChunkSizeMax);
  REQUIRE(site->read_chunk(id, 1, out) == 476);
  REQUIRE(site->read_chunk(id, 3, out) == 1024);  // the last repair chunk
  REQUIRE(site->read_chunk(id, 4, out) == 0);
  REQUIRE(site->read_chunk(id, 0xffffffff, out) == 0);
  REQUIRE(site->read_chunk(id, 0, std::span(out).first(1023)) == 0);
  REQUIRE(site->read_chunk(FileId{0}, 0, out) == 0);
  REQUIRE_FALSE(site->object(FileId{1}).has_value());
}

TEST_CASE("a directory that cannot be scanned is an error with a sentence") {
  const TemporaryDirectory directory;
  const auto missing = SiteSource::open(directory / "missing", test_key());
  REQUIRE(missing.error().find("missing") != std::string::npos);
  directory.write("file", "x");
  REQUIRE_FALSE(SiteSource::open(directory / "file", test_key()).has_value());
  const auto cut = SiteSource::open(directory.path().string(), test_key(), {.geometry = {63, 4}});
  REQUIRE(cut.error().find("chunk size") != std::string::npos);
}

TEST_CASE("a file that is too long for the geometry is left out") {
  const TemporaryDirectory directory;
  directory.write("long", Bytes(20'000));
  directory.write("short", Bytes(2'000));
  const auto site = opened(directory, {.geometry = {64, 1}});
  REQUIRE(paths_of(*site) == std::vector<std::string>{"short"});
  REQUIRE(warned(*site, "too long"));
}

TEST_CASE("hidden files are served only when asked for") {
  const TemporaryDirectory directory;
  directory.write("seen", "x");
  directory.write(".hidden", "x");
  directory.write(".git/config", "x");
  directory.write(".flashback/index", "not the index");
  directory.write(".flashback/other", "x");
  REQUIRE(paths_of(*opened(directory)) == std::vector<std::string>{"seen"});
  const auto site = opened(directory, {.hidden_files = true});
  REQUIRE(paths_of(*site) == std::vector<std::string>{".flashback/other", ".git/config", ".hidden",
                                                      "seen"});
  REQUIRE(warned(*site, "name of the site's index"));
  REQUIRE(record_of(*site, kSiteIndexPath).geometry.length > 100);
}

TEST_CASE("symbolic links are followed inside the tree and nowhere else") {
  const TemporaryDirectory outside;
  outside.write("secret", "outside");
  const TemporaryDirectory directory;
  directory.write("real/file.txt", "inside");
  directory.write(".data/deep.txt", "deep");
  fs::create_symlink("real/file.txt", directory / "relative.html");
  fs::create_symlink(directory / "real/file.txt", directory / "absolute.txt");
  fs::create_symlink("real", directory / "folder");
  fs::create_symlink(".data/deep.txt", directory / "chain1");
  fs::create_symlink("chain1", directory / "chain2");
  fs::create_symlink(outside / "secret", directory / "escape");
  fs::create_symlink("../" + outside.path().filename().string() + "/secret", directory / "climb");
  fs::create_symlink(outside.path(), directory / "escape-folder");
  fs::create_symlink("/dev/null", directory / "device");
  fs::create_symlink("nowhere", directory / "dangling");
  fs::create_symlink("..", directory / "real/up");
  fs::create_symlink(".", directory / "real/self");
  fs::create_symlink("loop", directory / "loop");
  const auto site = opened(directory);
  REQUIRE(paths_of(*site) == std::vector<std::string>{"absolute.txt", "chain1", "chain2",
                                                      "folder/file.txt", "real/file.txt",
                                                      "relative.html"});
  for (const std::string& path : paths_of(*site)) {
    const Bytes bytes = read_all(*site, record_of(*site, path).id);
    REQUIRE(std::string(bytes.begin(), bytes.end()) ==
            (path.starts_with("chain") ? "deep" : "inside"));
  }
  REQUIRE(record_of(*site, "relative.html").content_type == "text/html; charset=utf-8");
  for (const char* left_out : {"escape\"", "climb\"", "escape-folder\"", "device\"", "dangling\"",
                               "real/self\"", "loop\""}) {
    INFO(left_out);
    REQUIRE(warned(*site, left_out));
  }
}

TEST_CASE("what cannot be served is warned of and does not stop the scan") {
  const TemporaryDirectory directory;
  directory.write("good", "x");
  directory.write("back\\slash", "x");
  directory.write("escape\x1b[2J\\", "x");
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  std::string deep = "d";
  for (int i = 0; i < 70; ++i) deep += "/d";
  directory.write(deep + "/f", "x");
  std::string longest(200, 'p');
  directory.write(longest + "/" + longest + "/" + longest, "x");
  const bool root = ::geteuid() == 0;
  directory.write("locked", "x");
  fs::permissions(directory / "locked", fs::perms::none);
  const auto site = opened(directory);
  if (!root) {
    REQUIRE(paths_of(*site) == std::vector<std::string>{"good"});
    REQUIRE(warned(*site, "\"locked\" cannot be read"));
  }
  REQUIRE(warned(*site, "back\\slash"));
  REQUIRE(warned(*site, "pipe"));
  REQUIRE(warned(*site, "too deep"));
  REQUIRE(warned(*site, "no valid path"));
  for (const std::string& warning : site->warnings()) {
    REQUIRE(warning.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("the number of files and of warnings is bounded") {
  const TemporaryDirectory directory;
  for (int i = 0; i < 300; ++i) directory.write("f" + std::to_string(1000 + i), "x");
  const auto site = opened(directory, {.files_max = 50});
  REQUIRE(paths_of(*site).size() == 50);
  REQUIRE(site->warnings().size() == 101);
  REQUIRE(site->warnings().back() == "and 150 more like these");
}

TEST_CASE("a scan can be cancelled") {
  const TemporaryDirectory directory;
  directory.write("f", "x");
  const auto site = opened(directory);
  const std::atomic<bool> cancel = true;
  const auto version = site->scanner().scan(site->current(), &cancel);
  REQUIRE_FALSE(version.has_value());
  REQUIRE(version.error().find("cancelled") != std::string::npos);
}

TEST_CASE("reading works with every size of cache") {
  const TemporaryDirectory directory;
  const Bytes small = random_bytes(1, 5'000);
  const Bytes large = random_bytes(2, 300'000);
  directory.write("small", small);
  directory.write("large", large);
  for (const uint64_t cache_bytes : {uint64_t{0}, uint64_t{10'000}, uint64_t{40'000},
                                     uint64_t{64} << 20}) {
    INFO("cache of " << cache_bytes);
    const auto site = opened(directory, {.cache_bytes = cache_bytes});
    for (int round = 0; round < 2; ++round) {
      REQUIRE(read_all(*site, record_of(*site, "small").id) == small);
      REQUIRE(read_all(*site, record_of(*site, "large").id) == large);
      REQUIRE(site->cache()->bytes() <= cache_bytes);
    }
    REQUIRE(site->failed_reads() == 0);
  }
}

TEST_CASE("the smallest files are in the cache from the start, up to half of it") {
  const TemporaryDirectory directory;
  directory.write("a-large", Bytes(30'000, 1));
  for (int i = 0; i < 8; ++i) directory.write("s" + std::to_string(i), Bytes(1'000, 2));
  const uint64_t half = 6 * (1'000 + kCacheEntryOverhead);
  const auto site = opened(directory, {.cache_bytes = 2 * half});
  REQUIRE(site->cache()->entries() == 6);
  SharedCache::Reader reader(site->cache());
  REQUIRE(reader.contains(record_of(*site, "s0").id, 0));
  REQUIRE(site->current()->pinned.size() == 3);
  const auto everything = opened(directory);
  REQUIRE(everything->cache()->entries() == 8 + 2);
  REQUIRE(everything->current()->pinned.empty());
  const auto bounded = opened(directory, {.cache_bytes = 0, .pinned_descriptors_max = 2});
  REQUIRE(bounded->current()->pinned.size() == 2);
  REQUIRE(bounded->current()->pinned.contains(record_of(*bounded, "a-large").id));
}

TEST_CASE("a file that is written without pause never gets a wrong record") {
  const TemporaryDirectory directory;
  // Long enough that a scan reads it in many steps.
  constexpr size_t kPiece = 400'000;
  constexpr size_t kLength = 10 * kPiece;
  constexpr unsigned kValues = 4;
  // The file is written from its start to its end with one value, then with the next. Each state
  // in between may rest on the disk as long as the scheduler likes, so each is a true content; a
  // record of anything else was torn.
  const auto content = [](unsigned value, size_t written) {
    Bytes out(kLength, static_cast<uint8_t>((value + kValues - 1) % kValues));
    std::fill(out.begin(), out.begin() + static_cast<ptrdiff_t>(written),
              static_cast<uint8_t>(value));
    return out;
  };
  std::set<Sha256> contents;
  for (unsigned value = 0; value < kValues; ++value) {
    for (size_t written = 0; written < kLength; written += kPiece) {
      contents.insert(sha256(content(value, written)));
    }
  }
  directory.write("busy", content(1, 0));
  directory.write("calm", "x");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (unsigned round = 1; !stop; ++round) {
      std::fstream out(directory / "busy", std::ios::binary | std::ios::in | std::ios::out);
      const std::string piece(kPiece, static_cast<char>(round % kValues));
      for (size_t at = 0; at < kLength; at += kPiece) {
        out << piece << std::flush;
        if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
  });
  const SiteScanner scanner(directory.path().string(), test_key(), {});
  std::shared_ptr<const SiteVersion> version;
  bool consistent = true;
  for (int round = 0; round < 25; ++round) {
    version = scanner.scan(version).value();
    const SiteFile* const busy = version->find("busy");
    consistent = consistent && version->find("calm") != nullptr;
    if (busy != nullptr) consistent = consistent && contents.contains(busy->record().sha256);
  }
  stop = true;
  writer.join();
  REQUIRE(consistent);
  version = scanner.scan(version).value();
  REQUIRE(version->find("busy") != nullptr);
}

}  // namespace
}  // namespace fb::content
