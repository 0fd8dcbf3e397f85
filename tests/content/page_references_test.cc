#include "content/page_references.h"

#include "base/rng.h"
#include "catch.h"

using namespace fb;
using namespace fb::content;

namespace {

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("a page's files in the order of the document, each once") {
  CHECK(page_references(R"(<!doctype html><title><img src="no.png"></title>
<LINK REL="preload StyleSheet" HREF = 'style.css'><link rel=icon href=/favicon.ico>
<link rel="alternate" href="feed.xml">
<script src="app.js" defer>document.write('<img src="no.png">')</script>
<style>a { background: url(no.png) } </style>
<!-- <img src="no.png"> --><p><img alt="a > b" src=a.png><img src="a.png"/>
<img class=x src='b%20c.jpg?v=1&amp;w=2#top'><a href="other.html">x</a>)",
                        "index.html") ==
        Paths{"style.css", "favicon.ico", "app.js", "a.png", "b c.jpg"});
}

TEST_CASE("references are resolved against the page, within the site") {
  const auto of = [](const std::string& src, const char* page) {
    return page_references("<img src=\"" + src + "\">", page);
  };
  CHECK(of("a.png", "news/today/page.html") == Paths{"news/today/a.png"});
  CHECK(of("./a.png", "news/today/page.html") == Paths{"news/today/a.png"});
  CHECK(of("../a.png", "news/today/page.html") == Paths{"news/a.png"});
  CHECK(of("/img/../a.png", "news/today/page.html") == Paths{"a.png"});
  CHECK(of("../../../a.png", "news/today/page.html").empty());
  CHECK(of("%2e%2e/%2e%2e/a.png", "news/page.html").empty());
  CHECK(of("dir/a:b.png", "page.html") == Paths{"dir/a:b.png"});
  CHECK(of("100%.png", "page.html") == Paths{"100%.png"});
  for (const char* elsewhere : {"https://example.org/a.png", "//example.org/a.png",
                                "data:image/png;base64,xx", "", "#top", "?x", "/", "page.html"}) {
    INFO(elsewhere);
    CHECK(of(elsewhere, "page.html").empty());
  }
}

TEST_CASE("a page that ends anywhere, and one of noise, are no harm") {
  const std::string html =
      "<p><!-- x --><script src='a.js'>1</script><img alt=\"x\" src=b.png><link rel=icon href=c>";
  for (size_t length = 0; length <= html.size(); ++length) {
    CHECK(page_references(std::string_view(html).substr(0, length), "p").size() <= 3);
  }
  Rng rng(1);
  const std::string_view letters = "<>/='\"! -abscriptmglnk";
  for (int i = 0; i < 2000; ++i) {
    std::string noise = "<img src";
    for (int n = 0; n < 100; ++n) noise += letters[rng.below(letters.size())];
    CHECK(page_references(noise, "p").size() < 40);
  }
}
