#include "content/site_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fb::content {
namespace {

// Small enough not to hold up the thread that serves.
constexpr size_t kPreloadAtAdopt = 64;

}  // namespace

std::expected<std::unique_ptr<SiteSource>, std::string> SiteSource::open(
    const std::string& directory, const SecretKey& key, const SiteOptions& options) {
  auto scanner = std::make_shared<const SiteScanner>(directory, key, options);
  auto version = scanner->scan(nullptr);
  if (!version) return std::unexpected(version.error());
  std::unique_ptr<SiteSource> out(
      new SiteSource(std::move(scanner), public_key_of(key), std::move(*version),
                     std::make_shared<SharedCache>(options.cache_bytes),
                     RepairCache::shared_cache(kRepairCacheBytes), Preloads::kYes));
  while (out->preload(kPreloadAtAdopt)) {
  }
  return out;
}

SiteSource::SiteSource(std::shared_ptr<const SiteScanner> scanner, const PublicKey& key,
                       std::shared_ptr<const SiteVersion> version,
                       std::shared_ptr<SharedCache> cache, std::shared_ptr<SharedCache> repairs,
                       Preloads preloads)
    : scanner_(std::move(scanner)),
      public_key_(key),
      current_(std::move(version)),
      preloads_(preloads),
      cache_(std::move(cache)),
      repair_cache_(std::move(repairs)) {}

std::unique_ptr<SiteSource> SiteSource::for_another_thread() const {
  return std::unique_ptr<SiteSource>(new SiteSource(scanner_, public_key_, current_, cache(),
                                                    repair_cache_.cache(), Preloads::kNo));
}

std::span<const uint8_t> SiteSource::manifest(std::string_view path) {
  const auto leaf = current_->tree().find(path);
  if (!leaf) return {};
  // Where everybody comes at once, nearly all of them come for the same.
  if (blob_leaf_ != leaf) blob_ = current_->tree().blob(*leaf);
  blob_leaf_ = leaf;
  return blob_;
}

std::optional<FileId> SiteSource::first_object(std::string_view path) {
  const auto leaf = current_->tree().find(path);
  if (!leaf) return {};
  return current_->tree().records()[*leaf]->deepest_id();
}

std::optional<Geometry> SiteSource::object(FileId id) {
  const auto found = find(id);
  return found ? std::optional(found->geometry()) : std::nullopt;
}

size_t SiteSource::read_chunk(FileId id, uint32_t chunk, std::span<uint8_t> out) {
  const auto found = find(id);
  if (!found) return 0;
  const Geometry geometry = found->geometry();
  if (geometry.is_repair(chunk)) {
    const auto read = [&](uint64_t offset, std::span<uint8_t> to) {
      return read_source(*found, offset, to);
    };
    return repair_cache_.read_chunk(id, geometry, chunk, out, read);
  }
  const size_t length = geometry.chunk_length(chunk);
  if (out.size() < length) return 0;
  const uint32_t metachunk = geometry.metachunk_of(chunk);
  const auto bytes = metachunk_bytes(*found, metachunk);
  if (bytes.empty()) return 0;
  const auto from = bytes.subspan(
      geometry.chunk_offset(chunk) - geometry.metachunk_offset(metachunk), length);
  std::copy(from.begin(), from.end(), out.begin());
  return length;
}

// A MetaChunk that matches the manifest, until the next one is asked for; empty when it cannot be
// read.
std::span<const uint8_t> SiteSource::metachunk_bytes(const SiteObject& object,
                                                     uint32_t metachunk) {
  if (const auto memory = object.memory()) {
    const Geometry geometry = object.geometry();
    return memory->subspan(geometry.metachunk_offset(metachunk),
                           geometry.metachunk_length(metachunk));
  }
  if (const auto bytes = cache_.get(object.file->record().id, metachunk)) return *bytes;
  return load(*object.file, metachunk);
}

// Source bytes from the beginning of a MetaChunk on.
bool SiteSource::read_source(const SiteObject& object, uint64_t offset, std::span<uint8_t> out) {
  const Geometry geometry = object.geometry();
  uint32_t metachunk = geometry.metachunk_of(static_cast<uint32_t>(offset / geometry.chunk_size));
  while (!out.empty()) {
    const auto bytes = metachunk_bytes(object, metachunk++);
    if (bytes.empty()) return false;
    const size_t length = std::min(bytes.size(), out.size());
    std::copy_n(bytes.begin(), length, out.begin());
    out = out.subspan(length);
  }
  return true;
}

void SiteSource::adopt(std::shared_ptr<const SiteVersion> version, Instant now) {
  FB_CHECK(version != nullptr);
  forget_expired(now);
  if (version == current_) return;
  const Instant until = now + scanner_->options().retired_grace;
  for (const auto& file : current_->files()) {
    const FileId id = file->record().id;
    if (!version->find(id)) retire(file, pinned_handle(id), until);
  }
  current_ = std::move(version);
  last_found_.reset();
  blob_leaf_.reset();
  preloaded_ = 0;
  preload(kPreloadAtAdopt);
}

bool SiteSource::preload(size_t files_max) {
  if (preloads_ == Preloads::kNo) return false;
  const auto& places = current_->preload;
  // Files that are in the cache already cost next to nothing and do not count.
  while (preloaded_ < places.size() && files_max > 0) {
    const SiteFile& file = *current_->files()[places[preloaded_++]];
    bool loaded = false;
    for (uint32_t i = 0; i < file.record().geometry.metachunk_count(); ++i) {
      if (cache_.contains(file.record().id, i)) continue;
      loaded = true;
      if (load(file, i).empty()) break;
    }
    if (loaded) {
      --files_max;
      // Its bytes are in memory now.
      close_handle(file.record().id);
    }
  }
  return preloaded_ < places.size();
}

void SiteSource::forget_expired(Instant now) {
  while (!retired_.empty() && retired_.front().until <= now) forget_oldest();
}

Instant SiteSource::next_expiry() const {
  return retired_.empty() ? Instant::never() : retired_.front().until;
}

std::expected<bool, std::string> SiteSource::rescan(Instant now) {
  auto version = scanner_->scan(current_);
  if (!version) return std::unexpected(version.error());
  const bool changed = (*version)->root() != current_->root();
  adopt(std::move(*version), now);
  while (preload(kPreloadAtAdopt)) {
  }
  return changed;
}

std::optional<SiteObject> SiteSource::find(FileId id) {
  if (last_found_ && last_id_ == id) return last_found_;
  auto found = current_->find(id);
  const auto retired = retired_objects_.find(id);
  if (!found && retired != retired_objects_.end()) found = retired->second.object;
  last_id_ = id;
  last_found_ = found;
  return found;
}

// A MetaChunk from the disk: from the descriptor that was kept, else from one that is still open,
// else from what lies at the path now. The result lives until the next MetaChunk is asked for;
// empty when it cannot be read.
std::span<const uint8_t> SiteSource::load(const SiteFile& file, uint32_t metachunk) {
  const FileId id = file.record().id;
  std::vector<uint8_t> bytes(file.record().geometry.metachunk_length(metachunk));
  bool good = false;
  for (const auto& handle : {pinned_handle(id), opened_handle(id)}) {
    good = good || (handle && read_verified(*handle, file, metachunk, bytes));
  }
  if (!good) {
    close_handle(id);
    const auto handle = open_handle(file);
    good = handle && read_verified(*handle, file, metachunk, bytes);
  }
  if (!good) {
    close_handle(id);
    file.doubtful.store(true, std::memory_order_relaxed);
    ++failed_reads_;
    return {};
  }
  if (const auto cached = cache_.put(id, metachunk, bytes)) return *cached;
  uncached_ = std::move(bytes);
  return uncached_;
}

bool SiteSource::read_verified(const FileHandle& handle, const SiteFile& file, uint32_t metachunk,
                               std::vector<uint8_t>& out) const {
  return read_exact(handle, file.record().geometry.metachunk_offset(metachunk), out) &&
         sha256(out) == file.built.metachunk_hash(metachunk);
}

std::shared_ptr<const FileHandle> SiteSource::pinned_handle(FileId id) const {
  const auto current = current_->pinned.find(id);
  if (current != current_->pinned.end()) return current->second;
  const auto retired = retired_objects_.find(id);
  return retired == retired_objects_.end() ? nullptr : retired->second.owner->pinned;
}

std::shared_ptr<const FileHandle> SiteSource::opened_handle(FileId id) {
  const auto found = std::find_if(open_files_.begin(), open_files_.end(),
                                  [id](const OpenFile& file) { return file.id == id; });
  if (found == open_files_.end()) return {};
  open_files_.splice(open_files_.begin(), open_files_, found);
  return found->handle;
}

std::shared_ptr<const FileHandle> SiteSource::open_handle(const SiteFile& file) {
  FileHandle handle = open_beneath(*file.root, file.disk_path, OpenKind::kFile);
  if (!handle.valid()) return {};
  auto out = std::make_shared<const FileHandle>(std::move(handle));
  open_files_.push_front({file.record().id, out});
  if (open_files_.size() > scanner_->options().open_descriptors_max) open_files_.pop_back();
  return out;
}

void SiteSource::close_handle(FileId id) {
  open_files_.remove_if([id](const OpenFile& file) { return file.id == id; });
}

void SiteSource::retire(const std::shared_ptr<const SiteFile>& file,
                        std::shared_ptr<const FileHandle> pinned, Instant until) {
  const SiteOptions& options = scanner_->options();
  if (options.retired_files_max == 0) return;
  if (retired_.size() >= options.retired_files_max) forget_oldest();
  if (pinned != nullptr) make_room_for_pin();
  // Elements of a deque stay where they are while its ends move.
  const Retired& kept = retired_.emplace_back(Retired{file, std::move(pinned), until});
  retired_objects_[file->record().id] = {{file.get(), 0}, &kept};
  for (size_t i = 0; i < file->record().list_ids.size(); ++i) {
    retired_objects_[file->record().list_ids[i]] = {{file.get(), static_cast<uint8_t>(i + 1)},
                                                    &kept};
  }
}

// Old descriptors are bounded like new ones; the oldest is closed first.
void SiteSource::make_room_for_pin() {
  const auto has_pin = [](const Retired& file) { return file.pinned != nullptr; };
  const auto pins = std::count_if(retired_.begin(), retired_.end(), has_pin);
  if (static_cast<size_t>(pins) < scanner_->options().pinned_descriptors_max) return;
  std::find_if(retired_.begin(), retired_.end(), has_pin)->pinned = nullptr;
}

void SiteSource::forget_oldest() {
  last_found_.reset();
  const Retired& oldest = retired_.front();
  // The same file may have come back and been retired again, by a later entry.
  const auto forget = [&](FileId id) {
    const auto found = retired_objects_.find(id);
    if (found != retired_objects_.end() && found->second.owner == &oldest) {
      retired_objects_.erase(found);
    }
  };
  forget(oldest.file->record().id);
  for (const FileId id : oldest.file->record().list_ids) forget(id);
  close_handle(oldest.file->record().id);
  retired_.pop_front();
}

}  // namespace fb::content
