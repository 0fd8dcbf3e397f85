#include "content/site_source_scan.h"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "content/content_type.h"
#include "content/shared_cache.h"
#include "content/site_source_walk.h"

namespace fb::content {
namespace {

constexpr int kHashTries = 4;
// A file's times move in steps of the kernel's tick, at most 10 ms: of a file that was written this
// long before, every later write shows.
constexpr int64_t kFreshNs = 20'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMillisecond = 1'000'000;
constexpr size_t kReadLengthMin = size_t{256} << 10;

int64_t wall_clock_ns() {
  timespec now{};
  FB_CHECK(::clock_gettime(CLOCK_REALTIME, &now) == 0);
  return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

void sleep_ns(int64_t ns) {
  const timespec span{static_cast<time_t>(ns / kNsPerSecond), ns % kNsPerSecond};
  ::nanosleep(&span, nullptr);
}

struct Hashed {
  FileStamp stamp;
  bool settled = true;
  Sha256 whole{};
  std::vector<Sha256> metachunks;
};

// One scan: from what was found to the version.
class Scan {
 public:
  Scan(const SecretKey& key, const SiteOptions& options, const SiteVersion* previous,
       const std::atomic<bool>* cancel)
      : key_(key), options_(options), previous_(previous), cancel_(cancel), mint_(key) {}

  std::expected<std::shared_ptr<const SiteVersion>, std::string> run(const std::string& directory);

 private:
  [[nodiscard]] bool cancelled() const {
    return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::shared_ptr<const SiteFile> unchanged(const FoundFile& found) const;
  std::shared_ptr<const SiteFile> read(const FoundTree& tree, const FoundFile& found);
  std::expected<Hashed, std::string> hash(const FileHandle& root, const FoundFile& found);
  std::expected<Hashed, std::string> hash_once(const FileHandle& file, const FileStamp& stamp);
  bool add_index(std::vector<std::shared_ptr<const SiteFile>>& files);
  void choose_residents(SiteVersion& version) const;
  [[nodiscard]] std::shared_ptr<const FileHandle> pin(const SiteFile& file) const;

  const SecretKey& key_;
  const SiteOptions& options_;
  const SiteVersion* previous_;
  const std::atomic<bool>* cancel_;
  FileIdMint mint_;
  ScanWarnings warnings_;
  std::unordered_map<std::string_view, std::shared_ptr<const SiteFile>> known_;
  std::vector<uint8_t> buffer_;
};

std::expected<std::shared_ptr<const SiteVersion>, std::string> Scan::run(
    const std::string& directory) {
  auto tree = walk_directory(directory, {options_.hidden_files, options_.files_max}, cancel_,
                             warnings_);
  if (!tree) return std::unexpected(tree.error());
  if (previous_ != nullptr && same_file(*previous_->directory, *tree->root)) {
    // One descriptor serves all versions, and stamps mean something only below the same directory.
    tree->root = previous_->directory;
    for (const auto& file : previous_->files()) known_.emplace(file->record().path, file);
  }
  // Kept ids are reserved before new ones are drawn.
  std::vector<std::shared_ptr<const SiteFile>> files(tree->files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    files[i] = unchanged(tree->files[i]);
    if (!files[i]) continue;
    mint_.reserve(files[i]->record().id);
    for (const FileId id : files[i]->record().list_ids) mint_.reserve(id);
  }
  for (size_t i = 0; i < files.size() && !cancelled(); ++i) {
    if (!files[i]) files[i] = read(*tree, tree->files[i]);
  }
  if (cancelled()) return std::unexpected("the scan of " + directory + " was cancelled");
  std::erase(files, nullptr);
  if (!add_index(files)) {
    return std::unexpected("the site has too many files for its chunk and MetaChunk size");
  }
  const auto now_ms = static_cast<uint64_t>(wall_clock_ns() / kNsPerMillisecond);
  auto version = std::make_shared<SiteVersion>(std::move(files), key_, now_ms, previous_);
  version->directory = tree->root;
  version->warnings = warnings_.take();
  choose_residents(*version);
  return version;
}

std::shared_ptr<const SiteFile> Scan::unchanged(const FoundFile& found) const {
  const auto known = known_.find(found.path);
  if (known == known_.end()) return {};
  const SiteFile& file = *known->second;
  const Geometry wanted = options_.geometry.for_length(found.stamp.size);
  const bool same = file.stamp == found.stamp && file.disk_path == found.disk_path &&
                    file.settled && !file.doubtful.load(std::memory_order_relaxed) &&
                    file.record().geometry == wanted;
  return same ? known->second : nullptr;
}

std::shared_ptr<const SiteFile> Scan::read(const FoundTree& tree, const FoundFile& found) {
  const auto hashed = hash(*tree.root, found);
  if (!hashed) {
    if (!cancelled()) warnings_.add("\"" + found.path + "\" " + hashed.error());
    return {};
  }
  const Geometry geometry = options_.geometry.for_length(hashed->stamp.size);
  auto built = build_file(found.path, content_type_of(found.path), geometry, hashed->whole,
                          hashed->metachunks, mint_);
  FB_CHECK(built.has_value());
  auto out = std::make_shared<SiteFile>();
  out->built = std::move(*built);
  out->root = tree.root;
  out->disk_path = found.disk_path;
  out->stamp = hashed->stamp;
  out->settled = hashed->settled;
  return out;
}

// Only a file that did not change from before the first byte to after the last one is taken.
std::expected<Hashed, std::string> Scan::hash(const FileHandle& root, const FoundFile& found) {
  for (int i = 0; i < kHashTries; ++i) {
    const FileHandle file = open_beneath(root, found.disk_path, OpenKind::kFile);
    const auto before = stamp_of(file);
    if (!before) {
      return std::unexpected(std::string("cannot be read: ") +
                             (file.valid() ? "not a regular file any more" : std::strerror(errno)));
    }
    const int64_t age_ns = wall_clock_ns() - before->ctime_ns;
    if (age_ns >= 0 && age_ns < kFreshNs) sleep_ns(kFreshNs - age_ns);
    auto out = hash_once(file, *before);
    if (cancelled()) return std::unexpected("was not read to its end");
    if (stamp_of(file) != before) continue;
    if (out) out->settled = age_ns >= 0;
    return out;
  }
  return std::unexpected("keeps changing while it is read; left out until it rests");
}

std::expected<Hashed, std::string> Scan::hash_once(const FileHandle& file,
                                                   const FileStamp& stamp) {
  const Geometry geometry = options_.geometry.for_length(stamp.size);
  if (!list_levels(geometry)) {
    return std::unexpected("is too long for the site's chunk and MetaChunk size; left out");
  }
  Hashed out;
  out.stamp = stamp;
  out.metachunks.reserve(geometry.metachunk_count());
  const size_t metachunk = size_t{geometry.chunk_size} * geometry.metachunk_chunks;
  // Whole MetaChunks, so that none is cut by the end of the buffer.
  if (buffer_.empty()) buffer_.resize((kReadLengthMin + metachunk - 1) / metachunk * metachunk);
  Sha256Stream whole;
  for (uint64_t offset = 0; offset < stamp.size && !cancelled();) {
    const size_t length = std::min<uint64_t>(buffer_.size(), stamp.size - offset);
    std::span<const uint8_t> left = std::span(buffer_).first(length);
    if (!read_exact(file, offset, std::span(buffer_).first(length))) {
      return std::unexpected(std::string("cannot be read: ") + std::strerror(errno));
    }
    whole.update(left);
    while (!left.empty()) {
      const auto piece = left.first(std::min(metachunk, left.size()));
      out.metachunks.push_back(sha256(piece));
      left = left.subspan(piece.size());
    }
    offset += length;
  }
  out.whole = whole.finish();
  return out;
}

bool Scan::add_index(std::vector<std::shared_ptr<const SiteFile>>& files) {
  std::vector<const FileRecord*> records;
  records.reserve(files.size());
  for (const auto& file : files) records.push_back(&file->record());
  auto index = std::make_shared<SiteFile>();
  index->in_memory = true;
  index->memory = encode_site_index(records);
  auto built =
      build_file(kSiteIndexPath, kSiteIndexType, options_.geometry, index->memory, mint_);
  if (!built) return false;
  index->built = std::move(*built);
  const auto place = std::upper_bound(
      files.begin(), files.end(), kSiteIndexPath,
      [](std::string_view path, const auto& file) { return path < file->record().path; });
  files.insert(place, std::move(index));
  return true;
}

// Small files are preloaded; the largest of the others get descriptors of their own.
void Scan::choose_residents(SiteVersion& version) const {
  std::vector<uint32_t> by_size;
  for (uint32_t i = 0; i < version.files().size(); ++i) {
    const SiteFile& file = *version.files()[i];
    if (!file.in_memory && file.stamp.size > 0) by_size.push_back(i);
  }
  std::sort(by_size.begin(), by_size.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(version.files()[a]->stamp.size, a) <
           std::pair(version.files()[b]->stamp.size, b);
  });
  uint64_t left = options_.cache_bytes / 2;
  size_t small = 0;
  for (; small < by_size.size(); ++small) {
    const SiteFile& file = *version.files()[by_size[small]];
    const uint64_t cost =
        file.stamp.size + file.record().geometry.metachunk_count() * kCacheEntryOverhead;
    if (cost > left) break;
    left -= cost;
  }
  const size_t pins = std::min(by_size.size() - small, options_.pinned_descriptors_max);
  for (size_t i = 0; i < pins; ++i) {
    const SiteFile& file = *version.files()[by_size[by_size.size() - 1 - i]];
    if (auto handle = pin(file)) version.pinned.emplace(file.record().id, std::move(handle));
  }
  by_size.resize(small);
  version.preload = std::move(by_size);
}

std::shared_ptr<const FileHandle> Scan::pin(const SiteFile& file) const {
  if (previous_ != nullptr) {
    const auto known = known_.find(file.record().path);
    const auto pinned = previous_->pinned.find(file.record().id);
    const bool kept = known != known_.end() && known->second.get() == &file;
    if (kept && pinned != previous_->pinned.end()) {
      return pinned->second;
    }
  }
  FileHandle handle = open_beneath(*file.root, file.disk_path, OpenKind::kFile);
  // A file that was replaced since it was hashed is of no use.
  if (!handle.valid() || stamp_of(handle) != file.stamp) return {};
  return std::make_shared<const FileHandle>(std::move(handle));
}

}  // namespace

SiteScanner::SiteScanner(std::string directory, const SecretKey& key, const SiteOptions& options)
    : directory_(std::move(directory)), key_(key), options_(options) {}

std::expected<std::shared_ptr<const SiteVersion>, std::string> SiteScanner::scan(
    std::shared_ptr<const SiteVersion> previous, const std::atomic<bool>* cancel) const {
  if (!options_.geometry.for_length(0).valid()) {
    return std::unexpected(
        "the chunk size must be " + std::to_string(kChunkSizeMin) + " to " +
        std::to_string(kChunkSizeMax) + " bytes, and a MetaChunk 1 to " +
        std::to_string(kMetachunkChunksMax) + " chunks");
  }
  return Scan(key_, options_, previous.get(), cancel).run(directory_);
}

}  // namespace fb::content
