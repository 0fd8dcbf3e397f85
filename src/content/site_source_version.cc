#include "content/site_source_version.h"

namespace fb::content {
namespace {

std::vector<const FileRecord*> records_of(
    const std::vector<std::shared_ptr<const SiteFile>>& files) {
  std::vector<const FileRecord*> out;
  out.reserve(files.size());
  for (const auto& file : files) out.push_back(&file->record());
  return out;
}

}  // namespace

Geometry SiteObject::geometry() const {
  return level == 0 ? file->record().geometry : file->record().list_geometry(level - 1U);
}

std::optional<std::span<const uint8_t>> SiteObject::memory() const {
  if (level > 0) return file->built.lists.at(level - 1U);
  if (file->in_memory) return file->memory;
  return {};
}

SiteVersion::SiteVersion(std::vector<std::shared_ptr<const SiteFile>> files, const SecretKey& key,
                         uint64_t version, const SiteVersion* previous)
    : files_(std::move(files)),
      tree_(records_of(files_), key, version, previous == nullptr ? nullptr : &previous->root()) {
  for (const auto& file : files_) {
    const FileRecord& record = file->record();
    objects_.emplace(record.id, SiteObject{file.get(), 0});
    for (size_t i = 0; i < record.list_ids.size(); ++i) {
      objects_.emplace(record.list_ids[i], SiteObject{file.get(), static_cast<uint8_t>(i + 1)});
      stats_.list_bytes += file->built.lists[i].size();
    }
    if (file->in_memory) {
      stats_.index_bytes = record.geometry.length;
    } else {
      ++stats_.files;
      stats_.bytes += record.geometry.length;
    }
  }
  stats_.manifest_bytes = tree_.blob_bytes();
}

std::optional<SiteObject> SiteVersion::find(FileId id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

const SiteFile* SiteVersion::find(std::string_view path) const {
  const auto leaf = tree_.find(path);
  return leaf ? files_[*leaf].get() : nullptr;
}

}  // namespace fb::content
