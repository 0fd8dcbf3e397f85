#include "content/file_record.h"

#include <algorithm>

#include "base/check.h"

namespace fb::content {
namespace {

Geometry hash_list_of(Geometry geometry) {
  geometry.length = uint64_t{geometry.metachunk_count()} * sizeof(Sha256);
  return geometry;
}

// Ids name objects, so those of one record must differ, and none may be the nameless zero.
bool valid_ids(const FileRecord& record) {
  std::vector<FileId> ids = record.list_ids;
  ids.push_back(record.id);
  std::sort(ids.begin(), ids.end());
  return ids.front() != FileId{0} && std::adjacent_find(ids.begin(), ids.end()) == ids.end();
}

}  // namespace

const char* to_string(ContentError error) {
  switch (error) {
    case ContentError::kMalformed: return "malformed: bytes missing, left over or out of range";
    case ContentError::kBadPath: return "a path that is not a relative path inside the site";
    case ContentError::kBadSignature: return "not signed by the key in the link";
    case ContentError::kBadProof: return "the record does not belong to the signed site";
    case ContentError::kBadHash: return "the content does not match its hash";
  }
  return "unknown content error";
}

Geometry FileRecord::list_geometry(size_t level) const {
  FB_CHECK(level < list_ids.size());
  Geometry out = hash_list_of(geometry);
  for (size_t i = 0; i < level; ++i) out = hash_list_of(out);
  return out;
}

ObjectInfo FileRecord::deepest() const {
  if (list_ids.empty()) return {id, geometry, inline_hashes};
  return {list_ids.back(), list_geometry(list_ids.size() - 1), inline_hashes};
}

std::expected<ObjectInfo, ContentError> FileRecord::above(size_t level,
                                                          std::span<const uint8_t> bytes) const {
  if (level >= list_ids.size() || bytes.size() != list_geometry(level).length) {
    return std::unexpected(ContentError::kMalformed);
  }
  ObjectInfo out;
  out.id = level == 0 ? id : list_ids[level - 1];
  out.geometry = level == 0 ? geometry : list_geometry(level - 1);
  out.hashes.resize(bytes.size() / sizeof(Sha256));
  Reader in(bytes);
  for (Sha256& hash : out.hashes) in.copy_to(hash);
  FB_CHECK(in.finished());
  return out;
}

bool valid_path(std::string_view path) {
  if (path.empty() || path.size() > kPathLengthMax) return false;
  if (path.find('\0') != std::string_view::npos || path.find('\\') != std::string_view::npos) {
    return false;
  }
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool valid_content_type(std::string_view type) {
  return !type.empty() && type.size() <= kContentTypeLengthMax &&
         std::all_of(type.begin(), type.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::optional<size_t> list_levels(const Geometry& geometry) {
  if (!geometry.valid()) return {};
  size_t levels = 0;
  for (Geometry object = geometry; object.metachunk_count() > kInlineHashesMax; ++levels) {
    if (levels == kHashListLevelsMax) return {};
    object = hash_list_of(object);
  }
  return levels;
}

void encode(const FileRecord& record, Writer& out) {
  out.string16(record.path);
  out.string8(record.content_type);
  out.u64(static_cast<uint64_t>(record.id));
  out.u64(record.geometry.length);
  out.u16(record.geometry.chunk_size);
  out.u8(record.geometry.metachunk_chunks);
  out.bytes(record.sha256);
  FB_CHECK(record.list_ids.size() <= kHashListLevelsMax);
  out.u8(static_cast<uint8_t>(record.list_ids.size()));
  for (const FileId id : record.list_ids) out.u64(static_cast<uint64_t>(id));
  FB_CHECK(record.inline_hashes.size() <= kInlineHashesMax);
  out.u8(static_cast<uint8_t>(record.inline_hashes.size()));
  for (const Sha256& hash : record.inline_hashes) out.bytes(hash);
}

std::expected<FileRecord, ContentError> decode_file_record(Reader& in) {
  FileRecord out;
  out.path = in.string16();
  if (in.failed()) return std::unexpected(ContentError::kMalformed);
  if (!valid_path(out.path)) return std::unexpected(ContentError::kBadPath);
  out.content_type = in.string8();
  out.id = FileId{in.u64()};
  out.geometry.length = in.u64();
  out.geometry.chunk_size = in.u16();
  out.geometry.metachunk_chunks = in.u8();
  in.copy_to(out.sha256);
  const size_t lists = in.u8();
  if (in.failed() || !valid_content_type(out.content_type) ||
      list_levels(out.geometry) != lists) {
    return std::unexpected(ContentError::kMalformed);
  }
  for (size_t i = 0; i < lists; ++i) out.list_ids.push_back(FileId{in.u64()});
  const size_t hashes = in.u8();
  if (in.failed() || !valid_ids(out) || hashes != out.deepest().geometry.metachunk_count()) {
    return std::unexpected(ContentError::kMalformed);
  }
  out.inline_hashes.resize(hashes);
  for (Sha256& hash : out.inline_hashes) in.copy_to(hash);
  if (in.failed()) return std::unexpected(ContentError::kMalformed);
  return out;
}

}  // namespace fb::content
