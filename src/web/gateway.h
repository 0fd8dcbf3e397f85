// The paper's Pygmy: a small web server on this computer that turns each request of a browser into
// a fetch from the swarm.
//
// Thread safety: every member function may be called from any thread, except that stop() and the
// destructor must not run on the gateway's own thread, where Swarm::open, SwarmFile::read, the
// destructor of SwarmFile and both functions of the options are called. stats() is a set of
// counters that move independently.
// Invariants:
//   1. one thread runs everything but the Swarm's callbacks, which only post to it;
//   2. a connection serves one request at a time, in the order they came (pipelining), and holds at
//      most one SwarmFile, at most one chunk of it, and no SwarmFile between requests;
//   3. the next bytes are asked of the swarm only when the last ones were written.
// Reclamation: connections are kept alive by their pending operations. A swarm's callback holds
// only a weak reference and may come at any time, also after the gateway is gone; what it brings
// then is dropped on the thread it came on.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "base/units.h"
#include "web/swarm.h"

namespace fb::web {

struct GatewayOptions {
  Endpoint listen{Address::v4(127, 0, 0, 1), 8080};  // port 0 takes a free one, see local()
  // More connections are answered 503 and closed.
  size_t connections_max = 256;
  // Request line and fields; more is answered 431.
  ByteCount header_max = kib(16);
  // Request bodies are read and ignored up to here; more is answered 413.
  ByteCount body_max = kib(64);
  // For a whole request to arrive, for a kept-alive connection without one, and for the client to
  // take any bytes at all.
  Duration idle_timeout = seconds(30);
  // For the swarm to give anything, counted anew from each piece.
  Duration swarm_timeout = seconds(30);
  // For the swarm, once the client has closed its sending side: most such clients are gone, a few
  // (netcat) still read.
  Duration half_closed_timeout = seconds(2);
  // Shown in pages, such as the site's link; plain text.
  std::string site_origin;
  // Host names, besides localhost, 127.0.0.1, [::1] and the connection's own address, under which
  // browsers may ask: all others are answered 421, against DNS rebinding.
  std::vector<std::string> host_names;
  // JSON of the peer's figures for /.flashback/status. Called on the gateway's thread; must not
  // block or throw.
  std::function<std::string()> status_json;
  // One line of text, without its end, for what an operator may want to know. Called on the
  // gateway's thread; must not throw.
  std::function<void(std::string_view)> log;
};

struct GatewayStats {
  uint64_t connections = 0;            // accepted, with those refused
  uint64_t connections_refused = 0;    // over connections_max
  uint64_t connections_open = 0;       // at this moment
  uint64_t requests = 0;               // complete ones
  uint64_t responses_ok = 0;           // statuses below 400
  uint64_t responses_client_error = 0; // 4xx
  uint64_t responses_server_error = 0; // 5xx
  uint64_t sent_bytes = 0;             // header and body
  uint64_t bodies_cut = 0;             // the swarm failed after the header had gone out
  uint64_t clients_gone = 0;           // left before their answer was complete
  uint64_t clients_slow = 0;           // idle_timeout while a request or an answer was under way
  uint64_t swarm_timeouts = 0;         // swarm_timeout expired
};

class Gateway {
 public:
  // Listens and serves until stop(). `swarm` must outlive stop().
  // Errors: a sentence that says which address or name is wrong and why.
  [[nodiscard]] static std::expected<std::unique_ptr<Gateway>, std::string> start(
      GatewayOptions options, Swarm& swarm);
  ~Gateway();  // stops
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Where it listens, with the port it got.
  [[nodiscard]] Endpoint local() const;
  // Closes the port and every connection (those that still wait for a file's first bytes get a
  // 503), drops every SwarmFile and ends the thread. Returns at once when already stopped.
  void stop();
  [[nodiscard]] GatewayStats stats() const;

 private:
  class Server;
  explicit Gateway(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace fb::web
