#include "content/link.h"

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

const std::string kKeyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

PublicKey counting_key() {
  PublicKey out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i);
  return out;
}

TEST_CASE("link has a host, a port, a path and a key") {
  const auto link = Link::parse("fb://example.org:4711/docs/a%20b.html#" + kKeyText);
  REQUIRE(link.has_value());
  REQUIRE(link->host == "example.org");
  REQUIRE(link->port == 4711);
  REQUIRE(link->path == "docs/a b.html");
  REQUIRE(link->key == counting_key());
  REQUIRE(link->to_string() == "fb://example.org:4711/docs/a%20b.html#" + kKeyText);
}

TEST_CASE("link forms") {
  const auto again = [](const std::string& head) {
    const auto link = Link::parse(head + "#" + kKeyText);
    if (!link) return link.error();
    const std::string text = link->to_string();
    return text.substr(0, text.find('#'));
  };
  REQUIRE(again("fb://h:1/") == "fb://h:1/");
  REQUIRE(again("fb://192.0.2.1:65535/x") == "fb://192.0.2.1:65535/x");
  REQUIRE(again("fb://[2001:db8::1]:80/x/") == "fb://[2001:db8::1]:80/x/");
  REQUIRE(Link::parse("fb://[::1]:80/#" + kKeyText)->host == "::1");
  REQUIRE(again("fb://h:1/%C3%a9") == "fb://h:1/%C3%A9");
  REQUIRE(again("fb://h:1/a%23b%3f%25") == "fb://h:1/a%23b%3F%25");
  REQUIRE(again("fb://h:1/a%2Fb") == "fb://h:1/a/b");
  REQUIRE(again("fb://a-b_c.d1:1/") == "fb://a-b_c.d1:1/");
}

TEST_CASE("link refuses hostile texts with a sentence that shows a link") {
  using namespace std::string_literals;
  const std::string key = "#" + kKeyText;
  for (const std::string& text :
       {""s, "fb://"s, "http://h:1/"s + key, "FB:/h:1/"s + key, "fb://h:1/"s, "fb://h:1/#"s,
        "fb://h:1/#short"s, "fb://h:1/"s + key + "A", "fb://h:1/"s + key + "\n",
        "fb://h:1/#" + std::string(43, '='), "fb://h:1/#" + std::string(43, '+'), "fb://h:1"s + key,
        "fb://h/"s + key, "fb://h:/"s + key, "fb://h:0/"s + key, "fb://h:65536/"s + key,
        "fb://h:-1/"s + key, "fb://h:1x/"s + key, "fb://:1/"s + key, "fb://h h:1/"s + key,
        "fb://u@h:1/"s + key, "fb://::1:80/"s + key, "fb://[::1:80/"s + key, "fb://[]:80/"s + key,
        "fb://[x]:80/"s + key, "fb://[::1]x:80/"s + key, "fb://1.2.3:80/"s + key,
        "fb://1.2.3.256:80/"s + key, "fb://999:80/"s + key, "fb://.h:80/"s + key,
        "fb://-h:80/"s + key, "fb://h:1/../x"s + key, "fb://h:1/%2e%2e/x"s + key,
        "fb://h:1//x"s + key, "fb://h:1/x//"s + key, "fb://h:1/%00"s + key, "fb://h:1/%"s + key,
        "fb://h:1/%4"s + key, "fb://h:1/%4g"s + key, "fb://h:1/%-1"s + key, "fb://h:1/a b"s + key,
        "fb://h:1/a?b"s + key, "fb://h:1/a\\b"s + key, "fb://h:1/\xc3\xa9"s + key,
        "fb://"s + std::string(254, 'h') + ":1/" + key,
        "fb://h:1/"s + std::string(513, 'p') + key, "fb://h:1/"s + std::string(9000, 'p') + key}) {
    INFO(text);
    const auto link = Link::parse(text);
    REQUIRE_FALSE(link.has_value());
    REQUIRE(link.error().find("fb://HOST:PORT/PATH#KEY") != std::string::npos);
    REQUIRE(link.error().size() < 300);
  }
  REQUIRE(Link::parse("\x1b[2Jevil").error().find('\x1b') == std::string::npos);
}

TEST_CASE("link parsing survives random changes, and its own output") {
  const std::string good = "fb://[2001:db8::1]:4711/docs/a%20b.html#" + kKeyText;
  for (const uint64_t seed : seeds(3000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    std::string text = good;
    for (uint64_t i = rng.below(3); i < 3; ++i) {
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    }
    text.resize(rng.below(8) == 0 ? rng.below(text.size()) : text.size());
    if (const auto link = Link::parse(text)) {
      REQUIRE(Link::parse(link->to_string()).value() == *link);
    }
  }
}

TEST_CASE("key text is strict base64url without padding") {
  REQUIRE(key_to_text(counting_key()) == kKeyText);
  REQUIRE(key_from_text(kKeyText).value() == counting_key());
  REQUIRE_FALSE(key_from_text(kKeyText + "=").has_value());
  REQUIRE_FALSE(key_from_text(kKeyText.substr(1)).has_value());
  REQUIRE_FALSE(key_from_text("").has_value());
  // The last character carries four bits only: the two others must be zero.
  std::string loose = kKeyText;
  loose.back() = '9';
  REQUIRE_FALSE(key_from_text(loose).has_value());
  std::string zero = kKeyText;
  zero[3] = '\0';
  REQUIRE_FALSE(key_from_text(zero).has_value());
}

}  // namespace
}  // namespace fb::content

TEST_CASE("a key has one form: bytes that base64 decoders let pass are refused") {
  std::string text = fb::content::key_to_text(fb::content::PublicKey{});
  REQUIRE(fb::content::key_from_text(text).has_value());
  text[7] = static_cast<char>(0xa6);
  CHECK_FALSE(fb::content::key_from_text(text).has_value());
}
