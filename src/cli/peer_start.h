// What the commands of a visitor have in common: configuration and link, or how they end without.
// Thread safety: one thread at a time.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "base/endpoint.h"
#include "cli/command.h"
#include "cli/peer_config.h"
#include "content/link.h"

namespace fb::cli {

struct PeerStart {
  std::unique_ptr<PeerSettings> settings;
  content::Link link;
  Endpoint seeder;
};

// Loads the settings, parses LINK and resolves its host, and starts the log. Prints what is wrong;
// the error is how the command ends, which is kOk after --print-config.
[[nodiscard]] std::expected<PeerStart, ExitCode> start_peer(const Arguments& arguments,
                                                            const std::string& command);

// The positional LINK.
[[nodiscard]] Option link_option();

// As many descriptors as the system lets us have.
void raise_descriptor_limit();

}  // namespace fb::cli
