// Marks on some of the chunks that a want list names: a list is compared with what is on its way or
// waits by going through each of them once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/message.h"

namespace fb::roulette {

class ChunkMarks {
 public:
  // Only chunks in blocks of these can be marked; at most wire::kWantsMax are given.
  explicit ChunkMarks(std::span<const wire::ChunkName> chunks) {
    for (const wire::ChunkName chunk : chunks) {
      if (find(chunk.block) != nullptr) continue;
      blocks_[count_] = chunk.block;
      words_[count_++] = {};
    }
  }
  void mark(wire::ChunkName chunk) {
    if (Words* words = find(chunk.block)) (*words)[chunk.position / 64] |= bit(chunk);
  }
  [[nodiscard]] bool marked(wire::ChunkName chunk) {
    const Words* words = find(chunk.block);
    return words != nullptr && ((*words)[chunk.position / 64] & bit(chunk)) != 0;
  }

 private:
  using Words = std::array<uint64_t, 4>;

  static uint64_t bit(wire::ChunkName chunk) { return uint64_t{1} << (chunk.position % 64); }
  // Lists name chunks of few blocks, and one block after the other.
  Words* find(uint16_t block) {
    if (latest_ < count_ && blocks_[latest_] == block) return &words_[latest_];
    for (size_t i = 0; i < count_; ++i) {
      if (blocks_[i] != block) continue;
      latest_ = i;
      return &words_[i];
    }
    return nullptr;
  }

  // Only what is used is written: these are made for each want list that comes.
  std::array<uint16_t, wire::kWantsMax> blocks_;
  std::array<Words, wire::kWantsMax> words_;
  size_t count_ = 0;
  size_t latest_ = 0;
};

}  // namespace fb::roulette
