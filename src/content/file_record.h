// The paper's FileMetaData: what a peer must know of a file before it can fetch it.
//
// A file of up to kInlineHashesMax MetaChunks carries their hashes in its record. For a longer one
// the list of hashes, 32 bytes each, is itself an object (the hash list), whose own hashes are in
// the record, or again in a list, to at most kHashListLevelsMax lists. So a record stays below one
// KiB or so whatever the file's length, and long lists travel through the swarm like any content.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cursor.h"
#include "content/object.h"

namespace fb::content {

inline constexpr size_t kInlineHashesMax = 16;
inline constexpr size_t kHashListLevelsMax = 4;
inline constexpr size_t kPathLengthMax = 512;
inline constexpr size_t kContentTypeLengthMax = 100;

// Why a record, manifest or key was refused.
enum class ContentError {
  kMalformed,      // bytes missing, left over, or a field out of its range
  kBadPath,        // a path that is empty, absolute, has "..", ".", empty parts, NUL or backslash
  kBadSignature,   // not signed by the key in the link
  kBadProof,       // the record does not belong to the signed site
  kBadHash,        // content that does not match its hash
};
[[nodiscard]] const char* to_string(ContentError error);

struct FileRecord {
  std::string path;          // relative, '/'-separated, UTF-8 or any bytes but NUL; see valid_path
  std::string content_type;  // a media type (RFC 9110, 8.3.1), printable ASCII
  FileId id{};
  Geometry geometry;
  Sha256 sha256{};           // of the whole file; also its HTTP entity tag
  // Hash lists from the one that holds the file's own MetaChunk hashes to the deepest.
  std::vector<FileId> list_ids;
  // The MetaChunk hashes of the deepest object (of the file itself when list_ids is empty).
  std::vector<Sha256> inline_hashes;

  // Geometry of list `level` (0 = the one that holds the file's hashes).
  [[nodiscard]] Geometry list_geometry(size_t level) const;
  // The object whose hashes are inline: where a download starts.
  [[nodiscard]] ObjectInfo deepest() const;
  // Once list `level` is complete with `bytes` (verified): the object above it, which is list
  // `level - 1`, or the file itself for level 0.
  [[nodiscard]] std::expected<ObjectInfo, ContentError> above(size_t level,
                                                              std::span<const uint8_t> bytes) const;
  bool operator==(const FileRecord&) const = default;
};

// No empty, "." or ".." part, no leading or trailing '/', no NUL or backslash, 1 to 512 bytes:
// joined to a directory it can never leave it.
[[nodiscard]] bool valid_path(std::string_view path);

// How many lists a file of this geometry needs; nothing when more than kHashListLevelsMax.
[[nodiscard]] std::optional<size_t> list_levels(const Geometry& geometry);

void encode(const FileRecord& record, Writer& out);
// Reads one record and checks every rule above (counts fit the geometry, path valid, ids not 0).
[[nodiscard]] std::expected<FileRecord, ContentError> decode_file_record(Reader& in);

}  // namespace fb::content
