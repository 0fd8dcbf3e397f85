// The code behind repair chunks, against its definition in the header done bit by bit.
#include "content/block_code.h"

#include <algorithm>

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

uint8_t slow_multiply(uint8_t a, uint8_t b) {
  unsigned product = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if (((b >> bit) & 1) != 0) product ^= unsigned{a} << bit;
  }
  for (unsigned bit = 15; bit >= 8; --bit) {
    if (((product >> bit) & 1) != 0) product ^= 0x11dU << (bit - 8);
  }
  return static_cast<uint8_t>(product);
}

uint8_t slow_inverse(uint32_t a) {
  for (unsigned b = 1; b < 256; ++b) {
    if (slow_multiply(static_cast<uint8_t>(a), static_cast<uint8_t>(b)) == 1) {
      return static_cast<uint8_t>(b);
    }
  }
  FAIL("no inverse of " << a);
  return 0;
}

Bytes slow_repair(const Bytes& sources, size_t chunk_size, uint32_t position) {
  Bytes out(chunk_size);
  for (size_t i = 0; i < sources.size(); ++i) {
    const uint8_t factor = slow_inverse(position ^ static_cast<uint32_t>(i / chunk_size));
    out[i % chunk_size] = static_cast<uint8_t>(out[i % chunk_size] ^
                                               slow_multiply(sources[i], factor));
  }
  return out;
}

// A block: all its chunks, source and repair.
struct Block {
  size_t chunk_size;
  uint32_t sources;
  Bytes bytes;  // filled up
  Bytes repairs;

  Block(uint64_t seed, uint32_t chunks, size_t size, size_t last)
      : chunk_size(size), sources(chunks), bytes(random_bytes(seed, (chunks - 1) * size + last)) {
    repairs.resize(std::min(chunks, kBlockSizeMax - chunks) * size);
    encode_block(bytes, size, chunks, repairs);
    bytes.resize(chunks * size);
  }
  [[nodiscard]] uint32_t count() const {
    return sources + static_cast<uint32_t>(repairs.size() / chunk_size);
  }
  // The source chunks as they are decoded from the chunks at `positions`, as many as there are
  // source chunks. What is missing begins as garbage.
  [[nodiscard]] Bytes decoded_from(const std::vector<uint32_t>& positions) const {
    std::vector<bool> there(sources);
    std::vector<uint32_t> repair_positions;
    Bytes used;
    for (const uint32_t position : positions) {
      if (position < sources) {
        there[position] = true;
        continue;
      }
      repair_positions.push_back(position);
      const auto chunk = std::span(repairs).subspan((position - sources) * chunk_size, chunk_size);
      used.insert(used.end(), chunk.begin(), chunk.end());
    }
    Bytes out = bytes;
    std::vector<uint32_t> missing;
    for (uint32_t position = 0; position < sources; ++position) {
      if (there[position]) continue;
      missing.push_back(position);
      std::fill_n(out.begin() + static_cast<ptrdiff_t>(position * chunk_size), chunk_size, 0xee);
    }
    decode_block(out, chunk_size, missing, repair_positions, used);
    return out;
  }
};

TEST_CASE("repair chunks of the documented example") {
  const Bytes sources = {0x00, 0x01, 0x02, 0x03, 0x10, 0x20, 0x40, 0x80, 0xff, 0xfe};
  const Bytes expected = {0xf7, 0x1a, 0xd5, 0x41, 0x06, 0xc0, 0x3c, 0xb0, 0xf3, 0xe2, 0x43, 0xd4};
  Bytes out(12);
  encode_block(sources, 4, 3, out);
  REQUIRE(out == expected);
  Bytes one(4);
  encode_block(sources, 4, 4, one);
  REQUIRE(std::equal(one.begin(), one.end(), expected.begin() + 4));
}

TEST_CASE("repair chunks are what the definition says") {
  for (const uint64_t seed : seeds(20)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    const auto chunks = static_cast<uint32_t>(1 + rng.below(kBlockChunksMax));
    const size_t size = 1 + rng.below(200);
    const size_t last = 1 + rng.below(size);
    const Block block(seed, chunks, size, last);
    for (int i = 0; i < 5; ++i) {
      const auto position = static_cast<uint32_t>(chunks + rng.below(block.count() - chunks));
      const auto at = block.repairs.begin() + static_cast<ptrdiff_t>((position - chunks) * size);
      REQUIRE(std::equal(at, at + static_cast<ptrdiff_t>(size),
                         slow_repair(block.bytes, size, position).begin()));
    }
  }
}

TEST_CASE("any chunks of a block that are as many as its source chunks give it") {
  for (const uint64_t seed : seeds(60)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    const auto chunks = static_cast<uint32_t>(1 + rng.below(kBlockChunksMax));
    const size_t size = 64 + rng.below(100);
    const Block block(seed, chunks, size, 1 + rng.below(size));
    std::vector<uint32_t> positions(block.count());
    for (uint32_t i = 0; i < positions.size(); ++i) positions[i] = i;
    for (size_t i = positions.size(); i > 1; --i) {
      std::swap(positions[i - 1], positions[rng.below(i)]);
    }
    positions.resize(chunks);
    REQUIRE(block.decoded_from(positions) == block.bytes);
  }
}

TEST_CASE("blocks at their bounds decode from source, repair, and one missing or present chunk") {
  for (const uint32_t chunks : {1U, 2U, 3U, 11U, 12U, 13U, 64U, 127U, 128U}) {
    INFO(chunks << " source chunks");
    const Block block(chunks, chunks, 100, 37);
    REQUIRE(block.count() == std::min(255U, 2 * chunks));
    std::vector<uint32_t> positions(chunks);
    for (uint32_t i = 0; i < chunks; ++i) positions[i] = i;
    REQUIRE(block.decoded_from(positions) == block.bytes);
    for (uint32_t i = 0; i < chunks; ++i) positions[i] = block.count() - 1 - i;
    REQUIRE(block.decoded_from(positions) == block.bytes);
    for (uint32_t i = 0; i < chunks; ++i) positions[i] = i;
    for (const uint32_t missing : {0U, chunks / 2, chunks - 1}) {
      auto without = positions;
      without[missing] = block.count() - 1;
      REQUIRE(block.decoded_from(without) == block.bytes);
    }
  }
}

}  // namespace
}  // namespace fb::content
