#include "web/connection.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "web/deadline.h"
#include "web/http_semantics.h"
#include "web/pages.h"
#include "web/response.h"
#include "web/route.h"

namespace fb::web {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using asio::ip::tcp;

// The most that is asked of the swarm at once, and so the most a connection holds of a file.
constexpr size_t kReadSizeMax = 65536;
// How much of a client's further requests is taken in while one is being answered.
constexpr size_t kPipelinedBytesMax = 16384;
// After the last answer we wait for the client to close, so that unread input does not turn our
// close into a reset that takes the answer with it (RFC 9112, 9.6).
constexpr Duration kLingerTimeout = seconds(2);
constexpr size_t kLingerBytesMax = 262144;
constexpr Duration kCancelRetry = milliseconds(100);

// Follows the life of a request:
//   1. read_request: the head, a body to be ignored, perhaps "100 Continue" between them
//   2. answer: decides at once, or asks the swarm (3)
//   3. open: waits for the file, and on "not found" once more for a directory's index
//   4. respond: makes the head, which goes out together with the first bytes of the body
//   5. pump: sends literal text, or waits for the next slice of the file (6); at the end the next
//      request (1) or linger
//   6. read_swarm: at most kReadSizeMax verified bytes
//   7. write: until all is written, then pump
class Session final : public Connection {
 public:
  Session(ConnectionHost& host, int native_socket, bool v6, bool refused)
      : host_(host), socket_(host.loop), refused_(refused) {
    error_code ignored;
    socket_.assign(v6 ? tcp::v6() : tcp::v4(), native_socket, ignored);
    buffer_.max_size(host.options.header_max.bytes + host.options.body_max.bytes + kPipelinedBytesMax);
  }

  void start() override;
  void stop() override;

 private:
  enum class State {
    kReading,    // of a request
    kSwarm,      // waits for a callback
    kWriting,
    kLingering,  // answered for the last time
    kClosed,
  };

  void read_request();
  void on_header(error_code error);
  void read_body();
  void on_request_error(error_code error);
  [[nodiscard]] Request take_request() const;
  void answer();
  void answer_status(bool page);
  void open(std::string path);
  void on_opened(uint64_t token, std::expected<std::shared_ptr<SwarmFile>, FetchError> result);
  void respond(Response response);
  void refuse(unsigned status, std::string_view explanation);
  void pump();
  void read_swarm(const ByteRange& slice);
  void on_bytes(uint64_t token, size_t size_max,
                std::expected<std::vector<uint8_t>, FetchError> result);
  void on_swarm_failed(FetchError error);
  void write();
  void on_written(error_code error, size_t size);
  void linger();
  void linger_on();
  void close();
  void client_gone();

  void watch();
  void on_readable();
  void set_deadline(Duration timeout);
  void on_deadline();
  void log(std::string_view text) const {
    if (host_.options.log) host_.options.log(text);
  }
  void count(Counter counter) { host_.counters.add(counter); }
  // Handlers keep the connection alive; a handler that finds it closed does nothing.
  template <typename Method>
  auto handler(Method method) {
    return [self = std::static_pointer_cast<Session>(shared_from_this()),
            method](const error_code& error, size_t size = 0) {
      if (self->state_ != State::kClosed) method(*self, error, size);
    };
  }
  // The result of a swarm call goes through the mailbox to `method`.
  template <typename Result, typename Method>
  auto swarm_callback(Method method) {
    std::weak_ptr<Session> weak = std::static_pointer_cast<Session>(shared_from_this());
    return [weak = std::move(weak), mailbox = host_.mailbox, token = token_, method](Result result) {
      mailbox->post([weak, token, method, result = std::move(result)]() mutable {
        if (const auto self = weak.lock()) method(*self, token, std::move(result));
      });
    };
  }

  ConnectionHost& host_;
  tcp::socket socket_;
  std::optional<Deadline> deadline_;  // from start() on
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::vector<std::string> own_names_;
  const bool refused_;
  State state_ = State::kReading;

  bool watching_ = false;     // a wait for input is out
  bool input_ended_ = false;  // the client has closed its sending side

  Request request_;
  Target target_;
  bool may_be_directory_ = false;
  bool looking_for_index_ = false;
  uint64_t token_ = 0;  // names the swarm call whose callback still counts

  std::shared_ptr<SwarmFile> file_;
  Response response_;
  size_t piece_ = 0;          // of response_.pieces, the one under way
  bool head_pending_ = true;  // nothing of this answer has been handed to the socket
  bool keep_alive_ = true;
  std::string text_;            // to be written, before
  std::vector<uint8_t> bytes_;  // the slice's
  size_t written_ = 0;          // of both
  size_t lingered_ = 0;
};

void Session::start() {
  deadline_.emplace(host_.loop, [weak = weak_from_this()] {
    if (const auto self = std::static_pointer_cast<Session>(weak.lock())) self->on_deadline();
  });
  error_code error;
  socket_.non_blocking(true, error);
  if (!error) socket_.set_option(tcp::no_delay(true), error);
  const auto local = error ? tcp::endpoint() : socket_.local_endpoint(error);
  if (error) return close();
  own_names_ = host_.host_names;
  const std::string address = local.address().to_string();
  if (auto name = host_of(local.address().is_v6() ? "[" + address + "]" : address)) {
    own_names_.push_back(std::move(*name));
  }
  if (refused_) return refuse(503, "Too many connections at the moment.");
  read_request();
}

void Session::stop() {
  if (state_ == State::kSwarm && head_pending_) {
    const Response answer = swarm_error_response(request_, FetchError::kStopped,
                                                 host_.options.site_origin);
    std::string text = head_text(answer, request_.version, false, std::time(nullptr));
    for (const Piece& piece : answer.pieces) text += piece.text;
    error_code ignored;
    const size_t size = socket_.write_some(asio::buffer(text), ignored);
    host_.counters.add(Counter::kSentBytes, size);
    count(Counter::kResponsesServerError);
  } else if (state_ == State::kSwarm || state_ == State::kWriting) {
    count(Counter::kBodiesCut);
  }
  close();
}

// 1. ------------------------------------------------------------------------------------------

void Session::read_request() {
  state_ = State::kReading;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(host_.options.header_max.bytes));
  parser_->body_limit(host_.options.body_max.bytes);
  set_deadline(host_.options.idle_timeout);
  http::async_read_header(socket_, buffer_, *parser_,
                          handler([](Session& s, error_code e, size_t) { s.on_header(e); }));
}

void Session::on_header(error_code error) {
  if (error) return on_request_error(error);
  const auto& fields = parser_->get();
  if (fields.version() != 10 && fields.version() != 11) {
    return refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  }
  // Another coding than chunked leaves the end of the request unknown (RFC 9112, 6.3).
  if (fields.count(http::field::transfer_encoding) > 0 && !parser_->chunked()) {
    return refuse(400, "The request's transfer coding is unknown.");
  }
  const auto expect = fields.find(http::field::expect);
  if (expect == fields.end() || parser_->is_done()) return read_body();
  if (!boost::beast::iequals(expect->value(), "100-continue")) {
    return refuse(417, "The request expects something unknown.");
  }
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue),
                    handler([](Session& s, error_code e, size_t) {
                      if (e) return s.close();
                      s.read_body();
                    }));
}

void Session::read_body() {
  if (parser_->is_done()) return answer();
  http::async_read(socket_, buffer_, *parser_, handler([](Session& s, error_code e, size_t) {
                     if (e) return s.on_request_error(e);
                     s.answer();
                   }));
}

void Session::on_request_error(error_code error) {
  if (error == http::error::end_of_stream) return close();  // between requests, as it should be
  if (error == asio::error::operation_aborted) {
    // No byte of a request: an idle connection ends without a word.
    if (buffer_.size() == 0 && !parser_->got_some()) return close();
    count(Counter::kClientsSlow);
    return refuse(408, "The request did not arrive in time.");
  }
  if (error == http::error::partial_message) return client_gone();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse(431, "The request's header is too large.");
  }
  if (error == http::error::body_limit) return refuse(413, "The request's body is too large.");
  if (error == http::error::bad_version) {
    return refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  }
  if (error.category() == make_error_code(http::error::bad_method).category()) {
    return refuse(400, "This is not an HTTP request.");
  }
  client_gone();
}

Request Session::take_request() const {
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

// 2. ------------------------------------------------------------------------------------------

void Session::answer() {
  request_ = take_request();
  parser_.reset();
  count(Counter::kRequests);
  keep_alive_ = request_.keep_alive;
  head_pending_ = true;
  Route decided = route(request_, own_names_, host_.options.site_origin);
  target_ = std::move(decided.target);
  switch (decided.kind) {
    case Route::Kind::kAnswer: return respond(std::move(decided.response));
    case Route::Kind::kStatusPage: return answer_status(true);
    case Route::Kind::kStatusJson: return answer_status(false);
    case Route::Kind::kLookup: break;
  }
  may_be_directory_ = decided.may_be_directory;
  looking_for_index_ = false;
  open(std::move(decided.path));
}

void Session::answer_status(bool page) {
  const std::string json = host_.options.status_json ? host_.options.status_json() : "";
  if (!page) {
    return respond(text_response(request_, 200, "application/json", json.empty() ? "{}" : json));
  }
  respond(text_response(request_, 200, kHtml,
                        status_page(json, host_.status_rows(), host_.options.site_origin)));
}

// 3. ------------------------------------------------------------------------------------------

void Session::open(std::string path) {
  state_ = State::kSwarm;
  ++token_;
  set_deadline(host_.options.swarm_timeout);
  watch();
  if (state_ != State::kSwarm) return;
  using Result = std::expected<std::shared_ptr<SwarmFile>, FetchError>;
  host_.swarm.open(std::move(path),
                   swarm_callback<Result>([](Session& s, uint64_t token, Result result) {
                     s.on_opened(token, std::move(result));
                   }));
}

void Session::on_opened(uint64_t token,
                        std::expected<std::shared_ptr<SwarmFile>, FetchError> result) {
  if (token != token_ || state_ != State::kSwarm) return;
  ++token_;  // a second call of the same callback finds nobody
  const std::string index = index_path(target_.path);
  if (!result && result.error() == FetchError::kNotFound && may_be_directory_ &&
      !looking_for_index_ && index.size() <= content::kPathLengthMax) {
    looking_for_index_ = true;
    return open(index);
  }
  if (!result) return on_swarm_failed(result.error());
  if (*result == nullptr) return on_swarm_failed(FetchError::kRefused);
  if (looking_for_index_) {
    return respond(redirect_response(request_, target_, host_.options.site_origin));
  }
  file_ = std::move(*result);
  respond(file_response(request_, file_->record()));
}

// 4. ------------------------------------------------------------------------------------------

void Session::respond(Response response) {
  response_ = std::move(response);
  piece_ = 0;
  head_pending_ = true;
  text_ = head_text(response_, request_.version, keep_alive_, std::time(nullptr));
  bytes_.clear();
  written_ = 0;
  pump();
}

// What is left of the input cannot be understood, so this is the last answer.
void Session::refuse(unsigned status, std::string_view explanation) {
  request_ = Request{};
  keep_alive_ = false;
  respond(error_response(request_, status, explanation, host_.options.site_origin));
}

// 5. ------------------------------------------------------------------------------------------

void Session::pump() {
  while (piece_ < response_.pieces.size()) {
    Piece& piece = response_.pieces[piece_];
    if (piece.text.empty() && piece.slice.length > 0) return read_swarm(piece.slice);
    text_ += piece.text;
    ++piece_;
  }
  file_.reset();
  if (!text_.empty()) return write();
  response_ = Response{};
  if (!keep_alive_) return linger();
  read_request();
}

// 6. ------------------------------------------------------------------------------------------

void Session::read_swarm(const ByteRange& slice) {
  state_ = State::kSwarm;
  ++token_;
  set_deadline(host_.options.swarm_timeout);
  watch();
  if (state_ != State::kSwarm) return;
  const auto size_max = static_cast<size_t>(std::min<uint64_t>(slice.length, kReadSizeMax));
  using Result = std::expected<std::vector<uint8_t>, FetchError>;
  file_->read(slice.offset, size_max,
              swarm_callback<Result>([size_max](Session& s, uint64_t token, Result result) {
                s.on_bytes(token, size_max, std::move(result));
              }));
}

void Session::on_bytes(uint64_t token, size_t size_max,
                       std::expected<std::vector<uint8_t>, FetchError> result) {
  if (token != token_ || state_ != State::kSwarm) return;
  ++token_;
  if (!result) return on_swarm_failed(result.error());
  if (result->empty() || result->size() > size_max) return on_swarm_failed(FetchError::kRefused);
  bytes_ = std::move(*result);
  ByteRange& slice = response_.pieces[piece_].slice;
  slice.offset += bytes_.size();
  slice.length -= bytes_.size();
  write();
}

void Session::on_swarm_failed(FetchError error) {
  ++token_;
  file_.reset();
  if (!head_pending_) {
    // The client learns it from a body shorter than Content-Length (RFC 9112, 8).
    count(Counter::kBodiesCut);
    log("answer cut short, " + std::string(to_string(error)) + ": " + target_.path);
    return close();
  }
  if (error != FetchError::kNotFound) {
    log("no answer, " + std::string(to_string(error)) + ": " + target_.path);
  }
  respond(swarm_error_response(request_, error, host_.options.site_origin));
}

// 7. ------------------------------------------------------------------------------------------

void Session::write() {
  state_ = State::kWriting;
  if (head_pending_) {
    head_pending_ = false;
    count(response_.status < 400   ? Counter::kResponsesOk
          : response_.status < 500 ? Counter::kResponsesClientError
                                   : Counter::kResponsesServerError);
  }
  set_deadline(host_.options.idle_timeout);
  const size_t text_done = std::min(written_, text_.size());
  const std::array<asio::const_buffer, 2> buffers{
      asio::buffer(text_) + text_done, asio::buffer(bytes_) + (written_ - text_done)};
  socket_.async_write_some(buffers, handler([](Session& s, error_code e, size_t size) {
                             s.on_written(e, size);
                           }));
}

void Session::on_written(error_code error, size_t size) {
  if (error) return client_gone();
  host_.counters.add(Counter::kSentBytes, size);
  written_ += size;
  if (written_ < text_.size() + bytes_.size()) return write();
  text_.clear();
  bytes_.clear();
  written_ = 0;
  pump();
}

// The end ---------------------------------------------------------------------------------------

void Session::linger() {
  state_ = State::kLingering;
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error || input_ended_) return close();
  set_deadline(std::min(kLingerTimeout, host_.options.idle_timeout));
  linger_on();
}

void Session::linger_on() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(4096), handler([](Session& s, error_code e, size_t size) {
                            s.lingered_ += size;
                            if (e || s.lingered_ > kLingerBytesMax) return s.close();
                            s.linger_on();
                          }));
}

void Session::client_gone() {
  count(Counter::kClientsGone);
  close();
}

void Session::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  ++token_;
  file_.reset();
  if (deadline_) deadline_->cancel();
  error_code ignored;
  socket_.close(ignored);
  host_.closed(*this);
}

// Watching over it ------------------------------------------------------------------------------

// While a request is being answered, input tells whether the client is still there. What it sends
// is kept for the next request, up to a bound; beyond that only writing finds out.
void Session::watch() {
  if (watching_ || input_ended_ || buffer_.size() >= kPipelinedBytesMax) return;
  watching_ = true;
  socket_.async_wait(tcp::socket::wait_read, handler([](Session& s, error_code e, size_t) {
                       s.watching_ = false;
                       if (!e) s.on_readable();
                     }));
}

void Session::on_readable() {
  // In other states a read is out, which takes this input.
  if (state_ != State::kSwarm && state_ != State::kWriting) return;
  error_code error;
  const size_t room = kPipelinedBytesMax - std::min(kPipelinedBytesMax, buffer_.size());
  if (room == 0) return;
  const size_t size = socket_.read_some(buffer_.prepare(room), error);
  if (error == asio::error::would_block || error == asio::error::try_again) return watch();
  if (error == asio::error::eof) {
    input_ended_ = true;
    if (state_ == State::kSwarm) set_deadline(host_.options.swarm_timeout);
    return;
  }
  if (error) return client_gone();
  buffer_.commit(size);
  watch();
}

// Every state sets its deadline when it begins.
void Session::set_deadline(Duration timeout) {
  if (state_ == State::kSwarm && input_ended_) {
    timeout = std::min(timeout, host_.options.half_closed_timeout);
  }
  deadline_->set(timeout);
}

void Session::on_deadline() {
  switch (state_) {
    case State::kReading:
      // The read that is out must end before anything else may use the buffer. Should it go on
      // nevertheless, since its data had come just now, it is cancelled again soon.
      socket_.cancel();
      return set_deadline(kCancelRetry);
    case State::kSwarm:
      if (input_ended_) return client_gone();
      count(Counter::kSwarmTimeouts);
      return on_swarm_failed(FetchError::kTimeout);
    case State::kWriting:
      count(Counter::kClientsSlow);
      return client_gone();
    case State::kLingering: return close();
    case State::kClosed: return;
  }
}

}  // namespace

std::shared_ptr<Connection> Connection::create(ConnectionHost& host, int native_socket, bool v6,
                                               bool refused) {
  return std::make_shared<Session>(host, native_socket, v6, refused);
}

}  // namespace fb::web
