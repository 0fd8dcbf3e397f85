// A site whose files lie in memory: for tests, the simulator, and whoever has bytes and no disk.
//
// Thread safety: one thread at a time; any number for files whose repair chunks were computed
// before (repair_bytes), for then these are only read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <map>
#include <unordered_map>
#include <vector>

#include "content/repair_cache.h"
#include "content/site_build.h"
#include "content/site_catalog.h"

namespace fb::content {

struct MemoryFile {
  std::string path;
  std::string content_type;
  std::vector<uint8_t> bytes;
};

class MemorySite final : public SiteCatalog {
 public:
  MemorySite(const MemorySite&) = delete;  // the tree borrows the records
  MemorySite& operator=(const MemorySite&) = delete;
  MemorySite(MemorySite&&) = default;
  MemorySite& operator=(MemorySite&&) = default;

  // Requires valid and different paths, none of them kSiteIndexPath; content types of 1 to 100
  // printable ASCII characters; a valid geometry under which no file needs more than
  // kHashListLevelsMax hash lists. The index is added.
  MemorySite(std::vector<MemoryFile> files, const SecretKey& key, SiteGeometry geometry = {},
             uint64_t version = 1);

  [[nodiscard]] std::span<const uint8_t> manifest(std::string_view path) override;
  [[nodiscard]] std::optional<FileId> first_object(std::string_view path) override;
  [[nodiscard]] std::optional<Geometry> object(FileId id) override;
  [[nodiscard]] size_t read_chunk(FileId id, uint32_t chunk, std::span<uint8_t> out) override;

  // In tree order, the index's among them. Valid for the site's life, as all that follows.
  [[nodiscard]] const std::vector<FileRecord>& records() const { return records_; }
  [[nodiscard]] const SiteRoot& root() const { return tree_.root(); }
  [[nodiscard]] const Signature& signature() const { return tree_.signature(); }
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  // A record by path; nullptr when the site has no such file.
  [[nodiscard]] const FileRecord* record(std::string_view path) const;
  // An object's bytes, be it file or hash list; empty when there is no such object.
  [[nodiscard]] std::span<const uint8_t> bytes(FileId id) const;
  // All repair chunks of an object, block after block; empty when there is no such object, or when
  // it is empty. Computed on the first call and kept: for whoever simulates many downloads.
  [[nodiscard]] std::span<const uint8_t> repair_bytes(FileId id);
  // All that is needed to fetch an object; nothing when there is no such object.
  [[nodiscard]] std::optional<ObjectInfo> info(FileId id) const;

 private:
  struct Object {
    Geometry geometry;
    std::vector<uint8_t> bytes;
    std::vector<uint8_t> repair;  // once repair_bytes() was called
  };

  void add_objects(const BuiltFile& file, std::vector<uint8_t> bytes);
  std::vector<const FileRecord*> take(std::vector<MemoryFile> files, const SecretKey& key,
                                      SiteGeometry geometry);

  PublicKey public_key_{};
  std::unordered_map<FileId, Object> objects_;
  std::map<std::string, std::vector<uint8_t>, std::less<>> blobs_;
  std::vector<FileRecord> records_;
  RepairCache repair_cache_;
  SiteTree tree_;  // last: built from what is above
};

}  // namespace fb::content
