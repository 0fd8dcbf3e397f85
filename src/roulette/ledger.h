// Tit-for-tat (paper, section 3.1.2) and the promises around it (docs/protocol.md, "Credit").
//
// Every count is chunk payload in bytes, over all files. What may be sent to a neighbour:
//   1. sent <= credit + max(tab, tab_percent of credit), where credit = verified bytes, plus
//      unverified ones up to a bound, taken back when their MetaChunk fails;
//   2. over all neighbours: sent <= received + upload_promise, the promise to our own visitor;
//   3. to those who never paid: bounded over all of them together and per address (or /64), so
//      that new names do not draw new credit. The debt of who left unpaid counts on for a while.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "roulette/config.h"
#include "roulette/stats.h"

namespace fb::roulette {

// One neighbour's side of the ledger.
struct Account {
  uint64_t sent = 0;
  uint64_t verified = 0;        // received, in MetaChunks that verified
  uint64_t pending = 0;         // received, MetaChunk not complete yet
  uint64_t stranger_debt = 0;   // part of sent: while credit was nothing
};

class Ledger {
 public:
  explicit Ledger(const RouletteConfig& config) : config_(config) {}

  // Whether `bytes` more may be sent now; otherwise why not.
  [[nodiscard]] std::optional<Drop> refuses(Instant now, const Account& account,
                                            const Address& address, uint64_t bytes);
  // The same with a tab of the caller's: profile v2.
  [[nodiscard]] std::optional<Drop> refuses(Instant now, const Account& account,
                                            const Address& address, uint64_t bytes, ByteCount tab);
  void on_sent(Account& account, const Address& address, uint64_t bytes);
  // A chunk arrived that was new (pending), or useless (only the total moves).
  void on_received(Account& account, const Address& address, uint64_t bytes, bool is_new);
  void on_verified(Account& account, uint64_t bytes);
  void on_discarded(Account& account, uint64_t bytes);
  // The neighbour is gone.
  void on_removed(Instant now, const Account& account, const Address& address);

  // The neighbour has another address.
  void on_moved(const Account& account, const Address& from, const Address& to);

  [[nodiscard]] uint64_t credit(const Account& account) const;
  // Unverified, and beyond the bound.
  [[nodiscard]] uint64_t uncounted(const Account& account) const;
  [[nodiscard]] uint64_t sent() const { return sent_; }
  [[nodiscard]] uint64_t received() const { return received_; }

 private:
  struct Debt {
    Address prefix;
    uint64_t bytes = 0;
  };
  struct LostDebt {
    Instant expires{};
    Address prefix;
    uint64_t bytes = 0;
  };
  [[nodiscard]] uint64_t unverified_max() const;  // the profile's
  void expire(Instant now);
  void add_debt(const Address& address, uint64_t bytes);
  void forgive(const Address& address, uint64_t bytes);
  [[nodiscard]] uint64_t debt_of(const Address& prefix) const;
  [[nodiscard]] bool exempt(const Address& address) const;

  const RouletteConfig& config_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t stranger_total_ = 0;
  std::vector<Debt> debts_;      // few: stranger_credit_total bounds them
  std::vector<LostDebt> lost_;   // oldest first
};

}  // namespace fb::roulette
