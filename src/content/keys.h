// The seeder's key pair and the file it lives in. Whoever has the file can sign sites in the
// seeder's name, so it is created for its owner only and refused when others may read it.
//
// The file is one line: "flashback-key-v1 ", then the 32-byte seed of the Ed25519 key in URL-safe
// base64 without padding (43 characters), then a line feed.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <expected>
#include <string>

#include "content/site_manifest.h"

namespace fb::content {

struct KeyPair {
  PublicKey public_key{};
  SecretKey secret_key{};
};

// Random, from the system.
[[nodiscard]] KeyPair generate_key_pair();

// Creates `path` with mode 0600 and syncs it to the disk. Never overwrites: an existing file is an
// error. Errors are sentences; after one no file is left behind.
[[nodiscard]] std::expected<void, std::string> save_key_pair(const std::string& path,
                                                             const KeyPair& keys);

// Refuses a file that its group or others may read, write or execute, that is no regular file, or
// that holds anything but one key. Errors are sentences.
[[nodiscard]] std::expected<KeyPair, std::string> load_key_pair(const std::string& path);

}  // namespace fb::content
