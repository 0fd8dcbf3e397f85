#include "web/gateway.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"
#include "web/connection.h"
#include "web/deadline.h"
#include "web/http_semantics.h"

namespace fb::web {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Connections over the limit that are being told so; further ones are closed without a word.
constexpr size_t kRefusedMax = 32;
// How long accepting rests when the process is out of descriptors or memory.
constexpr Duration kAcceptPause = milliseconds(100);
// Cancelled operations end at once; this bounds stop() if one ever did not.
constexpr auto kDrainTimeout = std::chrono::seconds(1);
constexpr ByteCount kHeaderMaxMin = kib(1);
constexpr ByteCount kRequestPartMaxMax = kib(16384);

tcp::endpoint to_asio(const Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes{};
    for (size_t i = 0; i < 4; ++i) bytes[i] = endpoint.address.bytes[12 + i];
    return {asio::ip::address_v4(bytes), endpoint.port};
  }
  return {asio::ip::address_v6(endpoint.address.bytes), endpoint.port};
}

Endpoint from_asio(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (!address.is_v4()) return {Address{address.to_v6().to_bytes()}, endpoint.port()};
  const auto bytes = address.to_v4().to_bytes();
  return {Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]), endpoint.port()};
}

// The first thing wrong with the options, or nothing.
std::string fault_of(const GatewayOptions& options) {
  if (options.connections_max == 0) return "the gateway must allow at least one connection";
  if (options.header_max < kHeaderMaxMin || options.header_max > kRequestPartMaxMax ||
      options.body_max > kRequestPartMaxMax) {
    return "the gateway's limit on request headers must be 1 KiB to 16 MiB, on bodies to 16 MiB";
  }
  for (const Duration timeout :
       {options.idle_timeout, options.swarm_timeout, options.half_closed_timeout}) {
    if (timeout <= Duration{} || timeout > seconds(86400)) {
      return "the gateway's timeouts must be above zero and at most a day";
    }
  }
  for (const std::string& name : options.host_names) {
    if (!host_of(name)) return "\"" + name + "\" is not a host name";
  }
  return {};
}

std::vector<std::string> own_names(const GatewayOptions& options) {
  std::vector<std::string> out{"localhost", "127.0.0.1", "[::1]"};
  for (const std::string& name : options.host_names) out.push_back(*host_of(name));
  return out;
}

}  // namespace

class Gateway::Server {
 public:
  Server(GatewayOptions options, Swarm& swarm)
      : acceptor_(loop_),
        accept_pause_(loop_, [this] { accept(); }),
        host_{.options = std::move(options),
              .host_names = {},
              .swarm = swarm,
              .counters = {},
              .loop = loop_,
              .mailbox = std::make_shared<Mailbox>(loop_),
              .closed = [this](Connection& connection) { forget(connection); },
              .status_rows = [this] { return status_rows(); }} {
    host_.host_names = own_names(host_.options);
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::expected<void, std::string> listen() {
    const Endpoint wanted = host_.options.listen;
    const tcp::endpoint endpoint = to_asio(wanted);
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (!error) local_ = from_asio(acceptor_.local_endpoint(error));
    if (error) {
      return std::unexpected("cannot listen on " + wanted.to_string() + ": " + error.message());
    }
    return {};
  }
  void run() {
    accept();
    thread_ = std::thread([this] {
      loop_.run();
      loop_.restart();
      loop_.run_for(kDrainTimeout);
    });
  }
  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    FB_CHECK(thread_.get_id() != std::this_thread::get_id());
    host_.mailbox->close();
    asio::post(loop_, [this] { shut_down(); });
    thread_.join();
  }
  [[nodiscard]] Endpoint local() const { return local_; }
  [[nodiscard]] GatewayStats stats() const {
    const auto get = [this](Counter counter) { return host_.counters.get(counter); };
    return {.connections = get(Counter::kConnections),
            .connections_refused = get(Counter::kConnectionsRefused),
            .connections_open = get(Counter::kConnectionsOpen),
            .requests = get(Counter::kRequests),
            .responses_ok = get(Counter::kResponsesOk),
            .responses_client_error = get(Counter::kResponsesClientError),
            .responses_server_error = get(Counter::kResponsesServerError),
            .sent_bytes = get(Counter::kSentBytes),
            .bodies_cut = get(Counter::kBodiesCut),
            .clients_gone = get(Counter::kClientsGone),
            .clients_slow = get(Counter::kClientsSlow),
            .swarm_timeouts = get(Counter::kSwarmTimeouts)};
  }

 private:
  struct Entry {
    std::shared_ptr<Connection> connection;
    bool refused = false;
  };

  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (stopping_) return;
      if (error == asio::error::connection_aborted) return accept();
      if (error) {
        if (host_.options.log) host_.options.log("cannot accept a connection: " + error.message());
        return accept_pause_.set(kAcceptPause);
      }
      take(std::move(socket));
      accept();
    });
  }
  void take(tcp::socket socket) {
    host_.counters.add(Counter::kConnections);
    const bool refused = connections_.size() - refused_ >= host_.options.connections_max;
    if (refused) host_.counters.add(Counter::kConnectionsRefused);
    if (refused && refused_ >= kRefusedMax) return;
    const bool v6 = to_asio(local_).protocol() == tcp::v6();
    error_code error;
    const int native = socket.release(error);
    if (error) return;
    const auto connection = Connection::create(host_, native, v6, refused);
    if (!connection) return;
    host_.counters.add(Counter::kConnectionsOpen);
    if (refused) ++refused_;
    connections_.emplace(connection.get(), Entry{connection, refused});
    connection->start();
  }
  [[nodiscard]] StatusRows status_rows() const {
    const GatewayStats now = stats();
    return {{"connections_open", now.connections_open},
            {"requests", now.requests},
            {"sent_to_browsers_bytes", now.sent_bytes},
            {"answered_well", now.responses_ok},
            {"answered_with_a_client_error", now.responses_client_error},
            {"answered_with_a_server_error", now.responses_server_error},
            {"cut_short_by_the_swarm", now.bodies_cut},
            {"clients_gone_early", now.clients_gone}};
  }
  void forget(Connection& connection) {
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    if (found->second.refused) --refused_;
    host_.counters.subtract(Counter::kConnectionsOpen);
    connections_.erase(found);
  }
  void shut_down() {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    while (!connections_.empty()) {
      const auto connection = connections_.begin()->second.connection;
      connection->stop();
    }
    loop_.stop();
  }

  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  Deadline accept_pause_;
  ConnectionHost host_;
  Endpoint local_;
  std::unordered_map<Connection*, Entry> connections_;
  size_t refused_ = 0;  // of connections_
  bool stopping_ = false;
  std::mutex stop_mutex_;
  std::thread thread_;
};

std::expected<std::unique_ptr<Gateway>, std::string> Gateway::start(GatewayOptions options,
                                                                    Swarm& swarm) {
  if (std::string fault = fault_of(options); !fault.empty()) return std::unexpected(fault);
  auto server = std::make_unique<Server>(std::move(options), swarm);
  if (auto listening = server->listen(); !listening) return std::unexpected(listening.error());
  server->run();
  return std::unique_ptr<Gateway>(new Gateway(std::move(server)));
}

Gateway::Gateway(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Gateway::~Gateway() = default;
Endpoint Gateway::local() const { return server_->local(); }
void Gateway::stop() { server_->stop(); }
GatewayStats Gateway::stats() const { return server_->stats(); }

}  // namespace fb::web
