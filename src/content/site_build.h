// From files' hashes to a signed site version: shared by the site in memory and the site on disk.
//
// Thread safety: SiteTree is immutable and may be read by any thread; FileIdMint: one thread at a
// time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "content/file_record.h"
#include "content/site_manifest.h"

namespace fb::content {

// How the files of a site are cut.
struct SiteGeometry {
  uint16_t chunk_size = kChunkSizeDefault;
  uint8_t metachunk_chunks = kMetachunkChunksDefault;

  [[nodiscard]] Geometry for_length(uint64_t length) const {
    return {length, chunk_size, metachunk_chunks};
  }
};

// Derives file ids, so that an unchanged file keeps its id over restarts and rescans, a changed one
// gets another, and nobody without the seeder's key can tell a file by its id.
//
// key = BLAKE2b-256, keyed with the secret key's 32-byte seed, of "flashback file id key v1"
// id  = the first 8 bytes, big-endian, of BLAKE2b-256 keyed with `key` over
//
//   size  field
//      2  length of the path
//      p  path
//      8  length of the file in bytes
//     32  SHA-256 of the file
//      2  chunk size in bytes
//      1  chunks a MetaChunk
//      1  0 for the file, n for its n-th hash list
//      4  counter: 0, and one more while the id is zero or names another object of the site
class FileIdMint {
 public:
  explicit FileIdMint(const SecretKey& key);
  // An id that is in use must not be drawn again.
  void reserve(FileId id) { used_.insert(id); }
  [[nodiscard]] FileId draw(std::string_view path, const Geometry& geometry, const Sha256& sha256,
                            uint8_t level);

 private:
  std::array<uint8_t, 32> key_{};
  std::unordered_set<FileId> used_;
};

// A record with the content of its hash lists, from the one that holds the file's hashes down.
struct BuiltFile {
  FileRecord record;
  std::vector<std::vector<uint8_t>> lists;

  // Requires metachunk < record.geometry.metachunk_count().
  [[nodiscard]] Sha256 metachunk_hash(uint32_t metachunk) const;
};

// Completes a record: hash lists and ids. Requires a valid path, content type and geometry and one
// hash a MetaChunk; nothing when the file is too long for kHashListLevelsMax lists.
[[nodiscard]] std::optional<BuiltFile> build_file(std::string_view path,
                                                  std::string_view content_type,
                                                  const Geometry& geometry, const Sha256& sha256,
                                                  const std::vector<Sha256>& hashes,
                                                  FileIdMint& mint);
// The same from the bytes.
[[nodiscard]] std::optional<BuiltFile> build_file(std::string_view path,
                                                  std::string_view content_type,
                                                  SiteGeometry geometry,
                                                  std::span<const uint8_t> bytes,
                                                  FileIdMint& mint);

// The SHA-256 of each MetaChunk of `bytes`; requires bytes.size() == geometry.length.
[[nodiscard]] std::vector<Sha256> metachunk_hashes(const Geometry& geometry,
                                                   std::span<const uint8_t> bytes);

// A signed site version: its records in tree order, and the manifest blob of each.
class SiteTree {
 public:
  // Borrows the records, which must outlive the tree and stay where they are. Requires records
  // sorted by path, without duplicates, the index's among them. The version number is `version`,
  // but at least one more than that of `previous`; when the tree is the same as `previous`, its
  // root is kept, version and all.
  SiteTree(std::vector<const FileRecord*> records, const SecretKey& key, uint64_t version,
           const SiteRoot* previous = nullptr);

  [[nodiscard]] const std::vector<const FileRecord*>& records() const { return records_; }
  [[nodiscard]] const SiteRoot& root() const { return root_; }
  [[nodiscard]] const Signature& signature() const { return signature_; }
  // The place of a path in records(); nothing when the site has no such file.
  [[nodiscard]] std::optional<size_t> find(std::string_view path) const;
  // Requires leaf < records().size().
  [[nodiscard]] std::vector<uint8_t> blob(size_t leaf) const;
  // The bytes of all blobs together.
  [[nodiscard]] uint64_t blob_bytes() const { return blob_bytes_; }

 private:
  static std::vector<Sha256> leaves_of(const std::vector<const FileRecord*>& records);

  std::vector<const FileRecord*> records_;
  MerkleTree tree_;
  SiteRoot root_;
  Signature signature_{};
  uint64_t blob_bytes_ = 0;
};

}  // namespace fb::content
