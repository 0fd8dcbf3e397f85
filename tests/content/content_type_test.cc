#include "content/content_type.h"

#include "catch.h"
#include "content/file_record.h"

namespace fb::content {
namespace {

TEST_CASE("content type follows the extension") {
  REQUIRE(content_type_of("index.html") == "text/html; charset=utf-8");
  REQUIRE(content_type_of("a.b/c/STYLE.CSS") == "text/css; charset=utf-8");
  REQUIRE(content_type_of("app.min.js") == "text/javascript; charset=utf-8");
  REQUIRE(content_type_of("m.mjs") == "text/javascript; charset=utf-8");
  REQUIRE(content_type_of("x.woff2") == "font/woff2");
  REQUIRE(content_type_of("x.wasm") == "application/wasm");
  REQUIRE(content_type_of("x.tar.gz") == "application/gzip");
  REQUIRE(content_type_of("x.ico") == "image/vnd.microsoft.icon");
  REQUIRE(content_type_of("README.md") == "text/markdown; charset=utf-8");
}

TEST_CASE("content type of everything else is a byte stream") {
  for (const char* path : {"", "noextension", "a.html/b", ".html", "d/.css", "x.", "x.unknown",
                           "x.averyveryverylongextension", "x.\xff"}) {
    INFO(path);
    REQUIRE(content_type_of(path) == "application/octet-stream");
  }
}

TEST_CASE("content types can be put into a record") {
  for (const char* path : {"a.html", "a.webmanifest", "a.xhtml", "a"}) {
    REQUIRE(valid_content_type(content_type_of(path)));
  }
}

}  // namespace
}  // namespace fb::content
