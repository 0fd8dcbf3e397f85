// The link that an operator hands out: fb://HOST:PORT/[PATH]#PUBLICKEY
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "content/site_manifest.h"

namespace fb::content {

struct Link {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  uint16_t port = 0;
  // Percent-decoded, without the leading '/'. Empty, or as valid_path() with or without a '/' at
  // its end.
  std::string path;
  PublicKey key{};

  // The path is percent-decoded once; a query, a bare space or a byte beyond ASCII is refused.
  // Returns a sentence that says what is wrong and what a link looks like.
  static std::expected<Link, std::string> parse(std::string_view text);
  // Requires members as parse() gives them; parse() of the result gives them back.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Link&) const = default;
};

// URL-safe base64 without padding (RFC 4648, section 5): 43 characters.
[[nodiscard]] std::string key_to_text(const PublicKey& key);
[[nodiscard]] std::expected<PublicKey, std::string> key_from_text(std::string_view text);

}  // namespace fb::content
