#include "content/chunk_store.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace fb::content {
namespace {

constexpr size_t kReadPieceLength = 16384;

}  // namespace

ChunkStore::ChunkStore(ObjectInfo info, std::unique_ptr<Storage> storage)
    : info_(std::move(info)), storage_(std::move(storage)) {
  FB_CHECK(info_.geometry.valid() && info_.hashes.size() == info_.geometry.metachunk_count());
  FB_CHECK(storage_ != nullptr);
}

ChunkStore::Result ChunkStore::add(uint32_t chunk, std::span<const uint8_t> bytes,
                                   SenderId sender) {
  Result result;
  if (chunk >= geometry().chunk_count() || bytes.size() != geometry().chunk_length(chunk)) {
    result.outcome = Outcome::kOutOfRange;
    return result;
  }
  result.metachunk = geometry().metachunk_of(chunk);
  // After a fault of the medium nobody knows what lies there, so nothing may be judged by it.
  if (storage_failed_) {
    result.outcome = Outcome::kStorageFailed;
    return result;
  }
  if (held_.contains(chunk)) return result;
  const auto digest = digests_.find(chunk);
  if (digest != digests_.end() && digest->second != short_digest(bytes)) {
    result.outcome = Outcome::kBadDigest;
    result.polluters.push_back(sender);
    return result;
  }
  if (!storage_->write(geometry().chunk_offset(chunk), bytes)) {
    storage_failed_ = true;
    result.outcome = Outcome::kStorageFailed;
    return result;
  }
  held_.insert({chunk, chunk});
  if (digest != digests_.end()) checked_.insert({chunk, chunk});
  const nois::Interval chunks = geometry().chunks_of(result.metachunk);
  auto& senders = partial_[result.metachunk];
  senders.resize(chunks.length());
  senders[chunk - chunks.first] = sender;
  result.outcome = Outcome::kStored;
  if (std::all_of(senders.begin(), senders.end(), [](const auto& s) { return s.has_value(); })) {
    finish(result.metachunk, result);
  }
  return result;
}

// Judges a MetaChunk whose chunks are all held.
void ChunkStore::finish(uint32_t metachunk, Result& result) {
  const nois::Interval chunks = geometry().chunks_of(metachunk);
  const auto hash = hash_of(metachunk);
  if (!hash) {
    storage_failed_ = true;
    result.outcome = Outcome::kStorageFailed;
    return;
  }
  count_contributions(metachunk, result);
  if (*hash == info_.hashes[metachunk]) {
    verified_.insert(chunks);
    checked_.insert(chunks);
    result.outcome = Outcome::kMetachunkVerified;
    judge_suspects(metachunk, result);
  } else {
    result.outcome = Outcome::kMetachunkDiscarded;
    if (result.contributions.size() == 1) {
      result.polluters.push_back(result.contributions.front().sender);
    } else {
      remember_suspects(metachunk);
    }
    held_.erase(chunks);
    checked_.erase(chunks);
    // Digests that led here were lies.
    for (uint64_t chunk = chunks.first; chunk <= chunks.last; ++chunk) {
      digests_.erase(static_cast<uint32_t>(chunk));
    }
  }
  partial_.erase(metachunk);
}

void ChunkStore::count_contributions(uint32_t metachunk, Result& result) const {
  const nois::Interval chunks = geometry().chunks_of(metachunk);
  const auto& senders = partial_.at(metachunk);
  for (size_t i = 0; i < senders.size(); ++i) {
    if (!senders[i]) continue;
    const SenderId sender = *senders[i];
    const uint32_t length = geometry().chunk_length(chunks.first + static_cast<uint32_t>(i));
    const auto known = std::find_if(result.contributions.begin(), result.contributions.end(),
                                    [&](const Contribution& c) { return c.sender == sender; });
    if (known != result.contributions.end()) {
      known->bytes += length;
    } else {
      result.contributions.push_back({sender, length});
    }
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
    auto& polluters = result.polluters;
    if (std::find(polluters.begin(), polluters.end(), suspect.sender) == polluters.end()) {
      polluters.push_back(suspect.sender);
    }
  }
  suspects_.erase(found);
  std::erase(suspects_order_, metachunk);
}

// Reads back what was written, in pieces, so that no copy of the MetaChunk is held in memory.
std::optional<Sha256> ChunkStore::hash_of(uint32_t metachunk) const {
  uint64_t offset = geometry().metachunk_offset(metachunk);
  size_t left = geometry().metachunk_length(metachunk);
  std::array<uint8_t, kReadPieceLength> buffer;
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

bool ChunkStore::complete() const { return verified_.count() == geometry().chunk_count(); }

bool ChunkStore::metachunk_verified(uint32_t metachunk) const {
  return metachunk < geometry().metachunk_count() &&
         verified_.contains(geometry().chunks_of(metachunk).first);
}

ChunkStore::Result ChunkStore::set_digests(uint32_t first, std::span<const uint64_t> digests) {
  Result result;
  result.outcome = Outcome::kStored;
  const auto name = [&](SenderId sender) {
    auto& named = result.polluters;
    if (std::find(named.begin(), named.end(), sender) == named.end()) named.push_back(sender);
  };
  std::array<uint8_t, kChunkSizeMax> buffer{};
  for (size_t i = 0; i < digests.size(); ++i) {
    const uint64_t wide = uint64_t{first} + i;
    if (wide >= geometry().chunk_count()) break;
    const auto chunk = static_cast<uint32_t>(wide);
    if (verified_.contains(chunk)) continue;
    digests_[chunk] = digests[i];
    const uint32_t metachunk = geometry().metachunk_of(chunk);
    if (const auto suspects = suspects_.find(metachunk); suspects != suspects_.end()) {
      for (const Suspect& suspect : suspects->second) {
        if (suspect.chunk == chunk && suspect.fingerprint != digests[i]) name(suspect.sender);
      }
    }
    const size_t length = read_chunk(chunk, buffer);
    if (length == 0) continue;
    if (short_digest(std::span(buffer).first(length)) == digests[i]) {
      checked_.insert({chunk, chunk});
      continue;
    }
    auto& sender = partial_.at(metachunk)[chunk - geometry().chunks_of(metachunk).first];
    name(*sender);
    result.contributions.push_back({*sender, static_cast<uint32_t>(length)});
    sender.reset();
    held_.erase({chunk, chunk});
  }
  return result;
}

std::vector<ChunkStore::Contribution> ChunkStore::restart(uint32_t metachunk) {
  if (!partial_.contains(metachunk)) return {};
  Result result;
  count_contributions(metachunk, result);
  held_.erase(geometry().chunks_of(metachunk));
  checked_.erase(geometry().chunks_of(metachunk));
  partial_.erase(metachunk);
  return std::move(result.contributions);
}

bool ChunkStore::single_source(uint32_t metachunk) const {
  return suspects_.contains(metachunk) && !has_digest(geometry().chunks_of(metachunk).first);
}

size_t ChunkStore::read_chunk(uint32_t chunk, std::span<uint8_t> out) const {
  if (!held_.contains(chunk)) return 0;
  const size_t length = geometry().chunk_length(chunk);
  if (out.size() < length) return 0;
  return storage_->read(geometry().chunk_offset(chunk), out.first(length)) ? length : 0;
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
