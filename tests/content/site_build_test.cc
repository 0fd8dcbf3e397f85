#include "content/site_build.h"

#include <set>

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

const Geometry kGeometry{1000, 1024, 16};

TEST_CASE("file ids repeat with their input and differ with every part of it") {
  const auto first = [](const SecretKey& key, std::string_view path, const Geometry& geometry,
                        uint8_t hash, uint8_t level) {
    Sha256 sha256{};
    sha256[31] = hash;
    FileIdMint mint(key);
    return mint.draw(path, geometry, sha256, level);
  };
  const FileId id = first(test_key(), "a", kGeometry, 1, 0);
  REQUIRE(id == first(test_key(), "a", kGeometry, 1, 0));
  const std::set<FileId> ids{id,
                             first(test_key(2), "a", kGeometry, 1, 0),
                             first(test_key(), "b", kGeometry, 1, 0),
                             first(test_key(), "a", {1001, 1024, 16}, 1, 0),
                             first(test_key(), "a", {1000, 1023, 16}, 1, 0),
                             first(test_key(), "a", {1000, 1024, 15}, 1, 0),
                             first(test_key(), "a", kGeometry, 2, 0),
                             first(test_key(), "a", kGeometry, 1, 1)};
  REQUIRE(ids.size() == 8);
  REQUIRE_FALSE(ids.contains(FileId{0}));
}

TEST_CASE("file ids that are in use are not drawn again") {
  FileIdMint mint(test_key());
  const FileId first = mint.draw("a", kGeometry, {}, 0);
  const FileId second = mint.draw("a", kGeometry, {}, 0);
  REQUIRE(first != second);
  FileIdMint other(test_key());
  other.reserve(first);
  REQUIRE(other.draw("a", kGeometry, {}, 0) == second);
}

TEST_CASE("a built file has the hashes of its bytes on every level") {
  FileIdMint mint(test_key());
  const Bytes bytes = random_bytes(4, 60'000);
  const auto file = build_file("f", "a/b", {64, 4}, bytes, mint);
  REQUIRE(file.has_value());
  REQUIRE(file->lists.size() == 2);
  const Geometry& geometry = file->record.geometry;
  for (uint32_t i = 0; i < geometry.metachunk_count(); ++i) {
    const auto piece =
        std::span(bytes).subspan(geometry.metachunk_offset(i), geometry.metachunk_length(i));
    REQUIRE(file->metachunk_hash(i) == sha256(piece));
  }
  REQUIRE(file->record.sha256 == sha256(bytes));
  REQUIRE_FALSE(build_file("f", "a/b", {64, 1}, bytes, mint).has_value());
}

TEST_CASE("a site tree keeps its root while nothing changes, and counts versions up") {
  const FileRecord index = made_up_record(std::string(kSiteIndexPath), {0, 64, 4});
  FileRecord file = made_up_record("f", {100, 64, 4});
  file.id = FileId{9};
  const SiteTree first({&index, &file}, test_key(), 1000);
  REQUIRE(first.root().version == 1000);
  REQUIRE(first.find("f") == 1U);
  REQUIRE_FALSE(first.find("g").has_value());
  REQUIRE(first.blob_bytes() == first.blob(0).size() + first.blob(1).size());
  const SiteTree same({&index, &file}, test_key(), 2000, &first.root());
  REQUIRE(same.root() == first.root());
  REQUIRE(same.signature() == first.signature());
  FileRecord changed = file;
  changed.sha256[0] ^= 1;
  const SiteTree later({&index, &changed}, test_key(), 2000, &first.root());
  REQUIRE(later.root().version == 2000);
  // A clock that was set back does not make an older version of a newer one.
  const SiteTree backwards({&index, &changed}, test_key(), 5, &first.root());
  REQUIRE(backwards.root().version == 1001);
}

}  // namespace
}  // namespace fb::content
