#include "content/keys.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.h"
#include "content/support.h"

namespace fb::content {
namespace {

namespace fs = std::filesystem;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("key pairs are random and sign") {
  const KeyPair a = generate_key_pair();
  const KeyPair b = generate_key_pair();
  REQUIRE(a.public_key != b.public_key);
  REQUIRE(public_key_of(a.secret_key) == a.public_key);
  const SiteRoot root{1, 2, {}};
  REQUIRE(verify(root, sign(root, a.secret_key), a.public_key));
  REQUIRE_FALSE(verify(root, sign(root, a.secret_key), b.public_key));
}

TEST_CASE("key file is for its owner only and comes back") {
  const TemporaryDirectory directory;
  const std::string path = directory / "key";
  const KeyPair keys = generate_key_pair();
  REQUIRE(save_key_pair(path, keys).has_value());
  REQUIRE((fs::status(path).permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
  const std::string text = text_of(path);
  REQUIRE(text.size() == 61);
  REQUIRE(text.starts_with("flashback-key-v1 "));
  REQUIRE(text.back() == '\n');
  const auto loaded = load_key_pair(path);
  REQUIRE(loaded.has_value());
  REQUIRE(loaded->secret_key == keys.secret_key);
  REQUIRE(loaded->public_key == keys.public_key);
}

TEST_CASE("key file is never overwritten") {
  const TemporaryDirectory directory;
  const std::string path = directory / "key";
  const KeyPair first = generate_key_pair();
  REQUIRE(save_key_pair(path, first).has_value());
  const auto again = save_key_pair(path, generate_key_pair());
  REQUIRE_FALSE(again.has_value());
  REQUIRE(again.error().find("exists already") != std::string::npos);
  REQUIRE(load_key_pair(path)->secret_key == first.secret_key);
  // Nor through a link to nowhere.
  fs::create_symlink(directory / "elsewhere", directory / "link");
  REQUIRE_FALSE(save_key_pair(directory / "link", first).has_value());
  REQUIRE_FALSE(fs::exists(directory / "elsewhere"));
  REQUIRE_FALSE(save_key_pair(directory / "no/directory", first).has_value());
}

TEST_CASE("key file that others may read is refused with the remedy") {
  const TemporaryDirectory directory;
  const std::string path = directory / "key";
  REQUIRE(save_key_pair(path, generate_key_pair()).has_value());
  for (const fs::perms extra : {fs::perms::group_read, fs::perms::others_read,
                                fs::perms::group_write, fs::perms::others_exec}) {
    fs::permissions(path, fs::perms::owner_read | extra);
    const auto loaded = load_key_pair(path);
    REQUIRE_FALSE(loaded.has_value());
    REQUIRE(loaded.error().find("chmod 600") != std::string::npos);
  }
  fs::permissions(path, fs::perms::owner_read);
  REQUIRE(load_key_pair(path).has_value());
}

TEST_CASE("key file with anything but one key is refused") {
  const TemporaryDirectory directory;
  const std::string path = directory / "key";
  REQUIRE(save_key_pair(path, generate_key_pair()).has_value());
  const std::string good = text_of(path);
  const auto accepted = [&](std::string_view text) {
    directory.write("key", text);
    return load_key_pair(path).has_value();
  };
  REQUIRE(accepted(good));
  REQUIRE(accepted(good.substr(0, 60)));
  for (size_t length = 0; length < 60; ++length) REQUIRE_FALSE(accepted(good.substr(0, length)));
  REQUIRE_FALSE(accepted(good + "\n"));
  REQUIRE_FALSE(accepted(good + good));
  REQUIRE_FALSE(accepted(good.substr(0, 60) + " "));
  std::string other = good;
  other[15] = '2';
  REQUIRE_FALSE(accepted(other));
  other = good;
  other[30] = '=';
  REQUIRE_FALSE(accepted(other));
  REQUIRE_FALSE(accepted(std::string(100'000, 'A')));
}

TEST_CASE("key file must be a file that is there") {
  const TemporaryDirectory directory;
  const auto missing = load_key_pair(directory / "missing");
  REQUIRE(missing.error().find("missing") != std::string::npos);
  REQUIRE_FALSE(load_key_pair(directory.path().string()).has_value());
}

}  // namespace
}  // namespace fb::content
