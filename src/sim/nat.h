// Which contacts a NAT lets through (mapping and filtering as in RFC 4787), as a predicate on who
// has sent to whom and who has heard from whom. Without hole punching: nobody is told to send
// first.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace fb::sim {

enum class Nat : uint8_t {
  kOpen,               // no NAT, or one that lets everything in
  kAddressRestricted,  // endpoint-independent mapping, address-dependent filtering
  kPortRestricted,     // endpoint-independent mapping, address- and port-dependent filtering
  kSymmetric,          // address- and port-dependent mapping and filtering
};

// What one host's NAT remembers of the others. Small: a peer has few neighbours.
class NatTable {
 public:
  void note_sent(Instant now, uint32_t to) { find_or_add(now, to).sent = now; }
  void note_heard(Instant now, uint32_t from) { find_or_add(now, from).heard = now; }
  // Within the life of a mapping.
  [[nodiscard]] bool sent_lately(Instant now, uint32_t to) const {
    const Entry* entry = find(to);
    return entry != nullptr && entry->sent + kMappingLifetime > now;
  }
  [[nodiscard]] bool heard_lately(Instant now, uint32_t from) const {
    const Entry* entry = find(from);
    return entry != nullptr && entry->heard + kMappingLifetime > now;
  }

 private:
  static constexpr Duration kMappingLifetime = seconds(30);
  static constexpr Instant kNever{-kMappingLifetime.ns - 1};
  struct Entry {
    uint32_t host = 0;
    Instant sent = kNever;
    Instant heard = kNever;
  };
  [[nodiscard]] const Entry* find(uint32_t host) const {
    for (const Entry& entry : entries_) {
      if (entry.host == host) return &entry;
    }
    return nullptr;
  }
  Entry& find_or_add(Instant now, uint32_t host) {
    Entry* stale = nullptr;
    for (Entry& entry : entries_) {
      if (entry.host == host) return entry;
      const Instant last = entry.sent > entry.heard ? entry.sent : entry.heard;
      if (last + kMappingLifetime <= now) stale = &entry;
    }
    if (stale != nullptr) {
      *stale = {host, kNever, kNever};
      return *stale;
    }
    entries_.push_back({host, kNever, kNever});
    return entries_.back();
  }

  std::vector<Entry> entries_;
};

// Whether a datagram of `from` passes the NAT of `to`. `to_table` is what the receiver's NAT
// remembers, `from_table` the sender's.
[[nodiscard]] inline bool nat_admits(Instant now, uint32_t from, Nat from_nat,
                                     const NatTable& from_table, uint32_t to, Nat to_nat,
                                     const NatTable& to_table) {
  if (to_nat == Nat::kOpen) return true;
  if (!to_table.sent_lately(now, from)) return false;
  // The sender comes from a port of its own for this receiver, which the receiver's NAT has opened
  // only if the receiver learned that port from a datagram.
  const bool knows_port = from_nat != Nat::kSymmetric || to_table.heard_lately(now, from);
  if (to_nat == Nat::kAddressRestricted) return true;
  if (to_nat == Nat::kPortRestricted) return knows_port;
  // The receiver's port for this sender is known to the sender only from a datagram.
  return from_table.heard_lately(now, to) && knows_port;
}

}  // namespace fb::sim
