// The gateway's view of the swarm, on the runtime's thread: one download a file, shared by all its
// readers; and a cache of what is complete, for revisits.
//
// A path is looked up at the seeder again after kManifestFresh, so that a changed file is noticed;
// the same file id means the same bytes, which are then taken from the cache. While the seeder does
// not answer, a complete file is served as it was.
//
// Thread safety: figures() from any thread, all else on the runtime's.
// Invariants:
//   1. every callback that was taken is called exactly once, at the latest in on_stop();
//   2. the bytes in memory and on disk stay within their bounds; a file in use is never evicted,
//      and a new one is refused rather than a bound broken;
//   3. a file that nobody uses and that is not complete is given up after kAbandonAfter.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/fd_storage.h"
#include "cli/peer_runtime.h"
#include "web/swarm.h"

namespace fb::cli {

class SwarmCore final : public PeerDriver {
 public:
  struct Limits {
    ByteCount memory;
    ByteCount disk;
    std::string temporary;  // the directory
    size_t files = 4096;    // held, and paths remembered
  };
  static constexpr Duration kManifestFresh = seconds(2);
  // Whoever revisits waits this long for a seeder that does not answer.
  static constexpr Duration kRevalidatePatience = seconds(2);
  static constexpr Duration kAbandonAfter = seconds(2);

  // One reader's share of a file.
  enum class HandleId : uint64_t {};
  struct Opened {
    HandleId handle{};
    content::FileRecord record;
  };
  using OpenCallback = std::function<void(std::expected<Opened, web::FetchError>)>;

  explicit SwarmCore(Limits limits) : limits_(std::move(limits)) {}

  void open(roulette::PeerNode& node, Instant now, const std::string& path, OpenCallback callback);
  void read(roulette::PeerNode& node, Instant now, HandleId handle, uint64_t offset,
            size_t length_max, web::SwarmFile::ReadCallback callback);
  // Answers what the handle still waits for with kStopped.
  void release(Instant now, HandleId handle);

  struct Figures {
    uint64_t files_held = 0;
    uint64_t files_fetching = 0;
    uint64_t memory_bytes = 0;
    uint64_t disk_bytes = 0;
    uint64_t readers_waiting = 0;
  };
  [[nodiscard]] Figures figures() const;

  void on_event(roulette::PeerNode& node, Instant now, const roulette::PeerEvent& event) override;
  void advance(roulette::PeerNode& node, Instant now) override;
  [[nodiscard]] Instant next_deadline() const override { return due_; }
  void on_stop(roulette::PeerNode& node, Instant now) override;

 private:
  struct Reader {
    HandleId handle{};
    uint64_t offset = 0;
    size_t length_max = 0;
    web::SwarmFile::ReadCallback callback;
  };
  struct File {
    content::FileRecord record;
    roulette::DownloadId download{};
    std::shared_ptr<content::MemoryStorage> memory;  // one of the two
    std::shared_ptr<SharedFile> disk;
    bool complete = false;
    uint64_t users = 0;  // handles
    Instant unused_since;
    std::vector<Reader> readers;
  };
  struct Path {
    std::optional<content::FileManifest> manifest;
    Instant looked_up;
    std::optional<roulette::RequestId> request;
    Instant fall_back = Instant::never();  // then serve what is held
    std::vector<OpenCallback> waiting;
  };
  using Files = std::unordered_map<content::FileId, File>;

  void on_found(roulette::PeerNode& node, Instant now, const roulette::FileFound& found);
  void on_not_found(roulette::PeerNode& node, Instant now, roulette::RequestId request,
                    std::optional<roulette::FetchFailure> why);
  void deliver(roulette::PeerNode& node, Instant now, Path& path);
  [[nodiscard]] bool holds(const Path& path) const;
  File* hold(roulette::PeerNode& node, Instant now, const content::FileRecord& record);
  [[nodiscard]] bool make_room(roulette::PeerNode& node, Instant now, uint64_t length, bool disk);
  bool evict_oldest(roulette::PeerNode& node, Instant now, std::optional<bool> disk);
  void drop(roulette::PeerNode& node, Instant now, Files::iterator file);
  void serve_readers(roulette::PeerNode& node, File& file);
  bool serve(roulette::PeerNode& node, File& file, Reader& reader);
  void fail_readers(File& file, web::FetchError error);
  File* file_of(roulette::DownloadId download);
  Path& remember(const std::string& path);
  void due_by(Instant when) { due_ = std::min(due_, when); }
  void publish();

  Limits limits_;
  std::unordered_map<std::string, Path> paths_;
  std::unordered_map<roulette::RequestId, std::string> requests_;
  Files files_;
  std::unordered_map<roulette::DownloadId, content::FileId> downloads_;
  std::unordered_map<HandleId, content::FileId> handles_;
  uint64_t handles_made_ = 0;
  uint64_t memory_bytes_ = 0;
  uint64_t disk_bytes_ = 0;
  Instant due_ = Instant::never();  // not later than anything that is due
  bool changed_ = false;            // figures_ is behind

  mutable std::mutex mutex_;  // guards figures_
  Figures figures_;
};

}  // namespace fb::cli
