// Marks on some of the chunks that a want list names: a list is compared with what is on its way or
// waits by going through each of them once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "roulette/coded_set.h"
#include "wire/message.h"

namespace fb::roulette {

class ChunkMarks {
 public:
  // Only chunks in blocks of these can be marked; at most wire::kWantsMax are given.
  explicit ChunkMarks(std::span<const wire::ChunkName> chunks) {
    for (const wire::ChunkName chunk : chunks) {
      if (find(chunk.block) == nullptr) blocks_[count_++] = {chunk.block, {}};
    }
  }
  void mark(wire::ChunkName chunk) {
    if (BlockBits* bits = find(chunk.block)) bits->set(chunk.position);
  }
  [[nodiscard]] bool marked(wire::ChunkName chunk) {
    const BlockBits* bits = find(chunk.block);
    return bits != nullptr && bits->test(chunk.position);
  }

 private:
  struct Block {
    uint16_t block = 0;
    BlockBits bits;
  };

  // Lists name chunks of few blocks, and one block after the other.
  BlockBits* find(uint16_t block) {
    if (latest_ < count_ && blocks_[latest_].block == block) return &blocks_[latest_].bits;
    for (size_t i = 0; i < count_; ++i) {
      if (blocks_[i].block != block) continue;
      latest_ = i;
      return &blocks_[i].bits;
    }
    return nullptr;
  }

  std::array<Block, wire::kWantsMax> blocks_;
  size_t count_ = 0;
  size_t latest_ = 0;
};

}  // namespace fb::roulette
