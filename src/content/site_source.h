// The site of a seeder: a directory tree of the disk, served chunk by chunk.
//
// Bytes are read when they are asked for, a MetaChunk at a time, and checked against the manifest
// before any of them leaves: a file that changed on the disk gives nothing, never wrong bytes.
// Verified MetaChunks stay in a bounded cache, small files from the start; large files keep a
// descriptor, so that replacing them (write a new file, rename it over the old one) takes nothing
// from downloads under way. What a rescan changed or removed is served on for a grace time from
// the cache or the old descriptor.
//
// Thread safety: a SiteSource is for one thread at a time, but for what is said of scanner() and
// current(). Each thread that serves the site has its own, made by for_another_thread() from the
// first; they share, without a lock, the bytes in memory, and read the same versions. What they do
// is independent, and no call of one waits for another.
//
// To rescan without holding up the threads that serve:
//   one of them:    auto previous = source.current();
//   other thread:   auto version = source.scanner().scan(previous);
//   each of them:   if (version) source.adopt(*version, now);
//   the first's:    while idle: source.preload(n)
// Each adopts when it comes to it, and serves the version before until then.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "content/repair_cache.h"
#include "content/shared_cache.h"
#include "content/site_catalog.h"
#include "content/site_source_scan.h"

namespace fb::content {

class SiteSource final : public SiteCatalog {
 public:
  // Scans `directory` and preloads the cache. Errors are sentences, as SiteScanner::scan.
  static std::expected<std::unique_ptr<SiteSource>, std::string> open(
      const std::string& directory, const SecretKey& key, const SiteOptions& options = {});

  // The same site for another thread, with the version that this one serves now, nothing retired.
  // To be called by this one's thread, or before it has one; from then on either may go first.
  [[nodiscard]] std::unique_ptr<SiteSource> for_another_thread() const;

  [[nodiscard]] std::span<const uint8_t> manifest(std::string_view path) override;
  [[nodiscard]] std::optional<FileId> first_object(std::string_view path) override;
  [[nodiscard]] std::optional<Geometry> object(FileId id) override;
  [[nodiscard]] size_t read_chunk(FileId id, uint32_t chunk, std::span<uint8_t> out) override;

  // May be used by any thread while a source of the site lives.
  [[nodiscard]] const SiteScanner& scanner() const { return *scanner_; }
  // The version that is served. The pointer may be handed to any thread.
  [[nodiscard]] const std::shared_ptr<const SiteVersion>& current() const { return current_; }
  // Serves `version` from now on; it must come from scanner(). What of the old one it no longer has
  // is retired; preloads a few files, the rest is for preload(). Versions may be left out, so a
  // thread that was busy adopts the newest only.
  void adopt(std::shared_ptr<const SiteVersion> version, Instant now);
  // Loads up to `files_max` of the current version's small files into the cache; true while there
  // are more to load. For the source that open() made: the others find what it loads, and have
  // nothing to load.
  bool preload(size_t files_max);
  // Forgets the retired files whose grace is over; adopt() does it too.
  void forget_expired(Instant now);
  // When forget_expired has something to do next; never() when nothing is retired.
  [[nodiscard]] Instant next_expiry() const;

  // scan, adopt and preload in one, on this thread: true when the site changed. After an error, a
  // sentence, everything stays as it was.
  std::expected<bool, std::string> rescan(Instant now);

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] const SiteRoot& root() const { return current_->root(); }
  [[nodiscard]] const SiteVersionStats& site_version_stats() const { return current_->stats(); }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return current_->warnings; }
  [[nodiscard]] size_t retired_files() const { return retired_.size(); }
  // What all sources of the site share.
  [[nodiscard]] const std::shared_ptr<SharedCache>& cache() const { return cache_.cache(); }
  // MetaChunks that this source could not read, or that did not match the manifest.
  [[nodiscard]] uint64_t failed_reads() const { return failed_reads_; }

 private:
  struct Retired {
    std::shared_ptr<const SiteFile> file;
    std::shared_ptr<const FileHandle> pinned;
    Instant until;
  };
  struct RetiredObject {
    SiteObject object;
    const Retired* owner = nullptr;
  };
  struct OpenFile {
    FileId id{};
    std::shared_ptr<const FileHandle> handle;
  };

  enum class Preloads : bool { kNo, kYes };

  SiteSource(std::shared_ptr<const SiteScanner> scanner, const PublicKey& key,
             std::shared_ptr<const SiteVersion> version, std::shared_ptr<SharedCache> cache,
             std::shared_ptr<SharedCache> repairs, Preloads preloads);

  [[nodiscard]] std::optional<SiteObject> find(FileId id);
  [[nodiscard]] std::span<const uint8_t> metachunk_bytes(const SiteObject& object,
                                                         uint32_t metachunk);
  [[nodiscard]] bool read_source(const SiteObject& object, uint64_t offset, std::span<uint8_t> out);
  [[nodiscard]] std::span<const uint8_t> load(const SiteFile& file, uint32_t metachunk);
  [[nodiscard]] bool read_verified(const FileHandle& handle, const SiteFile& file,
                                   uint32_t metachunk, std::vector<uint8_t>& out) const;
  [[nodiscard]] std::shared_ptr<const FileHandle> pinned_handle(FileId id) const;
  [[nodiscard]] std::shared_ptr<const FileHandle> opened_handle(FileId id);
  std::shared_ptr<const FileHandle> open_handle(const SiteFile& file);
  void close_handle(FileId id);
  void retire(const std::shared_ptr<const SiteFile>& file,
              std::shared_ptr<const FileHandle> pinned, Instant until);
  void make_room_for_pin();
  void forget_oldest();

  std::shared_ptr<const SiteScanner> scanner_;
  PublicKey public_key_{};
  std::shared_ptr<const SiteVersion> current_;
  const Preloads preloads_;
  size_t preloaded_ = 0;  // how many of current_->preload were seen to
  std::deque<Retired> retired_;  // oldest first
  std::unordered_map<FileId, RetiredObject> retired_objects_;
  // What find() found last; forgotten when what there is changes.
  FileId last_id_{};
  std::optional<SiteObject> last_found_;
  SharedCache::Reader cache_;
  RepairCache repair_cache_;
  std::list<OpenFile> open_files_;  // most recently used first; few, so they are searched in order
  std::vector<uint8_t> uncached_;   // the last MetaChunk that the cache could not keep
  std::vector<uint8_t> blob_;       // what manifest() returned last,
  std::optional<size_t> blob_leaf_;  // and of which file of the current version
  uint64_t failed_reads_ = 0;
};

}  // namespace fb::content
