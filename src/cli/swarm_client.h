// The real swarm behind the gateway: a peer runtime with a SwarmCore, as a web::Swarm.
//
// Thread safety: open() and all of SwarmFile from any thread; start(), stop() and the destructor on
// one that is not the runtime's. Callbacks come on the runtime's thread, or, once it is stopping,
// on the caller's.
// Reclamation: files that outlive the client only answer kStopped.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "cli/peer_runtime.h"
#include "cli/swarm_core.h"
#include "content/link.h"
#include "web/swarm.h"

namespace fb::cli {

class SwarmClient final : public web::Swarm {
 public:
  // Joins nothing yet: the node joins when something is asked for. The error is a sentence.
  static std::expected<std::unique_ptr<SwarmClient>, std::string> start(
      const PeerConfig& config, const Endpoint& seeder, const content::Link& link);
  ~SwarmClient() override;  // stops

  void open(std::string path, OpenCallback callback) override;
  // Answers all that waits with kStopped and leaves the swarm.
  void stop();
  // GatewayReport as JSON.
  [[nodiscard]] std::string status_json() const;
  [[nodiscard]] PeerRuntime::Snapshot snapshot() const { return runtime_->snapshot(); }

 private:
  class Line;
  class File;
  SwarmClient(const PeerConfig& config, std::string link);

  std::string link_;
  ByteCount upload_promise_;
  SwarmCore core_;
  std::shared_ptr<Line> line_;
  std::unique_ptr<PeerRuntime> runtime_;
};

}  // namespace fb::cli
