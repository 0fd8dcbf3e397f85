// What a seeder's node asks of the site it serves. The real one is SiteSource (site_source.h);
// tests and the simulator use one in memory (memory_site.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "content/object.h"

namespace fb::content {

// Thread safety is the implementation's; the node calls from one thread.
class SiteCatalog {
 public:
  virtual ~SiteCatalog() = default;
  // The manifest blob of a file of the current version; empty when the site has no such file.
  // Valid until the next call of any member.
  [[nodiscard]] virtual std::span<const uint8_t> manifest(std::string_view path) = 0;
  // The object of a file of the current version that is fetched first: its deepest hash list, or
  // itself; nothing when the site has no such file.
  [[nodiscard]] virtual std::optional<FileId> first_object(std::string_view path) = 0;
  // An object of the current version, or of an earlier one that is still served.
  [[nodiscard]] virtual std::optional<Geometry> object(FileId id) = 0;
  // A chunk's bytes into `out`: its length, or 0 when it can no longer be read. Never bytes that do
  // not match the manifest. Repair chunks have ids from chunk_count() on (object.h); they are
  // computed when asked for, and some MiB of them are kept (repair_cache.h).
  [[nodiscard]] virtual size_t read_chunk(FileId id, uint32_t chunk, std::span<uint8_t> out) = 0;
};

}  // namespace fb::content
