#include "content/file_record.h"

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

std::expected<FileRecord, ContentError> decoded(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  auto out = decode_file_record(in);
  if (out && !in.finished()) return std::unexpected(ContentError::kMalformed);
  return out;
}

// Geometries with 0, 1, 2 and 4 hash lists.
const std::vector<Geometry> kGeometries{
    {0, 1024, 16},          {1, 1024, 16},          {131'072, 1024, 16}, {262'144, 1024, 16},
    {262'145, 1024, 16},    {5'000'000'000, 1024, 16}, {16'384, 64, 1},  {500'000, 64, 4},
};

TEST_CASE("file record survives encoding") {
  for (const Geometry& geometry : kGeometries) {
    const FileRecord record = made_up_record("a/b.txt", geometry);
    REQUIRE(decoded(encoded(record)).value() == record);
  }
  const FileRecord longest =
      made_up_record(std::string(kPathLengthMax, 'p'), {16'384, 64, 1});
  REQUIRE(longest.list_ids.size() == kHashListLevelsMax);
  REQUIRE(decoded(encoded(longest)).value() == longest);
}

TEST_CASE("file record of a small file has these bytes") {
  FileRecord record;
  record.path = "a";
  record.content_type = "t/p";
  record.id = FileId{0x0102030405060708};
  record.geometry = {3, 1024, 16};
  record.sha256.fill(0xaa);
  record.inline_hashes.resize(1);
  record.inline_hashes[0].fill(0xbb);
  const auto repeated = [](std::string_view byte) {
    std::string out;
    for (int i = 0; i < 32; ++i) out += byte;
    return out;
  };
  REQUIRE(to_hex(encoded(record)) == "000161" "03742f70" "0102030405060708" "0000000000000003"
                                     "0400" "10" + repeated("aa") + "00" "01" + repeated("bb"));
}

TEST_CASE("file record refuses every truncation and trailing bytes") {
  for (const Geometry& geometry : kGeometries) {
    Bytes bytes = encoded(made_up_record("dir/file", geometry));
    for (size_t length = 0; length < bytes.size(); ++length) {
      REQUIRE_FALSE(decoded(std::span(bytes).first(length)).has_value());
    }
    bytes.push_back(0);
    REQUIRE_FALSE(decoded(bytes).has_value());
  }
}

TEST_CASE("file record refuses fields out of their range") {
  const FileRecord good = made_up_record("dir/file", {262'145, 1024, 16});
  REQUIRE(decoded(encoded(good)).has_value());
  const auto refused = [&](const std::function<void(FileRecord&)>& change, ContentError why) {
    FileRecord record = good;
    change(record);
    const auto out = decoded(encoded(record));
    REQUIRE_FALSE(out.has_value());
    REQUIRE(out.error() == why);
  };
  using enum ContentError;
  refused([](FileRecord& r) { r.path = "../x"; }, kBadPath);
  refused([](FileRecord& r) { r.path = ""; }, kBadPath);
  refused([](FileRecord& r) { r.content_type = ""; }, kMalformed);
  refused([](FileRecord& r) { r.content_type = "text/html\r\nSet-Cookie: x"; }, kMalformed);
  refused([](FileRecord& r) { r.content_type = std::string(101, 'x'); }, kMalformed);
  refused([](FileRecord& r) { r.content_type = "\x7f"; }, kMalformed);
  refused([](FileRecord& r) { r.content_type = "t\xc3\xa9"; }, kMalformed);
  refused([](FileRecord& r) { r.id = FileId{0}; }, kMalformed);
  refused([](FileRecord& r) { r.list_ids[0] = FileId{0}; }, kMalformed);
  refused([](FileRecord& r) { r.list_ids[0] = r.id; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.chunk_size = 63; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.chunk_size = 0; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.chunk_size = 1151; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.metachunk_chunks = 0; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.metachunk_chunks = 65; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.length = ~uint64_t{0}; }, kMalformed);
  // Counts that do not belong to the geometry.
  refused([](FileRecord& r) { r.geometry.length = 262'144; }, kMalformed);
  refused([](FileRecord& r) { r.geometry.length = uint64_t{1} << 32; }, kMalformed);
  refused([](FileRecord& r) { r.list_ids.clear(); }, kMalformed);
  refused([](FileRecord& r) { r.list_ids.push_back(FileId{77}); }, kMalformed);
  refused([](FileRecord& r) { r.inline_hashes.pop_back(); }, kMalformed);
  refused([](FileRecord& r) { r.inline_hashes.emplace_back(); }, kMalformed);
  // Longer than any four lists can tell.
  refused([](FileRecord& r) { r.geometry = {1'000'000, 64, 1}; }, kMalformed);
}

TEST_CASE("file record decoding survives random bytes and random changes") {
  const Bytes good = encoded(made_up_record("dir/file", {262'145, 1024, 16}));
  for (const uint64_t seed : seeds(3000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    const Bytes noise = random_bytes(seed, rng.below(200));
    (void)decoded(noise);
    Bytes changed = good;
    for (uint64_t i = rng.below(4); i < 4; ++i) {
      changed[rng.below(changed.size())] = static_cast<uint8_t>(rng.next());
    }
    // What is accepted is what was encoded: there is one form only.
    if (const auto record = decoded(changed)) REQUIRE(encoded(*record) == changed);
  }
}

TEST_CASE("valid paths stay inside the site") {
  for (const std::string_view path :
       {"a", "a/b", ".hidden", "a/.hidden/b", "...", "a/...", "..a", "a..", "a b", "a%2e",
        "\xff"}) {
    INFO(path);
    REQUIRE(valid_path(path));
  }
  using namespace std::string_view_literals;
  for (const std::string_view path :
       {""sv, "/"sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, ".."sv, "./a"sv, "../a"sv, "a/."sv, "a/.."sv,
        "a/../b"sv, "a/./b"sv, "a\\b"sv, "..\\a"sv, "a\0b"sv, "\0"sv}) {
    INFO(path);
    REQUIRE_FALSE(valid_path(path));
  }
  REQUIRE(valid_path(std::string(kPathLengthMax, 'a')));
  REQUIRE_FALSE(valid_path(std::string(kPathLengthMax + 1, 'a')));
}

TEST_CASE("hash lists shrink from level to level") {
  const FileRecord record = made_up_record("x", {500'000, 64, 4});
  REQUIRE(record.list_ids.size() == 3);
  REQUIRE(record.list_geometry(0).length == 32U * record.geometry.metachunk_count());
  REQUIRE(record.list_geometry(1).length == 32U * record.list_geometry(0).metachunk_count());
  REQUIRE(record.list_geometry(2).length == 32U * record.list_geometry(1).metachunk_count());
  const ObjectInfo deepest = record.deepest();
  REQUIRE(deepest.id == record.list_ids[2]);
  REQUIRE(deepest.geometry == record.list_geometry(2));
  REQUIRE(deepest.hashes == record.inline_hashes);
  REQUIRE(list_levels({262'144, 1024, 16}) == 0U);
  REQUIRE(list_levels({262'145, 1024, 16}) == 1U);
  REQUIRE_FALSE(list_levels({1'000'000, 64, 1}).has_value());
  REQUIRE_FALSE(list_levels({1, 0, 0}).has_value());
}

TEST_CASE("a completed list gives the object above it") {
  const FileRecord record = made_up_record("x", {500'000, 64, 4});
  const Bytes list1 = random_bytes(1, record.list_geometry(1).length);
  const ObjectInfo list0 = record.above(1, list1).value();
  REQUIRE(list0.id == record.list_ids[0]);
  REQUIRE(list0.geometry == record.list_geometry(0));
  REQUIRE(list0.hashes.size() == list0.geometry.metachunk_count());
  REQUIRE(std::equal(list0.hashes[1].begin(), list0.hashes[1].end(), list1.begin() + 32));
  const ObjectInfo file = record.above(0, random_bytes(2, record.list_geometry(0).length)).value();
  REQUIRE(file.id == record.id);
  REQUIRE(file.geometry == record.geometry);
  REQUIRE(file.hashes.size() == record.geometry.metachunk_count());

  REQUIRE_FALSE(record.above(3, list1).has_value());
  REQUIRE_FALSE(record.above(1, std::span(list1).first(list1.size() - 1)).has_value());
  REQUIRE_FALSE(record.above(1, {}).has_value());
}

}  // namespace
}  // namespace fb::content
