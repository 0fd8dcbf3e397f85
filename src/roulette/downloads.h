// The files that a peer fetches, and what it can pass on of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "content/chunk_store.h"
#include "content/file_record.h"
#include "roulette/peer_node.h"
#include "roulette/send_side.h"

namespace fb::roulette {

// One file on its way: first its hash lists, deepest first, then the file itself.
class Download {
 public:
  // With coding, `repair` is for the file's repair chunks; null: memory.
  Download(Instant now, DownloadId id, content::FileRecord record,
           std::unique_ptr<content::Storage> storage, content::Coding coding,
           std::unique_ptr<content::Storage> repair);

  [[nodiscard]] DownloadId id() const { return id_; }
  [[nodiscard]] const content::FileRecord& record() const { return record_; }
  // The object that is being fetched now; the file itself once it is complete.
  [[nodiscard]] content::ChunkStore& current() { return *current_; }
  [[nodiscard]] const content::ChunkStore& current() const { return *current_; }
  // The store of the file itself; null while hash lists are fetched.
  [[nodiscard]] const content::ChunkStore* file() const;
  [[nodiscard]] bool complete() const;
  // To be called while current() is complete and complete() is false: goes on to the next object.
  // False when the list does not fit the record.
  [[nodiscard]] bool advance_level();
  [[nodiscard]] const std::vector<std::unique_ptr<content::ChunkStore>>& stores() const {
    return stores_;
  }

  // Of whom a choice is to be asked.
  struct Asked {
    NeighbourId neighbour{};
    bool avoid_duplicates = true;   // leave out what is in flight elsewhere
    bool may_claim = true;          // it may be the single source of a MetaChunk
    bool is_seeder = false;         // its chunks are true, whatever else is held
  };
  // At most `count` chunks of current() out of `offer`, at random (the paper's choice), that are
  // neither held nor in flight elsewhere. A MetaChunk that must come from one sender is left to
  // the neighbour it was given to.
  [[nodiscard]] std::vector<uint32_t> choose(std::span<const nois::Interval> offer, size_t count,
                                             const Asked& asked, Rng& rng);
  // Whether `offer` has anything that is not held, in flight or not.
  [[nodiscard]] bool wants_any(std::span<const nois::Interval> offer) const;

  // The neighbour is gone or was silent: what was to come from it alone is to come from another.
  // Unless `keep`, that means from the start; returns whose chunks were given up for it.
  std::vector<content::ChunkStore::Contribution> release_claims(NeighbourId neighbour, bool keep);
  void prefer(uint64_t offset);
  // The chunk of current() from which somebody reads.
  [[nodiscard]] std::optional<uint32_t> preferred() const {
    return file() == nullptr ? std::nullopt : preferred_;
  }
  // Somebody pollutes: digests are asked of the seeder, and only checked chunks are passed on.
  bool cautious = false;
  // When to ask the seeder for digests (again).
  Instant next_digest_request = Instant::never();
  Duration digest_wait{};  // of the request before, when it was not answered
  // Chunks of current() whose digests are lacking, as one request; none when all are known.
  [[nodiscard]] std::optional<wire::DigestRequest> digests_wanted() const;
  nois::IntervalSet in_flight;
  Instant last_progress{};

 private:
  void add_store(content::ObjectInfo info);
  [[nodiscard]] std::optional<wire::DigestRequest> coded_digests_wanted() const;
  [[nodiscard]] std::vector<nois::Interval> candidates(std::span<const nois::Interval> offer,
                                                       const Asked& asked);
  void reserve_single_sources(std::vector<nois::Interval>& candidates, const Asked& asked);

  DownloadId id_;
  content::FileRecord record_;
  std::unique_ptr<content::Storage> storage_;
  std::unique_ptr<content::Storage> repair_;
  content::Coding coding_;
  std::vector<std::unique_ptr<content::ChunkStore>> stores_;
  content::ChunkStore* current_ = nullptr;  // the last of them
  size_t levels_left_ = 0;               // hash lists still to be fetched, current() included
  std::optional<uint32_t> preferred_;    // chunk of the file from which somebody reads
  // Whom a MetaChunk that failed while mixed was given to.
  std::map<uint32_t, NeighbourId> single_sources_;
};

class Downloads final : public Holdings {
 public:
  Download& add(Instant now, const content::FileRecord& record,
                std::unique_ptr<content::Storage> storage,
                std::unique_ptr<content::Storage> repair = nullptr);
  void remove(DownloadId id);
  [[nodiscard]] Download* find(DownloadId id);
  // The unfinished download whose current object this is.
  [[nodiscard]] Download* fetching(content::FileId object);
  // Unfinished ones, in the order they began.
  [[nodiscard]] const std::vector<Download*>& active() const { return active_; }
  // To be called when a download completed or failed.
  void retire(DownloadId id);

  // Whatever is fetched or kept of this object; null when nothing is.
  [[nodiscard]] const content::ChunkStore* store_of(content::FileId file) const {
    return find_store(file).store;
  }
  [[nodiscard]] bool cautious(content::FileId file) const { return find_store(file).cautious; }

  bool knows(content::FileId file) override;
  std::optional<std::vector<nois::Interval>> lacking(
      content::FileId file, std::span<const nois::Interval> theirs) override;
  Chunk read_chunk(content::FileId file, uint32_t chunk, std::span<uint8_t> out) override;

  bool relay_unverified = true;
  content::Coding coding = content::Coding::kNone;

 private:
  struct Held {
    const content::ChunkStore* store = nullptr;  // null: unknown
    bool cautious = false;                       // only checked chunks may be passed on
  };
  [[nodiscard]] Held find_store(content::FileId file) const;

  uint32_t next_id_ = 1;
  std::vector<std::unique_ptr<Download>> all_;
  std::vector<Download*> active_;
};

}  // namespace fb::roulette
