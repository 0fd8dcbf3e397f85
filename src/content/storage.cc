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

}  // namespace fb::content
