// What one visitor fetches: a file, or a page. Of a page the first file, the HTML, is looked up
// alone, and all others the moment its manifest is known, as a browser asks for them once it has
// read the first lines; one node fetches them all.
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "content/file_record.h"
#include "content/hash.h"
#include "roulette/peer_node.h"
#include "sim/simulate.h"

namespace fb::sim {

class Visit {
 public:
  struct File {
    roulette::RequestId request{};
    std::optional<roulette::DownloadId> download;  // once its manifest is known
    content::FileId id{};
    content::Sha256 sha256{};
    ByteCount size;
    bool complete = false;
  };

  // Looks up WorldContent::paths[path].
  void begin(Instant now, roulette::PeerNode& node, const WorldContent& content, uint32_t path);
  // Downloads what was found; after the first file looks up the page's others.
  void on_found(Instant now, roulette::PeerNode& node, const WorldContent& content,
                const roulette::FileFound& found);
  void on_ready(Instant now, const roulette::MetachunkReady& ready);
  // True: that was the last one.
  bool on_complete(Instant now, const roulette::DownloadComplete& complete);
  // Whether a visitor who has all holds the site's bytes; of somebody else's site: what the signed
  // manifests promise.
  [[nodiscard]] bool is_right(const roulette::PeerNode& node, const WorldContent& content) const;

  // Of all files whose manifests are known.
  [[nodiscard]] ByteCount size() const;
  // When the MetaChunk at the beginning of the first file was verified, and when that file was
  // complete.
  [[nodiscard]] std::optional<Instant> first_byte() const { return first_byte_; }
  [[nodiscard]] std::optional<Instant> first_file() const { return first_file_; }
  // In the order in which they are looked up. Tests change what a visitor was to get by it.
  std::vector<File> files;

 private:
  std::optional<Instant> first_byte_, first_file_;
};

}  // namespace fb::sim
