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

[[nodiscard]] Signature sign(const SiteRoot& root, const SecretKey& key);
[[nodiscard]] bool verify(const SiteRoot& root, const Signature& signature, const PublicKey& key);

// At most kManifestBlobMax bytes.
[[nodiscard]] std::vector<uint8_t> encode_manifest_blob(const SiteRoot& root,
                                                        const Signature& signature,
                                                        const FileRecord& record, size_t leaf,
                                                        std::span<const Sha256> audit_path);
// Checks signature, audit path and record; errors: kMalformed, kBadPath, kBadSignature, kBadProof.
[[nodiscard]] std::expected<FileManifest, ContentError> decode_manifest_blob(
    std::span<const uint8_t> blob, const PublicKey& key);

// The index file's content and back. Decoding refuses duplicates and unsorted paths.
[[nodiscard]] std::vector<uint8_t> encode_site_index(std::span<const FileRecord> records);
[[nodiscard]] std::expected<std::vector<FileRecord>, ContentError> decode_site_index(
    std::span<const uint8_t> bytes);

}  // namespace fb::content
