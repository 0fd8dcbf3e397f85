#include "web/client_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

namespace fb::web {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// How much of a client's further requests is kept while one is being answered.
constexpr size_t kKeptBytesMax = 16384;
constexpr size_t kDiscardSize = 4096;

RequestFault invalid(unsigned status, std::string_view explanation) {
  return {RequestFault::Kind::kInvalid, status, explanation};
}

class BeastStream final : public ClientStream {
 public:
  BeastStream(tcp::socket socket, Limits limits, std::string local_host)
      : socket_(std::move(socket)), limits_(limits), local_host_(std::move(local_host)) {
    buffer_.max_size(limits.header_max.bytes + limits.body_max.bytes + kKeptBytesMax);
  }

  std::string local_host() const override { return local_host_; }
  void read_request(RequestHandler handler) override;
  void cancel_reading() override {
    error_code ignored;
    socket_.cancel(ignored);
  }
  void write_some(std::string_view text, std::span<const uint8_t> bytes,
                  SizeHandler handler) override;
  size_t write_now(std::string_view text) override {
    error_code ignored;
    return socket_.write_some(asio::buffer(text), ignored);
  }
  void wait_input(Handler handler) override {
    socket_.async_wait(tcp::socket::wait_read,
                       [handler = std::move(handler)](const error_code&) { handler(); });
  }
  Input take_input() override;
  bool end_sending() override {
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    return !error;
  }
  void discard_input(SizeHandler handler) override;
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void on_header(error_code error);
  void read_body();
  void deliver(std::expected<Request, RequestFault> result);
  [[nodiscard]] RequestFault fault_of(error_code error) const;
  [[nodiscard]] Request request() const;

  tcp::socket socket_;
  const Limits limits_;
  const std::string local_host_;
  boost::beast::flat_buffer buffer_;
  // Set while read_request is out. The handler keeps this stream alive, so it must be copied or
  // moved into every operation's own handler.
  std::optional<http::request_parser<http::string_body>> parser_;
  std::shared_ptr<RequestHandler> on_request_;
};

void BeastStream::read_request(RequestHandler handler) {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(limits_.header_max.bytes));
  parser_->body_limit(limits_.body_max.bytes);
  on_request_ = std::make_shared<RequestHandler>(std::move(handler));
  http::async_read_header(socket_, buffer_, *parser_,
                          [this, keep = on_request_](error_code error, size_t) {
                            on_header(error);
                          });
}

void BeastStream::on_header(error_code error) {
  if (error) return deliver(std::unexpected(fault_of(error)));
  const auto& fields = parser_->get();
  // Another coding than chunked leaves the end of the request unknown (RFC 9112, 6.3).
  if (fields.count(http::field::transfer_encoding) > 0 && !parser_->chunked()) {
    return deliver(std::unexpected(invalid(400, "The request's transfer coding is unknown.")));
  }
  const auto expect = fields.find(http::field::expect);
  if (expect == fields.end() || parser_->is_done()) return read_body();
  if (!boost::beast::iequals(expect->value(), "100-continue")) {
    return deliver(std::unexpected(invalid(417, "The request expects something unknown.")));
  }
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue),
                    [this, keep = on_request_](error_code failed, size_t) {
                      if (failed) return deliver(std::unexpected(fault_of(failed)));
                      read_body();
                    });
}

void BeastStream::read_body() {
  if (parser_->is_done()) return deliver(request());
  http::async_read(socket_, buffer_, *parser_,
                   [this, keep = on_request_](error_code error, size_t) {
                     if (error) return deliver(std::unexpected(fault_of(error)));
                     deliver(request());
                   });
}

void BeastStream::deliver(std::expected<Request, RequestFault> result) {
  parser_.reset();
  const auto handler = std::exchange(on_request_, nullptr);
  (*handler)(std::move(result));
}

RequestFault BeastStream::fault_of(error_code error) const {
  using Kind = RequestFault::Kind;
  if (error == asio::error::operation_aborted) {
    const bool idle = buffer_.size() == 0 && !parser_->got_some();
    return {.kind = idle ? Kind::kIdle : Kind::kLate};
  }
  if (error == http::error::end_of_stream) return {.kind = Kind::kEnd};
  if (error == http::error::partial_message) return {.kind = Kind::kBroken};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return invalid(431, "The request's header is too large.");
  }
  if (error == http::error::body_limit) return invalid(413, "The request's body is too large.");
  // Beast's parser takes no other versions, nor anything else in their place.
  if (error == http::error::bad_version) {
    return invalid(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  }
  const error_code any_http_error = http::error::bad_method;
  if (error.category() == any_http_error.category()) {
    return invalid(400, "This is not an HTTP request.");
  }
  return {.kind = Kind::kBroken};
}

Request BeastStream::request() const {
  const auto& message = parser_->get();
  const auto view = [](const auto& text) { return std::string_view(text.data(), text.size()); };
  Request out;
  out.method = view(message.method_string());
  out.target = view(message.target());
  out.version = message.version();
  out.keep_alive = message.keep_alive();
  for (const auto& field : message) add_field(out, view(field.name_string()), view(field.value()));
  return out;
}

void BeastStream::write_some(std::string_view text, std::span<const uint8_t> bytes,
                             SizeHandler handler) {
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(text),
                                                  asio::buffer(bytes.data(), bytes.size())};
  socket_.async_write_some(buffers,
                           [handler = std::move(handler)](const error_code& error, size_t size) {
                             handler(error ? std::nullopt : std::optional(size));
                           });
}

ClientStream::Input BeastStream::take_input() {
  const size_t room = kKeptBytesMax - std::min(kKeptBytesMax, buffer_.size());
  if (room == 0) return Input::kFull;
  error_code error;
  const size_t size = socket_.read_some(buffer_.prepare(room), error);
  if (error == asio::error::would_block || error == asio::error::try_again) return Input::kNone;
  if (error == asio::error::eof) return Input::kEnded;
  if (error) return Input::kFailed;
  buffer_.commit(size);
  return Input::kKept;
}

void BeastStream::discard_input(SizeHandler handler) {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kDiscardSize),
                          [handler = std::move(handler)](const error_code& error, size_t size) {
                            handler(error ? std::nullopt : std::optional(size));
                          });
}

}  // namespace

std::unique_ptr<ClientStream> ClientStream::open(asio::io_context& loop, int native_socket, bool v6,
                                                 Limits limits) {
  tcp::socket socket(loop);
  error_code error;
  socket.assign(v6 ? tcp::v6() : tcp::v4(), native_socket, error);
  if (error) {
    ::close(native_socket);
    return nullptr;
  }
  socket.non_blocking(true, error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  const auto local = error ? tcp::endpoint() : socket.local_endpoint(error);
  if (error) return nullptr;
  const std::string address = local.address().to_string();
  const auto host = host_of(local.address().is_v6() ? "[" + address + "]" : address);
  return std::make_unique<BeastStream>(std::move(socket), limits, host.value_or("localhost"));
}

}  // namespace fb::web
