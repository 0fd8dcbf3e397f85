// A scenario in real time: the crowd on several threads, each with one socket or with many, against
// a seeder of our own on a further thread, or against somebody else's. Access lines and the network
// between them are emulated before a datagram meets the kernel, as in virtual time.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "content/keys.h"
#include "engine/udp_engine.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/simulate.h"

namespace fb::cli {

struct LiveTarget {
  Endpoint seeder;
  content::PublicKey key{};
};

struct LiveOptions {
  engine::IoBackend io = engine::IoBackend::kAuto;
  uint32_t threads = 0;                // for the crowd; 0: one a core
  uint32_t sockets = 1;                // of each of these threads, for its visitors in turn
  std::optional<LiveTarget> target;    // none: a seeder of our own, on loopback
  std::function<void(std::string_view)> on_warning;  // called from any thread
};

struct LiveResult {
  sim::RunResult run;
  engine::EngineStats engine;  // of all the crowd's sockets together
  std::string io;              // "io_uring" or "epoll"
};

// `on_second` is called on the calling thread. With a foreign seeder `content` has paths and no
// site. The error is a sentence: a socket could not be opened.
[[nodiscard]] std::expected<LiveResult, std::string> run_live(const sim::Scenario& scenario,
                                                              uint64_t seed,
                                                              const sim::WorldContent& content,
                                                              const LiveOptions& options,
                                                              const sim::OnSecond& on_second);

}  // namespace fb::cli
