#include "content/storage.h"

#include <filesystem>

#include "catch.h"
#include "content/chunk_store.h"
#include "content/file_storage.h"
#include "content/support.h"

namespace fb::content {
namespace {

void check_medium(Storage& storage) {
  const Bytes bytes = random_bytes(1, 100);
  REQUIRE(storage.write(0, std::span(bytes).first(10)));
  REQUIRE(storage.write(900, bytes));
  Bytes out(100);
  REQUIRE(storage.read(900, out));
  REQUIRE(out == bytes);
  REQUIRE(storage.read(0, std::span(out).first(10)));
  REQUIRE(std::equal(out.begin(), out.begin() + 10, bytes.begin()));
  // What was never written reads as zeros.
  REQUIRE(storage.read(500, out));
  REQUIRE(out == Bytes(100));
  REQUIRE(storage.write(1000, {}));
  REQUIRE(storage.read(1000, {}));
}

TEST_CASE("memory storage keeps bytes") {
  MemoryStorage storage(1000);
  check_medium(storage);
  REQUIRE(storage.bytes().size() == 1000);
}

TEST_CASE("piece storage has memory for what is written and not released") {
  PieceStorage storage(300);
  const Bytes bytes = random_bytes(1, 100);
  Bytes out(100);
  REQUIRE_FALSE(storage.read(0, out));
  REQUIRE(storage.write(400, bytes));
  REQUIRE(storage.pieces() == 1);
  REQUIRE(storage.read(400, out));
  REQUIRE(out == bytes);
  REQUIRE(storage.read(500, out));
  REQUIRE(out == Bytes(100));
  REQUIRE_FALSE(storage.read(0, out));
  REQUIRE(storage.write(600, bytes));
  storage.release(0, 300);
  REQUIRE(storage.pieces() == 2);
  storage.release(300, 300);
  REQUIRE(storage.pieces() == 1);
  REQUIRE_FALSE(storage.read(400, out));
  storage.release(600, 100);
  REQUIRE(storage.pieces() == 0);
  REQUIRE_FALSE(storage.recall(0, 100));
}

TEST_CASE("file storage keeps bytes in a file of the exact length") {
  const TemporaryDirectory directory;
  const auto storage = FileStorage::create(directory / "part", 1000);
  REQUIRE(storage.has_value());
  REQUIRE(std::filesystem::file_size(directory / "part") == 1000);
  check_medium(**storage);
  Bytes byte(1);
  REQUIRE_FALSE((*storage)->write(1000, byte));
  REQUIRE_FALSE((*storage)->read(1000, byte));
  REQUIRE_FALSE((*storage)->write(~uint64_t{0}, byte));
  REQUIRE((*storage)->sync());
  REQUIRE(std::filesystem::file_size(directory / "part") == 1000);
}

TEST_CASE("file storage tells that a file was cut short under it") {
  const TemporaryDirectory directory;
  const auto storage = FileStorage::create(directory / "part", 1000);
  REQUIRE(storage.has_value());
  std::filesystem::resize_file(directory / "part", 10);
  Bytes out(20);
  REQUIRE_FALSE((*storage)->read(0, out));
}

TEST_CASE("file storage never overwrites and tells what failed") {
  const TemporaryDirectory directory;
  directory.write("there", "precious");
  REQUIRE_FALSE(FileStorage::create(directory / "there", 5).has_value());
  REQUIRE(std::filesystem::file_size(directory / "there") == 8);
  const auto missing = FileStorage::create(directory / "no/such/directory", 5);
  REQUIRE(missing.error().find("no/such/directory") != std::string::npos);
  REQUIRE_FALSE(FileStorage::create(directory / "huge", ~uint64_t{0}).has_value());
  REQUIRE_FALSE(std::filesystem::exists(directory / "huge"));
  REQUIRE(FileStorage::create(directory / "empty", 0).has_value());
}

TEST_CASE("a chunk store works on a file") {
  const TemporaryDirectory directory;
  const Bytes bytes = random_bytes(3, 100'001);
  MemorySite site({{"f", "a/b", bytes}}, test_key());
  const FileRecord& record = *site.record("f");
  auto storage = FileStorage::create(directory / "part", record.geometry.length);
  REQUIRE(storage.has_value());
  ChunkStore store(site.info(record.id).value(), std::move(*storage));
  std::array<uint8_t, kChunkSizeMax> chunk{};
  for (uint32_t i = store.geometry().chunk_count(); i-- > 0;) {
    const size_t length = site.read_chunk(record.id, i, chunk);
    (void)store.add(i, std::span(chunk).first(length), SenderId{1});
  }
  REQUIRE(store.complete());
  Bytes out(bytes.size());
  REQUIRE(store.read_verified(0, out));
  REQUIRE(out == bytes);
}

}  // namespace
}  // namespace fb::content
