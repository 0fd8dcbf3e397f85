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
#include <string_view>
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
  [[nodiscard]] FileId deepest_id() const { return list_ids.empty() ? id : list_ids.back(); }
  // Once list `level` is complete with `bytes` (verified): the object above it, which is list
  // `level - 1`, or the file itself for level 0.
  [[nodiscard]] std::expected<ObjectInfo, ContentError> above(size_t level,
                                                              std::span<const uint8_t> bytes) const;
  bool operator==(const FileRecord&) const = default;
};

// No empty, "." or ".." part, no leading or trailing '/', no NUL or backslash, 1 to 512 bytes:
// joined to a directory it can never leave it.
[[nodiscard]] bool valid_path(std::string_view path);

// 1 to 100 bytes of printable ASCII: it can be put into a header field as it is.
[[nodiscard]] bool valid_content_type(std::string_view type);

// How many lists a file of this geometry needs; nothing when more than kHashListLevelsMax.
[[nodiscard]] std::optional<size_t> list_levels(const Geometry& geometry);

inline constexpr size_t kRecordLengthMax = 2 + kPathLengthMax + 1 + kContentTypeLengthMax + 8 + 8 +
                                           2 + 1 + 32 + 1 + 8 * kHashListLevelsMax + 1 +
                                           32 * kInlineHashesMax;

// A record in bytes; every number is big-endian.
//
//   offset  size  field
//        0     2  p, length of the path, 1 to 512
//        2     p  path; see valid_path
//      p+2     1  t, length of the content type, 1 to 100
//      p+3     t  content type, bytes 0x20 to 0x7e
//      n=p+t+3    from here the lengths are fixed:
//        n     8  file id, not 0
//      n+8     8  length of the file in bytes, at most kObjectLengthMax
//     n+16     2  chunk size in bytes, 64 to 1150
//     n+18     1  chunks a MetaChunk, 1 to 64
//     n+19    32  SHA-256 of the whole file
//     n+51     1  l, number of hash lists: exactly list_levels(geometry), 0 to 4
//     n+52   8*l  file ids of the lists, none 0, all ids of a record different
//  n+8*l+52     1  h, number of hashes: exactly the MetaChunks of the deepest object, 0 to 16
//  n+8*l+53  32*h  SHA-256 of each MetaChunk of the deepest object
//
// A hash list's content is the SHA-256 of each MetaChunk of the object above it, one after the
// other; it is cut with the chunk size and MetaChunk size of the file.
//
// Requires the counts and lengths above; `out` fails when it is too small.
void encode(const FileRecord& record, Writer& out);
// Reads one record and checks every rule above (counts fit the geometry, path valid, ids not 0).
[[nodiscard]] std::expected<FileRecord, ContentError> decode_file_record(Reader& in);

}  // namespace fb::content
