// What ChunkStore does with blocks and repair chunks. The flow: try_block() when a chunk came, or
// try_blocks() when digests came; recall() or decode() gets the block's source chunks into memory;
// take() verifies and stores them; settle() deals with the repair chunks of a block that is
// verified whole, and give_up() with a block whose digests were lies.
#include "content/chunk_store.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "content/block_code.h"

namespace fb::content {

bool ChunkStore::spoilt(uint32_t block) const {
  const auto found = blocks_.find(block);
  return found != blocks_.end() && found->second.spoilt;
}

bool ChunkStore::block_verified(uint32_t block) const {
  if (block >= geometry().block_count()) return false;
  const nois::Interval sources = geometry().source_chunks_of(block);
  return verified_.count_in(sources) == sources.length();
}

// A chunk of the block is held, or a MetaChunk of it is verified, that was not before.
void ChunkStore::try_block(uint32_t block, Result& result) {
  const nois::Interval sources = geometry().source_chunks_of(block);
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  if (verified_.count_in(sources) == sources.length()) {
    if (!settle(block, {}, result)) fail(result);
    return;
  }
  const bool was_spoilt = spoilt(block);
  const nois::AtomicSet& usable = was_spoilt ? checked_ : held_;
  if (usable.count_in(sources) + usable.count_in(repairs) < sources.length()) return;
  auto decoded = recall(block);
  if (!decoded) decoded = decode(block);
  if (!decoded || !take(block, *decoded, result)) return fail(result);
  if (block_verified(block)) {
    result.outcome = Outcome::kBlockDecoded;
    if (!settle(block, decoded->repairs, result)) fail(result);
    return;
  }
  result.outcome = Outcome::kBlockSpoilt;
  if (decoded->all_checked) {
    give_up(block, result);
  } else {
    blocks_[block].spoilt = true;
  }
}

// The same for blocks whose digests came, of which some may suffice now.
void ChunkStore::try_blocks(std::span<const uint32_t> blocks, Result& result) {
  std::swap(result.contributions, result.revoked);
  bool decoded = false;
  for (const uint32_t block : blocks) {
    result.block = block;
    try_block(block, result);
    if (result.outcome == Outcome::kStorageFailed) return;
    decoded = decoded || result.outcome == Outcome::kBlockDecoded;
  }
  if (decoded) result.outcome = Outcome::kBlockDecoded;
  if (result.outcome == Outcome::kStored) std::swap(result.contributions, result.revoked);
}

// The block from media that know its bytes, if they do and nothing that was stored was wrong.
std::optional<ChunkStore::Decoded> ChunkStore::recall(uint32_t block) {
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  const uint64_t repair_length = repairs.length() * geometry().chunk_size;
  if (!repair_->recall(geometry().repair_offset(repairs.first), repair_length)) return {};
  const nois::Interval sources = geometry().source_chunks_of(block);
  const uint64_t offset = geometry().chunk_offset(sources.first);
  const uint64_t end = offset + sources.length() * geometry().chunk_size;
  if (!storage_->recall(offset, std::min(end, geometry().length) - offset)) return {};
  Decoded out;
  out.sources.resize(end - offset);
  if (!read_sources(block, out.sources)) return {};
  for (const nois::Interval range : held_.within(repairs)) {
    for (uint64_t id = range.first; id <= range.last; ++id) {
      out.repairs.push_back(static_cast<uint32_t>(id));
    }
  }
  out.all_checked = false;
  return out;
}

// The block from any of its chunks that suffice. Nothing when the medium failed.
std::optional<ChunkStore::Decoded> ChunkStore::decode(uint32_t block) {
  const nois::AtomicSet& usable = spoilt(block) ? checked_ : held_;
  const nois::Interval sources = geometry().source_chunks_of(block);
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  const size_t size = geometry().chunk_size;
  Decoded out;
  out.sources.resize(sources.length() * size);
  for (uint32_t position = 0; position < sources.length(); ++position) {
    const uint32_t chunk = sources.first + position;
    if (!usable.contains(chunk)) {
      out.missing.push_back(position);
    } else if (read_chunk(chunk, std::span(out.sources).subspan(position * size, size)) == 0) {
      return {};
    } else {
      out.all_checked = out.all_checked && checked_.contains(chunk);
    }
  }
  std::vector<uint32_t> positions;
  std::vector<uint8_t> bytes(out.missing.size() * size);
  for (uint64_t id = repairs.first; positions.size() < out.missing.size(); ++id) {
    FB_CHECK(id <= repairs.last);
    const auto chunk = static_cast<uint32_t>(id);
    if (!usable.contains(chunk)) continue;
    if (read_chunk(chunk, std::span(bytes).subspan(positions.size() * size, size)) == 0) return {};
    out.all_checked = out.all_checked && checked_.contains(chunk);
    positions.push_back(geometry().position_of(chunk));
    out.repairs.push_back(chunk);
  }
  decode_block(out.sources, size, out.missing, positions, bytes);
  // What fills the last chunk up is part of the code but of no MetaChunk: a repair chunk that is
  // wrong there alone must not pass for true.
  const auto filling = std::span(out.sources).subspan(
      (sources.length() - 1) * size + geometry().chunk_length(sources.last));
  if (std::any_of(filling.begin(), filling.end(), [](uint8_t byte) { return byte != 0; })) {
    out.repairs.clear();
  }
  return out;
}

// Verifies the MetaChunks of a block and stores what fits. False when the medium failed.
bool ChunkStore::take(uint32_t block, const Decoded& decoded, Result& result) {
  const nois::Interval sources = geometry().source_chunks_of(block);
  const size_t size = geometry().chunk_size;
  const auto bytes = std::span(decoded.sources);
  const uint32_t last = geometry().metachunk_of(sources.last);
  for (uint32_t metachunk = geometry().metachunk_of(sources.first); metachunk <= last;
       ++metachunk) {
    if (metachunk_verified(metachunk)) continue;
    const nois::Interval chunks = geometry().chunks_of(metachunk);
    const auto content = bytes.subspan((chunks.first - sources.first) * size,
                                       geometry().metachunk_length(metachunk));
    if (sha256(content) != info_.hashes[metachunk]) continue;
    for (const uint32_t position : decoded.missing) {
      const uint32_t chunk = sources.first + position;
      if (chunk < chunks.first || chunk > chunks.last) continue;
      const auto truth = bytes.subspan(position * size, geometry().chunk_length(chunk));
      if (!put_truth(chunk, truth, result)) return false;
    }
    accept(metachunk, result);
  }
  return true;
}

// Stores a source chunk that was computed. If another was held, because there was no digest for it,
// its sender is named.
bool ChunkStore::put_truth(uint32_t chunk, std::span<const uint8_t> truth, Result& result) {
  if (held_.contains(chunk)) {
    std::array<uint8_t, kChunkSizeMax> buffer{};
    if (read_chunk(chunk, buffer) == 0) return false;
    if (std::equal(truth.begin(), truth.end(), buffer.begin())) return true;
    auto& sender = sender_of(chunk);
    name(result.polluters, *sender);
    credit(result.revoked, *sender, static_cast<uint32_t>(truth.size()));
    sender.reset();
  }
  return write(chunk, truth);
}

// Counts the repair chunks of a block that is verified whole: the `proven` ones are true, the
// others are compared with what they should be. False when the medium failed.
bool ChunkStore::settle(uint32_t block, std::span<const uint32_t> proven, Result& result) {
  const auto found = blocks_.find(block);
  if (found == blocks_.end()) return true;
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  const uint32_t size = geometry().chunk_size;
  std::vector<uint8_t> sources;
  std::vector<uint8_t> truth(size);
  std::array<uint8_t, kChunkSizeMax> buffer{};
  for (size_t i = 0; i < found->second.repair_senders.size(); ++i) {
    const uint32_t id = repairs.first + static_cast<uint32_t>(i);
    if (!held_.contains(id)) continue;
    const SenderId sender = *found->second.repair_senders[i];
    if (std::find(proven.begin(), proven.end(), id) == proven.end()) {
      if (sources.empty()) {
        sources.resize(geometry().source_chunks_of(block).length() * size);
        if (!read_sources(block, sources)) return false;
      }
      encode_block(sources, size, geometry().position_of(id), truth);
      if (read_chunk(id, buffer) == 0) return false;
      if (!std::equal(truth.begin(), truth.end(), buffer.begin())) {
        name(result.polluters, sender);
        credit(result.revoked, sender, size);
        drop({id, id});
        continue;
      }
    }
    credit(result.contributions, sender, size);
    checked_.insert({id, id});
  }
  blocks_.erase(found);
  if (geometry().block_count() > 1) drop_repairs(block);
  return true;
}

// A whole block's source chunks as the storage has them; the last is filled up with zero bytes.
bool ChunkStore::read_sources(uint32_t block, std::span<uint8_t> out) const {
  const uint64_t offset = geometry().chunk_offset(geometry().source_chunks_of(block).first);
  const size_t length = std::min<uint64_t>(out.size(), geometry().length - offset);
  std::fill(out.begin() + static_cast<ptrdiff_t>(length), out.end(), uint8_t{0});
  return storage_->read(offset, out.first(length));
}

void ChunkStore::drop_repairs(uint32_t block) {
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  drop(repairs);
  repair_->release(geometry().repair_offset(repairs.first),
                   repairs.length() * geometry().chunk_size);
}

// Forgets all that is not verified of a block, and the digests that led to it.
void ChunkStore::give_up(uint32_t block, Result& result) {
  const nois::Interval sources = geometry().source_chunks_of(block);
  const nois::Interval repairs = geometry().repair_chunks_of(block);
  const auto forget_digests = [this](nois::Interval chunks) {
    for (uint64_t id = chunks.first; id <= chunks.last; ++id) {
      digests_.erase(static_cast<uint32_t>(id));
    }
  };
  const uint32_t last = geometry().metachunk_of(sources.last);
  for (uint32_t metachunk = geometry().metachunk_of(sources.first); metachunk <= last;
       ++metachunk) {
    if (metachunk_verified(metachunk)) continue;
    for (const Contribution& given_up : restart(metachunk)) {
      credit(result.revoked, given_up.sender, given_up.bytes);
    }
    forget_digests(geometry().chunks_of(metachunk));
  }
  const auto& senders = blocks_[block].repair_senders;
  for (size_t i = 0; i < senders.size(); ++i) {
    if (!held_.contains(repairs.first + static_cast<uint32_t>(i))) continue;
    credit(result.revoked, *senders[i], geometry().chunk_size);
  }
  forget_digests(repairs);
  drop_repairs(block);
  blocks_.erase(block);
}

}  // namespace fb::content
