// An open file or directory of the system, and exact reads and writes on it. Everything in this
// folder that touches the disk goes through here: file_storage, keys and site_source.
//
// Thread safety: different threads may read through one handle at the same time.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

struct stat;

namespace fb::content {

// Owns a descriptor and closes it.
class FileHandle {
 public:
  FileHandle() = default;
  // Takes `fd` over; a negative one makes a handle that is not valid().
  explicit FileHandle(int fd) : fd_(fd) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;

  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// What tells one state of a file from another. A write moves ctime, which nobody can set back.
struct FileStamp {
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;

  auto operator<=>(const FileStamp&) const = default;
};

// The stamp of an open regular file; nothing when it is something else or the system fails.
[[nodiscard]] std::optional<FileStamp> stamp_of(const FileHandle& file);

[[nodiscard]] FileStamp stamp_of(const struct stat& status);

// Both are open and the same file or directory.
[[nodiscard]] bool same_file(const FileHandle& a, const FileHandle& b);

// All bytes or false, with errno set; the end of the file is a failure (ENODATA).
[[nodiscard]] bool read_exact(const FileHandle& file, uint64_t offset, std::span<uint8_t> out);
[[nodiscard]] bool write_exact(const FileHandle& file, uint64_t offset,
                               std::span<const uint8_t> bytes);

enum class OpenKind { kFile, kDirectory };
// Opens `path` below the directory `root` for reading, part by part, following no symbolic link:
// whatever happens to the tree meanwhile, the result lies inside it. Not valid, with errno set,
// when it cannot be opened. The path must be valid_path(), or "." for the root itself.
[[nodiscard]] FileHandle open_beneath(const FileHandle& root, std::string_view path, OpenKind kind);

}  // namespace fb::content
