// A link: what is accepted survives being written and read again; so does a key alone.
#include "content/link.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fb;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto link = content::Link::parse(text)) {
    FB_HOLDS(!link->host.empty());
    FB_HOLDS(link->port != 0);
    const auto again = content::Link::parse(link->to_string());
    FB_HOLDS(again.has_value());
    FB_HOLDS(*again == *link);
  } else {
    FB_HOLDS(!link.error().empty());
  }
  if (const auto key = content::key_from_text(text)) {
    FB_HOLDS(content::key_to_text(*key) == text);
  }
  return 0;
}
