// Looks for changes of the site on a thread of its own, so that hashing never delays a datagram.
//
// Thread safety: every member may be called from any thread.
// Invariants: at most one scan runs at a time; a scan asked for during another follows it.
// Reclamation: versions are shared; the watch holds the newest.
#pragma once

#include <atomic>
#include <condition_variable>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/time.h"
#include "content/site_source_scan.h"

namespace fb::cli {

class SiteWatch {
 public:
  struct News {
    std::shared_ptr<const content::SiteVersion> version;  // to be adopted; nullptr: an error
    bool changed = false;                                 // it differs from the one before
    std::string error;                                    // why the site could not be read
    bool asked = false;                                   // by scan_now()
  };

  // `interval` zero: only on scan_now(). `on_news` is called on the watch's thread.
  SiteWatch(content::SiteScanner scanner, std::shared_ptr<const content::SiteVersion> first,
            Duration interval, std::function<void()> on_news);
  ~SiteWatch();  // cancels a scan that runs
  SiteWatch(const SiteWatch&) = delete;
  SiteWatch& operator=(const SiteWatch&) = delete;

  void scan_now();
  void set_interval(Duration interval);
  // What the last scan found, once. An error that nobody asked for is news only the first time. A
  // version is to be adopted though nothing changed: the next scan starts from it.
  [[nodiscard]] std::optional<News> take();

 private:
  void run();
  void scan(bool asked);

  content::SiteScanner scanner_;
  std::function<void()> on_news_;
  std::shared_ptr<const content::SiteVersion> newest_;  // the thread's own
  std::string last_error_;                              // the thread's own

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Duration interval_;
  bool asked_ = false;
  std::optional<News> news_;

  // Read by a running scan. Relaxed: nothing else is published by it; the thread is joined.
  std::atomic<bool> cancel_ = false;
  std::thread thread_;
};

}  // namespace fb::cli
