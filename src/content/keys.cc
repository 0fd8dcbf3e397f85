#include "content/keys.h"

#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "content/file_handle.h"

namespace fb::content {
namespace {

constexpr std::string_view kPrefix = "flashback-key-v1 ";
constexpr size_t kSeedLength = 32;
constexpr size_t kSeedTextLength = 43;
constexpr size_t kFileLength = kPrefix.size() + kSeedTextLength + 1;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

using Seed = std::array<uint8_t, kSeedLength>;

std::string system_error() { return std::strerror(errno); }

KeyPair pair_of(const Seed& seed) {
  KeyPair out;
  out.secret_key = secret_key_from_seed(seed);
  out.public_key = public_key_of(out.secret_key);
  return out;
}

// Also called for the entry in the directory, without which a synced file may still be lost.
bool sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileHandle handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return handle.valid() && ::fsync(handle.fd()) == 0;
}

}  // namespace

KeyPair generate_key_pair() {
  FB_CHECK(sodium_init() >= 0);
  Seed seed{};
  randombytes_buf(seed.data(), seed.size());
  const KeyPair out = pair_of(seed);
  sodium_memzero(seed.data(), seed.size());
  return out;
}

std::expected<void, std::string> save_key_pair(const std::string& path, const KeyPair& keys) {
  const FileHandle file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) {
    if (errno == EEXIST) {
      return std::unexpected("the key file " + path +
                             " exists already and is not overwritten; move it away first");
    }
    return std::unexpected("cannot create the key file " + path + ": " + system_error());
  }
  std::array<char, kSeedTextLength + 1> text{};
  sodium_bin2base64(text.data(), text.size(), keys.secret_key.data(), kSeedLength, kBase64);
  std::string line = std::string(kPrefix) + text.data() + "\n";
  // The umask may have taken from the mode, which is 0600 and nothing else.
  const bool written = ::fchmod(file.fd(), 0600) == 0 &&
                       write_exact(file, 0, {reinterpret_cast<const uint8_t*>(line.data()),
                                             line.size()}) &&
                       ::fsync(file.fd()) == 0 && sync_directory_of(path);
  const std::string reason = system_error();
  sodium_memzero(line.data(), line.size());
  sodium_memzero(text.data(), text.size());
  if (written) return {};
  ::unlink(path.c_str());
  return std::unexpected("cannot write the key file " + path + ": " + reason);
}

std::expected<KeyPair, std::string> load_key_pair(const std::string& path) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.fd(), &status) != 0) {
    return std::unexpected("cannot read the key file " + path + ": " + system_error());
  }
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected("the key file " + path + " is not a regular file");
  }
  if ((status.st_mode & 077) != 0) {
    return std::unexpected("the key file " + path +
                           " can be read or changed by others than its owner; run: chmod 600 " +
                           path);
  }
  std::array<uint8_t, kFileLength> bytes{};
  const auto whole = static_cast<size_t>(status.st_size);
  // The line feed may be missing: editors and shells drop it.
  const bool length_fits = whole == kFileLength || whole + 1 == kFileLength;
  Seed seed{};
  size_t decoded = 0;
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  const bool good = length_fits && read_exact(file, 0, std::span(bytes).first(whole)) &&
                    std::string_view(text, kPrefix.size()) == kPrefix &&
                    (whole != kFileLength || bytes.back() == '\n') &&
                    sodium_base642bin(seed.data(), seed.size(), text + kPrefix.size(),
                                      kSeedTextLength, nullptr, &decoded, nullptr, kBase64) == 0 &&
                    decoded == seed.size();
  sodium_memzero(bytes.data(), bytes.size());
  if (!good) {
    return std::unexpected("the file " + path +
                           " does not hold a Flashback key, which is one line of "
                           "\"flashback-key-v1\" and 43 characters");
  }
  const KeyPair out = pair_of(seed);
  sodium_memzero(seed.data(), seed.size());
  return out;
}

}  // namespace fb::content
