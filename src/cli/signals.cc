#include "cli/signals.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "cli/exit_codes.h"

namespace fb::cli {
namespace {

constexpr int kEndOfWatch = SIGUSR2;  // from our own destructor

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, kEndOfWatch}) sigaddset(&set, signal);
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(int)> on_signal) : on_signal_(std::move(on_signal)) {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  thread_ = std::thread([this] { run(); });
}

SignalWatch::~SignalWatch() {
  pthread_kill(thread_.native_handle(), kEndOfWatch);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalWatch::run() {
  const sigset_t set = watched();
  bool interrupted = false;
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || signal == kEndOfWatch) return;
    if (signal == SIGINT && std::exchange(interrupted, true)) {
      ::_exit(static_cast<int>(ExitCode::kInterrupted));
    }
    on_signal_(signal);
  }
}

}  // namespace fb::cli
