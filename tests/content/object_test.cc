#include "content/object.h"

#include "catch.h"
#include "content/hash.h"
#include "content/support.h"

namespace fb::content {
namespace {

TEST_CASE("geometry of an object with a short end") {
  const Geometry geometry{1024 * 20 + 1, 1024, 16};
  REQUIRE(geometry.valid());
  REQUIRE(geometry.chunk_count() == 21);
  REQUIRE(geometry.metachunk_count() == 2);
  REQUIRE(geometry.chunk_length(0) == 1024);
  REQUIRE(geometry.chunk_length(20) == 1);
  REQUIRE(geometry.chunk_offset(20) == 20480);
  REQUIRE(geometry.metachunk_of(15) == 0);
  REQUIRE(geometry.metachunk_of(16) == 1);
  REQUIRE(geometry.chunks_of(0) == nois::Interval{0, 15});
  REQUIRE(geometry.chunks_of(1) == nois::Interval{16, 20});
  REQUIRE(geometry.metachunk_offset(1) == 16384);
  REQUIRE(geometry.metachunk_length(0) == 16384);
  REQUIRE(geometry.metachunk_length(1) == 4097);
}

TEST_CASE("geometry of nothing has no chunks") {
  const Geometry geometry{0, 1024, 16};
  REQUIRE(geometry.valid());
  REQUIRE(geometry.chunk_count() == 0);
  REQUIRE(geometry.metachunk_count() == 0);
}

TEST_CASE("geometry of the largest objects does not overflow") {
  const Geometry smallest_chunks{kObjectLengthMax, kChunkSizeMin, 1};
  REQUIRE(smallest_chunks.valid());
  REQUIRE(smallest_chunks.chunk_count() == uint32_t{1} << 31);
  const uint32_t last = smallest_chunks.chunk_count() - 1;
  REQUIRE(smallest_chunks.chunk_length(last) == kChunkSizeMin);
  REQUIRE(smallest_chunks.chunks_of(last) == nois::Interval{last, last});
  REQUIRE(smallest_chunks.metachunk_offset(last) == kObjectLengthMax - kChunkSizeMin);
  const Geometry large_metachunks{kObjectLengthMax, kChunkSizeMin, kMetachunkChunksMax};
  const uint32_t end = large_metachunks.metachunk_count() - 1;
  REQUIRE(large_metachunks.chunks_of(end).last == last);
  const Geometry large{kObjectLengthMax - 1, kChunkSizeMax, kMetachunkChunksMax};
  REQUIRE(large.valid());
  const uint32_t final_chunk = large.chunk_count() - 1;
  REQUIRE(large.chunk_offset(final_chunk) + large.chunk_length(final_chunk) == large.length);
}

TEST_CASE("geometry out of bounds is not valid") {
  REQUIRE_FALSE(Geometry{1, 0, 16}.valid());
  REQUIRE_FALSE(Geometry{1, kChunkSizeMin - 1, 16}.valid());
  REQUIRE_FALSE(Geometry{1, kChunkSizeMax + 1, 16}.valid());
  REQUIRE_FALSE(Geometry{1, 1024, 0}.valid());
  REQUIRE_FALSE(Geometry{1, 1024, kMetachunkChunksMax + 1}.valid());
  REQUIRE_FALSE(Geometry{kObjectLengthMax + 1, 1024, 16}.valid());
  REQUIRE_FALSE(Geometry{~uint64_t{0}, 1024, 16}.valid());
}

TEST_CASE("the parts of a random geometry cover it exactly") {
  for (const uint64_t seed : seeds(200)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    const Geometry geometry{rng.below(300'000),
                            static_cast<uint16_t>(kChunkSizeMin + rng.below(1087)),
                            static_cast<uint8_t>(1 + rng.below(kMetachunkChunksMax))};
    REQUIRE(geometry.valid());
    uint64_t offset = 0;
    uint32_t chunk = 0;
    for (uint32_t i = 0; i < geometry.metachunk_count(); ++i) {
      REQUIRE(geometry.metachunk_offset(i) == offset);
      const nois::Interval chunks = geometry.chunks_of(i);
      REQUIRE(chunks.first == chunk);
      uint64_t length = 0;
      for (; chunk <= chunks.last; ++chunk) {
        REQUIRE(geometry.metachunk_of(chunk) == i);
        REQUIRE(geometry.chunk_offset(chunk) == offset + length);
        length += geometry.chunk_length(chunk);
      }
      REQUIRE(geometry.metachunk_length(i) == length);
      offset += length;
    }
    REQUIRE(chunk == geometry.chunk_count());
    REQUIRE(offset == geometry.length);
  }
}

TEST_CASE("hash of known texts (FIPS 180-4)") {
  REQUIRE(to_hex(sha256({})) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const Bytes abc{'a', 'b', 'c'};
  REQUIRE(to_hex(sha256(abc)) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("hash in pieces is the hash of the whole") {
  const Bytes bytes = random_bytes(1, 10'000);
  for (const size_t piece : {1UL, 63UL, 64UL, 65UL, 9'999UL, 10'000UL}) {
    Sha256Stream stream;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      stream.update(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    Sha256Stream moved(std::move(stream));
    REQUIRE(moved.finish() == sha256(bytes));
  }
}

}  // namespace
}  // namespace fb::content
