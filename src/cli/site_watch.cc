#include "cli/site_watch.h"

#include <chrono>
#include <utility>

namespace fb::cli {

SiteWatch::SiteWatch(content::SiteScanner scanner,
                     std::shared_ptr<const content::SiteVersion> first, Duration interval,
                     std::function<void()> on_news)
    : scanner_(std::move(scanner)),
      on_news_(std::move(on_news)),
      newest_(std::move(first)),
      interval_(interval) {
  thread_ = std::thread([this] { run(); });
}

SiteWatch::~SiteWatch() {
  {
    const std::lock_guard lock(mutex_);
    cancel_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
  thread_.join();
}

void SiteWatch::scan_now() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  changed_.notify_all();
}

void SiteWatch::set_interval(Duration interval) {
  {
    const std::lock_guard lock(mutex_);
    interval_ = interval;
  }
  changed_.notify_all();
}

std::optional<SiteWatch::News> SiteWatch::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(news_, std::nullopt);
}

void SiteWatch::run() {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  std::unique_lock lock(mutex_);
  while (!cancel_.load(std::memory_order_relaxed)) {
    const auto due = last + std::chrono::nanoseconds(interval_.ns);
    if (!asked_ && interval_.ns == 0) {
      changed_.wait(lock);
      continue;
    }
    if (!asked_ && Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    const bool asked = std::exchange(asked_, false);
    lock.unlock();
    scan(asked);
    last = Clock::now();
    lock.lock();
  }
}

void SiteWatch::scan(bool asked) {
  News news{.version = nullptr, .changed = false, .error = {}, .asked = asked};
  auto found = scanner_.scan(newest_, &cancel_);
  if (cancel_.load(std::memory_order_relaxed)) return;
  if (found) {
    news.changed = (*found)->root() != newest_->root();
    newest_ = *found;
    news.version = std::move(*found);
  } else {
    news.error = found.error();
  }
  const bool known = !news.error.empty() && news.error == last_error_;
  last_error_ = news.error;
  if (known && !asked) return;
  {
    const std::lock_guard lock(mutex_);
    // What nobody has taken yet must not get lost behind later news.
    if (news_ && news_->version) {
      news.changed = news.changed || news_->changed;
      if (!news.version) news.version = std::move(news_->version);
    }
    news_ = std::move(news);
  }
  on_news_();
}

}  // namespace fb::cli
