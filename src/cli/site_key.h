// Where a seeder's key lives, and its creation at the first start.
// Thread safety: one thread at a time.
#pragma once

#include <expected>
#include <string>

#include "content/keys.h"

namespace fb::cli {

// site.key in $STATE_DIRECTORY (under systemd), $XDG_STATE_HOME/flashback or
// ~/.local/state/flashback. The error is a sentence: no such variable is set.
[[nodiscard]] std::expected<std::string, std::string> default_key_path();

struct SiteKey {
  content::KeyPair keys;
  std::string path;
  bool created = false;
};

// Loads the key from `path`, or from the default when it is empty. A missing default key is
// created, with its directory; a missing `path` too, but not its directory.
[[nodiscard]] std::expected<SiteKey, std::string> load_or_create_key(std::string path);

}  // namespace fb::cli
