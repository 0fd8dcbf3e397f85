// Scans a directory tree into a signed site version. Files are hashed in pieces, so memory grows
// with the number of files and not with their size.
//
// What is taken: regular files, and symbolic links to files and directories inside the tree. What
// is left out with a warning: links that lead out of it, unreadable files and directories, devices
// and the like, names that no path can hold, files that keep changing, and files too long for the
// geometry. Hidden files are left out silently unless asked for.
//
// Thread safety: a SiteScanner is immutable; scan() may run on any thread, also on several.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>

#include "content/site_source_version.h"

namespace fb::content {

class SiteScanner {
 public:
  SiteScanner(std::string directory, const SecretKey& key, const SiteOptions& options);

  // A function of the disk and of `previous`, which may be nullptr: files whose stamp is the same
  // are not read again. A site without changes keeps its root, version number and all. Sleeps for
  // some milliseconds when a file was changed right before it, and takes as long as hashing takes;
  // gives up soon after `cancel` becomes true.
  // Errors are sentences: the directory cannot be read, the geometry is not valid or too small for
  // the site's index, or cancelled.
  [[nodiscard]] std::expected<std::shared_ptr<const SiteVersion>, std::string> scan(
      std::shared_ptr<const SiteVersion> previous, const std::atomic<bool>* cancel = nullptr) const;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const SiteOptions& options() const { return options_; }

 private:
  std::string directory_;
  SecretKey key_{};
  SiteOptions options_;
};

}  // namespace fb::content
