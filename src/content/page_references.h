// Which files of its site an HTML page shows: what a browser would fetch with it.
//
// A tolerant scanner and no HTML parser. It sees <img src>, <script src> and <link href> with
// rel=stylesheet (or icon, preload, modulepreload), however their attributes are quoted, and not
// what stands in comments or inside script, style, textarea and title. It does not see srcset,
// <source>, <base>, url() in style sheets, nor what scripts load, and of character references it
// knows &amp; alone.
// Pure function, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fb::content {

// Paths as a site has them ("style/main.css"), in the order of the document, each once. `path` is
// the page's own. What leads to another site or above its root is left out; whether the site has
// such a file is for the caller to see.
[[nodiscard]] std::vector<std::string> page_references(std::string_view html,
                                                       std::string_view path);

}  // namespace fb::content
