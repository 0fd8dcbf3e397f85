// Finds the files of a directory tree, without reading them.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "content/file_handle.h"

namespace fb::content {

inline constexpr size_t kScanWarningsMax = 100;
inline constexpr size_t kDirectoryDepthMax = 64;

// Sentences about what was left out; the first kScanWarningsMax are kept, the rest counted.
class ScanWarnings {
 public:
  void add(std::string text);
  // All of them, with a last one that counts those not kept.
  [[nodiscard]] std::vector<std::string> take();

 private:
  std::vector<std::string> kept_;
  size_t dropped_ = 0;
};

struct FoundFile {
  std::string path;       // in the site
  std::string disk_path;  // below the root, through no symbolic link
  FileStamp stamp;
};

struct FoundTree {
  std::shared_ptr<const FileHandle> root;
  std::vector<FoundFile> files;  // sorted by path
};

struct WalkOptions {
  bool hidden_files = false;
  size_t files_max = 0;
};

// One thread at a time for `warnings`. Errors are sentences: `directory` cannot be read, or
// `cancel` became true.
[[nodiscard]] std::expected<FoundTree, std::string> walk_directory(const std::string& directory,
                                                                   const WalkOptions& options,
                                                                   const std::atomic<bool>* cancel,
                                                                   ScanWarnings& warnings);

}  // namespace fb::content
