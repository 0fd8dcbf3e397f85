// The datagrams that are on their way, in slots of two sizes that are used again. A slot's bytes
// stay where they are until it is released.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/endpoint.h"

namespace fb::sim {

class DatagramPool {
 public:
  static constexpr size_t kSizeMax = 1504;

  // Requires at most kSizeMax bytes. `other`: whence it claims to come, or whither it goes.
  // `other` may be one of the pool itself, hence a copy; `bytes` may not.
  uint32_t put(uint32_t from, Endpoint other, std::span<const uint8_t> bytes) {
    FB_CHECK(bytes.size() <= kSizeMax);
    const bool large = bytes.size() > kSmall;
    std::vector<uint32_t>& spare = spare_[large ? 1 : 0];
    if (spare.empty()) grow(large);
    const uint32_t index = spare.back();
    spare.pop_back();
    Slot& slot = slots_[index];
    slot.other = other;
    slot.from = from;
    slot.size = static_cast<uint16_t>(bytes.size());
    std::ranges::copy(bytes, slot.data);
    ++live_;
    return index;
  }
  [[nodiscard]] std::span<uint8_t> bytes(uint32_t index) const {
    return {slots_[index].data, slots_[index].size};
  }
  // Keeps its first `size` bytes, at most all.
  void shorten(uint32_t index, size_t size) {
    FB_CHECK(size <= slots_[index].size);
    slots_[index].size = static_cast<uint16_t>(size);
  }
  [[nodiscard]] const Endpoint& other(uint32_t index) const { return slots_[index].other; }
  [[nodiscard]] uint32_t from(uint32_t index) const { return slots_[index].from; }
  void release(uint32_t index) {
    --live_;
    spare_[slots_[index].large ? 1 : 0].push_back(index);
  }
  [[nodiscard]] uint64_t live() const { return live_; }

 private:
  static constexpr size_t kSmall = 192;
  static constexpr size_t kGrowth = 64;
  struct Slot {
    uint8_t* data = nullptr;
    uint32_t from = 0;
    uint16_t size = 0;
    bool large = false;
    Endpoint other;
  };

  void grow(bool large) {
    const size_t size = large ? kSizeMax : kSmall;
    blocks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(size * kGrowth));
    for (size_t i = 0; i < kGrowth; ++i) {
      spare_[large ? 1 : 0].push_back(static_cast<uint32_t>(slots_.size()));
      slots_.push_back({blocks_.back().get() + i * size, 0, 0, large, {}});
    }
  }

  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
  std::vector<Slot> slots_;
  std::array<std::vector<uint32_t>, 2> spare_;
  uint64_t live_ = 0;
};

}  // namespace fb::sim
