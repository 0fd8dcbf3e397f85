// A site index: sorted, without duplicates, without itself, and it has one form only.
#include <algorithm>

#include "content/site_manifest.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fb;
  const std::span<const uint8_t> input(data, size);
  const auto records = content::decode_site_index(input);
  if (!records) return 0;
  FB_HOLDS(std::ranges::adjacent_find(*records, [](const auto& a, const auto& b) {
             return a.path >= b.path;
           }) == records->end());
  for (const auto& record : *records) FB_HOLDS(record.path != content::kSiteIndexPath);
  FB_HOLDS(std::ranges::equal(content::encode_site_index(*records), input));
  return 0;
}
