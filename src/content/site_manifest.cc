#include "content/site_manifest.h"

#include <sodium/crypto_sign.h>

#include <algorithm>
#include <unordered_set>

#include "base/check.h"

namespace fb::content {
namespace {

constexpr uint8_t kBlobVersion = 1;
constexpr uint8_t kNodePrefix = 1;
constexpr uint8_t kLeafPrefix = 0;
// 2^32 leaves have paths of 32 hashes.
constexpr size_t kAuditPathMax = 32;
constexpr std::string_view kRootDomain{"flashback site root v1\0", 23};
constexpr size_t kSignedLength = kRootDomain.size() + 8 + 4 + 32;

static_assert(sizeof(SecretKey) == crypto_sign_SECRETKEYBYTES);
static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES);
static_assert(sizeof(Signature) == crypto_sign_BYTES);
static_assert(kManifestBlobMax >=
              1 + 64 + 8 + 4 + 32 + 4 + 1 + 32 * kAuditPathMax + kRecordLengthMax);

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::array<uint8_t, kSignedLength> signed_bytes(const SiteRoot& root) {
  std::array<uint8_t, kSignedLength> out{};
  Writer writer(out);
  writer.bytes(as_bytes(kRootDomain));
  writer.u64(root.version);
  writer.u32(root.file_count);
  writer.bytes(root.tree_root);
  FB_CHECK(!writer.failed() && writer.space() == 0);
  return out;
}

Sha256 node_hash(const Sha256& left, const Sha256& right) {
  std::array<uint8_t, 1 + 2 * sizeof(Sha256)> bytes{kNodePrefix};
  std::copy(left.begin(), left.end(), bytes.begin() + 1);
  std::copy(right.begin(), right.end(), bytes.begin() + 1 + sizeof(Sha256));
  return sha256(bytes);
}

// RFC 9162, section 2.1.3.2, which is the check that RFC 6962 implies.
bool proves(Sha256 hash, size_t leaf, const SiteRoot& root, std::span<const Sha256> path) {
  if (leaf >= root.file_count) return false;
  size_t node = leaf;
  size_t last = root.file_count - 1;
  for (const Sha256& sibling : path) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      hash = node_hash(sibling, hash);
      // A node without a right sibling rises unchanged until it is one.
      while (node % 2 == 0 && node != 0) {
        node /= 2;
        last /= 2;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node /= 2;
    last /= 2;
  }
  return last == 0 && hash == root.tree_root;
}

}  // namespace

MerkleTree::MerkleTree(std::vector<Sha256> leaf_hashes) {
  levels_.push_back(std::move(leaf_hashes));
  // Pairing from the left and lifting an odd last node gives the tree of RFC 6962.
  while (levels_.back().size() > 1) {
    const std::vector<Sha256>& below = levels_.back();
    std::vector<Sha256> level;
    level.reserve((below.size() + 1) / 2);
    for (size_t i = 0; i < below.size(); i += 2) {
      level.push_back(i + 1 < below.size() ? node_hash(below[i], below[i + 1]) : below[i]);
    }
    levels_.push_back(std::move(level));
  }
}

Sha256 MerkleTree::root() const {
  return levels_.back().empty() ? sha256({}) : levels_.back().front();
}

std::vector<Sha256> MerkleTree::audit_path(size_t leaf) const {
  FB_CHECK(leaf < levels_.front().size());
  std::vector<Sha256> out;
  for (const std::vector<Sha256>& level : levels_) {
    const size_t sibling = leaf ^ 1;
    if (sibling < level.size()) out.push_back(level[sibling]);
    leaf /= 2;
  }
  return out;
}

Sha256 MerkleTree::leaf_hash(std::span<const uint8_t> encoded_record) {
  Sha256Stream stream;
  stream.update({&kLeafPrefix, 1});
  stream.update(encoded_record);
  return stream.finish();
}

Signature sign(const SiteRoot& root, const SecretKey& key) {
  const auto message = signed_bytes(root);
  Signature out{};
  FB_CHECK(crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), key.data()) ==
           0);
  return out;
}

bool verify(const SiteRoot& root, const Signature& signature, const PublicKey& key) {
  const auto message = signed_bytes(root);
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

PublicKey public_key_of(const SecretKey& key) {
  PublicKey out{};
  std::copy(key.end() - out.size(), key.end(), out.begin());
  return out;
}

SecretKey secret_key_from_seed(const std::array<uint8_t, 32>& seed) {
  static_assert(sizeof(seed) == crypto_sign_SEEDBYTES);
  PublicKey ignored{};
  SecretKey out{};
  FB_CHECK(crypto_sign_seed_keypair(ignored.data(), out.data(), seed.data()) == 0);
  return out;
}

std::vector<uint8_t> encode_manifest_blob(const SiteRoot& root, const Signature& signature,
                                          const FileRecord& record, size_t leaf,
                                          std::span<const Sha256> audit_path) {
  FB_CHECK(leaf < root.file_count && audit_path.size() <= kAuditPathMax);
  std::vector<uint8_t> out(kManifestBlobMax);
  Writer writer(out);
  writer.u8(kBlobVersion);
  writer.bytes(signature);
  writer.u64(root.version);
  writer.u32(root.file_count);
  writer.bytes(root.tree_root);
  writer.u32(static_cast<uint32_t>(leaf));
  writer.u8(static_cast<uint8_t>(audit_path.size()));
  for (const Sha256& hash : audit_path) writer.bytes(hash);
  encode(record, writer);
  FB_CHECK(!writer.failed());
  out.resize(writer.used());
  return out;
}

std::expected<FileManifest, ContentError> decode_manifest_blob(std::span<const uint8_t> blob,
                                                               const PublicKey& key) {
  if (blob.size() > kManifestBlobMax) return std::unexpected(ContentError::kMalformed);
  Reader in(blob);
  FileManifest out;
  Signature signature{};
  if (in.u8() != kBlobVersion) return std::unexpected(ContentError::kMalformed);
  in.copy_to(signature);
  out.site.version = in.u64();
  out.site.file_count = in.u32();
  in.copy_to(out.site.tree_root);
  const uint32_t leaf = in.u32();
  const size_t path_length = in.u8();
  if (in.failed() || path_length > kAuditPathMax || leaf >= out.site.file_count) {
    return std::unexpected(ContentError::kMalformed);
  }
  std::vector<Sha256> path(path_length);
  for (Sha256& hash : path) in.copy_to(hash);
  if (in.failed()) return std::unexpected(ContentError::kMalformed);
  const std::span<const uint8_t> record_bytes = blob.last(in.remaining());
  auto record = decode_file_record(in);
  if (!record) return std::unexpected(record.error());
  if (!in.finished()) return std::unexpected(ContentError::kMalformed);
  // The costly check comes last.
  if (!proves(MerkleTree::leaf_hash(record_bytes), leaf, out.site, path)) {
    return std::unexpected(ContentError::kBadProof);
  }
  if (!verify(out.site, signature, key)) return std::unexpected(ContentError::kBadSignature);
  out.record = std::move(*record);
  return out;
}

std::vector<uint8_t> encode_site_index(std::span<const FileRecord> records) {
  std::vector<const FileRecord*> pointers;
  pointers.reserve(records.size());
  for (const FileRecord& record : records) pointers.push_back(&record);
  return encode_site_index(pointers);
}

std::vector<uint8_t> encode_site_index(std::span<const FileRecord* const> records) {
  std::vector<uint8_t> out;
  std::array<uint8_t, kRecordLengthMax> buffer{};
  for (const FileRecord* record : records) {
    if (record->path == kSiteIndexPath) continue;
    Writer writer(buffer);
    encode(*record, writer);
    FB_CHECK(!writer.failed());
    out.insert(out.end(), writer.written().begin(), writer.written().end());
  }
  return out;
}

std::expected<std::vector<FileRecord>, ContentError> decode_site_index(
    std::span<const uint8_t> bytes) {
  std::vector<FileRecord> out;
  std::unordered_set<FileId> ids;
  Reader in(bytes);
  while (in.remaining() > 0) {
    auto record = decode_file_record(in);
    if (!record) return std::unexpected(record.error());
    bool fresh = ids.insert(record->id).second;
    for (const FileId id : record->list_ids) fresh = ids.insert(id).second && fresh;
    const bool sorted = out.empty() || out.back().path < record->path;
    if (!fresh || !sorted || record->path == kSiteIndexPath) {
      return std::unexpected(ContentError::kMalformed);
    }
    out.push_back(std::move(*record));
  }
  return out;
}

}  // namespace fb::content
