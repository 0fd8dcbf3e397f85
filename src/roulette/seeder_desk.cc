#include "roulette/seeder_desk.h"

#include <algorithm>
#include <array>

namespace fb::roulette {
namespace {

constexpr Duration kDigestIntervalMin = milliseconds(50);
constexpr Duration kPollutionRemembered = seconds(30);
constexpr size_t kDigestsKeptMax = 65'536;

}  // namespace

void SeederDesk::send_manifest(Instant now, const Endpoint& to, wire::Token token,
                                     uint16_t request, std::string_view path,
                                     uint64_t bytes_max) {
  const auto blob = catalog_.manifest(path);
  if (blob.empty()) {
    const auto name = std::span(reinterpret_cast<const uint8_t*>(path.data()), path.size());
    if (wire::kHeaderSize + 4 + name.size() > bytes_max) return;
    core_.send(now, Lane::kControl, to, token, wire::ManifestPart{request, 0, 0, name});
    return;
  }
  const size_t parts = (blob.size() + wire::kManifestPartSize - 1) / wire::kManifestPartSize;
  const uint64_t before = core_.accepted_bytes();
  for (size_t part = 0; part < parts; ++part) {
    const size_t offset = part * wire::kManifestPartSize;
    const auto bytes =
        blob.subspan(offset, std::min(wire::kManifestPartSize, blob.size() - offset));
    const uint64_t used = core_.accepted_bytes() - before;
    const uint64_t size = wire::kHeaderSize + 4 + bytes.size();
    if (used + size > bytes_max) return;  // the rest is asked for with the cookie
    core_.send(now, Lane::kControl, to, token,
              wire::ManifestPart{request, static_cast<uint8_t>(part), static_cast<uint8_t>(parts),
                                 bytes});
  }
}

// Asked by who has met bad chunks. Hashing is not free, so a neighbour may ask only so often.
void SeederDesk::on_digest_request(Instant now, const DigestAsker& from,
                                         const wire::DigestRequest& message) {
  if (now - from.asked < kDigestIntervalMin) return core_.drop(Drop::kUnexpected);
  from.asked = now;
  // Who was warned asks without having seen anything; only the others are evidence.
  if (!from.warned) polluted_until_ = now + kPollutionRemembered;
  wire::Digests answer{message.file, message.first, {}};
  for (uint32_t i = 0; i < message.count && message.first <= UINT32_MAX - i; ++i) {
    const auto digest = digest_of(message.file, message.first + i);
    if (!digest) break;
    answer.digests.push_back(*digest);
  }
  if (answer.digests.empty()) return core_.drop(Drop::kSourceGone);
  core_.send(now, Lane::kControl, from.endpoint, from.token_out, answer);
}

// Hashed once: under attack everybody asks for the same ones.
std::optional<uint64_t> SeederDesk::digest_of(content::FileId file, uint32_t chunk) {
  const auto key = std::pair(file, chunk);
  const auto known = digest_cache_.find(key);
  if (known != digest_cache_.end()) return known->second;
  const auto geometry = catalog_.object(file);
  const bool classic = core_.config.profile == wire::Profile::kClassic;  // knows no repair chunks
  if (!geometry || (classic && geometry->is_repair(chunk))) return {};
  std::array<uint8_t, content::kChunkSizeMax> bytes;
  const size_t length = catalog_.read_chunk(file, chunk, bytes);
  if (length == 0) return {};
  if (digest_cache_.size() >= kDigestsKeptMax) digest_cache_.clear();
  return digest_cache_[key] = content::short_digest(std::span(bytes).first(length));
}

}  // namespace fb::roulette
