#include "web/deadline.h"

#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fb::web {

using Clock = std::chrono::steady_clock;

struct Deadline::Timer : std::enable_shared_from_this<Timer> {
  Timer(boost::asio::io_context& loop, std::function<void()> on_expiry)
      : timer(loop), expired(std::move(on_expiry)) {}

  void arm() {
    armed_for = deadline;
    timer.expires_at(*deadline);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      // A wait that was replaced may have been on its way already: its error is then none, and
      // on_wait finds that it came too early.
      if (self && !error) self->on_wait();
    });
  }
  void on_wait() {
    if (!deadline) return;
    if (Clock::now() < *deadline) return arm();
    deadline.reset();
    armed_for.reset();
    expired();
  }

  boost::asio::steady_timer timer;
  std::function<void()> expired;
  std::optional<Clock::time_point> deadline;
  std::optional<Clock::time_point> armed_for;
};

Deadline::Deadline(boost::asio::io_context& loop, std::function<void()> expired)
    : timer_(std::make_shared<Timer>(loop, std::move(expired))) {}

Deadline::~Deadline() = default;

void Deadline::set(Duration timeout) {
  timer_->deadline = Clock::now() + std::chrono::nanoseconds(timeout.ns);
  if (!timer_->armed_for || *timer_->deadline < *timer_->armed_for) timer_->arm();
}

void Deadline::cancel() {
  timer_->deadline.reset();
  timer_->armed_for.reset();
  timer_->timer.cancel();
}

}  // namespace fb::web
