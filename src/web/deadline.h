// One deadline that is moved often and expires rarely. Internal to web; the gateway's thread only.
#pragma once

#include <functional>
#include <memory>

#include "base/time.h"

namespace boost::asio {
class io_context;
}

namespace fb::web {

// The timer below it is only touched when it would come too late; when it comes too early it is set
// again. So moving the deadline away, as every chunk does, costs no more than reading the clock.
class Deadline {
 public:
  // `expired` is never called from within set(), and not after cancel() or destruction.
  Deadline(boost::asio::io_context& loop, std::function<void()> expired);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // Replaces the deadline, if any: `timeout` from now.
  void set(Duration timeout);
  void cancel();

 private:
  struct Timer;
  std::shared_ptr<Timer> timer_;
};

}  // namespace fb::web
