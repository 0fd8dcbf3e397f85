#include "content/file_handle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace fb::content {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

int64_t nanoseconds_of(const timespec& time) {
  return int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec;
}

}  // namespace

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}

FileHandle::FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

std::optional<FileStamp> stamp_of(const FileHandle& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return stamp_of(status);
}

FileStamp stamp_of(const struct stat& status) {
  return {static_cast<uint64_t>(status.st_size), nanoseconds_of(status.st_mtim),
          nanoseconds_of(status.st_ctim), status.st_ino, status.st_dev};
}

bool same_file(const FileHandle& a, const FileHandle& b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a.fd(), &first) == 0 && ::fstat(b.fd(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool read_exact(const FileHandle& file, uint64_t offset, std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got =
        ::pread(file.fd(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = ENODATA;
    if (got <= 0) return false;
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

bool write_exact(const FileHandle& file, uint64_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(file.fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put == 0) errno = EIO;
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return true;
}

FileHandle open_beneath(const FileHandle& root, std::string_view path, OpenKind kind) {
  FileHandle directory;
  while (true) {
    const int from = directory.valid() ? directory.fd() : root.fd();
    const size_t slash = path.find('/');
    const bool last = slash == std::string_view::npos;
    const std::string part(path.substr(0, slash));
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const bool as_directory = !last || kind == OpenKind::kDirectory;
    FileHandle next(::openat(from, part.c_str(), flags | (as_directory ? O_DIRECTORY : 0)));
    if (last || !next.valid()) return next;
    directory = std::move(next);
    path.remove_prefix(slash + 1);
  }
}

}  // namespace fb::content
