// A client's socket, with HTTP requests coming out of it and bytes going in. Internal to web: it
// hides Beast and Asio, so that connection.cc is about what happens and not about how.
//
// Thread safety: none; everything happens on the gateway's thread.
// Invariants: at most one of read_request and discard_input is out, at most one write_some, and at
// most one wait_input.
// Reclamation: a handler is called or destroyed once; it must keep the stream alive while it is
// out. Handlers are never called from within the function they were given to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "web/http_semantics.h"

namespace boost::asio {
class io_context;
}

namespace fb::web {

// Why no request came.
struct RequestFault {
  enum class Kind {
    kEnd,      // the client closed between two requests, as it should be
    kBroken,   // the connection failed or ended within a request
    kLate,     // cancel_reading was called and part of a request is there
    kIdle,     // the same, but nothing is there
    kInvalid,  // to be refused with `status` and `explanation`
  };
  Kind kind = Kind::kEnd;
  unsigned status = 0;
  std::string_view explanation{};  // a literal
};

class ClientStream {
 public:
  struct Limits {
    ByteCount header_max;
    ByteCount body_max;
  };
  using RequestHandler = std::function<void(std::expected<Request, RequestFault>)>;
  using Handler = std::function<void()>;
  using SizeHandler = std::function<void(std::optional<size_t>)>;  // nothing = the stream failed

  // Takes over an accepted TCP socket. Nothing when it cannot be used; it is closed then.
  static std::unique_ptr<ClientStream> open(boost::asio::io_context& loop, int native_socket,
                                            bool v6, Limits limits);
  virtual ~ClientStream() = default;

  // The address the client came to, as host_of writes it.
  [[nodiscard]] virtual std::string local_host() const = 0;

  // Reads a request and drops its body; sends "100 Continue" when the client waits for it.
  virtual void read_request(RequestHandler handler) = 0;
  // Ends read_request with kLate or kIdle, unless its data has come just now.
  virtual void cancel_reading() = 0;

  // Writes some of `text` and then `bytes`, which must stay in place until the handler is called.
  virtual void write_some(std::string_view text, std::span<const uint8_t> bytes,
                          SizeHandler handler) = 0;
  // What the socket takes at once; returns how much that was.
  virtual size_t write_now(std::string_view text) = 0;

  // Calls back when there is input or its end, while no reading is out; then take_input says what.
  virtual void wait_input(Handler handler) = 0;
  enum class Input {
    kNone,
    kKept,    // kept for the next request
    kFull,    // no more can be kept
    kEnded,   // the client has closed its sending side
    kFailed,  // the connection is broken
  };
  [[nodiscard]] virtual Input take_input() = 0;

  // Closes our sending side; false when the connection is gone.
  [[nodiscard]] virtual bool end_sending() = 0;
  // Reads some bytes and forgets them, with everything that was kept.
  virtual void discard_input(SizeHandler handler) = 0;

  // Ends everything that is out. Nothing else may follow.
  virtual void close() = 0;
};

}  // namespace fb::web
