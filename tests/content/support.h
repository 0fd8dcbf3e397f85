// What the tests of content share: bytes, keys, records and directories that vanish.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "catch.h"
#include "content/memory_site.h"

namespace fb::content {

using Bytes = std::vector<uint8_t>;

inline SecretKey test_key(uint8_t number = 1) { return secret_key_from_seed({number, 2, 3}); }

inline Bytes random_bytes(uint64_t seed, size_t length) {
  Rng rng(seed);
  Bytes out(length);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng.next());
  return out;
}

// The seeds of a random test: 1 to `count`, or the one in FLASHBACK_SEED.
inline std::vector<uint64_t> seeds(uint64_t count) {
  if (const char* const given = std::getenv("FLASHBACK_SEED")) return {std::stoull(given)};
  std::vector<uint64_t> out;
  for (uint64_t seed = 1; seed <= count; ++seed) out.push_back(seed);
  return out;
}

#define FB_REPLAY(seed) \
  INFO("seed " << (seed) << "; replay: FLASHBACK_SEED=" << (seed) << " test_content \"" \
               << Catch::getResultCapture().getCurrentTestName() << "\"")

// A record with ids 1, 2, ... and made-up hashes that fits its geometry.
inline FileRecord made_up_record(std::string path, Geometry geometry) {
  FileRecord out;
  out.path = std::move(path);
  out.content_type = "text/plain";
  out.id = FileId{1};
  out.geometry = geometry;
  out.sha256.fill(0xab);
  const size_t levels = list_levels(geometry).value();
  for (size_t i = 0; i < levels; ++i) out.list_ids.push_back(FileId{i + 2});
  out.inline_hashes.resize(out.deepest().geometry.metachunk_count());
  for (size_t i = 0; i < out.inline_hashes.size(); ++i) {
    out.inline_hashes[i].fill(static_cast<uint8_t>(i));
  }
  return out;
}

inline Bytes encoded(const FileRecord& record) {
  Bytes out(kRecordLengthMax);
  Writer writer(out);
  encode(record, writer);
  REQUIRE_FALSE(writer.failed());
  out.resize(writer.used());
  return out;
}

// A directory of its own, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "flashback-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ / name; }
  void write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream out(path_ / name, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    REQUIRE(out.good());
  }
  void write(std::string_view name, const Bytes& bytes) const {
    write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }

 private:
  std::filesystem::path path_;
};

// An object's bytes chunk by chunk; shorter when a chunk cannot be read.
inline Bytes read_all(SiteCatalog& site, FileId id) {
  Bytes out;
  const auto geometry = site.object(id);
  if (!geometry) return out;
  std::array<uint8_t, kChunkSizeMax> chunk{};
  for (uint32_t i = 0; i < geometry->chunk_count(); ++i) {
    const size_t length = site.read_chunk(id, i, chunk);
    out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(length));
  }
  return out;
}

}  // namespace fb::content
