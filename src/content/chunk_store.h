// The chunks of one object under download: holdings on NOIS, bytes in a Storage, verification of
// MetaChunks, and the memory of who sent what, so that a polluter can be named.
//
// A MetaChunk that fails its hash is discarded whole. When all its chunks came from one sender,
// that sender is named at once. Otherwise a short fingerprint of each discarded chunk is kept with
// its sender, and the MetaChunk asks to be fetched from a single sender (single_source()): either
// that sender's copy fails, which names it, or it verifies, and then every sender whose fingerprint
// differs from the true chunk is named. A sender may be named more than once.
//
// Bounds: fingerprints are kept of at most kSuspectMetachunksMax MetaChunks, the oldest is dropped
// first (it is then fetched from anyone again), and at most kSuspectsPerMetachunkMax of each.
//
// Verification reads the bytes back from the storage, in pieces. Once the storage has failed, no
// further chunk is taken and nothing is judged: its content is not known any more.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "content/object.h"
#include "content/storage.h"
#include "nois/interval_set.h"

namespace fb::content {

inline constexpr size_t kSuspectMetachunksMax = 64;
inline constexpr size_t kSuspectsPerMetachunkMax = size_t{4} * kMetachunkChunksMax;

// Names a sender within one node for the node's life; the node decides what it stands for.
enum class SenderId : uint32_t {};

class ChunkStore {
 public:
  enum class Outcome {
    kStored,              // new, its MetaChunk not yet complete
    kDuplicate,           // already held
    kOutOfRange,          // no such chunk, or a wrong length for it
    kMetachunkVerified,   // new, and its MetaChunk is now verified
    kMetachunkDiscarded,  // its MetaChunk failed and was discarded whole
    kStorageFailed,       // the medium failed; the download cannot go on
    kBadDigest,           // refused: not the chunk whose digest is known; its sender is named
  };
  struct Contribution {
    SenderId sender{};
    uint32_t bytes = 0;
  };
  struct Result {
    Outcome outcome = Outcome::kDuplicate;
    uint32_t metachunk = 0;
    // Verified: who sent how much of the MetaChunk. Discarded: likewise, what is to be revoked.
    std::vector<Contribution> contributions;
    // Senders now known to have sent bad bytes.
    std::vector<SenderId> polluters;
  };

  // Requires info.geometry.valid() and one hash a MetaChunk; storage holds geometry.length bytes.
  ChunkStore(ObjectInfo info, std::unique_ptr<Storage> storage);

  // Takes a chunk from a sender; any chunk number and any length may be given.
  Result add(uint32_t chunk, std::span<const uint8_t> bytes, SenderId sender);

  [[nodiscard]] const ObjectInfo& info() const { return info_; }
  [[nodiscard]] const Geometry& geometry() const { return info_.geometry; }
  // Chunks held, verified or not: what a peer need not ask for.
  [[nodiscard]] const nois::IntervalSet& held() const { return held_; }
  // Chunks of verified MetaChunks only: what a peer may pass on and show.
  [[nodiscard]] const nois::IntervalSet& verified() const { return verified_; }
  [[nodiscard]] bool complete() const;
  [[nodiscard]] bool metachunk_verified(uint32_t metachunk) const;
  // MetaChunks that failed while mixed: ask one sender for all of its chunks. Rare and few.
  [[nodiscard]] bool single_source(uint32_t metachunk) const;
  // What the seeder says of chunks: the first 8 bytes (big-endian) of each one's SHA-256. From now
  // on a wrong chunk is refused on arrival. What is held and does not fit is dropped; the result
  // names who sent such, now or in MetaChunks that failed before, and what credit that takes back.
  // Digests of chunks that the object lacks are passed over.
  Result set_digests(uint32_t first, std::span<const uint64_t> digests);
  [[nodiscard]] bool has_digest(uint32_t chunk) const { return digests_.contains(chunk); }
  // What was told of a chunk is doubtful: its MetaChunk's hash decides alone.
  void forget_digest(uint32_t chunk) { digests_.erase(chunk); }
  // Chunks that are verified, or held and fit their digest: what a peer may pass on where somebody
  // pollutes.
  [[nodiscard]] const nois::IntervalSet& checked() const { return checked_; }

  // Gives up what is held of an unverified MetaChunk, so that it can be fetched whole from another
  // sender. Returns whose bytes those were.
  std::vector<Contribution> restart(uint32_t metachunk);
  // True while any MetaChunk is single_source().
  [[nodiscard]] bool has_suspects() const { return !suspects_.empty(); }

  // A chunk's bytes into `out` (at least chunk_size): its length, or 0 when it is not held or the
  // medium failed.
  [[nodiscard]] size_t read_chunk(uint32_t chunk, std::span<uint8_t> out) const;
  // Bytes of a verified range into `out`; false when it leaves the object, when it is not wholly
  // verified, or when the medium failed.
  [[nodiscard]] bool read_verified(uint64_t offset, std::span<uint8_t> out) const;

 private:
  struct Suspect {
    uint32_t chunk = 0;
    SenderId sender{};
    uint64_t fingerprint = 0;

    bool operator==(const Suspect&) const = default;
  };

  void finish(uint32_t metachunk, Result& result);
  void count_contributions(uint32_t metachunk, Result& result) const;
  void remember_suspects(uint32_t metachunk);
  void judge_suspects(uint32_t metachunk, Result& result);
  [[nodiscard]] std::optional<Sha256> hash_of(uint32_t metachunk) const;

  ObjectInfo info_;
  std::unique_ptr<Storage> storage_;
  nois::IntervalSet held_;
  nois::IntervalSet verified_;
  nois::IntervalSet checked_;
  std::unordered_map<uint32_t, uint64_t> digests_;  // by chunk; looked up only
  // Senders of the chunks of each incomplete MetaChunk.
  std::unordered_map<uint32_t, std::vector<std::optional<SenderId>>> partial_;
  std::unordered_map<uint32_t, std::vector<Suspect>> suspects_;
  std::vector<uint32_t> suspects_order_;  // the MetaChunks of suspects_, oldest first
  bool storage_failed_ = false;
};

}  // namespace fb::content
