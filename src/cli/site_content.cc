#include "cli/site_content.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "cli/quantity.h"
#include "content/content_type.h"
#include "content/page_references.h"
#include "content/site_manifest.h"
#include "content/site_source_walk.h"

namespace fb::cli {

std::expected<sim::WorldContent, std::string> read_site_content(const std::string& directory) {
  content::ScanWarnings warnings;
  // One more than may be, to tell too many from just enough.
  const content::WalkOptions options{.hidden_files = false, .files_max = kSiteContentFilesMax + 1};
  const auto tree = content::walk_directory(directory, options, nullptr, warnings);
  if (!tree) return std::unexpected(tree.error());
  if (tree->files.empty()) return std::unexpected(fmt::format("\"{}\" has no files", directory));
  uint64_t bytes = 0;
  for (const content::FoundFile& file : tree->files) bytes += file.stamp.size;
  if (tree->files.size() > kSiteContentFilesMax || bytes > kSiteContentBytesMax) {
    return std::unexpected(fmt::format(
        "\"{}\" is too large to be held in memory: {} files with {}; the most is {} with {}",
        directory, tree->files.size(), for_people(ByteCount{bytes}), kSiteContentFilesMax,
        for_people(ByteCount{kSiteContentBytesMax})));
  }
  std::vector<content::MemoryFile> files;
  sim::WorldContent out;
  for (const content::FoundFile& file : tree->files) {
    content::MemoryFile& copy = files.emplace_back();
    copy.path = file.path;
    copy.content_type = content::content_type_of(file.path);
    copy.bytes.resize(file.stamp.size);
    const auto handle =
        content::open_beneath(*tree->root, file.disk_path, content::OpenKind::kFile);
    if (!handle.valid() || !content::read_exact(handle, 0, copy.bytes)) {
      return std::unexpected(fmt::format("\"{}/{}\" cannot be read: {}", directory, file.path,
                                         std::strerror(errno)));
    }
    out.paths.push_back(file.path);
  }
  // Nobody else will ever trust this key.
  out.site = std::make_shared<content::MemorySite>(std::move(files),
                                                   content::secret_key_from_seed({}));
  return out;
}

std::vector<std::string> shown_by(const content::MemorySite& site, const std::string& path) {
  const auto bytes = site.bytes(site.record(path)->id);
  const std::string_view html(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> out = content::page_references(html, path);
  std::erase_if(out, [&](const std::string& each) { return site.record(each) == nullptr; });
  return out;
}

}  // namespace fb::cli
