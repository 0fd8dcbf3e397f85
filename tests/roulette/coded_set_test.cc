// Holdings by block and position, against slow models.
#include "roulette/coded_set.h"

#include <bitset>
#include <map>
#include <set>

#include "catch.h"

using namespace fb;
using namespace fb::roulette;

namespace {

std::bitset<256> model_of(const BlockBits& bits) {
  std::bitset<256> out;
  for (uint32_t i = 0; i < 256; ++i) out[i] = bits.test(i);
  return out;
}

BlockBits random_bits(Rng& rng) {
  BlockBits out;
  const uint64_t how = rng.below(4);
  for (uint64_t& word : out.words) word = how == 0 ? 0 : how == 1 ? ~uint64_t{0} : rng.next();
  return out;
}

}  // namespace

TEST_CASE("block bits: all of so many") {
  for (uint32_t size = 0; size <= 256; ++size) {
    const BlockBits bits = BlockBits::all(size);
    CHECK(bits.count() == size);
    CHECK(bits.any() == (size > 0));
    if (size > 0) CHECK(bits.test(size - 1));
    if (size < 256) CHECK_FALSE(bits.test(size));
  }
}

TEST_CASE("block bits: all from one to another") {
  for (uint32_t first = 0; first < 256; ++first) {
    for (uint32_t last = first; last < 256; ++last) {
      BlockBits bits;
      bits.set(first, last);
      REQUIRE(bits == BlockBits::all(last + 1).minus(BlockBits::all(first)));
    }
  }
}

// The number that stands in docs/protocol.md; both sides have to draw the same.
TEST_CASE("block bits: the half that a salt draws") {
  CHECK(BlockBits::half(200).words ==
        std::array<uint64_t, 4>{0xf1de0875b332446f, 0x81487f13496e7b8a, 0xa1c603e2d2b1c755,
                                0xb5be0c9a1bb00e12});
  for (int salt = 0; salt < 256; ++salt) {
    const uint32_t count = BlockBits::half(static_cast<uint8_t>(salt)).count();
    CHECK(count > 96);
    CHECK(count < 160);
  }
}

TEST_CASE("block bits do what a bitset does") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    BlockBits a = random_bits(rng);
    const BlockBits b = random_bits(rng);
    auto model = model_of(a);
    for (int i = 0; i < 20; ++i) {
      const auto at = static_cast<uint32_t>(rng.below(256));
      if (rng.below(2) == 0) {
        a.set(at);
        model.set(at);
      } else {
        a.reset(at);
        model.reset(at);
      }
    }
    REQUIRE(model_of(a) == model);
    REQUIRE(a.count() == model.count());
    REQUIRE(model_of(a.minus(b)) == (model & ~model_of(b)));
    REQUIRE(model_of(a & b) == (model & model_of(b)));
    REQUIRE(model_of(a | b) == (model | model_of(b)));
  }
}

TEST_CASE("block bits: a pick is one of them, and each is picked as often") {
  Rng rng(1);
  CHECK_FALSE(BlockBits{}.pick(rng).has_value());
  BlockBits bits;
  const std::set<uint32_t> positions{0, 63, 64, 127, 200, 255};
  for (const uint32_t position : positions) bits.set(position);
  std::map<uint32_t, int> picked;
  for (int i = 0; i < 6000; ++i) ++picked[bits.pick(rng).value()];
  CHECK(picked.size() == positions.size());
  for (const auto& [position, times] : picked) {
    CHECK(positions.contains(position));
    CHECK(times > 800);
    CHECK(times < 1200);
  }
}

TEST_CASE("a coded set holds what it was told, random operations") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    CodedSet set;
    std::set<uint32_t> whole;
    std::map<uint32_t, std::bitset<256>> parts;
    constexpr uint32_t kBlocks = 40;  // fewer than are remembered
    for (int i = 0; i < 300; ++i) {
      const auto block = static_cast<uint16_t>(rng.below(kBlocks));
      const auto position = static_cast<uint8_t>(rng.next());
      switch (rng.below(6)) {
        case 0: {
          if (rng.below(4) != 0) break;
          const auto last =
              static_cast<uint32_t>(std::min<uint64_t>(block + rng.below(3), kBlocks));
          set.add_whole({block, last});
          for (uint32_t b = block; b <= last; ++b) {
            whole.insert(b);
            parts.erase(b);
          }
          break;
        }
        case 1: {
          const BlockBits bits = random_bits(rng);
          set.add(block, bits);
          if (!whole.contains(block)) parts[block] |= model_of(bits);
          break;
        }
        case 2:
          set.remove({block, position});
          if (parts.contains(block)) parts[block].reset(position);
          break;
        default:
          set.add(wire::ChunkName{block, position});
          if (!whole.contains(block)) parts[block].set(position);
      }
    }
    uint64_t count = whole.size() * 128;
    for (const auto& [block, bits] : parts) count += bits.count();
    REQUIRE(set.count() == count);
    for (uint16_t block = 0; block < kBlocks + 3; ++block) {
      const bool is_whole = whole.contains(block);
      const BlockBits bits = set.bits(block, 200);
      for (uint32_t position = 0; position < 256; ++position) {
        const bool has = is_whole || (parts.contains(block) && parts[block][position]);
        REQUIRE(set.contains({block, static_cast<uint8_t>(position)}) == has);
        REQUIRE(bits.test(position) == (has && (!is_whole || position < 200)));
      }
      REQUIRE(set.has_any(block) == (is_whole || parts.contains(block)));
    }
  }
}

TEST_CASE("parts of blocks are bounded, the one told of longest ago goes first") {
  CodedSet set;
  for (uint32_t block = 0; block < 1000; ++block) {
    set.add(wire::ChunkName{static_cast<uint16_t>(block), 1});
  }
  CHECK(set.count() == CodedSet::kPartsMax);
  CHECK_FALSE(set.has_any(0));
  CHECK_FALSE(set.has_any(1000 - CodedSet::kPartsMax - 1));
  CHECK(set.has_any(1000 - CodedSet::kPartsMax));
  CHECK(set.contains({999, 1}));
}
