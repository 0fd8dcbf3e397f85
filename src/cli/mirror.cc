#include "cli/mirror.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "content/site_manifest.h"

namespace fb::cli {
namespace {

constexpr std::chrono::milliseconds kPatience{100};
// No site that we serve has a longer index: 200,000 files of the largest records.
constexpr uint64_t kIndexLengthMax = uint64_t{512} << 20;

ExitCode code_of(roulette::FetchFailure why) {
  switch (why) {
    case roulette::FetchFailure::kUnreachable: return ExitCode::kUnreachable;
    case roulette::FetchFailure::kStorage: return ExitCode::kLocal;
    case roulette::FetchFailure::kStalled:
    case roulette::FetchFailure::kRefused:
    case roulette::FetchFailure::kBadManifest: return ExitCode::kFailed;
  }
  return ExitCode::kFailed;
}

// A name for parts that no file of the site has.
std::string unused_suffix(const std::vector<content::FileRecord>& records) {
  std::unordered_set<std::string_view> paths;
  for (const auto& record : records) paths.insert(record.path);
  std::string suffix = ".part";
  const auto taken = [&](const content::FileRecord& record) {
    return paths.contains(record.path + suffix);
  };
  while (std::ranges::any_of(records, taken)) suffix += ".part";
  return suffix;
}

}  // namespace

Mirror::Mirror(PeerRuntime& runtime, GetDriver& driver, JobQueue& queue,
               const OutputDirectory& output, Progress& progress, size_t window)
    : runtime_(runtime),
      driver_(driver),
      queue_(queue),
      output_(output),
      progress_(progress),
      window_(window) {}

void Mirror::run(std::vector<std::string> paths) {
  for (std::string& path : paths) add(std::move(path), std::nullopt);
  work();
}

void Mirror::run_all() {
  auto records = fetch_index();
  if (!records) return;
  part_suffix_ = unused_suffix(*records);
  jobs_.clear();
  next_ = 0;
  for (content::FileRecord& record : *records) {
    bytes_all_ += record.geometry.length;
    std::string path = record.path;
    add(std::move(path), std::move(record));
  }
  work();
}

ExitCode Mirror::exit_code() const {
  for (const ExitCode code : {ExitCode::kInterrupted, ExitCode::kLocal, ExitCode::kFailed,
                              ExitCode::kUnreachable, ExitCode::kNotFound}) {
    if (std::ranges::count(failures_, code) > 0) return code;
  }
  return ExitCode::kOk;
}

void Mirror::add(std::string path, std::optional<content::FileRecord> record) {
  jobs_.push_back({std::move(path), std::move(record), nullptr});
}

void Mirror::work() {
  for (;;) {
    start_some();
    if (over_ || (under_way_ == 0 && next_ == jobs_.size())) return;
    draw();
    const auto news = queue_.pop(kPatience);
    if (!news) continue;
    if (const auto* found = std::get_if<JobFound>(&*news)) {
      jobs_[found->job].record = found->manifest.record;
      bytes_all_ += found->manifest.record.geometry.length;
      --under_way_;
      begin_fetch(found->job);
    } else if (const auto* complete = std::get_if<JobComplete>(&*news)) {
      --under_way_;
      on_complete(complete->job);
    } else if (const auto* missing = std::get_if<JobMissing>(&*news)) {
      --under_way_;
      finish(missing->job, ExitCode::kNotFound, "the site has no such file");
    } else if (const auto* failed = std::get_if<JobFailed>(&*news)) {
      --under_way_;
      std::string reason(to_string(failed->why));
      const Job& job = jobs_[failed->job];
      if (job.part && !job.part->failure().empty()) reason = job.part->failure();
      finish(failed->job, code_of(failed->why), reason);
    } else {
      abandon(ExitCode::kInterrupted, "interrupted");
    }
  }
}

void Mirror::start_some() {
  while (!over_ && under_way_ < window_ && next_ < jobs_.size()) start(next_++);
}

void Mirror::start(JobId id) {
  if (jobs_[id].record) return begin_fetch(id);
  ++under_way_;
  runtime_.post([&driver = driver_, id, path = jobs_[id].path](roulette::PeerNode& node,
                                                               Instant now) {
    driver.find(node, now, id, path);
  });
}

void Mirror::begin_fetch(JobId id) {
  Job& job = jobs_[id];
  const content::FileRecord& record = *job.record;
  std::unique_ptr<content::Storage> storage;
  if (index_ != nullptr) {
    if (record.geometry.length > kIndexLengthMax) {
      return finish(id, ExitCode::kFailed, "the site's index is longer than any that we take");
    }
    index_ = std::make_shared<content::MemoryStorage>(record.geometry.length);
    storage = std::make_unique<SharedMemoryStorage>(index_);
  } else if (output_.holds(record)) {
    ++report_.skipped;
    ++files_done_;
    bytes_done_ += record.geometry.length;
    return;
  } else {
    auto part = output_.create(record, part_suffix_);
    if (!part) return finish(id, ExitCode::kLocal, part.error());
    job.part = std::move(*part);
    storage = job.part->storage();
  }
  ++under_way_;
  // The task must be copyable; the storage is not.
  auto shared = std::make_shared<std::unique_ptr<content::Storage>>(std::move(storage));
  runtime_.post([&driver = driver_, id, record, shared](roulette::PeerNode& node, Instant now) {
    driver.fetch(node, now, id, record, std::move(*shared));
  });
}

void Mirror::on_complete(JobId id) {
  Job& job = jobs_[id];
  if (index_ != nullptr) return;
  const auto hash = job.part->hash();
  if (!hash) return finish(id, ExitCode::kLocal, job.part->failure());
  if (*hash != job.record->sha256) {
    return finish(id, ExitCode::kFailed, "the file does not match its hash");
  }
  if (const auto done = job.part->commit(); !done)
    return finish(id, ExitCode::kLocal, done.error());
  job.part.reset();
  ++report_.files;
  ++files_done_;
  report_.bytes += job.record->geometry.length;
  bytes_done_ += job.record->geometry.length;
}

// A job that failed. Where the next ones would fail likewise, none is tried.
void Mirror::finish(JobId id, ExitCode code, std::string reason) {
  jobs_[id].part.reset();
  report_.failed.push_back({jobs_[id].path, reason});
  failures_.push_back(code);
  if (code == ExitCode::kUnreachable || code == ExitCode::kLocal) abandon(code, reason);
}

// What was not fetched yet counts as failed for the same reason, but is not listed one by one.
void Mirror::abandon(ExitCode code, const std::string& reason) {
  if (std::exchange(over_, true)) return;
  failures_.push_back(code);
  const size_t left = jobs_.size() - files_done_ - report_.failed.size();
  if (left > 0) {
    report_.failed.push_back({fmt::format("({} more)", left), reason});
  }
  for (Job& job : jobs_) job.part.reset();
}

void Mirror::draw() {
  progress_.draw(engine::monotonic_now(),
                 {.files_done = files_done_,
                  .files_all = jobs_.size(),
                  .done = {bytes_done_ + driver_.in_flight_bytes()},
                  .all = {bytes_all_},
                  .peers = runtime_.snapshot().node.neighbours_now});
}

std::optional<std::vector<content::FileRecord>> Mirror::fetch_index() {
  index_ = std::make_shared<content::MemoryStorage>(0);
  add(std::string(content::kSiteIndexPath), std::nullopt);
  work();
  const auto index = std::exchange(index_, nullptr);
  if (!failures_.empty()) return {};
  bytes_all_ = 0;
  if (content::sha256(index->bytes()) != jobs_.front().record->sha256) {
    finish(0, ExitCode::kFailed, "the site's index does not match its hash");
    return {};
  }
  auto records = content::decode_site_index(index->bytes());
  if (!records) {
    finish(0, ExitCode::kFailed, "the site's index is malformed");
    return {};
  }
  return std::move(*records);
}

}  // namespace fb::cli
