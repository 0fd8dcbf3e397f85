#include "cli/output_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "content/hash.h"

namespace fb::cli {
namespace {

constexpr size_t kReadSize = size_t{256} << 10;

// `read(offset, out)` gives a part of the file or fails.
template <typename Read>
std::optional<content::Sha256> hash_of(uint64_t size, const Read& read) {
  content::Sha256Stream hash;
  std::vector<uint8_t> buffer(static_cast<size_t>(std::min<uint64_t>(size, kReadSize)));
  for (uint64_t offset = 0; offset < size;) {
    const auto length = static_cast<size_t>(std::min<uint64_t>(size - offset, buffer.size()));
    const std::span<uint8_t> out(buffer.data(), length);
    if (!read(offset, out)) return {};
    hash.update(out);
    offset += length;
  }
  return hash.finish();
}

std::string why(int error) {
  if (error == ENOSPC || error == EDQUOT) return "the disk is full";
  if (error == ELOOP || error == ENOTDIR) {
    return "a symbolic link or a file is where a directory has to be";
  }
  return std::strerror(error);
}

// Goes down one level, which is made if need be; never through a symbolic link.
content::FileHandle enter(const content::FileHandle& parent, const std::string& name) {
  if (::mkdirat(parent.fd(), name.c_str(), 0777) != 0 && errno != EEXIST) {
    return content::FileHandle();
  }
  return content::FileHandle(
      ::openat(parent.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

PartFile::PartFile(content::FileHandle parent, std::string part, std::string name,
                   std::shared_ptr<SharedFile> file)
    : parent_(std::move(parent)),
      part_(std::move(part)),
      name_(std::move(name)),
      file_(std::move(file)) {}

PartFile::~PartFile() {
  if (!committed_) ::unlinkat(parent_.fd(), part_.c_str(), 0);
}

std::unique_ptr<content::Storage> PartFile::storage() const {
  return std::make_unique<SharedFileStorage>(file_);
}

std::optional<content::Sha256> PartFile::hash() const {
  return hash_of(file_->size(), [&](uint64_t offset, std::span<uint8_t> out) {
    return file_->read(offset, out);
  });
}

std::expected<void, std::string> PartFile::commit() {
  if (::renameat(parent_.fd(), part_.c_str(), parent_.fd(), name_.c_str()) != 0) {
    return std::unexpected(fmt::format("\"{}\" cannot be put in its place: {}", name_,
                                       std::strerror(errno)));
  }
  committed_ = true;
  return {};
}

std::string PartFile::failure() const {
  return file_->failure() == 0 ? std::string() : why(file_->failure());
}

std::expected<OutputDirectory, std::string> OutputDirectory::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  // Whoever names the directory may reach it through a link; below it, none is followed.
  content::FileHandle root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return std::unexpected(fmt::format("the directory \"{}\" cannot be used: {}", path,
                                       why(error ? error.value() : errno)));
  }
  return OutputDirectory(std::move(root), path);
}

bool OutputDirectory::holds(const content::FileRecord& record) const {
  const auto file = content::open_beneath(root_, record.path, content::OpenKind::kFile);
  const auto stamp = file.valid() ? content::stamp_of(file) : std::nullopt;
  if (!stamp || stamp->size != record.geometry.length) return false;
  const auto hash = hash_of(stamp->size, [&](uint64_t offset, std::span<uint8_t> out) {
    return content::read_exact(file, offset, out);
  });
  return hash == record.sha256;
}

std::expected<std::unique_ptr<PartFile>, std::string> OutputDirectory::create(
    const content::FileRecord& record, std::string_view suffix) const {
  const auto fail = [&](int error) {
    return std::unexpected(
        fmt::format("\"{}/{}\" cannot be written: {}", path_, record.path, why(error)));
  };
  if (!content::valid_path(record.path)) return fail(EINVAL);
  content::FileHandle directory(::fcntl(root_.fd(), F_DUPFD_CLOEXEC, 0));
  std::string_view rest = record.path;
  for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    directory = enter(directory, std::string(rest.substr(0, slash)));
    if (!directory.valid()) return fail(errno);
    rest.remove_prefix(slash + 1);
  }
  const std::string name(rest);
  const std::string part = fmt::format("{}{}", name, suffix);
  // What an interrupted run left behind goes; a symbolic link there is not followed.
  ::unlinkat(directory.fd(), part.c_str(), 0);
  content::FileHandle file(::openat(directory.fd(), part.c_str(),
                                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.valid()) return fail(errno);
  auto shared = SharedFile::create(std::move(file), record.geometry.length);
  if (!shared) {
    ::unlinkat(directory.fd(), part.c_str(), 0);
    return fail(shared.error());
  }
  return std::make_unique<PartFile>(std::move(directory), part, name, std::move(*shared));
}

}  // namespace fb::cli
