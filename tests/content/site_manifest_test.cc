#include "content/site_manifest.h"

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

Sha256 made_up_hash(size_t number) {
  Sha256 out{};
  out[0] = static_cast<uint8_t>(number);
  out[1] = static_cast<uint8_t>(number >> 8);
  return out;
}

Sha256 pair_hash(const Sha256& left, const Sha256& right) {
  Bytes bytes{1};
  bytes.insert(bytes.end(), left.begin(), left.end());
  bytes.insert(bytes.end(), right.begin(), right.end());
  return sha256(bytes);
}

// RFC 6962, section 2.1, word for word: split at the largest power of two below the length.
Sha256 slow_root(std::span<const Sha256> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  return pair_hash(slow_root(leaves.first(split)), slow_root(leaves.subspan(split)));
}

// RFC 6962, section 2.1.1.
Bytes slow_path(std::span<const Sha256> leaves, size_t leaf) {
  if (leaves.size() <= 1) return {};
  size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  const bool left = leaf < split;
  Bytes out = left ? slow_path(leaves.first(split), leaf)
                   : slow_path(leaves.subspan(split), leaf - split);
  const Sha256 other = slow_root(left ? leaves.subspan(split) : leaves.first(split));
  out.insert(out.end(), other.begin(), other.end());
  return out;
}

TEST_CASE("Merkle tree has the shape of RFC 6962") {
  for (size_t count = 0; count <= 70; ++count) {
    std::vector<Sha256> leaves;
    for (size_t i = 0; i < count; ++i) leaves.push_back(made_up_hash(i));
    const MerkleTree tree(leaves);
    REQUIRE(tree.root() == slow_root(leaves));
    for (size_t i = 0; i < count; ++i) {
      Bytes path;
      for (const Sha256& hash : tree.audit_path(i)) {
        path.insert(path.end(), hash.begin(), hash.end());
      }
      REQUIRE(path == slow_path(leaves, i));
    }
  }
}

TEST_CASE("Merkle leaves are hashed apart from nodes") {
  const Bytes record{1, 2, 3};
  REQUIRE(MerkleTree::leaf_hash(record) == sha256(Bytes{0, 1, 2, 3}));
}

TEST_CASE("root signature covers every field and the key") {
  const SiteRoot root{7, 3, made_up_hash(9)};
  const SecretKey key = test_key();
  const Signature signature = sign(root, key);
  REQUIRE(verify(root, signature, public_key_of(key)));
  REQUIRE_FALSE(verify(root, signature, public_key_of(test_key(2))));
  REQUIRE_FALSE(verify({8, 3, root.tree_root}, signature, public_key_of(key)));
  REQUIRE_FALSE(verify({7, 4, root.tree_root}, signature, public_key_of(key)));
  REQUIRE_FALSE(verify({7, 3, made_up_hash(8)}, signature, public_key_of(key)));
  for (size_t i = 0; i < signature.size(); ++i) {
    Signature changed = signature;
    changed[i] ^= 1;
    REQUIRE_FALSE(verify(root, changed, public_key_of(key)));
  }
  REQUIRE_FALSE(verify(root, Signature{}, PublicKey{}));
}

struct Site {
  std::vector<FileRecord> records;
  std::vector<Sha256> leaves;
  SiteRoot root;
  Signature signature{};
  std::vector<Bytes> blobs;

  explicit Site(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      FileRecord record = made_up_record("f" + std::to_string(1000 + i), {1000 * i, 64, 4});
      record.id = FileId{100 + 10 * i};
      for (size_t level = 0; level < record.list_ids.size(); ++level) {
        record.list_ids[level] = FileId{101 + 10 * i + level};
      }
      records.push_back(std::move(record));
      leaves.push_back(MerkleTree::leaf_hash(encoded(records.back())));
    }
    const MerkleTree tree(leaves);
    root = {42, static_cast<uint32_t>(count), tree.root()};
    signature = sign(root, test_key());
    for (size_t i = 0; i < count; ++i) {
      blobs.push_back(encode_manifest_blob(root, signature, records[i], i, tree.audit_path(i)));
    }
  }
};

const PublicKey kKey = public_key_of(test_key());

TEST_CASE("manifest blob proves its file") {
  for (const size_t count : {1UL, 2UL, 3UL, 5UL, 8UL, 33UL}) {
    const Site site(count);
    for (size_t i = 0; i < count; ++i) {
      REQUIRE(site.blobs[i].size() <= kManifestBlobMax);
      const auto manifest = decode_manifest_blob(site.blobs[i], kKey);
      REQUIRE(manifest.has_value());
      REQUIRE(manifest->site == site.root);
      REQUIRE(manifest->record == site.records[i]);
    }
  }
}

TEST_CASE("manifest blob refuses truncations, trailing bytes and every changed byte") {
  const Site site(5);
  for (const size_t leaf : {0UL, 4UL}) {
    Bytes blob = site.blobs[leaf];
    for (size_t length = 0; length < blob.size(); ++length) {
      REQUIRE_FALSE(decode_manifest_blob(std::span(blob).first(length), kKey).has_value());
    }
    for (size_t i = 0; i < blob.size(); ++i) {
      for (const uint8_t flip : {uint8_t{1}, uint8_t{128}}) {
        Bytes changed = blob;
        changed[i] ^= flip;
        INFO("byte " << i);
        REQUIRE_FALSE(decode_manifest_blob(changed, kKey).has_value());
      }
    }
    blob.push_back(0);
    REQUIRE(decode_manifest_blob(blob, kKey).error() == ContentError::kMalformed);
  }
  REQUIRE_FALSE(decode_manifest_blob(Bytes(kManifestBlobMax + 1), kKey).has_value());
}

TEST_CASE("manifest blob tells why it is refused") {
  const Site site(5);
  const MerkleTree tree(site.leaves);
  const auto error = [&](const Bytes& blob, const PublicKey& key = kKey) {
    return decode_manifest_blob(blob, key).error();
  };
  const auto blob = [&](const FileRecord& record, size_t leaf, size_t path_of) {
    return encode_manifest_blob(site.root, site.signature, record, leaf, tree.audit_path(path_of));
  };
  REQUIRE(error(site.blobs[0], public_key_of(test_key(2))) == ContentError::kBadSignature);
  // A proof for another leaf, another place, and another record under a true proof.
  REQUIRE(error(blob(site.records[1], 1, 2)) == ContentError::kBadProof);
  REQUIRE(error(blob(site.records[1], 0, 1)) == ContentError::kBadProof);
  REQUIRE(error(blob(site.records[1], 0, 0)) == ContentError::kBadProof);
  REQUIRE(error(blob(site.records[4], 4, 0)) == ContentError::kBadProof);
  FileRecord evil = site.records[0];
  evil.content_type = "text/html";
  REQUIRE(error(blob(evil, 0, 0)) == ContentError::kBadProof);
  evil.path = "../escape";
  REQUIRE(error(blob(evil, 0, 0)) == ContentError::kBadPath);
  // Too much and too little proof.
  auto path = tree.audit_path(0);
  path.push_back(made_up_hash(1));
  REQUIRE(error(encode_manifest_blob(site.root, site.signature, site.records[0], 0, path)) ==
          ContentError::kBadProof);
  path.resize(1);
  REQUIRE(error(encode_manifest_blob(site.root, site.signature, site.records[0], 0, path)) ==
          ContentError::kBadProof);
  // Another root under the old signature.
  const Site other(6);
  Bytes mixed = other.blobs[0];
  std::copy(site.signature.begin(), site.signature.end(), mixed.begin() + 1);
  REQUIRE(error(mixed) == ContentError::kBadSignature);
}

TEST_CASE("manifest blob decoding survives random bytes") {
  const Site site(5);
  for (const uint64_t seed : seeds(2000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Bytes noise = random_bytes(seed, rng.below(600));
    if (!noise.empty()) noise[0] = 1;
    REQUIRE_FALSE(decode_manifest_blob(noise, kKey).has_value());
    Bytes tail = site.blobs[rng.below(5)];
    for (size_t i = 109 + rng.below(20); i < tail.size(); ++i) {
      tail[i] = static_cast<uint8_t>(rng.next());
    }
    REQUIRE_FALSE(decode_manifest_blob(tail, kKey).has_value());
  }
}

TEST_CASE("site index survives encoding and refuses disorder") {
  const Site site(9);
  const Bytes bytes = encode_site_index(site.records);
  REQUIRE(decode_site_index(bytes).value() == site.records);
  REQUIRE(decode_site_index({}).value().empty());
  size_t whole = 0;
  for (size_t length = 0, i = 0; length < bytes.size(); ++length) {
    const auto part = decode_site_index(std::span(bytes).first(length));
    // Only at the border of two records is a truncated index an index.
    REQUIRE(part.has_value() == (length == whole));
    if (length == whole) whole += encoded(site.records[i++]).size();
  }
  auto records = site.records;
  std::swap(records[0], records[1]);
  REQUIRE_FALSE(decode_site_index(encode_site_index(records)).has_value());
  records = site.records;
  records.insert(records.begin(), records[0]);
  REQUIRE_FALSE(decode_site_index(encode_site_index(records)).has_value());
  records = site.records;
  records[1].id = records[0].id;
  REQUIRE_FALSE(decode_site_index(encode_site_index(records)).has_value());
  records = site.records;
  records[1].id = records[8].list_ids.at(0);
  REQUIRE_FALSE(decode_site_index(encode_site_index(records)).has_value());
}

TEST_CASE("site index does not name itself") {
  const FileRecord index = made_up_record(std::string(kSiteIndexPath), {10, 64, 4});
  REQUIRE(encode_site_index(std::vector{index}).empty());
  REQUIRE(decode_site_index(encoded(index)).error() == ContentError::kMalformed);
}

TEST_CASE("site index decoding survives random changes") {
  const Bytes good = encode_site_index(Site(9).records);
  for (const uint64_t seed : seeds(1000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Bytes changed = good;
    for (int i = 0; i < 3; ++i) {
      changed[rng.below(changed.size())] = static_cast<uint8_t>(rng.next());
    }
    if (const auto records = decode_site_index(changed)) {
      REQUIRE(encode_site_index(*records) == changed);
    }
  }
}

}  // namespace
}  // namespace fb::content
