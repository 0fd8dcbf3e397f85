// Where the bytes of an object under download live: memory here, a file in file_storage.h.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace fb::content {

// One thread changes it. Others may read() meanwhile what nobody writes, but for PieceStorage,
// which is for one thread alone. Offsets and lengths stay within the size given at creation.
class Storage {
 public:
  virtual ~Storage() = default;
  // Both return false when the medium failed (disk full, I/O error); the download then ends.
  [[nodiscard]] virtual bool write(uint64_t offset, std::span<const uint8_t> bytes) = 0;
  [[nodiscard]] virtual bool read(uint64_t offset, std::span<uint8_t> out) const = 0;
  // Bytes that the medium knows without having been told: true when the whole range is from now on
  // as if its true bytes had been written, and nothing else ever was. False changes nothing.
  [[nodiscard]] virtual bool recall(uint64_t /*offset*/, uint64_t /*length*/) { return false; }
  // Nobody will read the range again before it is written again: its memory may go.
  virtual void release(uint64_t /*offset*/, uint64_t /*length*/) {}
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

// Memory in pieces of equal length, each of which is there from its first write to its release. No
// write or read may cross from one piece into another; a read of a piece that is not there fails.
// Released are the pieces that begin in the range.
class PieceStorage final : public Storage {
 public:
  // Requires piece_length > 0.
  explicit PieceStorage(size_t piece_length) : piece_length_(piece_length) {}
  bool write(uint64_t offset, std::span<const uint8_t> bytes) override;
  bool read(uint64_t offset, std::span<uint8_t> out) const override;
  void release(uint64_t offset, uint64_t length) override;
  [[nodiscard]] size_t pieces() const { return pieces_.size(); }

 private:
  size_t piece_length_ = 0;
  std::unordered_map<uint64_t, std::vector<uint8_t>> pieces_;
};

}  // namespace fb::content
