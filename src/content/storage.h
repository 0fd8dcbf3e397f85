// Where the bytes of an object under download live: memory here, a file in file_storage.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fb::content {

// One thread at a time. Offsets and lengths stay within the size given at creation.
class Storage {
 public:
  virtual ~Storage() = default;
  // Both return false when the medium failed (disk full, I/O error); the download then ends.
  [[nodiscard]] virtual bool write(uint64_t offset, std::span<const uint8_t> bytes) = 0;
  [[nodiscard]] virtual bool read(uint64_t offset, std::span<uint8_t> out) const = 0;
};

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(uint64_t size) : bytes_(size) {}
  bool write(uint64_t offset, std::span<const uint8_t> bytes) override;
  bool read(uint64_t offset, std::span<uint8_t> out) const override;
  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace fb::content
