// An object's bytes in a file under download. The file has its full length from the start, with
// holes where nothing was written yet; the caller gives it its final name when it is complete.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "content/file_handle.h"
#include "content/storage.h"

namespace fb::content {

// One thread at a time.
class FileStorage final : public Storage {
 public:
  // Creates `path` with exactly `size` bytes. Never overwrites: an existing file is an error.
  // Returns a sentence that says what failed; then no file is left behind.
  static std::expected<std::unique_ptr<FileStorage>, std::string> create(const std::string& path,
                                                                         uint64_t size);

  // Both also return false outside the size given at creation.
  [[nodiscard]] bool write(uint64_t offset, std::span<const uint8_t> bytes) override;
  [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> out) const override;
  // Waits until all that was written is on the disk; to be called before the file is renamed.
  [[nodiscard]] bool sync();

 private:
  FileStorage(FileHandle file, uint64_t size);

  FileHandle file_;
  uint64_t size_ = 0;
};

}  // namespace fb::content
