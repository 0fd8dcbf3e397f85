#include "content/site_build.h"

#include <sodium/crypto_generichash.h>

#include <algorithm>

#include "base/check.h"

namespace fb::content {
namespace {

constexpr std::string_view kFileIdKeyDomain = "flashback file id key v1";
constexpr size_t kSeedLength = 32;
constexpr size_t kIdInputMax = 2 + kPathLengthMax + 8 + 32 + 2 + 1 + 1 + 4;

std::vector<uint8_t> concatenate(const std::vector<Sha256>& hashes) {
  std::vector<uint8_t> out;
  out.reserve(hashes.size() * sizeof(Sha256));
  for (const Sha256& hash : hashes) out.insert(out.end(), hash.begin(), hash.end());
  return out;
}

}  // namespace

FileIdMint::FileIdMint(const SecretKey& key) {
  FB_CHECK(crypto_generichash(key_.data(), key_.size(),
                              reinterpret_cast<const uint8_t*>(kFileIdKeyDomain.data()),
                              kFileIdKeyDomain.size(), key.data(), kSeedLength) == 0);
}

FileId FileIdMint::draw(std::string_view path, const Geometry& geometry, const Sha256& sha256,
                        uint8_t level) {
  for (uint32_t counter = 0;; ++counter) {
    std::array<uint8_t, kIdInputMax> input{};
    Writer writer(input);
    writer.string16(path);
    writer.u64(geometry.length);
    writer.bytes(sha256);
    writer.u16(geometry.chunk_size);
    writer.u8(geometry.metachunk_chunks);
    writer.u8(level);
    writer.u32(counter);
    FB_CHECK(!writer.failed());
    std::array<uint8_t, 32> hash{};
    FB_CHECK(crypto_generichash(hash.data(), hash.size(), input.data(), writer.used(), key_.data(),
                                key_.size()) == 0);
    const FileId id{Reader(hash).u64()};
    if (id != FileId{0} && used_.insert(id).second) return id;
  }
}

Sha256 BuiltFile::metachunk_hash(uint32_t metachunk) const {
  if (lists.empty()) return record.inline_hashes.at(metachunk);
  Sha256 out{};
  Reader in(lists.front());
  in.take(size_t{metachunk} * out.size());
  in.copy_to(out);
  FB_CHECK(!in.failed());
  return out;
}

std::optional<BuiltFile> build_file(std::string_view path, std::string_view content_type,
                                    const Geometry& geometry, const Sha256& sha256,
                                    const std::vector<Sha256>& hashes, FileIdMint& mint) {
  FB_CHECK(valid_path(path) && hashes.size() == geometry.metachunk_count());
  const auto levels = list_levels(geometry);
  if (!levels) return {};
  BuiltFile out;
  out.record.path = path;
  out.record.content_type = content_type;
  out.record.geometry = geometry;
  out.record.sha256 = sha256;
  out.record.id = mint.draw(path, geometry, sha256, 0);
  out.record.inline_hashes = hashes;
  for (size_t level = 0; level < *levels; ++level) {
    out.record.list_ids.push_back(
        mint.draw(path, geometry, sha256, static_cast<uint8_t>(level + 1)));
    out.lists.push_back(concatenate(out.record.inline_hashes));
    out.record.inline_hashes = metachunk_hashes(out.record.list_geometry(level), out.lists.back());
  }
  return out;
}

std::optional<BuiltFile> build_file(std::string_view path, std::string_view content_type,
                                    SiteGeometry geometry, std::span<const uint8_t> bytes,
                                    FileIdMint& mint) {
  const Geometry cut = geometry.for_length(bytes.size());
  if (!list_levels(cut)) return {};
  return build_file(path, content_type, cut, sha256(bytes), metachunk_hashes(cut, bytes), mint);
}

std::vector<Sha256> metachunk_hashes(const Geometry& geometry, std::span<const uint8_t> bytes) {
  FB_CHECK(bytes.size() == geometry.length);
  std::vector<Sha256> out(geometry.metachunk_count());
  for (uint32_t i = 0; i < out.size(); ++i) {
    out[i] = sha256(bytes.subspan(geometry.metachunk_offset(i), geometry.metachunk_length(i)));
  }
  return out;
}

SiteTree::SiteTree(std::vector<const FileRecord*> records, const SecretKey& key, uint64_t version,
                   const SiteRoot* previous)
    : records_(std::move(records)), tree_(leaves_of(records_)) {
  FB_CHECK(records_.size() <= UINT32_MAX && find(kSiteIndexPath).has_value());
  FB_CHECK(std::is_sorted(records_.begin(), records_.end(), [](const auto* a, const auto* b) {
    return a->path < b->path;
  }));
  root_ = {version, static_cast<uint32_t>(records_.size()), tree_.root()};
  if (previous != nullptr) {
    const bool same = previous->tree_root == root_.tree_root &&
                      previous->file_count == root_.file_count;
    root_.version = same ? previous->version : std::max(version, previous->version + 1);
  }
  signature_ = sign(root_, key);
  for (size_t leaf = 0; leaf < records_.size(); ++leaf) blob_bytes_ += blob(leaf).size();
}

std::optional<size_t> SiteTree::find(std::string_view path) const {
  const auto before = [](const FileRecord* record, std::string_view p) { return record->path < p; };
  const auto found = std::lower_bound(records_.begin(), records_.end(), path, before);
  if (found == records_.end() || (*found)->path != path) return {};
  return static_cast<size_t>(found - records_.begin());
}

std::vector<uint8_t> SiteTree::blob(size_t leaf) const {
  return encode_manifest_blob(root_, signature_, *records_.at(leaf), leaf, tree_.audit_path(leaf));
}

std::vector<Sha256> SiteTree::leaves_of(const std::vector<const FileRecord*>& records) {
  std::vector<Sha256> out;
  out.reserve(records.size());
  std::array<uint8_t, kRecordLengthMax> buffer{};
  for (const FileRecord* record : records) {
    Writer writer(buffer);
    encode(*record, writer);
    FB_CHECK(!writer.failed());
    out.push_back(MerkleTree::leaf_hash(writer.written()));
  }
  return out;
}

}  // namespace fb::content
