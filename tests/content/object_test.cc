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

TEST_CASE("geometry numbers repair chunks behind the source chunks, block after block") {
  const Geometry geometry{300 * 1024 - 5, 1024, 16};  // 128, 128 and 44 source chunks
  REQUIRE(geometry.block_chunks() == 128);
  REQUIRE(geometry.block_count() == 3);
  REQUIRE(geometry.coded_count() == 300 + 127 + 127 + 44);
  REQUIRE(geometry.source_chunks_of(1) == nois::Interval{128, 255});
  REQUIRE(geometry.repair_chunks_of(0) == nois::Interval{300, 426});
  REQUIRE(geometry.repair_chunks_of(1) == nois::Interval{427, 553});
  REQUIRE(geometry.repair_chunks_of(2) == nois::Interval{554, 597});
  REQUIRE(geometry.block_size(0) == 255);
  REQUIRE(geometry.block_size(2) == 88);
  REQUIRE_FALSE(geometry.is_repair(299));
  REQUIRE(geometry.is_repair(300));
  REQUIRE(geometry.position_of(300) == 128);
  REQUIRE(geometry.position_of(554) == 44);
  REQUIRE(geometry.coded_length(299) == 1019);
  REQUIRE(geometry.coded_length(597) == 1024);
  REQUIRE(geometry.repair_offset(427) == 127 * 1024);
  REQUIRE(geometry.repair_length() == 298 * 1024);
}

TEST_CASE("geometry finds each chunk of each block again") {
  for (const auto metachunk_chunks : std::initializer_list<uint8_t>{1, 3, 16, 43, 64}) {
    for (const uint32_t chunks : {1U, 2U, 85U, 86U, 87U, 127U, 128U, 129U, 255U, 256U, 900U}) {
      const Geometry geometry{uint64_t{chunks} * 64, 64, metachunk_chunks};
      INFO(chunks << " chunks, MetaChunks of " << int{metachunk_chunks});
      std::vector<bool> seen(geometry.coded_count());
      uint64_t count = 0;
      for (uint32_t block = 0; block < geometry.block_count(); ++block) {
        const nois::Interval sources = geometry.source_chunks_of(block);
        REQUIRE(sources.first % metachunk_chunks == 0);
        REQUIRE(geometry.block_size(block) == std::min<uint64_t>(255, 2 * sources.length()));
        for (uint32_t position = 0; position < geometry.block_size(block); ++position) {
          const uint32_t id = geometry.id_at(block, position);
          REQUIRE(geometry.block_of(id) == block);
          REQUIRE(geometry.position_of(id) == position);
          REQUIRE(geometry.is_repair(id) == (position >= sources.length()));
          REQUIRE_FALSE(seen.at(id));
          seen.at(id) = true;
          ++count;
        }
      }
      REQUIRE(count == geometry.coded_count());
    }
  }
}

TEST_CASE("repair chunks of the largest objects have ids of 32 bits") {
  for (uint8_t metachunk_chunks = 1; metachunk_chunks <= kMetachunkChunksMax; ++metachunk_chunks) {
    const Geometry geometry{kObjectLengthMax, kChunkSizeMin, metachunk_chunks};
    REQUIRE(geometry.coded_count() <= uint64_t{1} << 32);
    const uint32_t block = geometry.block_count() - 1;
    const nois::Interval repairs = geometry.repair_chunks_of(block);
    REQUIRE(repairs.last == geometry.coded_count() - 1);
    REQUIRE(repairs.first <= repairs.last);
    REQUIRE(geometry.block_of(repairs.last) == block);
    REQUIRE(geometry.id_at(block, geometry.block_size(block) - 1) == repairs.last);
  }
  REQUIRE(Geometry{kObjectLengthMax, kChunkSizeMin, 16}.coded_count() ==
          (uint64_t{1} << 32) - (uint64_t{1} << 24));
  REQUIRE(Geometry{0, kChunkSizeMin, 16}.coded_count() == 0);
  REQUIRE(Geometry{0, kChunkSizeMin, 16}.block_count() == 0);
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
