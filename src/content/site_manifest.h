// The signed site manifest, and the proof that a file's record belongs to it.
//
// A site version is a Merkle tree (shape and domain separation of RFC 6962, section 2.1, with
// SHA-256) over the encoded file records sorted by path. Its root is signed with the seeder's
// Ed25519 key. A manifest blob is signature + root + one record + its audit path: whoever has the
// link can verify it alone, so it may come from anyone.
//
// The list of all files is a file of the site like any other, at kSiteIndexPath: all other
// records, encoded one after the other in tree order. Who has fetched it needs no other manifest.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "content/file_record.h"

namespace fb::content {

using PublicKey = std::array<uint8_t, 32>;
using SecretKey = std::array<uint8_t, 64>;   // libsodium's form: seed, then public key
using Signature = std::array<uint8_t, 64>;

inline constexpr std::string_view kSiteIndexPath = ".flashback/index";
inline constexpr std::string_view kSiteIndexType = "application/octet-stream";
inline constexpr size_t kManifestBlobMax = 4096;

struct SiteRoot {
  uint64_t version = 0;    // grows with every change of the site; unix milliseconds of the scan
  uint32_t file_count = 0; // leaves of the tree, the index among them
  Sha256 tree_root{};

  bool operator==(const SiteRoot&) const = default;
};

// A verified statement: this file is part of this site version.
struct FileManifest {
  SiteRoot site;
  FileRecord record;
};

// Computes a tree's root, and audit paths by leaf number.
class MerkleTree {
 public:
  explicit MerkleTree(std::vector<Sha256> leaf_hashes);
  [[nodiscard]] Sha256 root() const;
  [[nodiscard]] std::vector<Sha256> audit_path(size_t leaf) const;
  static Sha256 leaf_hash(std::span<const uint8_t> encoded_record);

 private:
  std::vector<std::vector<Sha256>> levels_;
};

[[nodiscard]] PublicKey public_key_of(const SecretKey& key);
// The same seed always gives the same key (RFC 8032, section 5.1.5). Random seeds: see keys.h.
[[nodiscard]] SecretKey secret_key_from_seed(const std::array<uint8_t, 32>& seed);

// What is signed, 67 bytes; every number is big-endian.
//
//   offset  size  field
//        0    23  "flashback site root v1" and a zero byte, so that no other signature fits
//       23     8  site version
//       31     4  number of files, the index among them
//       35    32  root of the tree
[[nodiscard]] Signature sign(const SiteRoot& root, const SecretKey& key);
[[nodiscard]] bool verify(const SiteRoot& root, const Signature& signature, const PublicKey& key);

// A manifest blob, at most kManifestBlobMax bytes; every number is big-endian.
//
//   offset  size  field
//        0     1  version of this layout: 1
//        1    64  Ed25519 signature over the bytes described at sign()
//       65     8  site version
//       73     4  number of files, the index among them
//       77    32  root of the tree
//      109     4  number of this file's leaf, from 0, in the order of paths as bytes
//      113     1  a, number of hashes in the audit path, at most 32
//      114  32*a  audit path from the leaf's sibling up (RFC 6962, section 2.1.1)
// 114+32*a        the file record (file_record.h), to the end of the blob
//
// A leaf's hash is SHA-256(0x00, encoded record), an inner node's SHA-256(0x01, left, right).
// Requires leaf < root.file_count and the audit path that belongs to it.
[[nodiscard]] std::vector<uint8_t> encode_manifest_blob(const SiteRoot& root,
                                                        const Signature& signature,
                                                        const FileRecord& record, size_t leaf,
                                                        std::span<const Sha256> audit_path);
// Checks signature, audit path and record; errors: kMalformed, kBadPath, kBadSignature, kBadProof.
[[nodiscard]] std::expected<FileManifest, ContentError> decode_manifest_blob(
    std::span<const uint8_t> blob, const PublicKey& key);

// The index file's content and back: encoded records one after the other, without a count, in
// ascending order of their paths as bytes, without the record of the index itself (encoding leaves
// it out when it is given). Decoding refuses duplicate paths and ids, unsorted paths, a record
// of the index, and bytes left over; errors: kMalformed, kBadPath.
[[nodiscard]] std::vector<uint8_t> encode_site_index(std::span<const FileRecord> records);
[[nodiscard]] std::vector<uint8_t> encode_site_index(std::span<const FileRecord* const> records);
[[nodiscard]] std::expected<std::vector<FileRecord>, ContentError> decode_site_index(
    std::span<const uint8_t> bytes);

}  // namespace fb::content
