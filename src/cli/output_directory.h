// Where a mirror is written: below one directory and never outside it, whatever names the site has
// and whatever symbolic links lie there.
//
// Thread safety: one thread at a time; the storage of a part may be used by another.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "cli/fd_storage.h"
#include "content/file_handle.h"
#include "content/file_record.h"

namespace fb::cli {

// A file under download, NAME.part; it vanishes unless commit() succeeds.
class PartFile {
 public:
  PartFile(content::FileHandle parent, std::string part, std::string name,
           std::shared_ptr<SharedFile> file);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // The node's share.
  [[nodiscard]] std::unique_ptr<content::Storage> storage() const;
  // The SHA-256 of the whole file; nothing when it cannot be read.
  [[nodiscard]] std::optional<content::Sha256> hash() const;
  // Gives the file its name, replacing what had it. Not synced to the disk: a file that a crash
  // damaged is noticed by its hash and fetched again. The error is a sentence.
  [[nodiscard]] std::expected<void, std::string> commit();
  // Why the medium failed, as a sentence; empty when it did not.
  [[nodiscard]] std::string failure() const;

 private:
  content::FileHandle parent_;
  std::string part_;
  std::string name_;
  std::shared_ptr<SharedFile> file_;
  bool committed_ = false;
};

class OutputDirectory {
 public:
  // Creates the directory if need be. The error is a sentence.
  static std::expected<OutputDirectory, std::string> open(const std::string& path);

  // Whether this very file is there already.
  [[nodiscard]] bool holds(const content::FileRecord& record) const;
  // Creates the directories and the part for a record. `suffix` ends the part's name. The error is
  // a sentence.
  [[nodiscard]] std::expected<std::unique_ptr<PartFile>, std::string> create(
      const content::FileRecord& record, std::string_view suffix) const;

 private:
  OutputDirectory(content::FileHandle root, std::string path)
      : root_(std::move(root)), path_(std::move(path)) {}

  content::FileHandle root_;
  std::string path_;
};

}  // namespace fb::cli
