// What a node counts. Every datagram or message that is not acted on has a reason and a counter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fb::roulette {

enum class Drop : uint8_t {
  kTooShort,           // no whole header
  kVersion,            // not our protocol or version
  kUnknownType,        // no such message
  kMalformed,          // a field out of range, bytes missing or left over
  kUnknownToken,       // no neighbour has this token
  kWrongRole,          // a seeder's message at a peer, or the other way round
  kBadCookie,          // not our cookie, or too old
  kUnexpected,         // an answer that nobody waits for, a replay
  kUnproven,           // the sender has not proved its address yet
  kChangedAddress,     // a known token from another address; it is being checked
  kTableFull,          // no place for another neighbour
  kHalfOpenFull,       // no place for another stranger
  kAddressLimit,       // too many strangers from one address
  kBanned,             // a polluter
  kTitForTat,          // the paper's silent drop
  kUploadPromise,      // sending would break the promise to our own visitor
  kStrangerCredit,     // first credit is used up
  kUnknownFile,        // a file that we do not fetch
  kBadChunk,           // no such chunk, or a wrong length
  kDuplicateChunk,     // already held
  kBadManifest,        // signature, proof or record refused
  kStaleReferral,      // expired, or to ourselves
  kContactLimit,       // too many unanswered contacts to that address
  kQueueFull,          // the paced queue is full
  kSourceGone,         // content that can no longer be read
  kProfile,            // another profile
  kPolluted,           // not the chunk whose digest the seeder told
};
inline constexpr size_t kDropReasons = 27;
// Snake-case names, stable: they are keys in JSON and labels of metrics.
[[nodiscard]] std::string_view to_string(Drop reason);

class DropCounters {
 public:
  void add(Drop reason) { ++counts_[static_cast<size_t>(reason)]; }
  [[nodiscard]] uint64_t count(Drop reason) const { return counts_[static_cast<size_t>(reason)]; }
  [[nodiscard]] uint64_t total() const;
  DropCounters& operator+=(const DropCounters& other);

 private:
  std::array<uint64_t, kDropReasons> counts_{};
};

// What a node holds now, for whoever checks its bounds.
struct Footprint {
  size_t neighbours = 0;  // proven or not
  size_t strangers = 0;   // that have greeted and not yet proved their address
  uint64_t queued = 0;    // bytes behind the pacer
};

// All since the node's start. "Chunk bytes" are the payload of DATA messages.
struct NodeStats {
  uint64_t datagrams_in = 0, bytes_in = 0;    // as received, without IP and UDP headers
  uint64_t datagrams_out = 0, bytes_out = 0;
  uint64_t chunk_bytes_sent = 0;
  uint64_t chunk_bytes_received = 0;
  uint64_t chunk_bytes_from_seeder = 0;       // part of received
  uint64_t chunk_bytes_duplicate = 0;         // part of received
  uint64_t metachunks_verified = 0, metachunks_discarded = 0;
  uint64_t neighbours_met = 0;                // that answered
  uint64_t neighbours_now = 0;
  uint64_t neighbours_cut_off = 0;            // polluters
  uint64_t joins = 0;                         // seeder: answered; peer: sent
  DropCounters drops;

  // Of several nodes together.
  NodeStats& operator+=(const NodeStats& other);
};

}  // namespace fb::roulette
