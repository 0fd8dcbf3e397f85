// `fbpeer get`: which files are fetched, in what order, and what becomes of each.
//
// Thread safety: one thread at a time, the main one; the node is on the runtime's thread, and the
// queue is the way back.
// Invariants: at most window() jobs are with the node; every job ends as exactly one of fetched,
// skipped and failed; no .part file outlives the mirror.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/get_driver.h"
#include "cli/output_directory.h"
#include "cli/peer_runtime.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace fb::cli {

class Mirror {
 public:
  // All borrowed for the mirror's life.
  Mirror(PeerRuntime& runtime, GetDriver& driver, JobQueue& queue, const OutputDirectory& output,
         Progress& progress, size_t window);

  // Fetches these files of the site; returns when every one has ended, or on an interrupt.
  void run(std::vector<std::string> paths);
  // Fetches the site's index, then everything in it.
  void run_all();

  // What became of it; `took` and `node` are the caller's to fill.
  [[nodiscard]] const GetReport& report() const { return report_; }
  // By the gravest failure: local trouble, not completed, unreachable, not found.
  [[nodiscard]] ExitCode exit_code() const;

 private:
  struct Job {
    std::string path;
    std::optional<content::FileRecord> record;
    std::unique_ptr<PartFile> part;
  };

  void add(std::string path, std::optional<content::FileRecord> record);
  void work();
  void start_some();
  void start(JobId id);
  void begin_fetch(JobId id);
  void on_complete(JobId id);
  void finish(JobId id, ExitCode code, std::string reason);
  void abandon(ExitCode code, const std::string& reason);
  void draw();
  // The whole index; nothing after an error, which is then reported.
  std::optional<std::vector<content::FileRecord>> fetch_index();

  PeerRuntime& runtime_;
  GetDriver& driver_;
  JobQueue& queue_;
  const OutputDirectory& output_;
  Progress& progress_;
  size_t window_ = 0;

  std::vector<Job> jobs_;
  size_t next_ = 0;       // the first job that was not started
  size_t under_way_ = 0;  // jobs with the node
  bool over_ = false;     // nothing more is started or waited for
  std::string part_suffix_ = ".part";
  // The index is fetched into memory, as the job of this number.
  std::shared_ptr<content::MemoryStorage> index_;

  GetReport report_;
  uint64_t bytes_all_ = 0;
  uint64_t files_done_ = 0;
  uint64_t bytes_done_ = 0;  // with those skipped, unlike the report's
  std::vector<ExitCode> failures_;
};

}  // namespace fb::cli
