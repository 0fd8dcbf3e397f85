// One version of a site on disk, as a scan found it.
//
// Thread safety: a SiteVersion is immutable once it is built and may be read by any thread; files
// are shared between versions. The one exception is SiteFile::doubtful, see there.
// Ownership: a version owns its records, hash lists, index and descriptors. Bytes of files stay on
// the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "content/file_handle.h"
#include "content/site_build.h"

namespace fb::content {

struct SiteOptions {
  SiteGeometry geometry;
  // Serve files and directories whose name begins with a dot.
  bool hidden_files = false;
  // Files beyond it are left out, with a warning.
  size_t files_max = 200'000;
  // Verified MetaChunks in memory, one bound for all threads that serve the site; half of it is
  // filled with the smallest files at the start.
  uint64_t cache_bytes = uint64_t{64} << 20;
  // Descriptors kept open for the largest files that are not in the cache, so that a file that is
  // replaced can still be read.
  size_t pinned_descriptors_max = 256;
  // Descriptors of other files, of each thread; the least recently used is closed first.
  size_t open_descriptors_max = 64;
  // How long, and for how many files, what a rescan removed or changed is still served; each thread
  // counts its own, which are the same files.
  Duration retired_grace = seconds(60);
  size_t retired_files_max = 4096;
};

struct SiteFile {
  BuiltFile built;
  // The index has its bytes here and no file on disk.
  std::vector<uint8_t> memory;
  bool in_memory = false;
  // Where the file lies below `root`, which differs from its path behind a symbolic link.
  std::shared_ptr<const FileHandle> root;
  std::string disk_path;
  FileStamp stamp;
  // False when the file's times were ahead of the clock, so that they cannot tell whether it
  // changed since: the next scan hashes it again.
  bool settled = true;
  // A thread that serves read bytes that do not match: the next scan hashes the file again. Any
  // thread may set it. Relaxed: nothing else is published by it, and a scan that misses it is
  // followed by another.
  mutable std::atomic<bool> doubtful = false;

  [[nodiscard]] const FileRecord& record() const { return built.record; }
};

struct SiteVersionStats {
  uint64_t files = 0;           // without the index
  uint64_t bytes = 0;           // of these files
  uint64_t index_bytes = 0;     // the index, which holds every record
  uint64_t manifest_bytes = 0;  // all manifest blobs together
  uint64_t list_bytes = 0;      // all hash lists together

  bool operator==(const SiteVersionStats&) const = default;
};

// An object of a version: a file (level 0) or one of its hash lists (level n is list n - 1).
struct SiteObject {
  const SiteFile* file = nullptr;
  uint8_t level = 0;

  [[nodiscard]] Geometry geometry() const;
  // The object's bytes where they are in memory: hash lists and the index. Else nothing.
  [[nodiscard]] std::optional<std::span<const uint8_t>> memory() const;
};

class SiteVersion {
 public:
  // Requires files sorted by path, the index among them.
  SiteVersion(std::vector<std::shared_ptr<const SiteFile>> files, const SecretKey& key,
              uint64_t version, const SiteVersion* previous);

  // In tree order.
  [[nodiscard]] const std::vector<std::shared_ptr<const SiteFile>>& files() const { return files_; }
  [[nodiscard]] const SiteTree& tree() const { return tree_; }
  [[nodiscard]] const SiteRoot& root() const { return tree_.root(); }
  [[nodiscard]] const SiteVersionStats& stats() const { return stats_; }
  [[nodiscard]] std::optional<SiteObject> find(FileId id) const;
  // nullptr when there is no such file.
  [[nodiscard]] const SiteFile* find(std::string_view path) const;

  // The directory that was scanned.
  std::shared_ptr<const FileHandle> directory;
  // What the scan did not take, or took with doubt, as sentences; bounded, the last one counts
  // what is left out.
  std::vector<std::string> warnings;
  // Places in files(), smallest file first: what the cache is preloaded with.
  std::vector<uint32_t> preload;
  // Open descriptors of large files, by file id.
  std::unordered_map<FileId, std::shared_ptr<const FileHandle>> pinned;

 private:
  std::vector<std::shared_ptr<const SiteFile>> files_;
  SiteTree tree_;
  SiteVersionStats stats_;
  std::unordered_map<FileId, SiteObject> objects_;
};

}  // namespace fb::content
