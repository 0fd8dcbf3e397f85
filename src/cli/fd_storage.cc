#include "cli/fd_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace fb::cli {
namespace {

// File systems without O_TMPFILE: a name for a moment.
content::FileHandle open_and_unlink(const std::string& directory) {
  std::string name = directory + "/flashback-XXXXXX";
  content::FileHandle file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.valid()) ::unlink(name.c_str());
  return file;
}

}  // namespace

std::expected<std::shared_ptr<SharedFile>, int> SharedFile::create(content::FileHandle file,
                                                                   uint64_t size) {
  if (!file.valid()) return std::unexpected(errno);
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) {
    return std::unexpected(EFBIG);
  }
  if (::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) return std::unexpected(errno);
  return std::shared_ptr<SharedFile>(new SharedFile(std::move(file), size));
}

bool SharedFile::write(uint64_t offset, std::span<const uint8_t> bytes) {
  if (offset > size_ || bytes.size() > size_ - offset) return false;
  if (content::write_exact(file_, offset, bytes)) return true;
  int none = 0;
  failure_.compare_exchange_strong(none, errno, std::memory_order_relaxed);
  return false;
}

bool SharedFile::read(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  if (content::read_exact(file_, offset, out)) return true;
  int none = 0;
  failure_.compare_exchange_strong(none, errno, std::memory_order_relaxed);
  return false;
}

bool SharedFileStorage::write(uint64_t offset, std::span<const uint8_t> bytes) {
  return file_->write(offset, bytes);
}

bool SharedFileStorage::read(uint64_t offset, std::span<uint8_t> out) const {
  return file_->read(offset, out);
}

bool SharedMemoryStorage::write(uint64_t offset, std::span<const uint8_t> bytes) {
  return memory_->write(offset, bytes);
}

bool SharedMemoryStorage::read(uint64_t offset, std::span<uint8_t> out) const {
  return memory_->read(offset, out);
}

std::expected<std::shared_ptr<SharedFile>, std::string> create_temporary(
    const std::string& directory, uint64_t size) {
  content::FileHandle file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid() && (errno == EOPNOTSUPP || errno == EISDIR)) file = open_and_unlink(directory);
  auto made = SharedFile::create(std::move(file), size);
  if (!made) {
    return std::unexpected(fmt::format("no temporary file in \"{}\": {}", directory,
                                       std::strerror(made.error())));
  }
  return std::move(*made);
}

}  // namespace fb::cli
