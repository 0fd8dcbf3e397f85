// An object's bytes in an open file that several share: the node that fetches it, and who reads or
// renames it afterwards.
//
// Thread safety: one thread writes; failure() and reads from any. Bytes that the node has reported
// as verified were written before that report.
// Reclamation: the descriptor is closed with the last reference.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "content/file_handle.h"
#include "content/storage.h"

namespace fb::cli {

class SharedFile {
 public:
  // Takes over a file that is open for reading and writing, and gives it its full size, with holes.
  // The error is an errno.
  static std::expected<std::shared_ptr<SharedFile>, int> create(content::FileHandle file,
                                                                uint64_t size);

  [[nodiscard]] bool write(uint64_t offset, std::span<const uint8_t> bytes);
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> out) const;
  [[nodiscard]] uint64_t size() const { return size_; }
  // The errno of the first failure; 0 when there was none. Relaxed: it only explains.
  [[nodiscard]] int failure() const { return failure_.load(std::memory_order_relaxed); }

 private:
  SharedFile(content::FileHandle file, uint64_t size) : file_(std::move(file)), size_(size) {}

  content::FileHandle file_;
  uint64_t size_ = 0;
  mutable std::atomic<int> failure_ = 0;
};

// A node's share of a file or of memory.
class SharedFileStorage final : public content::Storage {
 public:
  explicit SharedFileStorage(std::shared_ptr<SharedFile> file) : file_(std::move(file)) {}
  [[nodiscard]] bool write(uint64_t offset, std::span<const uint8_t> bytes) override;
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> out) const override;

 private:
  std::shared_ptr<SharedFile> file_;
};

class SharedMemoryStorage final : public content::Storage {
 public:
  explicit SharedMemoryStorage(std::shared_ptr<content::MemoryStorage> memory)
      : memory_(std::move(memory)) {}
  [[nodiscard]] bool write(uint64_t offset, std::span<const uint8_t> bytes) override;
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> out) const override;

 private:
  std::shared_ptr<content::MemoryStorage> memory_;
};

// A file without a name in `directory`, which vanishes with its last reference. The error is a
// sentence.
[[nodiscard]] std::expected<std::shared_ptr<SharedFile>, std::string> create_temporary(
    const std::string& directory, uint64_t size);

}  // namespace fb::cli
