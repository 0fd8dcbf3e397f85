// Signals as calls on a thread of their own, so that no handler runs in the middle of anything.
//
// Thread safety: made and destroyed on the main thread, before and after all other threads.
// Invariants: SIGINT, SIGTERM and SIGHUP are blocked in every thread that starts after it was made.
#pragma once

#include <pthread.h>

#include <functional>
#include <thread>

namespace fb::cli {

class SignalWatch {
 public:
  // `on_signal` gets SIGINT, SIGTERM or SIGHUP, one call at a time, on the watch's thread. A second
  // SIGINT ends the process at once with 130, whatever the rest of it does.
  explicit SignalWatch(std::function<void(int signal)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void run();

  std::function<void(int)> on_signal_;
  sigset_t before_{};
  std::thread thread_;
};

}  // namespace fb::cli
