#include "cli/site_key.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace fb::cli {
namespace {

constexpr const char* kFileName = "site.key";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 || errno != ENOENT;
}

}  // namespace

std::expected<std::string, std::string> default_key_path() {
  // systemd may name several directories; the first is ours.
  if (const std::string state = variable("STATE_DIRECTORY"); state.starts_with('/')) {
    return fmt::format("{}/{}", state.substr(0, state.find(':')), kFileName);
  }
  // A relative path here is to be ignored (XDG Base Directory Specification).
  if (const std::string state = variable("XDG_STATE_HOME"); state.starts_with('/')) {
    return fmt::format("{}/flashback/{}", state, kFileName);
  }
  if (const std::string home = variable("HOME"); home.starts_with('/')) {
    return fmt::format("{}/.local/state/flashback/{}", home, kFileName);
  }
  return std::unexpected(std::string(
      "there is no place for the site's key: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is "
      "set; name a file with --key"));
}

std::expected<SiteKey, std::string> load_or_create_key(std::string path) {
  if (path.empty()) {
    const auto chosen = default_key_path();
    if (!chosen) return std::unexpected(chosen.error());
    path = *chosen;
    const std::filesystem::path directory = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (!std::filesystem::exists(directory, error)) {
      std::filesystem::create_directories(directory, error);
      if (error) {
        return std::unexpected(
            fmt::format("the directory \"{}\" for the site's key cannot be made: {}",
                        directory.string(), error.message()));
      }
      ::chmod(directory.c_str(), 0700);
    }
  }
  SiteKey out{.keys = {}, .path = path, .created = !exists(path)};
  if (out.created) {
    out.keys = content::generate_key_pair();
    if (auto saved = content::save_key_pair(path, out.keys); !saved) {
      return std::unexpected(saved.error());
    }
    return out;
  }
  auto loaded = content::load_key_pair(path);
  if (!loaded) return std::unexpected(loaded.error());
  out.keys = *loaded;
  return out;
}

}  // namespace fb::cli
