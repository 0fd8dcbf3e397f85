// Media types by file name, for the web's common kinds of file.
#pragma once

#include <string_view>

namespace fb::content {

// The type for a path's extension, whatever its case; "; charset=utf-8" is added for text. A file
// without a known extension is "application/octet-stream". Valid for ever, from any thread.
[[nodiscard]] std::string_view content_type_of(std::string_view path);

}  // namespace fb::content
