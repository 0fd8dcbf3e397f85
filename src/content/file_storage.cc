#include "content/file_storage.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace fb::content {

std::expected<std::unique_ptr<FileStorage>, std::string> FileStorage::create(
    const std::string& path, uint64_t size) {
  FileHandle file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.valid()) {
    return std::unexpected("cannot create " + path + ": " + std::strerror(errno));
  }
  int error = 0;
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) {
    error = EFBIG;
  } else if (::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) {
    error = errno;
  }
  if (error != 0) {
    ::unlink(path.c_str());
    return std::unexpected("cannot give " + path + " its length of " + std::to_string(size) +
                           " bytes: " + std::strerror(error));
  }
  return std::unique_ptr<FileStorage>(new FileStorage(std::move(file), size));
}

bool FileStorage::write(uint64_t offset, std::span<const uint8_t> bytes) {
  if (offset > size_ || bytes.size() > size_ - offset) return false;
  return write_exact(file_, offset, bytes);
}

bool FileStorage::read(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  return read_exact(file_, offset, out);
}

bool FileStorage::sync() { return ::fsync(file_.fd()) == 0; }

FileStorage::FileStorage(FileHandle file, uint64_t size) : file_(std::move(file)), size_(size) {}

}  // namespace fb::content
