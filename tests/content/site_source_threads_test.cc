// One site served by several threads, each with a SiteSource of its own. The thread sanitizer runs
// this too.
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "catch.h"
#include "content/site_source.h"
#include "content/support.h"

namespace fb::content {
namespace {

namespace fs = std::filesystem;

constexpr Instant kStart{1'000'000'000};

FileId id_of(SiteSource& site, std::string_view path) {
  return decode_manifest_blob(site.manifest(path), site.public_key()).value().record.id;
}

TEST_CASE("a second source serves the same site from the same bytes in memory") {
  const TemporaryDirectory directory;
  const Bytes small = random_bytes(1, 5'000);
  const Bytes large = random_bytes(2, 100'000);
  directory.write("small", small);
  directory.write("large", large);
  const auto first =
      SiteSource::open(directory.path().string(), test_key(), {.cache_bytes = 160'000}).value();
  const auto second = first->for_another_thread();
  REQUIRE(second->root() == first->root());
  REQUIRE(second->public_key() == first->public_key());
  REQUIRE(second->current() == first->current());
  REQUIRE(second->cache() == first->cache());
  REQUIRE(&second->scanner() == &first->scanner());
  // What the first has preloaded or read the second does not read again.
  REQUIRE(read_all(*first, id_of(*first, "large")) == large);
  const size_t entries = first->cache()->entries();
  fs::remove(directory / "small");
  fs::resize_file(directory / "large", 0);
  REQUIRE(read_all(*second, id_of(*second, "small")) == small);
  REQUIRE(read_all(*second, id_of(*second, "large")) == large);
  REQUIRE(first->cache()->entries() == entries);
  // The second outlives the first.
  Bytes chunk(kChunkSizeMax);
  SiteSource* const other = second.get();
  REQUIRE(other->read_chunk(id_of(*other, "large"), 0, chunk) == 1024);
}

TEST_CASE("repair chunks that one source computed are there for the other") {
  const TemporaryDirectory directory;
  directory.write("f", random_bytes(1, 100'000));
  const auto first = SiteSource::open(directory.path().string(), test_key(),
                                      {.cache_bytes = 0, .pinned_descriptors_max = 0})
                         .value();
  const auto second = first->for_another_thread();
  const FileId id = id_of(*first, "f");
  const uint32_t repair = first->object(id)->chunk_count();
  Bytes one(kChunkSizeMax);
  Bytes two(kChunkSizeMax);
  REQUIRE(first->read_chunk(id, repair, one) == 1024);
  fs::remove(directory / "f");
  REQUIRE(second->read_chunk(id, repair, two) == 1024);
  REQUIRE(one == two);
  REQUIRE(second->read_chunk(id, 0, two) == 0);
  REQUIRE(second->failed_reads() == 1);
  REQUIRE(first->failed_reads() == 0);
}

TEST_CASE("only the source that was opened preloads, and each retires for itself") {
  const TemporaryDirectory directory;
  for (int i = 0; i < 100; ++i) directory.write("s" + std::to_string(i), Bytes(10, 1));
  directory.write("f", Bytes(10, 2));
  const auto first = SiteSource::open(directory.path().string(), test_key()).value();
  const auto second = first->for_another_thread();
  const FileId old = id_of(*first, "f");
  fs::remove(directory / "f");
  for (int i = 0; i < 100; ++i) directory.write("t" + std::to_string(i), Bytes(11, 3));
  const auto version = first->scanner().scan(first->current()).value();
  const size_t entries = first->cache()->entries();
  second->adopt(version, kStart);
  REQUIRE_FALSE(second->preload(1000));
  REQUIRE(first->cache()->entries() == entries);
  REQUIRE(second->manifest("f").empty());
  REQUIRE(read_all(*second, old) == Bytes(10, 2));
  REQUIRE_FALSE(first->manifest("f").empty());
  REQUIRE(second->retired_files() == 2);
  REQUIRE(first->retired_files() == 0);
  first->adopt(version, kStart + seconds(10));
  while (first->preload(10)) {
  }
  REQUIRE(first->cache()->entries() == entries + 100);
  second->forget_expired(kStart + seconds(60));
  REQUIRE_FALSE(second->object(old).has_value());
  REQUIRE(read_all(*first, old) == Bytes(10, 2));
}

// What the threads are told: which version to adopt, and what of all versions is true.
class Board {
 public:
  void add(std::shared_ptr<const SiteVersion> version) {
    const std::lock_guard lock(mutex_);
    newest_ = std::move(version);
  }
  [[nodiscard]] std::shared_ptr<const SiteVersion> newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const SiteVersion> newest_;
};

// Reads chunks, source and repair, of all files of the versions it has served, until told to stop.
struct Server {
  uint64_t reads = 0, wrong = 0, adopted = 0;

  void run(SiteSource& site, const Board& board, const std::map<Sha256, Bytes>& truth,
           const std::atomic<bool>& stop, uint64_t seed) {
    Rng rng(seed);
    std::map<FileId, const Bytes*> known;
    std::vector<FileId> ids;
    const auto learn = [&] {
      for (const auto& file : site.current()->files()) {
        const auto found = truth.find(file->record().sha256);
        if (found == truth.end()) continue;  // the index
        if (known.emplace(file->record().id, &found->second).second) {
          ids.push_back(file->record().id);
        }
      }
    };
    learn();
    Bytes chunk(kChunkSizeMax);
    bool last = false;
    while (!last || reads < 3000) {
      last = stop.load(std::memory_order_relaxed);
      const auto newest = board.newest();
      if (newest != nullptr && newest != site.current()) {
        site.adopt(newest, kStart);
        learn();
        ++adopted;
      }
      (void)site.preload(1);
      if (site.manifest("a").empty()) ++wrong;
      const FileId id = ids[rng.below(ids.size())];
      const auto geometry = site.object(id);
      if (!geometry) {
        ++wrong;
        continue;
      }
      const auto number = static_cast<uint32_t>(rng.below(geometry->coded_count()));
      const size_t length = site.read_chunk(id, number, chunk);
      if (length == 0) {
        ++wrong;
      } else if (number < geometry->chunk_count()) {
        const auto bytes = std::span(*known.at(id)).subspan(geometry->chunk_offset(number));
        wrong += std::ranges::equal(std::span(chunk).first(length), bytes.first(length)) ? 0U : 1U;
      }
      ++reads;
    }
  }
};

TEST_CASE("sources on three threads serve while versions are adopted") {
  const TemporaryDirectory directory;
  constexpr size_t kVersions = 4;
  // All that will ever be true is known before a thread reads.
  std::array<std::map<std::string, Bytes>, kVersions> contents;
  std::map<Sha256, Bytes> truth;
  contents[0]["a"] = random_bytes(100, 3'000);
  for (size_t version = 0; version < kVersions; ++version) {
    for (size_t i = 0; i < 3; ++i) {
      contents[version]["f" + std::to_string(i)] = random_bytes(version * 3 + i, 40'000 + i * 1000);
    }
    for (const auto& [path, bytes] : contents[version]) truth[sha256(bytes)] = bytes;
  }
  const auto write = [&](size_t version) {
    for (const auto& [path, bytes] : contents[version]) {
      // A file of its own, so that descriptors of the old one still read it.
      directory.write("." + path, bytes);
      fs::rename(directory / ("." + path), directory / path);
    }
  };
  write(0);
  // Room for half of it, so that entries come and go.
  const auto first =
      SiteSource::open(directory.path().string(), test_key(), {.cache_bytes = 70'000}).value();
  std::vector<std::unique_ptr<SiteSource>> others;
  for (int i = 0; i < 2; ++i) others.push_back(first->for_another_thread());
  const SiteScanner& scanner = first->scanner();
  auto previous = first->current();
  Board board;
  std::atomic<bool> stop{false};
  std::array<Server, 3> servers;
  {
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < 3; ++i) {
      SiteSource& site = i == 0 ? *first : *others[i - 1];
      threads.emplace_back(
          [&, i, &site = site] { servers[i].run(site, board, truth, stop, i + 1); });
    }
    for (size_t version = 1; version < kVersions; ++version) {
      write(version);
      previous = scanner.scan(previous).value();
      board.add(previous);
    }
    stop = true;
  }
  for (const Server& server : servers) {
    CHECK(server.wrong == 0);
    CHECK(server.adopted > 0);
  }
  CHECK(first->cache()->bytes() <= 70'000);
  for (const auto& other : others) CHECK(other->root() == first->root());
}

}  // namespace
}  // namespace fb::content
