#include "content/memory_site.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "content/block_code.h"

namespace fb::content {

MemorySite::MemorySite(std::vector<MemoryFile> files, const SecretKey& key, SiteGeometry geometry,
                       uint64_t version)
    : public_key_(public_key_of(key)),
      tree_(take(std::move(files), key, geometry), key, version) {
  for (size_t leaf = 0; leaf < records().size(); ++leaf) {
    blobs_.emplace(records()[leaf].path, tree_.blob(leaf));
  }
}

std::span<const uint8_t> MemorySite::manifest(std::string_view path) {
  const auto found = blobs_.find(path);
  return found == blobs_.end() ? std::span<const uint8_t>{} : found->second;
}

std::optional<FileId> MemorySite::first_object(std::string_view path) {
  const FileRecord* found = record(path);
  return found == nullptr ? std::nullopt : std::optional(found->deepest_id());
}

std::optional<Geometry> MemorySite::object(FileId id) {
  const auto found = objects_.find(id);
  return found == objects_.end() ? std::nullopt : std::optional(found->second.geometry);
}

size_t MemorySite::read_chunk(FileId id, uint32_t chunk, std::span<uint8_t> out) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return 0;
  const auto& [geometry, bytes, repair] = found->second;
  if (geometry.is_repair(chunk)) {
    if (!repair.empty()) {
      const uint64_t offset = geometry.repair_offset(chunk);
      if (offset >= repair.size() || out.size() < geometry.chunk_size) return 0;
      std::copy_n(repair.begin() + static_cast<ptrdiff_t>(offset), geometry.chunk_size,
                  out.begin());
      return geometry.chunk_size;
    }
    const auto read = [from = std::span(bytes)](uint64_t offset, std::span<uint8_t> to) {
      std::copy_n(from.begin() + static_cast<ptrdiff_t>(offset), to.size(), to.begin());
      return true;
    };
    return repair_cache_.read_chunk(id, geometry, chunk, out, read);
  }
  if (out.size() < geometry.chunk_length(chunk)) return 0;
  const auto from = std::span(bytes).subspan(geometry.chunk_offset(chunk),
                                             geometry.chunk_length(chunk));
  std::copy(from.begin(), from.end(), out.begin());
  return from.size();
}

const FileRecord* MemorySite::record(std::string_view path) const {
  const auto leaf = tree_.find(path);
  return leaf ? tree_.records()[*leaf] : nullptr;
}

std::span<const uint8_t> MemorySite::bytes(FileId id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? std::span<const uint8_t>{} : found->second.bytes;
}

std::optional<ObjectInfo> MemorySite::info(FileId id) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return {};
  const Object& object = found->second;
  return ObjectInfo{id, object.geometry, metachunk_hashes(object.geometry, object.bytes)};
}

std::span<const uint8_t> MemorySite::repair_bytes(FileId id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return {};
  auto& [geometry, bytes, repair] = found->second;
  if (!repair.empty() || bytes.empty()) return repair;
  repair.resize(geometry.repair_length());
  for (uint32_t block = 0; block < geometry.block_count(); ++block) {
    const nois::Interval sources = geometry.source_chunks_of(block);
    const nois::Interval repairs = geometry.repair_chunks_of(block);
    const uint64_t offset = geometry.chunk_offset(sources.first);
    const size_t length = std::min(sources.length() * geometry.chunk_size,
                                   geometry.length - offset);
    encode_block(std::span(bytes).subspan(offset, length), geometry.chunk_size,
                 static_cast<uint32_t>(sources.length()),
                 std::span(repair).subspan(geometry.repair_offset(repairs.first),
                                           repairs.length() * geometry.chunk_size));
  }
  return repair;
}

void MemorySite::add_objects(const BuiltFile& file, std::vector<uint8_t> bytes) {
  objects_.emplace(file.record.id, Object{file.record.geometry, std::move(bytes), {}});
  for (size_t level = 0; level < file.lists.size(); ++level) {
    objects_.emplace(file.record.list_ids[level],
                     Object{file.record.list_geometry(level), file.lists[level], {}});
  }
}

// Fills objects_ and records_.
std::vector<const FileRecord*> MemorySite::take(std::vector<MemoryFile> files,
                                                const SecretKey& key, SiteGeometry geometry) {
  FileIdMint mint(key);
  const auto by_path = [](const auto& a, const auto& b) { return a.path < b.path; };
  std::sort(files.begin(), files.end(), by_path);
  for (MemoryFile& file : files) {
    FB_CHECK(valid_path(file.path) && valid_content_type(file.content_type));
    FB_CHECK(file.path != kSiteIndexPath);
    FB_CHECK(records_.empty() || records_.back().path != file.path);
    auto built = build_file(file.path, file.content_type, geometry, file.bytes, mint);
    FB_CHECK(built.has_value());
    records_.push_back(built->record);
    add_objects(*built, std::move(file.bytes));
  }
  auto index_bytes = encode_site_index(records_);
  const auto index = build_file(kSiteIndexPath, kSiteIndexType, geometry, index_bytes, mint);
  FB_CHECK(index.has_value());
  add_objects(*index, std::move(index_bytes));
  records_.insert(std::upper_bound(records_.begin(), records_.end(), index->record, by_path),
                  index->record);
  std::vector<const FileRecord*> out;
  for (const FileRecord& record : records_) out.push_back(&record);
  return out;
}

}  // namespace fb::content
