// A file record: every rule of file_record.h holds for what is accepted, and it has one form only.
#include <algorithm>
#include <array>

#include "content/file_record.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fb;
  const std::span<const uint8_t> input(data, size);
  Reader in(input);
  const auto record = content::decode_file_record(in);
  if (!record) return 0;
  const auto used = input.first(size - in.remaining());
  FB_HOLDS(!in.failed());
  FB_HOLDS(used.size() <= content::kRecordLengthMax);
  FB_HOLDS(content::valid_path(record->path));
  FB_HOLDS(record->geometry.valid());
  FB_HOLDS(record->id != content::FileId{});
  FB_HOLDS(content::list_levels(record->geometry) == record->list_ids.size());
  const content::ObjectInfo deepest = record->deepest();
  FB_HOLDS(deepest.geometry.valid());
  FB_HOLDS(deepest.hashes.size() == deepest.geometry.metachunk_count());
  FB_HOLDS(deepest.hashes.size() <= content::kInlineHashesMax);
  for (size_t level = 0; level < record->list_ids.size(); ++level) {
    // A list of a wrong length is refused, whatever it holds.
    FB_HOLDS(!record->above(level, input.first(std::min<size_t>(size, 31))).has_value());
  }
  std::array<uint8_t, content::kRecordLengthMax> buffer{};
  Writer out(buffer);
  content::encode(*record, out);
  FB_HOLDS(!out.failed());
  FB_HOLDS(std::ranges::equal(out.written(), used));
  return 0;
}
