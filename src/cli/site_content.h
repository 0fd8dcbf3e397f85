// A directory as the content of a laboratory run, wholly in memory, so that a run in virtual time
// depends on nothing but its bytes.
#pragma once

#include <expected>
#include <string>

#include "sim/simulate.h"

namespace fb::cli {

inline constexpr uint64_t kSiteContentBytesMax = uint64_t{1} << 30;
inline constexpr size_t kSiteContentFilesMax = 100'000;

// Every file that fbseed would serve, under the same paths; hidden ones are left out. The error is
// a sentence: the directory cannot be read, is empty, or is larger than the bounds.
[[nodiscard]] std::expected<sim::WorldContent, std::string> read_site_content(
    const std::string& directory);

// The files of the site that a page shows, in the order of its HTML (content/page_references.h).
// Requires that the site has a file at `path`.
[[nodiscard]] std::vector<std::string> shown_by(const content::MemorySite& site,
                                                const std::string& path);

}  // namespace fb::cli
