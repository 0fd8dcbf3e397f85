// What `fbpeer get` does on the runtime's thread: hands jobs to the node and passes on what became
// of them. All decisions are the mirror's, on the main thread.
//
// Thread safety: find(), fetch() and all PeerDriver members on the runtime's thread;
// the queue and in_flight_bytes() on any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "cli/peer_runtime.h"

namespace fb::cli {

using JobId = size_t;

struct JobFound {
  JobId job = 0;
  content::FileManifest manifest;
};
struct JobMissing {
  JobId job = 0;
};
struct JobFailed {
  JobId job = 0;
  roulette::FetchFailure why{};
};
struct JobComplete {
  JobId job = 0;
};
struct Interrupted {};
using JobNews = std::variant<JobFound, JobMissing, JobFailed, JobComplete, Interrupted>;

// Thread safety: any thread.
class JobQueue {
 public:
  void push(JobNews news);
  // Waits at most that long.
  [[nodiscard]] std::optional<JobNews> pop(std::chrono::milliseconds patience);

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<JobNews> news_;
};

class GetDriver final : public PeerDriver {
 public:
  // `kept` complete downloads stay open and served; older ones are forgotten.
  GetDriver(JobQueue& queue, size_t kept) : queue_(queue), kept_max_(kept) {}

  void find(roulette::PeerNode& node, Instant now, JobId job, std::string path);
  void fetch(roulette::PeerNode& node, Instant now, JobId job, const content::FileRecord& record,
             std::unique_ptr<content::Storage> storage);
  // Verified bytes of downloads under way, as of at most 100 ms ago.
  [[nodiscard]] uint64_t in_flight_bytes() const {
    return in_flight_bytes_.load(std::memory_order_relaxed);
  }

  void on_event(roulette::PeerNode& node, Instant now, const roulette::PeerEvent& event) override;
  void advance(roulette::PeerNode& node, Instant now) override;
  [[nodiscard]] Instant next_deadline() const override { return count_due_; }
  void on_stop(roulette::PeerNode& node, Instant now) override;

 private:
  // The job of a request or download, which it then no longer has; nothing for a foreign one.
  std::optional<JobId> take(roulette::RequestId id);
  std::optional<JobId> take(roulette::DownloadId id);
  void keep(roulette::PeerNode& node, Instant now, roulette::DownloadId id);

  JobQueue& queue_;
  size_t kept_max_ = 0;
  std::unordered_map<roulette::RequestId, JobId> requests_;
  std::unordered_map<roulette::DownloadId, JobId> downloads_;
  std::deque<roulette::DownloadId> kept_;
  Instant count_due_ = Instant::never();
  // For the progress line only, so relaxed.
  std::atomic<uint64_t> in_flight_bytes_ = 0;
};

}  // namespace fb::cli
