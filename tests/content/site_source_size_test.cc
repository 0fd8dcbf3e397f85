// Many files and large files, with bounded memory.
#include <dirent.h>
#include <sys/resource.h>

#include "catch.h"
#include "content/site_source.h"
#include "content/support.h"

namespace fb::content {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

constexpr int64_t kGrowthMaxKib = int64_t{150} * 1024;

int64_t resident_max_kib() {
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_maxrss;
}

size_t descriptors_open() {
  size_t out = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++out;
  }
  return out;
}

TEST_CASE("ten thousand small files and one of 200 MB") {
  const TemporaryDirectory directory;
  constexpr int kFiles = 10'000;
  const auto text_of = [](int i) { return "file number " + std::to_string(i); };
  for (int i = 0; i < kFiles; ++i) {
    directory.write("d" + std::to_string(i % 100) + "/" + std::to_string(i) + ".txt", text_of(i));
  }
  // Mostly a hole, with a pattern here and there.
  constexpr uint64_t kLength = uint64_t{200} << 20;
  {
    std::ofstream out(directory / "large.bin", std::ios::binary);
    for (uint64_t at = 0; at < kLength; at += uint64_t{1} << 20) {
      out.seekp(static_cast<std::streamoff>(at));
      out << "at " << at;
    }
    out.seekp(static_cast<std::streamoff>(kLength - 1));
    out.put('z');
  }
  const int64_t before = resident_max_kib();
  const size_t descriptors = descriptors_open();
  const auto site = SiteSource::open(directory.path().string(), test_key()).value();
  REQUIRE(site->site_version_stats().files == kFiles + 1);
  REQUIRE(site->warnings().empty());
  REQUIRE(site->cache()->entries() == kFiles);

  std::array<uint8_t, kChunkSizeMax> chunk{};
  for (const int i : {0, 4711, kFiles - 1}) {
    const std::string path = "d" + std::to_string(i % 100) + "/" + std::to_string(i) + ".txt";
    const auto manifest = decode_manifest_blob(site->manifest(path), site->public_key());
    REQUIRE(manifest.has_value());
    const size_t length = site->read_chunk(manifest->record.id, 0, chunk);
    REQUIRE(std::string(chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(length)) ==
            text_of(i));
  }

  const FileRecord large = site->current()->find("large.bin")->record();
  REQUIRE(large.geometry.length == kLength);
  Sha256Stream hash;
  for (uint32_t i = 0; i < large.geometry.chunk_count(); ++i) {
    const size_t length = site->read_chunk(large.id, i, chunk);
    if (length != large.geometry.chunk_length(i)) FAIL("chunk " << i << " cannot be read");
    hash.update(std::span(chunk).first(length));
  }
  REQUIRE(hash.finish() == large.sha256);
  REQUIRE(site->cache()->bytes() <= site->scanner().options().cache_bytes);
  REQUIRE(descriptors_open() <= descriptors + 64 + 256 + 1);

  // A rescan reads nothing again and keeps no second copy.
  REQUIRE(site->rescan(Instant{}).value() == false);
  directory.write("one-more", "x");
  REQUIRE(site->rescan(Instant{}).value());
  if (!kSanitized) REQUIRE(resident_max_kib() - before < kGrowthMaxKib);
}

TEST_CASE("descriptors do not pile up over rescans") {
  const TemporaryDirectory directory;
  directory.write("keeps", Bytes(5'000, 1));
  const auto site = SiteSource::open(directory.path().string(), test_key(),
                                     {.cache_bytes = 0, .retired_grace = seconds(1)})
                        .value();
  size_t after_first = 0;
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove(directory / "changes");
    directory.write("changes", Bytes(100, static_cast<uint8_t>(round)));
    REQUIRE(site->rescan(Instant{} + seconds(2 * round)).value());
    if (round == 1) after_first = descriptors_open();
  }
  REQUIRE(descriptors_open() <= after_first + 1);
}

}  // namespace
}  // namespace fb::content
