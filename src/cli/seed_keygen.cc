// fbseed keygen: a key ahead of the first start, or at a place of one's own.
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "content/keys.h"
#include "content/link.h"

namespace fb::cli {
namespace {

ExitCode keygen(const Arguments& arguments) {
  const std::string path = arguments.text("out");
  const auto keys = content::generate_key_pair();
  if (const auto saved = content::save_key_pair(path, keys); !saved) {
    fmt::print(stderr, "{}\n", saved.error());
    return ExitCode::kLocal;
  }
  fmt::print("{}\n", content::key_to_text(keys.public_key));
  return ExitCode::kOk;
}

}  // namespace

Command seed_keygen_command() {
  return {.name = "keygen",
          .summary = "Makes a site's key and prints its public half",
          .examples = "  fbseed keygen --out site.key    never overwrites a file",
          .options = {{.name = "out", .letter = 'o', .value = "FILE",
                       .doc = "Where to write the key; who has it can sign in the site's name",
                       .required = true}},
          .run = keygen};
}

}  // namespace fb::cli
