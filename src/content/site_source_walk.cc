#include "content/site_source_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "content/site_manifest.h"

namespace fb::content {
namespace {

// The real path of a file or directory, or nothing with errno set.
std::optional<std::string> canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> text(::realpath(path.c_str(), nullptr), &::free);
  if (!text) return {};
  return std::string(text.get());
}

// Names in ascending order, or nothing with errno set.
std::optional<std::vector<std::string>> names_in(const FileHandle& directory) {
  // The listing gets a descriptor of its own, since it closes it.
  const int copy = ::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(copy), &::closedir);
  std::vector<std::string> out;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(listing.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  if (errno != 0) return {};
  std::sort(out.begin(), out.end());
  return out;
}

class Walk {
 public:
  Walk(FileHandle root, std::string canonical_root, const WalkOptions& options,
       const std::atomic<bool>* cancel, ScanWarnings& warnings)
      : root_(std::make_shared<const FileHandle>(std::move(root))),
        canonical_root_(std::move(canonical_root)),
        options_(options),
        cancel_(cancel),
        warnings_(warnings) {}

  std::expected<FoundTree, std::string> run() {
    const auto names = names_in(*root_);
    if (!names) return std::unexpected(std::string(std::strerror(errno)));
    enter(*root_, *names, {}, {});
    if (cancelled()) return std::unexpected("the scan was cancelled");
    std::sort(files_.begin(), files_.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return FoundTree{root_, std::move(files_)};
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  [[nodiscard]] bool cancelled() const {
    return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed);
  }

  void warn(const std::string& path, const std::string& what) {
    warnings_.add("\"" + path + "\" " + what);
  }
  void warn_system(const std::string& path, int error) {
    warn(path, std::string("cannot be read: ") + std::strerror(error));
  }

  void enter(const FileHandle& directory, const std::vector<std::string>& names,
             const std::string& path, const std::string& disk_path) {
    struct stat status {};
    if (::fstat(directory.fd(), &status) != 0) return warn_system(path, errno);
    const Identity identity{status.st_dev, status.st_ino};
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) {
      return warn(path, "is a directory that contains itself through a link; left out");
    }
    if (above_.size() >= kDirectoryDepthMax) return warn(path, "lies too deep; left out");
    above_.push_back(identity);
    for (const std::string& name : names) {
      if (cancelled()) break;
      if (name.starts_with('.') && !options_.hidden_files) continue;
      visit(directory, name, path.empty() ? name : path + "/" + name,
            disk_path.empty() ? name : disk_path + "/" + name);
    }
    above_.pop_back();
  }

  void visit(const FileHandle& directory, const std::string& name, const std::string& path,
             const std::string& disk_path) {
    if (!valid_path(path)) return warn(path, "is no valid path of a site; left out");
    struct stat status {};
    if (::fstatat(directory.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return warn_system(path, errno);
    }
    if (S_ISLNK(status.st_mode)) return follow(path, disk_path);
    if (S_ISDIR(status.st_mode)) {
      const FileHandle inner = open_beneath(directory, name, OpenKind::kDirectory);
      return descend(inner, path, disk_path);
    }
    if (!S_ISREG(status.st_mode)) return warn(path, "is neither file nor directory; left out");
    take(stamp_of(status), path, disk_path);
  }

  // A link counts as what it leads to, when that lies inside the tree.
  void follow(const std::string& path, const std::string& disk_path) {
    const auto target = canonical(canonical_root_ + "/" + disk_path);
    if (!target) return warn_system(path, errno);
    const std::string prefix = canonical_root_ == "/" ? "/" : canonical_root_ + "/";
    if (!target->starts_with(prefix)) {
      return warn(path, "is a link that leads out of the site or to its top; left out");
    }
    const std::string inside = target->substr(prefix.size());
    FileHandle directory = open_beneath(*root_, inside, OpenKind::kDirectory);
    if (directory.valid()) return descend(directory, path, inside);
    struct stat status {};
    if (::stat(target->c_str(), &status) != 0) return warn_system(path, errno);
    if (!S_ISREG(status.st_mode)) return warn(path, "is neither file nor directory; left out");
    take(stamp_of(status), path, inside);
  }

  void descend(const FileHandle& directory, const std::string& path,
               const std::string& disk_path) {
    if (!directory.valid()) return warn_system(path, errno);
    const auto names = names_in(directory);
    if (!names) return warn_system(path, errno);
    enter(directory, *names, path, disk_path);
  }

  void take(const FileStamp& stamp, const std::string& path, const std::string& disk_path) {
    if (path == kSiteIndexPath) return warn(path, "has the name of the site's index; left out");
    if (files_.size() >= options_.files_max) {
      return warn(path, "is one file more than the limit of " +
                            std::to_string(options_.files_max) + "; left out");
    }
    files_.push_back({path, disk_path, stamp});
  }

  std::shared_ptr<const FileHandle> root_;
  std::string canonical_root_;
  WalkOptions options_;
  const std::atomic<bool>* cancel_;
  ScanWarnings& warnings_;
  std::vector<Identity> above_;  // the directories that lead here
  std::vector<FoundFile> files_;
};

}  // namespace

void ScanWarnings::add(std::string text) {
  // Names of files may hold what moves a terminal.
  for (char& c : text) {
    if (static_cast<uint8_t>(c) < ' ' || c == 0x7f) c = '?';
  }
  if (kept_.size() < kScanWarningsMax) {
    kept_.push_back(std::move(text));
  } else {
    ++dropped_;
  }
}

std::vector<std::string> ScanWarnings::take() {
  if (dropped_ > 0) kept_.push_back("and " + std::to_string(dropped_) + " more like these");
  return std::move(kept_);
}

std::expected<FoundTree, std::string> walk_directory(const std::string& directory,
                                                     const WalkOptions& options,
                                                     const std::atomic<bool>* cancel,
                                                     ScanWarnings& warnings) {
  const auto fail = [&](const std::string& why) {
    return std::unexpected("cannot read the site's directory " + directory + ": " + why);
  };
  const auto real = canonical(directory);
  if (!real) return fail(std::strerror(errno));
  FileHandle root(::open(real->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(std::strerror(errno));
  auto found = Walk(std::move(root), *real, options, cancel, warnings).run();
  if (!found) return fail(found.error());
  return found;
}

}  // namespace fb::content
