// The storage of a download whose true content is known: it keeps which chunks were written and
// the bytes of those that differ from the truth, so that a hundred thousand downloads of one file
// share its bytes. A read of what was never written fails, as it must. It recalls whatever range
// holds no wrong chunk, so that nothing need be decoded. For repair chunks the truth is those of
// all blocks in a row (MemorySite::repair_bytes).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "content/storage.h"

namespace fb::sim {

class ReferenceStorage final : public content::Storage {
 public:
  // Borrows the true bytes. Writes are whole chunks of `chunk_size`, the last one may be shorter.
  ReferenceStorage(std::span<const uint8_t> truth, uint32_t chunk_size)
      : truth_(truth),
        chunk_size_(chunk_size),
        written_((truth.size() + chunk_size - 1) / chunk_size) {}

  bool write(uint64_t offset, std::span<const uint8_t> bytes) override {
    const uint64_t chunk = offset / chunk_size_;
    if (offset % chunk_size_ != 0 || offset + bytes.size() > truth_.size() ||
        bytes.size() != std::min<uint64_t>(chunk_size_, truth_.size() - offset)) {
      return false;
    }
    written_[chunk] = true;
    if (std::ranges::equal(bytes, truth_.subspan(offset, bytes.size()))) {
      wrong_.erase(chunk);
    } else {
      wrong_[chunk].assign(bytes.begin(), bytes.end());
    }
    return true;
  }

  bool read(uint64_t offset, std::span<uint8_t> out) const override {
    if (offset + out.size() > truth_.size()) return false;
    if (out.empty()) return true;
    std::memcpy(out.data(), truth_.data() + offset, out.size());
    const uint64_t last = (offset + out.size() - 1) / chunk_size_;
    for (uint64_t chunk = offset / chunk_size_; chunk <= last; ++chunk) {
      if (!written_[chunk]) return false;
      if (wrong_.empty()) continue;
      const auto found = wrong_.find(chunk);
      if (found != wrong_.end()) copy_part(found->second, chunk * chunk_size_, offset, out);
    }
    return true;
  }

  // As if the range, which is whole chunks, had been written, unless some of it is wrong.
  bool recall(uint64_t offset, uint64_t length) override {
    if (length == 0 || offset + length > truth_.size()) return false;
    const auto [first, last] = chunks_of(offset, length);
    const auto wrong = wrong_.lower_bound(first);
    if (wrong != wrong_.end() && wrong->first <= last) return false;
    for (uint64_t chunk = first; chunk <= last; ++chunk) written_[chunk] = true;
    return true;
  }

  void release(uint64_t offset, uint64_t length) override {
    if (length == 0 || offset + length > truth_.size()) return;
    const auto [first, last] = chunks_of(offset, length);
    wrong_.erase(wrong_.lower_bound(first), wrong_.upper_bound(last));
    for (uint64_t chunk = first; chunk <= last; ++chunk) written_[chunk] = false;
  }

 private:
  // First and last of the chunks in a range that is not empty.
  [[nodiscard]] std::pair<uint64_t, uint64_t> chunks_of(uint64_t offset, uint64_t length) const {
    return {offset / chunk_size_, (offset + length - 1) / chunk_size_};
  }
  // Of `bytes`, which lie at `at`, what falls into `out`, which lies at `offset`.
  static void copy_part(std::span<const uint8_t> bytes, uint64_t at, uint64_t offset,
                        std::span<uint8_t> out) {
    const uint64_t begin = std::max(at, offset);
    const uint64_t end = std::min(at + bytes.size(), offset + out.size());
    if (begin >= end) return;
    std::ranges::copy(bytes.subspan(begin - at, end - begin),
                      out.begin() + static_cast<int64_t>(begin - offset));
  }

  std::span<const uint8_t> truth_;
  uint32_t chunk_size_;
  std::vector<bool> written_;
  std::map<uint64_t, std::vector<uint8_t>> wrong_;  // by chunk
};

}  // namespace fb::sim
