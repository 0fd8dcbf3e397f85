// A manifest blob. The first byte chooses how deep the rest gets, since no mutation forges a
// signature: 0 leaves it as it is, 1 signs it again, 2 also computes the root that its audit path
// leads to. An audit path of our own (RFC 9162, section 2.1.3.2, another form of the rule than the
// project's) must agree with the verdict.
#include <algorithm>
#include <optional>
#include <vector>

#include "content/hash.h"
#include "content/site_manifest.h"
#include "fuzz.h"

namespace {

using namespace fb;
using content::Sha256;

constexpr size_t kSignatureAt = 1;
constexpr size_t kRootAt = 65;
constexpr size_t kLeafAt = 109;
constexpr size_t kPathAt = 114;

const content::SecretKey& key() {
  static const content::SecretKey key = content::secret_key_from_seed({1, 2, 3});
  return key;
}

Sha256 node_hash(const Sha256& left, const Sha256& right) {
  std::vector<uint8_t> bytes{1};
  bytes.insert(bytes.end(), left.begin(), left.end());
  bytes.insert(bytes.end(), right.begin(), right.end());
  return content::sha256(bytes);
}

// The root that leaf, path and record lead to; nothing when the path has a wrong length.
std::optional<Sha256> root_of(std::span<const uint8_t> record, uint64_t leaf, uint64_t leaves,
                              std::span<const Sha256> path) {
  if (leaf >= leaves) return {};
  std::vector<uint8_t> bytes{0};
  bytes.insert(bytes.end(), record.begin(), record.end());
  Sha256 hash = content::sha256(bytes);
  uint64_t fn = leaf;
  uint64_t sn = leaves - 1;
  for (const Sha256& sibling : path) {
    if (sn == 0) return {};
    if ((fn & 1) == 1 || fn == sn) {
      hash = node_hash(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return {};
  return hash;
}

struct Parts {
  content::SiteRoot root;
  uint32_t leaf = 0;
  std::vector<Sha256> path;
  std::span<const uint8_t> record;
};

std::optional<Parts> cut(std::span<const uint8_t> blob) {
  Parts out;
  Reader in(blob);
  in.take(kRootAt);
  out.root.version = in.u64();
  out.root.file_count = in.u32();
  in.copy_to(out.root.tree_root);
  out.leaf = in.u32();
  out.path.resize(in.u8());
  for (Sha256& hash : out.path) in.copy_to(hash);
  if (in.failed()) return {};
  out.record = blob.last(in.remaining());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::vector<uint8_t> blob(data + 1, data + size);
  auto parts = cut(blob);
  const uint8_t depth = data[0] % 3;
  if (parts && depth == 2) {
    if (const auto root = root_of(parts->record, parts->leaf, parts->root.file_count,
                                  parts->path)) {
      std::ranges::copy(*root, blob.begin() + (kLeafAt - 32));
      parts->root.tree_root = *root;
    }
  }
  if (parts && depth >= 1) {
    std::ranges::copy(content::sign(parts->root, key()), blob.begin() + kSignatureAt);
  }

  const auto manifest = content::decode_manifest_blob(blob, content::public_key_of(key()));
  if (!manifest) return 0;
  FB_HOLDS(parts.has_value());
  FB_HOLDS(blob.size() <= content::kManifestBlobMax && blob.size() > kPathAt);
  FB_HOLDS(manifest->site == parts->root);
  FB_HOLDS(root_of(parts->record, parts->leaf, parts->root.file_count, parts->path) ==
           parts->root.tree_root);
  content::Signature signature{};
  std::copy_n(blob.begin() + kSignatureAt, signature.size(), signature.begin());
  FB_HOLDS(content::encode_manifest_blob(manifest->site, signature, manifest->record, parts->leaf,
                                         parts->path) == blob);
  return 0;
}
