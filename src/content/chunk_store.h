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
// With Coding::kRepair it takes repair chunks too (object.h), under their ids, and as soon as it
// holds as many chunks of a block as the block has source chunks, it decodes the missing ones and
// verifies every MetaChunk of the block. Then:
//   - all fit: the block is verified whole, and all its source chunks are held. Its repair chunks
//     stay held and checked when the object has this one block only; otherwise they are dropped and
//     their memory is freed.
//   - some do not: somebody sent bad bytes, and nobody knows who. The block is spoilt(): what does
//     not fit is not held, and from now on the block is decoded from checked() chunks only, once
//     they suffice. So the seeder's digests of all its held chunks should be asked for.
//   - some do not though all that was used is checked: the digests were lies. They are forgotten,
//     and all that is held of the block's unverified MetaChunks and repair chunks is given up, so
//     that it is fetched anew.
// A MetaChunk whose source chunks all come by themselves is verified or discarded at once, as
// without coding. Repair chunks count as contributions when their block is verified whole; those
// of a spoilt block are then held against the true ones, which names the senders of bad ones.
// Repair chunks in memory are never more than the object's own.
//
// Verification reads the bytes back from the storage, in pieces. Once the storage has failed, no
// further chunk is taken and nothing is judged: its content is not known any more.
//
// Thread safety: one thread changes it. Any thread may ask at any time, without a lock, what is
// held(), verified(), checked() or complete(), and may read_verified(): bytes are written before
// their chunks are told of, and those of verified MetaChunks never change again. That goes for
// storages whose reads may run beside writes elsewhere in them (storage.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "content/object.h"
#include "content/storage.h"
#include "nois/atomic_set.h"

namespace fb::content {

inline constexpr size_t kSuspectMetachunksMax = 64;
inline constexpr size_t kSuspectsPerMetachunkMax = size_t{4} * kMetachunkChunksMax;

// Names a sender within one node for the node's life; the node decides what it stands for.
enum class SenderId : uint32_t {};

enum class Coding : uint8_t {
  kNone,    // source chunks only
  kRepair,  // repair chunks too
};

class ChunkStore {
 public:
  enum class Outcome {
    kStored,              // new, neither its MetaChunk nor its block is complete
    kDuplicate,           // already held
    kOutOfRange,          // no such chunk, or a wrong length for it
    kMetachunkVerified,   // new, and its MetaChunk is now verified
    kMetachunkDiscarded,  // its MetaChunk failed and was discarded whole
    kStorageFailed,       // the medium failed; the download cannot go on
    kBadDigest,           // refused: not the chunk whose digest is known; its sender is named
    kBlockDecoded,        // its block is verified whole, by decoding
    kBlockSpoilt,         // its block was decoded, and some MetaChunks do not fit
  };
  struct Contribution {
    SenderId sender{};
    uint32_t bytes = 0;
  };
  struct Result {
    Outcome outcome = Outcome::kDuplicate;
    uint32_t metachunk = 0;  // of a source chunk
    uint32_t block = 0;      // with coding
    // With coding, the MetaChunks that are newly verified, be it directly or by decoding.
    std::vector<uint32_t> verified;
    // kMetachunkVerified, kBlockDecoded, kBlockSpoilt: who sent how much that is now proven. All
    // other outcomes: likewise, what is to be revoked.
    std::vector<Contribution> contributions;
    // What is to be revoked besides, by the three outcomes named first.
    std::vector<Contribution> revoked;
    // Senders now known to have sent bad bytes.
    std::vector<SenderId> polluters;
  };

  // Requires info.geometry.valid() and one hash a MetaChunk; storage holds geometry.length bytes.
  // With coding, `repair` holds geometry.repair_length() bytes; without one, memory is allocated
  // for a block when its first repair chunk comes and freed when the block is verified.
  ChunkStore(ObjectInfo info, std::unique_ptr<Storage> storage, Coding coding = Coding::kNone,
             std::unique_ptr<Storage> repair = nullptr);

  // Takes a chunk from a sender; any chunk number and any length may be given. A chunk of a block
  // that is verified whole is a duplicate, held or not.
  Result add(uint32_t chunk, std::span<const uint8_t> bytes, SenderId sender);

  [[nodiscard]] const ObjectInfo& info() const { return info_; }
  [[nodiscard]] const Geometry& geometry() const { return info_.geometry; }
  [[nodiscard]] Coding coding() const { return coding_; }
  // Chunks held, verified or not: what a peer need not ask for.
  [[nodiscard]] const nois::AtomicSet& held() const { return held_; }
  // Source chunks of verified MetaChunks only: what a peer may pass on and show.
  [[nodiscard]] const nois::AtomicSet& verified() const { return verified_; }
  [[nodiscard]] bool complete() const;
  [[nodiscard]] bool metachunk_verified(uint32_t metachunk) const;
  // MetaChunks that failed while mixed: ask one sender for all of its chunks. Rare and few.
  [[nodiscard]] bool single_source(uint32_t metachunk) const;
  // What the seeder says of chunks: the first 8 bytes (big-endian) of each one's SHA-256. From now
  // on a wrong chunk is refused on arrival. What is held and does not fit is dropped; the result
  // names who sent such, now or in MetaChunks that failed before, and what credit that takes back.
  // Digests of chunks that the object lacks are passed over. The outcome is kStored; or, when what
  // is left sufficed to decode a spoilt block, kBlockDecoded or kBlockSpoilt (of several blocks,
  // the former if any was), and then what credit is taken back is under `revoked`.
  Result set_digests(uint32_t first, std::span<const uint64_t> digests);
  [[nodiscard]] bool has_digest(uint32_t chunk) const { return digests_.contains(chunk); }
  // What was told of a chunk is doubtful: its MetaChunk's hash decides alone.
  void forget_digest(uint32_t chunk) { digests_.erase(chunk); }
  // Chunks that are verified, or held and fit their digest, or repair chunks of a block that is
  // verified whole: what a peer may pass on where somebody pollutes.
  [[nodiscard]] const nois::AtomicSet& checked() const { return checked_; }

  // Gives up what is held of an unverified MetaChunk, so that it can be fetched whole from another
  // sender. Returns whose bytes those were.
  std::vector<Contribution> restart(uint32_t metachunk);
  // Was decoded in vain, and is not verified whole yet: the digests of its chunks are wanted.
  [[nodiscard]] bool spoilt(uint32_t block) const;
  // All its MetaChunks are verified.
  [[nodiscard]] bool block_verified(uint32_t block) const;
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

  // With coding: what is known of a block that is not verified whole, beyond its held chunks.
  struct Block {
    std::vector<std::optional<SenderId>> repair_senders;  // by repair chunk; empty, or one for each
    bool spoilt = false;
  };
  // A block's source chunks in memory, as they were decoded: not verified yet.
  struct Decoded {
    std::vector<uint8_t> sources;   // of the whole block, the last chunk filled up
    std::vector<uint32_t> missing;  // positions that were not read but computed
    // Repair chunks that are true if all MetaChunks fit.
    std::vector<uint32_t> repairs;
    bool all_checked = true;  // what it was decoded from
  };

  [[nodiscard]] bool is_repair(uint32_t id) const { return id >= source_count_; }
  // Requires id < id_count_.
  [[nodiscard]] uint16_t length_of(uint32_t id) const {
    return is_repair(id) ? geometry().chunk_size : geometry().chunk_length(id);
  }
  [[nodiscard]] bool write(uint32_t id, std::span<const uint8_t> bytes);
  [[nodiscard]] std::optional<SenderId>& sender_of(uint32_t id);
  void drop(nois::Interval chunks);
  void fail(Result& result);
  void finish(uint32_t metachunk, Result& result);
  void accept(uint32_t metachunk, Result& result);
  void count_contributions(uint32_t metachunk, std::vector<Contribution>& out) const;
  static void credit(std::vector<Contribution>& out, SenderId sender, uint32_t bytes);
  static void name(std::vector<SenderId>& out, SenderId sender);
  void set_digest(uint32_t chunk, uint64_t digest, std::span<uint8_t> buffer, Result& result);
  void remember_suspects(uint32_t metachunk);
  void judge_suspects(uint32_t metachunk, Result& result);
  [[nodiscard]] std::optional<Sha256> hash_of(uint32_t metachunk) const;

  // In chunk_store_block.cc.
  void try_block(uint32_t block, Result& result);
  void try_blocks(std::span<const uint32_t> blocks, Result& result);
  [[nodiscard]] std::optional<Decoded> decode(uint32_t block);
  [[nodiscard]] std::optional<Decoded> recall(uint32_t block);
  [[nodiscard]] bool take(uint32_t block, const Decoded& decoded, Result& result);
  [[nodiscard]] bool put_truth(uint32_t chunk, std::span<const uint8_t> truth, Result& result);
  [[nodiscard]] bool settle(uint32_t block, std::span<const uint32_t> proven, Result& result);
  [[nodiscard]] bool read_sources(uint32_t block, std::span<uint8_t> out) const;
  void drop_repairs(uint32_t block);
  void give_up(uint32_t block, Result& result);

  ObjectInfo info_;
  uint32_t source_count_ = 0;
  uint64_t id_count_ = 0;  // ids below it are taken
  std::unique_ptr<Storage> storage_;
  Coding coding_ = Coding::kNone;
  std::unique_ptr<Storage> repair_;  // with coding
  nois::AtomicSet held_;
  nois::AtomicSet verified_;
  nois::AtomicSet checked_;
  std::unordered_map<uint32_t, uint64_t> digests_;  // by chunk; looked up only
  // Senders of the chunks of each incomplete MetaChunk.
  std::unordered_map<uint32_t, std::vector<std::optional<SenderId>>> partial_;
  std::unordered_map<uint32_t, std::vector<Suspect>> suspects_;
  std::unordered_map<uint32_t, Block> blocks_;
  std::vector<uint32_t> suspects_order_;  // the MetaChunks of suspects_, oldest first
  bool storage_failed_ = false;
};

}  // namespace fb::content
