// The way from the swarm's threads to the gateway's.
//
// Thread safety: any thread.
// Invariants: after close() returned, nothing reaches the io_context any more, so that it can go
// while callbacks of the swarm are still out.
// Reclamation: shared by the gateway and by every callback that is out.
#pragma once

#include <functional>
#include <mutex>

namespace boost::asio {
class io_context;
}

namespace fb::web {

class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& loop) : loop_(&loop) {}
  // Runs `task` on the gateway's thread, or drops it here when closed.
  void post(std::move_only_function<void()> task);
  void close();

 private:
  std::mutex mutex_;
  boost::asio::io_context* loop_;  // null once closed
};

}  // namespace fb::web
