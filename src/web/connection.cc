#include "web/connection.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include "web/client_stream.h"
#include "web/deadline.h"
#include "web/http_semantics.h"
#include "web/pages.h"
#include "web/response.h"
#include "web/route.h"

namespace fb::web {
namespace {

// The most that is asked of the swarm at once, and so the most a connection holds of a file.
constexpr size_t kReadSizeMax = 65536;
// After the last answer we wait for the client to close, so that unread input does not turn our
// close into a reset that takes the answer with it (RFC 9112, 9.6).
constexpr Duration kLingerTimeout = seconds(2);
constexpr size_t kLingerBytesMax = 262144;
// How soon a read that went on although it was cancelled is cancelled again.
constexpr Duration kCancelRetry = milliseconds(100);

// Follows the life of a request:
//   1. read_request: waits for a request
//   2. answer: decides at once, or asks the swarm (3)
//   3. open: waits for the file, and on "not found" once more for a directory's index
//   4. respond: makes the head, which goes out together with the first bytes of the body
//   5. pump: sends literal text, or waits for the next slice of the file (6); at the end the next
//      request (1) or linger
//   6. read_swarm: at most kReadSizeMax verified bytes
//   7. write: until all is written, then pump
class Session final : public Connection {
 public:
  Session(ConnectionHost& host, std::unique_ptr<ClientStream> stream, bool refused)
      : host_(host), stream_(std::move(stream)), refused_(refused) {}

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
  using OpenResult = std::expected<std::shared_ptr<SwarmFile>, FetchError>;
  using ReadResult = std::expected<std::vector<uint8_t>, FetchError>;

  void read_request();
  void on_request_fault(const RequestFault& fault);
  void answer(Request request);
  void answer_status(bool page);
  void open(std::string path);
  void on_opened(uint64_t token, OpenResult result);
  void respond(Response response);
  void refuse(unsigned status, std::string_view explanation);
  void pump();
  void read_swarm(const ByteRange& slice);
  void on_bytes(uint64_t token, size_t size_max, ReadResult result);
  void on_swarm_failed(FetchError error);
  void write();
  void on_written(std::optional<size_t> size);
  void linger();
  void discard();
  void client_gone();
  void close();

  void await_swarm();
  void watch();
  void on_input();
  void set_deadline(Duration timeout);
  void on_deadline();
  void count(Counter counter) { host_.counters.add(counter); }
  void log(const std::string& text) const {
    if (host_.options.log) host_.options.log(text);
  }
  std::shared_ptr<Session> self() { return std::static_pointer_cast<Session>(shared_from_this()); }

  // The stream's handlers keep the connection alive; one that finds it closed does nothing.
  template <typename Method>
  auto handler(Method method) {
    return [session = self(), method](auto&&... arguments) {
      if (session->state_ == State::kClosed) return;
      method(*session, std::forward<decltype(arguments)>(arguments)...);
    };
  }
  // The swarm's callbacks come on any thread and at any time: they go through the mailbox, and
  // find nobody when the connection is gone.
  template <typename Result, typename Method>
  auto swarm_callback(Method method) {
    return [weak = std::weak_ptr(self()), mailbox = host_.mailbox, token = token_,
            method](Result result) {
      mailbox->post([weak, token, method, moved = std::move(result)]() mutable {
        if (const auto session = weak.lock()) method(*session, token, std::move(moved));
      });
    };
  }

  ConnectionHost& host_;
  const std::unique_ptr<ClientStream> stream_;
  const bool refused_;
  std::vector<std::string> own_names_;
  std::optional<Deadline> deadline_;  // from start() on
  State state_ = State::kReading;
  bool watching_ = false;     // a wait for input is out
  bool input_ended_ = false;  // the client has closed its sending side
  size_t discarded_ = 0;

  Request request_;
  Target target_;
  bool may_be_directory_ = false;
  bool looking_for_index_ = false;
  uint64_t token_ = 0;  // names the swarm call whose callback still counts
  std::shared_ptr<SwarmFile> file_;

  Response response_;
  size_t piece_ = 0;          // of response_.pieces, the one under way
  bool head_pending_ = true;  // nothing of this answer has been handed to the stream
  bool keep_alive_ = true;
  std::string text_;            // to be written, before
  std::vector<uint8_t> bytes_;  // the slice's
  size_t written_ = 0;          // of both
};

void Session::start() {
  deadline_.emplace(host_.loop, [weak = std::weak_ptr(self())] {
    if (const auto session = weak.lock()) session->on_deadline();
  });
  own_names_ = host_.host_names;
  own_names_.push_back(stream_->local_host());
  if (refused_) return refuse(503, "Too many connections at the moment.");
  read_request();
}

void Session::stop() {
  if (state_ == State::kSwarm && head_pending_) {
    const Response answer = swarm_error_response(request_, FetchError::kStopped,
                                                 host_.options.site_origin);
    std::string text = head_text(answer, request_.version, false, std::time(nullptr));
    for (const Piece& piece : answer.pieces) text += piece.text;
    host_.counters.add(Counter::kSentBytes, stream_->write_now(text));
    count(Counter::kResponsesServerError);
  } else if (state_ == State::kSwarm || state_ == State::kWriting) {
    count(Counter::kBodiesCut);
  }
  close();
}

// 1. ------------------------------------------------------------------------------------------

void Session::read_request() {
  state_ = State::kReading;
  set_deadline(host_.options.idle_timeout);
  stream_->read_request(handler([](Session& session, std::expected<Request, RequestFault> result) {
    if (!result) return session.on_request_fault(result.error());
    session.answer(std::move(*result));
  }));
}

void Session::on_request_fault(const RequestFault& fault) {
  switch (fault.kind) {
    case RequestFault::Kind::kEnd:
    case RequestFault::Kind::kIdle: return close();
    case RequestFault::Kind::kBroken: return client_gone();
    case RequestFault::Kind::kLate:
      count(Counter::kClientsSlow);
      return refuse(408, "The request did not arrive in time.");
    case RequestFault::Kind::kInvalid: return refuse(fault.status, fault.explanation);
  }
}

// 2. ------------------------------------------------------------------------------------------

void Session::answer(Request request) {
  count(Counter::kRequests);
  request_ = std::move(request);
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
  await_swarm();
  host_.swarm.open(std::move(path), swarm_callback<OpenResult>(
                                        [](Session& session, uint64_t token, OpenResult result) {
                                          session.on_opened(token, std::move(result));
                                        }));
}

void Session::on_opened(uint64_t token, OpenResult result) {
  if (token != token_ || state_ != State::kSwarm) return;
  ++token_;  // a second call of the same callback finds nobody
  std::string index = index_path(target_.path);
  if (!result && result.error() == FetchError::kNotFound && may_be_directory_ &&
      !looking_for_index_ && index.size() <= content::kPathLengthMax) {
    looking_for_index_ = true;
    return open(std::move(index));
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
    const Piece& piece = response_.pieces[piece_];
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
  await_swarm();
  const auto size_max = static_cast<size_t>(std::min<uint64_t>(slice.length, kReadSizeMax));
  file_->read(slice.offset, size_max,
              swarm_callback<ReadResult>(
                  [size_max](Session& session, uint64_t token, ReadResult result) {
                    session.on_bytes(token, size_max, std::move(result));
                  }));
}

void Session::on_bytes(uint64_t token, size_t size_max, ReadResult result) {
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
    log("answer cut short, " + std::string(to_string(error)) + ": " + encode_path(target_.path));
    return close();
  }
  if (error != FetchError::kNotFound) {
    log("no answer, " + std::string(to_string(error)) + ": " + encode_path(target_.path));
  }
  respond(swarm_error_response(request_, error, host_.options.site_origin));
}

// 7. ------------------------------------------------------------------------------------------

void Session::write() {
  state_ = State::kWriting;
  set_deadline(host_.options.idle_timeout);
  if (head_pending_) {
    head_pending_ = false;
    count(response_.status < 400   ? Counter::kResponsesOk
          : response_.status < 500 ? Counter::kResponsesClientError
                                   : Counter::kResponsesServerError);
  }
  const size_t text_done = std::min(written_, text_.size());
  stream_->write_some(std::string_view(text_).substr(text_done),
                      std::span(bytes_).subspan(written_ - text_done),
                      handler([](Session& session, std::optional<size_t> size) {
                        session.on_written(size);
                      }));
}

void Session::on_written(std::optional<size_t> size) {
  if (!size) return client_gone();
  host_.counters.add(Counter::kSentBytes, *size);
  written_ += *size;
  if (written_ < text_.size() + bytes_.size()) return write();
  text_.clear();
  bytes_.clear();
  written_ = 0;
  pump();
}

// The end -------------------------------------------------------------------------------------

void Session::linger() {
  state_ = State::kLingering;
  if (!stream_->end_sending() || input_ended_) return close();
  set_deadline(std::min(kLingerTimeout, host_.options.idle_timeout));
  discard();
}

void Session::discard() {
  stream_->discard_input(handler([](Session& session, std::optional<size_t> size) {
    session.discarded_ += size.value_or(0);
    if (!size || session.discarded_ > kLingerBytesMax) return session.close();
    session.discard();
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
  deadline_->cancel();
  stream_->close();
  host_.closed(*this);
}

// Watching over it ----------------------------------------------------------------------------

void Session::await_swarm() {
  state_ = State::kSwarm;
  ++token_;
  set_deadline(host_.options.swarm_timeout);
  watch();
}

// While a request is being answered, input tells whether the client is still there. What it sends
// is kept for the next request, up to a bound; beyond that only writing finds out.
void Session::watch() {
  if (watching_ || input_ended_) return;
  watching_ = true;
  stream_->wait_input(handler([](Session& session) {
    session.watching_ = false;
    session.on_input();
  }));
}

void Session::on_input() {
  // In other states a read is out, which takes this input.
  if (state_ != State::kSwarm && state_ != State::kWriting) return;
  switch (stream_->take_input()) {
    case ClientStream::Input::kNone:
    case ClientStream::Input::kKept: return watch();
    case ClientStream::Input::kFull: return;
    case ClientStream::Input::kFailed: return client_gone();
    case ClientStream::Input::kEnded:
      input_ended_ = true;
      if (state_ == State::kSwarm) set_deadline(host_.options.swarm_timeout);
  }
}

// Every state sets its deadline when it begins. A client that has closed its sending side is most
// likely gone, so the swarm gets less time for it.
void Session::set_deadline(Duration timeout) {
  if (state_ == State::kSwarm && input_ended_) {
    timeout = std::min(timeout, host_.options.half_closed_timeout);
  }
  deadline_->set(timeout);
}

void Session::on_deadline() {
  switch (state_) {
    case State::kReading:
      // The read that is out must end before anything else may use the stream's input.
      stream_->cancel_reading();
      return set_deadline(kCancelRetry);
    case State::kSwarm:
      if (input_ended_) return client_gone();
      count(Counter::kSwarmTimeouts);
      return on_swarm_failed(FetchError::kTimeout);
    case State::kWriting:
      count(Counter::kClientsSlow);
      return client_gone();
    case State::kLingering:
    case State::kClosed: return close();
  }
}

}  // namespace

std::shared_ptr<Connection> Connection::create(ConnectionHost& host, int native_socket, bool v6,
                                               bool refused) {
  auto stream = ClientStream::open(host.loop, native_socket, v6,
                                   {host.options.header_max, host.options.body_max});
  if (!stream) return nullptr;
  return std::make_shared<Session>(host, std::move(stream), refused);
}

}  // namespace fb::web
