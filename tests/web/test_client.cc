#include "test_client.h"

#include <utility>

#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

namespace fb::web::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

struct TestClient::Impl {
  asio::io_context loop;
  tcp::socket socket{loop};
  boost::beast::flat_buffer buffer;
  bool connected = false;
};

TestClient::TestClient(const Endpoint& server) : impl_(std::make_unique<Impl>()) {
  const std::string text = server.to_string();
  std::string host = text.substr(0, text.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  error_code error;
  impl_->socket.connect({asio::ip::make_address(host), server.port}, error);
  impl_->connected = !error;
}
TestClient::~TestClient() = default;
TestClient::TestClient(TestClient&&) noexcept = default;
TestClient& TestClient::operator=(TestClient&&) noexcept = default;

bool TestClient::connected() const { return impl_->connected; }

bool TestClient::send(std::string_view bytes) {
  error_code error;
  asio::write(impl_->socket, asio::buffer(bytes), error);
  return !error;
}

std::optional<Reply> TestClient::receive(bool head_only) {
  http::response_parser<http::string_body> parser;
  parser.skip(head_only);
  parser.body_limit(boost::none);
  error_code error;
  http::read(impl_->socket, impl_->buffer, parser, error);
  if (!parser.is_header_done()) return {};
  Reply out;
  const auto& message = parser.get();
  out.status = message.result_int();
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.fields[name] = std::string(field.value());
  }
  out.body = message.body();
  out.complete = !error;
  return out;
}

std::string TestClient::receive_raw(size_t size) {
  const auto kept = impl_->buffer.cdata();
  std::string out(static_cast<const char*>(kept.data()), kept.size());
  if (out.size() > size) out.resize(size);
  impl_->buffer.consume(out.size());
  const size_t have = out.size();
  out.resize(size);
  error_code error;
  out.resize(have + asio::read(impl_->socket, asio::buffer(out.data() + have, size - have), error));
  return out;
}

bool TestClient::ended() { return receive_raw(1).empty(); }

bool TestClient::readable_within_ms(int timeout_ms) {
  pollfd entry{impl_->socket.native_handle(), POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

void TestClient::end_sending() {
  error_code ignored;
  impl_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void TestClient::close() {
  error_code ignored;
  impl_->socket.close(ignored);
}

std::optional<Reply> TestClient::get(std::string_view target, std::string_view more_fields) {
  if (!send(request_text("GET", target, more_fields))) return {};
  return receive();
}

std::optional<Reply> TestClient::head(std::string_view target, std::string_view more_fields) {
  if (!send(request_text("HEAD", target, more_fields))) return {};
  return receive(true);
}

std::string request_text(std::string_view method, std::string_view target,
                         std::string_view more_fields) {
  std::string out(method);
  out += " ";
  out += target;
  out += " HTTP/1.1\r\nHost: localhost\r\n";
  out += more_fields;
  return out + "\r\n";
}

}  // namespace fb::web::test
