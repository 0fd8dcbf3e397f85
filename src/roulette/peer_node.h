// A visitor's node: joins, fetches files from seeder and peers, serves what it has tit-for-tat,
// and leaves when it has nothing more to fetch.
//
// Sans-IO: bytes and time go in (receive, advance), datagrams go out through Transport, and what
// happened is taken with take_events(). One thread at a time. `now` never goes back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "base/rng.h"
#include "base/time.h"
#include "content/chunk_store.h"
#include "content/site_manifest.h"
#include "content/storage.h"
#include "roulette/config.h"
#include "roulette/stats.h"
#include "roulette/transport.h"

namespace fb::roulette {

enum class RequestId : uint32_t {};   // one find_file()
enum class DownloadId : uint32_t {};  // one download()

enum class FetchFailure : uint8_t {
  kUnreachable,   // the seeder never answered
  kStalled,       // no progress for RouletteConfig::give_up
  kRefused,       // the seeder refused us (profile, or busy)
  kBadManifest,   // what came is not signed by the link's key
  kStorage,       // our own disk failed
};
// A sentence for the user.
[[nodiscard]] std::string_view to_string(FetchFailure failure);

struct FileFound {
  RequestId request{};
  content::FileManifest manifest;
};
struct FileMissing {
  RequestId request{};  // the seeder says that the site has no such file
};
struct FindFailed {
  RequestId request{};
  FetchFailure why{};
};
// A MetaChunk of the file itself (not of its hash lists) was verified and may be shown.
struct MetachunkReady {
  DownloadId download{};
  uint32_t metachunk = 0;
};
struct DownloadComplete {
  DownloadId download{};
};
struct DownloadFailed {
  DownloadId download{};
  FetchFailure why{};
};
// The node said BYE to all and holds no state of the swarm; the next find or download joins anew.
struct LeftSwarm {};
using PeerEvent = std::variant<FileFound, FileMissing, FindFailed, MetachunkReady,
                               DownloadComplete, DownloadFailed, LeftSwarm>;

struct PeerOptions {
  RouletteConfig config;
  Endpoint seeder;
  content::PublicKey key{};         // the link's
  SecretRng::Seed secret{};         // random in production; decides all tokens
  uint64_t choice_seed = 0;         // decides all other choices
  // The high 24 bits of all tokens: unique among the nodes that share a socket. See peer_prefix().
  uint32_t prefix = 0;
};

class PeerNode {
 public:
  PeerNode(const PeerOptions& options, Transport& transport);
  ~PeerNode();
  PeerNode(const PeerNode&) = delete;
  PeerNode& operator=(const PeerNode&) = delete;

  // Looks a path up at the seeder (joining first if need be); ends in exactly one of FileFound,
  // FileMissing, FindFailed.
  RequestId find_file(Instant now, std::string path);
  // Fetches a file into `storage` (of record.geometry.length bytes); ends in DownloadComplete or
  // DownloadFailed. The content stays served until leave() or forget(). Under profile v2 `repair`
  // holds the repair chunks (content/chunk_store.h); null: memory.
  DownloadId download(Instant now, const content::FileRecord& record,
                      std::unique_ptr<content::Storage> storage,
                      std::unique_ptr<content::Storage> repair = nullptr);
  // Asks for chunks from this offset on first: somebody is reading there.
  void prefer(DownloadId id, uint64_t offset);
  // Verified bytes of a download; false when they are not there yet or the medium failed.
  [[nodiscard]] bool read(DownloadId id, uint64_t offset, std::span<uint8_t> out) const;
  // How many verified bytes there are from `offset` on without a gap.
  [[nodiscard]] uint64_t readable(DownloadId id, uint64_t offset) const;
  // Bytes of the file that are verified, and its length.
  [[nodiscard]] uint64_t verified_bytes(DownloadId id) const;
  // Stops fetching and serving it; no event follows.
  void forget(Instant now, DownloadId id);
  // Says BYE to everybody. Unfinished requests and downloads stay and join again on advance().
  void leave(Instant now);

  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram);
  // Does all that is due. Call at next_deadline(), or any time.
  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  [[nodiscard]] std::vector<PeerEvent> take_events();
  // Cheap check whether take_events() would return anything.
  [[nodiscard]] bool has_events() const;

  [[nodiscard]] NodeStats stats() const;
  [[nodiscard]] Footprint footprint() const;
  [[nodiscard]] uint32_t degree() const;
  [[nodiscard]] bool in_swarm() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The prefix of a token: which node on a shared socket a datagram is for.
[[nodiscard]] constexpr uint32_t peer_prefix(wire::Token token) {
  return static_cast<uint32_t>(token >> 40);
}

}  // namespace fb::roulette
