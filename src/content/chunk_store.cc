#include "content/chunk_store.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/unfilled.h"

namespace fb::content {
namespace {

constexpr size_t kReadPieceLength = 16384;

}  // namespace

ChunkStore::ChunkStore(ObjectInfo info, std::unique_ptr<Storage> storage, Coding coding,
                       std::unique_ptr<Storage> repair)
    : info_(std::move(info)),
      source_count_(geometry().chunk_count()),
      id_count_(coding == Coding::kNone ? source_count_ : geometry().coded_count()),
      storage_(std::move(storage)),
      coding_(coding),
      repair_(std::move(repair)),
      held_(id_count_),
      verified_(source_count_),
      checked_(id_count_) {
  FB_CHECK(info_.hashes.size() == geometry().metachunk_count());
  FB_CHECK(storage_ != nullptr);
  if (coding_ == Coding::kNone || repair_ != nullptr || geometry().length == 0) return;
  // A piece for each block: all blocks but the last have equally many repair chunks.
  repair_ = std::make_unique<PieceStorage>(geometry().repair_chunks_of(0).length() *
                                           geometry().chunk_size);
}

ChunkStore::Result ChunkStore::add(uint32_t chunk, std::span<const uint8_t> bytes,
                                   SenderId sender) {
  Result result;
  if (chunk >= id_count_ || bytes.size() != length_of(chunk)) {
    result.outcome = Outcome::kOutOfRange;
    return result;
  }
  const bool repair = is_repair(chunk);
  if (!repair) result.metachunk = geometry().metachunk_of(chunk);
  if (coding_ != Coding::kNone) result.block = geometry().block_of(chunk);
  // After a fault of the medium nobody knows what lies there, so nothing may be judged by it.
  if (storage_failed_) {
    result.outcome = Outcome::kStorageFailed;
    return result;
  }
  if (held_.contains(chunk) || (repair && block_verified(result.block))) return result;
  const auto digest = digests_.find(chunk);
  if (digest != digests_.end() && digest->second != short_digest(bytes)) {
    result.outcome = Outcome::kBadDigest;
    result.polluters.push_back(sender);
    return result;
  }
  if (!write(chunk, bytes)) {
    fail(result);
    return result;
  }
  held_.insert({chunk, chunk});
  if (digest != digests_.end()) checked_.insert({chunk, chunk});
  result.outcome = Outcome::kStored;
  if (repair) {
    auto& senders = blocks_[result.block].repair_senders;
    const nois::Interval repairs = geometry().repair_chunks_of(result.block);
    senders.resize(repairs.length());
    senders[chunk - repairs.first] = sender;
  } else {
    auto& senders = partial_[result.metachunk];
    const nois::Interval chunks = geometry().chunks_of(result.metachunk);
    senders.resize(chunks.length());
    senders[chunk - chunks.first] = sender;
    if (std::all_of(senders.begin(), senders.end(), [](const auto& s) { return s.has_value(); })) {
      finish(result.metachunk, result);
    }
  }
  if (coding_ == Coding::kNone) return result;
  // Source chunks alone make no block whole before they make its last MetaChunk so.
  const bool more_is_known =
      result.outcome == Outcome::kMetachunkVerified ||
      (result.outcome == Outcome::kStored && blocks_.contains(result.block));
  if (more_is_known) try_block(result.block, result);
  return result;
}

bool ChunkStore::write(uint32_t id, std::span<const uint8_t> bytes) {
  return is_repair(id) ? repair_->write(geometry().repair_offset(id), bytes)
                                  : storage_->write(geometry().chunk_offset(id), bytes);
}

// Who sent a chunk that is held and not verified.
std::optional<SenderId>& ChunkStore::sender_of(uint32_t id) {
  if (is_repair(id)) {
    const uint32_t block = geometry().block_of(id);
    return blocks_.at(block).repair_senders[id - geometry().repair_chunks_of(block).first];
  }
  const uint32_t metachunk = geometry().metachunk_of(id);
  return partial_.at(metachunk)[id - geometry().chunks_of(metachunk).first];
}

// Its bytes are not held any more, whatever digest vouched for them.
void ChunkStore::drop(nois::Interval chunks) {
  held_.erase(chunks);
  checked_.erase(chunks);
}

void ChunkStore::fail(Result& result) {
  storage_failed_ = true;
  result.outcome = Outcome::kStorageFailed;
  // Whose bytes are proven does not matter any more; whose were given up is told where this outcome
  // has it.
  result.contributions = std::move(result.revoked);
  result.revoked.clear();
}

// Judges a MetaChunk whose chunks are all held.
void ChunkStore::finish(uint32_t metachunk, Result& result) {
  const nois::Interval chunks = geometry().chunks_of(metachunk);
  const auto hash = hash_of(metachunk);
  if (!hash) return fail(result);
  if (*hash == info_.hashes[metachunk]) {
    result.outcome = Outcome::kMetachunkVerified;
    accept(metachunk, result);
  } else {
    result.outcome = Outcome::kMetachunkDiscarded;
    count_contributions(metachunk, result.contributions);
    if (result.contributions.size() == 1) {
      result.polluters.push_back(result.contributions.front().sender);
    } else {
      remember_suspects(metachunk);
    }
    drop(chunks);
    // Digests that led here were lies.
    for (uint64_t chunk = chunks.first; chunk <= chunks.last; ++chunk) {
      digests_.erase(static_cast<uint32_t>(chunk));
    }
    partial_.erase(metachunk);
  }
}

// A MetaChunk whose bytes in the storage are the true ones.
void ChunkStore::accept(uint32_t metachunk, Result& result) {
  const nois::Interval chunks = geometry().chunks_of(metachunk);
  count_contributions(metachunk, result.contributions);
  partial_.erase(metachunk);
  held_.insert(chunks);
  verified_.insert(chunks);
  checked_.insert(chunks);
  if (coding_ != Coding::kNone) result.verified.push_back(metachunk);
  judge_suspects(metachunk, result);
}

void ChunkStore::count_contributions(uint32_t metachunk, std::vector<Contribution>& out) const {
  const auto senders = partial_.find(metachunk);
  if (senders == partial_.end()) return;
  uint32_t chunk = geometry().chunks_of(metachunk).first;
  for (const auto& sender : senders->second) {
    if (sender) credit(out, *sender, geometry().chunk_length(chunk));
    ++chunk;
  }
}

// Keeps marks of the bytes that are about to be discarded.
void ChunkStore::remember_suspects(uint32_t metachunk) {
  const nois::Interval chunks = geometry().chunks_of(metachunk);
  const auto& senders = partial_.at(metachunk);
  auto& suspects = suspects_[metachunk];
  if (suspects.empty()) suspects_order_.push_back(metachunk);
  std::array<uint8_t, kChunkSizeMax> buffer{};
  for (size_t i = 0; i < senders.size(); ++i) {
    const uint32_t chunk = chunks.first + static_cast<uint32_t>(i);
    const size_t length = read_chunk(chunk, buffer);
    if (length == 0) {
      // Marks of unknown bytes would accuse the honest.
      storage_failed_ = true;
      break;
    }
    const Suspect suspect{chunk, *senders[i], short_digest(std::span(buffer).first(length))};
    if (std::find(suspects.begin(), suspects.end(), suspect) == suspects.end()) {
      suspects.push_back(suspect);
    }
  }
  if (suspects.size() > kSuspectsPerMetachunkMax) {
    suspects.erase(suspects.begin(),
                   suspects.end() - static_cast<ptrdiff_t>(kSuspectsPerMetachunkMax));
  }
  if (suspects_order_.size() > kSuspectMetachunksMax) {
    suspects_.erase(suspects_order_.front());
    suspects_order_.erase(suspects_order_.begin());
  }
}

// The true bytes are known now: who sent others for one of these chunks is named.
void ChunkStore::judge_suspects(uint32_t metachunk, Result& result) {
  const auto found = suspects_.find(metachunk);
  if (found == suspects_.end()) return;
  std::array<uint8_t, kChunkSizeMax> buffer{};
  for (const Suspect& suspect : found->second) {
    const size_t length = read_chunk(suspect.chunk, buffer);
    // Without the true bytes there is no ground to name anyone.
    if (length == 0) break;
    if (short_digest(std::span(buffer).first(length)) == suspect.fingerprint) continue;
    name(result.polluters, suspect.sender);
  }
  suspects_.erase(found);
  std::erase(suspects_order_, metachunk);
}

// Reads back what was written, in pieces, so that no copy of the MetaChunk is held in memory.
std::optional<Sha256> ChunkStore::hash_of(uint32_t metachunk) const {
  uint64_t offset = geometry().metachunk_offset(metachunk);
  size_t left = geometry().metachunk_length(metachunk);
  FB_UNFILLED std::array<uint8_t, kReadPieceLength> buffer;
  Sha256Stream stream;
  while (left > 0) {
    const std::span<uint8_t> piece = std::span(buffer).first(std::min(left, buffer.size()));
    if (!storage_->read(offset, piece)) return {};
    stream.update(piece);
    offset += piece.size();
    left -= piece.size();
  }
  return stream.finish();
}

void ChunkStore::credit(std::vector<Contribution>& out, SenderId sender, uint32_t bytes) {
  const auto known = std::find_if(out.begin(), out.end(),
                                  [&](const Contribution& c) { return c.sender == sender; });
  if (known != out.end()) {
    known->bytes += bytes;
  } else {
    out.push_back({sender, bytes});
  }
}

void ChunkStore::name(std::vector<SenderId>& out, SenderId sender) {
  if (std::find(out.begin(), out.end(), sender) == out.end()) out.push_back(sender);
}

bool ChunkStore::complete() const { return verified_.count() == source_count_; }

bool ChunkStore::metachunk_verified(uint32_t metachunk) const {
  return metachunk < geometry().metachunk_count() &&
         verified_.contains(geometry().chunks_of(metachunk).first);
}

ChunkStore::Result ChunkStore::set_digests(uint32_t first, std::span<const uint64_t> digests) {
  Result result;
  result.outcome = Outcome::kStored;
  std::vector<uint32_t> spoilt_blocks;
  std::array<uint8_t, kChunkSizeMax> buffer{};
  for (size_t i = 0; i < digests.size(); ++i) {
    const uint64_t wide = uint64_t{first} + i;
    if (wide >= id_count_) break;
    const auto chunk = static_cast<uint32_t>(wide);
    if (coding_ != Coding::kNone) {
      const uint32_t block = geometry().block_of(chunk);
      if (block_verified(block)) continue;
      const auto known = std::find(spoilt_blocks.begin(), spoilt_blocks.end(), block);
      if (spoilt(block) && known == spoilt_blocks.end()) spoilt_blocks.push_back(block);
    }
    if (verified_.contains(chunk)) continue;
    set_digest(chunk, digests[i], buffer, result);
  }
  try_blocks(spoilt_blocks, result);
  return result;
}

void ChunkStore::set_digest(uint32_t chunk, uint64_t digest, std::span<uint8_t> buffer,
                            Result& result) {
  // What fits one digest is true, so another one is not.
  if (checked_.contains(chunk)) return;
  digests_[chunk] = digest;
  if (!is_repair(chunk)) {
    const auto suspects = suspects_.find(geometry().metachunk_of(chunk));
    if (suspects != suspects_.end()) {
      for (const Suspect& suspect : suspects->second) {
        if (suspect.chunk != chunk || suspect.fingerprint == digest) continue;
        name(result.polluters, suspect.sender);
      }
    }
  }
  const size_t length = read_chunk(chunk, buffer);
  if (length == 0) return;
  if (short_digest(buffer.first(length)) == digest) {
    checked_.insert({chunk, chunk});
    return;
  }
  auto& sender = sender_of(chunk);
  name(result.polluters, *sender);
  result.contributions.push_back({*sender, static_cast<uint32_t>(length)});
  sender.reset();
  drop({chunk, chunk});
}

std::vector<ChunkStore::Contribution> ChunkStore::restart(uint32_t metachunk) {
  if (!partial_.contains(metachunk)) return {};
  std::vector<Contribution> given_up;
  count_contributions(metachunk, given_up);
  drop(geometry().chunks_of(metachunk));
  partial_.erase(metachunk);
  return given_up;
}

bool ChunkStore::single_source(uint32_t metachunk) const {
  return suspects_.contains(metachunk) && !has_digest(geometry().chunks_of(metachunk).first);
}

size_t ChunkStore::read_chunk(uint32_t chunk, std::span<uint8_t> out) const {
  if (!held_.contains(chunk)) return 0;
  const size_t length = length_of(chunk);
  if (out.size() < length) return 0;
  const bool good = is_repair(chunk)
                        ? repair_->read(geometry().repair_offset(chunk), out.first(length))
                        : storage_->read(geometry().chunk_offset(chunk), out.first(length));
  return good ? length : 0;
}

bool ChunkStore::read_verified(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > geometry().length || out.size() > geometry().length - offset) return false;
  if (out.empty()) return true;
  const auto first = static_cast<uint32_t>(offset / geometry().chunk_size);
  const auto last = static_cast<uint32_t>((offset + out.size() - 1) / geometry().chunk_size);
  if (verified_.count_in({first, last}) != uint64_t{last} - first + 1) return false;
  return storage_->read(offset, out);
}

}  // namespace fb::content
