// One client's connection to the gateway. Internal to web.
//
// Thread safety: none; everything happens on the gateway's thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "web/gateway.h"
#include "web/mailbox.h"
#include "web/pages.h"

namespace fb::web {

// The counters behind GatewayStats. They are only added to on the gateway's thread and publish
// nothing, so every access is relaxed.
enum class Counter : size_t {
  kConnections,
  kConnectionsRefused,
  kConnectionsOpen,
  kRequests,
  kResponsesOk,
  kResponsesClientError,
  kResponsesServerError,
  kSentBytes,
  kBodiesCut,
  kClientsGone,
  kClientsSlow,
  kSwarmTimeouts,
  kCount,
};

class Counters {
 public:
  void add(Counter counter, uint64_t amount = 1) {
    slot(counter).fetch_add(amount, std::memory_order_relaxed);
  }
  void subtract(Counter counter) { slot(counter).fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get(Counter counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t>& slot(Counter counter) { return values_[static_cast<size_t>(counter)]; }
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> values_{};
};

class Connection;

// What connections share; outlives them all.
struct ConnectionHost {
  GatewayOptions options;
  std::vector<std::string> host_names;  // results of host_of
  Swarm& swarm;
  Counters counters;
  boost::asio::io_context& loop;
  std::shared_ptr<Mailbox> mailbox;
  std::function<void(Connection&)> closed;  // forgets the connection
  std::function<StatusRows()> status_rows;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Takes over an accepted TCP socket; null when it cannot be used, it is closed then. A client
  // that is `refused` gets a 503.
  static std::shared_ptr<Connection> create(ConnectionHost& host, int native_socket, bool v6,
                                            bool refused);
  virtual ~Connection() = default;
  // Starts to serve; calls host.closed once, when the connection is over.
  virtual void start() = 0;
  // Ends now: a client that has got nothing of its answer yet gets a 503 if the socket takes it.
  virtual void stop() = 0;
};

}  // namespace fb::web
