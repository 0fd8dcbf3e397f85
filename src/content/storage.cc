#include "content/storage.h"

#include <cstring>

#include "base/check.h"

namespace fb::content {

bool MemoryStorage::write(uint64_t offset, std::span<const uint8_t> bytes) {
  FB_CHECK(offset <= bytes_.size() && bytes.size() <= bytes_.size() - offset);
  if (!bytes.empty()) std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size());
  return true;
}

bool MemoryStorage::read(uint64_t offset, std::span<uint8_t> out) const {
  FB_CHECK(offset <= bytes_.size() && out.size() <= bytes_.size() - offset);
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return true;
}

bool PieceStorage::write(uint64_t offset, std::span<const uint8_t> bytes) {
  const size_t at = offset % piece_length_;
  FB_CHECK(bytes.size() <= piece_length_ - at);
  auto& piece = pieces_[offset / piece_length_];
  piece.resize(piece_length_);
  if (!bytes.empty()) std::memcpy(piece.data() + at, bytes.data(), bytes.size());
  return true;
}

bool PieceStorage::read(uint64_t offset, std::span<uint8_t> out) const {
  const size_t at = offset % piece_length_;
  FB_CHECK(out.size() <= piece_length_ - at);
  const auto found = pieces_.find(offset / piece_length_);
  if (found == pieces_.end()) return false;
  if (!out.empty()) std::memcpy(out.data(), found->second.data() + at, out.size());
  return true;
}

void PieceStorage::release(uint64_t offset, uint64_t length) {
  uint64_t piece = (offset + piece_length_ - 1) / piece_length_;
  for (; piece * piece_length_ < offset + length; ++piece) pieces_.erase(piece);
}

}  // namespace fb::content
