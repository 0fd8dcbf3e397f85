#include "cli/get_driver.h"

#include <utility>

namespace fb::cli {
namespace {

constexpr Duration kCountInterval = milliseconds(100);

template <typename Map, typename Key>
std::optional<JobId> take_from(Map& map, Key key) {
  const auto at = map.find(key);
  if (at == map.end()) return {};
  const JobId job = at->second;
  map.erase(at);
  return job;
}

}  // namespace

void JobQueue::push(JobNews news) {
  {
    const std::lock_guard lock(mutex_);
    news_.push_back(std::move(news));
  }
  filled_.notify_one();
}

std::optional<JobNews> JobQueue::pop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  filled_.wait_for(lock, patience, [&] { return !news_.empty(); });
  if (news_.empty()) return {};
  JobNews news = std::move(news_.front());
  news_.pop_front();
  return news;
}

void GetDriver::find(roulette::PeerNode& node, Instant now, JobId job, std::string path) {
  requests_.emplace(node.find_file(now, std::move(path)), job);
}

void GetDriver::fetch(roulette::PeerNode& node, Instant now, JobId job,
                      const content::FileRecord& record,
                      std::unique_ptr<content::Storage> storage) {
  downloads_.emplace(node.download(now, record, std::move(storage)), job);
  if (count_due_ == Instant::never()) count_due_ = now + kCountInterval;
}

void GetDriver::on_event(roulette::PeerNode& node, Instant now, const roulette::PeerEvent& event) {
  if (const auto* found = std::get_if<roulette::FileFound>(&event)) {
    if (const auto job = take(found->request)) queue_.push(JobFound{*job, found->manifest});
  } else if (const auto* missing = std::get_if<roulette::FileMissing>(&event)) {
    if (const auto job = take(missing->request)) queue_.push(JobMissing{*job});
  } else if (const auto* unfound = std::get_if<roulette::FindFailed>(&event)) {
    if (const auto job = take(unfound->request)) queue_.push(JobFailed{*job, unfound->why});
  } else if (const auto* complete = std::get_if<roulette::DownloadComplete>(&event)) {
    if (const auto job = take(complete->download)) {
      keep(node, now, complete->download);
      queue_.push(JobComplete{*job});
    }
  } else if (const auto* failed = std::get_if<roulette::DownloadFailed>(&event)) {
    if (const auto job = take(failed->download)) {
      node.forget(now, failed->download);
      queue_.push(JobFailed{*job, failed->why});
    }
  }
}

void GetDriver::advance(roulette::PeerNode& node, Instant now) {
  if (now < count_due_) return;
  uint64_t bytes = 0;
  for (const auto& [id, job] : downloads_) bytes += node.verified_bytes(id);
  in_flight_bytes_.store(bytes, std::memory_order_relaxed);
  count_due_ = downloads_.empty() ? Instant::never() : now + kCountInterval;
}

void GetDriver::on_stop(roulette::PeerNode&, Instant) {}

std::optional<JobId> GetDriver::take(roulette::RequestId id) { return take_from(requests_, id); }

std::optional<JobId> GetDriver::take(roulette::DownloadId id) { return take_from(downloads_, id); }

void GetDriver::keep(roulette::PeerNode& node, Instant now, roulette::DownloadId id) {
  kept_.push_back(id);
  while (kept_.size() > kept_max_) {
    node.forget(now, kept_.front());
    kept_.pop_front();
  }
}

}  // namespace fb::cli
