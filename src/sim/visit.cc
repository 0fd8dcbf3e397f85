#include "sim/visit.h"

#include <algorithm>
#include <memory>

#include "sim/reference_storage.h"

namespace fb::sim {
namespace {

std::unique_ptr<content::Storage> storage_of(const WorldContent& content,
                                             const content::FileRecord& record) {
  if (!content.site) return std::make_unique<content::MemoryStorage>(record.geometry.length);
  return std::make_unique<ReferenceStorage>(content.site->bytes(record.id),
                                            record.geometry.chunk_size);
}

// For repair chunks; a node of profile classic has no use for it.
std::unique_ptr<content::Storage> repair_of(const WorldContent& content,
                                            const content::FileRecord& record) {
  if (!content.site) return nullptr;
  return std::make_unique<ReferenceStorage>(content.site->repair_bytes(record.id),
                                            record.geometry.chunk_size);
}

}  // namespace

void Visit::begin(Instant now, roulette::PeerNode& node, const WorldContent& content,
                  uint32_t path) {
  files.push_back({.request = node.find_file(now, content.paths[path])});
}

void Visit::on_found(Instant now, roulette::PeerNode& node, const WorldContent& content,
                     const roulette::FileFound& found) {
  const bool is_first = found.request == files.front().request;
  if (is_first) {
    for (const std::string& path : content.page) {
      files.push_back({.request = node.find_file(now, path)});
    }
  }
  const content::FileRecord& record = found.manifest.record;
  const auto file = std::ranges::find(files, found.request, &File::request);
  file->id = record.id;
  file->sha256 = record.sha256;
  file->size = {record.geometry.length};
  file->download = node.download(now, record, storage_of(content, record),
                                 repair_of(content, record));
}

void Visit::on_ready(Instant now, const roulette::MetachunkReady& ready) {
  if (ready.metachunk == 0 && ready.download == files.front().download && !first_byte_) {
    first_byte_ = now;
  }
}

bool Visit::on_complete(Instant now, const roulette::DownloadComplete& complete) {
  for (File& file : files) {
    if (file.download == complete.download) file.complete = true;
  }
  if (files.front().complete && !first_file_) {
    first_file_ = now;
    if (!first_byte_) first_byte_ = now;  // an empty file has no MetaChunk
  }
  return std::ranges::all_of(files, &File::complete);
}

bool Visit::is_right(const roulette::PeerNode& node, const WorldContent& content) const {
  return std::ranges::all_of(files, [&](const File& file) {
    std::vector<uint8_t> got(file.size.bytes);
    return node.read(*file.download, 0, got) &&
           (content.site ? std::ranges::equal(got, content.site->bytes(file.id))
                         : content::sha256(got) == file.sha256);
  });
}

ByteCount Visit::size() const {
  ByteCount out;
  for (const File& file : files) out += file.size;
  return out;
}

}  // namespace fb::sim
