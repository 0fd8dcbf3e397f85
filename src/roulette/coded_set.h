// Which chunks of an object somebody holds, block by block: a bit a position, so that the random
// holdings of repair chunks cost no more than others, and comparing two takes four words a block.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "nois/interval_set.h"
#include "wire/message.h"

namespace fb::roulette {

// Positions in one block, 0 to 255.
struct BlockBits {
  std::array<uint64_t, 4> words{};

  // Positions 0 to size - 1.
  static BlockBits all(uint32_t size) {
    BlockBits out;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t from = i * 64;
      if (size >= from + 64) {
        out.words[i] = ~uint64_t{0};
      } else if (size > from) {
        out.words[i] = (uint64_t{1} << (size - from)) - 1;
      }
    }
    return out;
  }
  // About half of all positions, others for each salt: word i is the output of splitmix64 whose
  // state is 4 * salt + i + 1 steps on from 0. Part of the protocol (docs, "Trade state").
  static BlockBits half(uint8_t salt) {
    BlockBits out;
    for (uint32_t i = 0; i < 4; ++i) {
      uint64_t z = (uint64_t{salt} * 4 + i + 1) * 0x9e3779b97f4a7c15U;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
      z = (z ^ z >> 27) * 0x94d049bb133111ebU;
      out.words[i] = z ^ z >> 31;
    }
    return out;
  }
  [[nodiscard]] bool test(uint32_t i) const { return (words[i / 64] >> (i % 64) & 1) != 0; }
  void set(uint32_t i) { words[i / 64] |= uint64_t{1} << (i % 64); }
  // All from `first` to `last`.
  void set(uint32_t first, uint32_t last) {
    for (uint32_t i = first / 64; i <= last / 64; ++i) {
      const uint32_t from = std::max(first, i * 64) % 64;
      const uint32_t to = std::min(last, i * 64 + 63) % 64;
      words[i] |= ~uint64_t{0} >> (63 - (to - from)) << from;
    }
  }
  void reset(uint32_t i) { words[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  [[nodiscard]] uint32_t count() const {
    uint32_t out = 0;
    for (const uint64_t word : words) out += static_cast<uint32_t>(std::popcount(word));
    return out;
  }
  [[nodiscard]] bool any() const { return (words[0] | words[1] | words[2] | words[3]) != 0; }
  [[nodiscard]] BlockBits minus(const BlockBits& other) const {
    BlockBits out;
    for (size_t i = 0; i < 4; ++i) out.words[i] = words[i] & ~other.words[i];
    return out;
  }
  [[nodiscard]] BlockBits operator&(const BlockBits& other) const {
    BlockBits out;
    for (size_t i = 0; i < 4; ++i) out.words[i] = words[i] & other.words[i];
    return out;
  }
  [[nodiscard]] BlockBits operator|(const BlockBits& other) const {
    BlockBits out;
    for (size_t i = 0; i < 4; ++i) out.words[i] = words[i] | other.words[i];
    return out;
  }
  // The lowest alone; none when there is none.
  [[nodiscard]] BlockBits first() const {
    BlockBits out;
    for (size_t i = 0; i < 4; ++i) {
      out.words[i] = words[i] & -words[i];
      if (out.words[i] != 0) break;
    }
    return out;
  }
  // One of them, each as likely; none when there is none.
  [[nodiscard]] std::optional<uint8_t> pick(Rng& rng) const {
    const uint32_t total = count();
    if (total == 0) return {};
    auto skip = static_cast<uint32_t>(rng.below(total));
    for (size_t i = 0; i < 4; ++i) {
      uint64_t word = words[i];
      const auto here = static_cast<uint32_t>(std::popcount(word));
      if (skip >= here) {
        skip -= here;
        continue;
      }
      for (; skip > 0; --skip) word &= word - 1;
      return static_cast<uint8_t>(i * 64 + static_cast<size_t>(std::countr_zero(word)));
    }
    return {};
  }
  bool operator==(const BlockBits&) const = default;
};

// What a neighbour holds of one object, as it told. Of blocks that are neither empty nor whole at
// most kPartsMax are remembered, the one told of longest ago is forgotten first.
class CodedSet {
 public:
  static constexpr size_t kPartsMax = 64;

  void add_whole(nois::Interval blocks) {
    whole_.insert(blocks);
    std::erase_if(parts_,
                  [&](const Part& p) { return p.block >= blocks.first && p.block <= blocks.last; });
  }
  void add(uint16_t block, const BlockBits& bits) {
    if (!whole_.contains(block)) part(block).bits = part(block).bits | bits;
  }
  void add(wire::ChunkName chunk) {
    if (!whole_.contains(chunk.block)) part(chunk.block).bits.set(chunk.position);
  }
  void remove(wire::ChunkName chunk) {
    for (Part& p : parts_) {
      if (p.block == chunk.block) p.bits.reset(chunk.position);
    }
  }
  // It needs that one no more.
  [[nodiscard]] bool contains(wire::ChunkName chunk) const {
    if (whole_.contains(chunk.block)) return true;
    const Part* found = find(chunk.block);
    return found != nullptr && found->bits.test(chunk.position);
  }
  // What it can give of a block with so many source chunks. Who has a block whole has these; which
  // repair chunks it kept, it does not tell.
  [[nodiscard]] BlockBits offers(uint16_t block, uint32_t sources) const {
    if (!whole_.empty() && whole_.contains(block)) return BlockBits::all(sources);
    const Part* found = find(block);
    return found == nullptr ? BlockBits{} : found->bits;
  }
  // What it needs no more, of a block of `size` chunks.
  [[nodiscard]] BlockBits bits(uint16_t block, uint32_t size) const {
    if (!whole_.empty() && whole_.contains(block)) return BlockBits::all(size);
    const Part* found = find(block);
    return found == nullptr ? BlockBits{} : found->bits;
  }
  [[nodiscard]] bool has_any(uint16_t block) const {
    return whole_.contains(block) || find(block) != nullptr;
  }
  [[nodiscard]] uint64_t count() const {
    uint64_t out = whole_.count() * 128;
    for (const Part& p : parts_) out += p.bits.count();
    return out;
  }

 private:
  struct Part {
    uint16_t block = 0;
    BlockBits bits;
  };
  // Mostly asked of blocks that were begun last.
  [[nodiscard]] const Part* find(uint16_t block) const {
    const auto found = std::ranges::find(parts_.rbegin(), parts_.rend(), block, &Part::block);
    return found == parts_.rend() ? nullptr : &*found;
  }
  Part& part(uint16_t block) {
    const auto found = std::ranges::find(parts_.rbegin(), parts_.rend(), block, &Part::block);
    if (found != parts_.rend()) return *found;
    if (parts_.size() >= kPartsMax) parts_.erase(parts_.begin());
    return parts_.emplace_back(Part{block, {}});
  }

  nois::IntervalSet whole_;  // blocks
  std::vector<Part> parts_;
};

}  // namespace fb::roulette
