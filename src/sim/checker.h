// Rules that must hold in every run, watched from outside: from the datagrams that pass and from
// what nodes say of themselves. The nodes' own bookkeeping is not trusted.
//
//   content      a complete visitor holds the site's bytes
//   tit_for_tat  what an honest visitor sends another one stays within what it got from it plus
//                the tab (RouletteConfig::tab and tab_percent, of v2 its tab_max and its own
//                tab_percent); in virtual time only, because on a wire the sender of what
//                arrives is not known
//   promise      what an honest visitor sends in all stays within what it got in all plus
//                promise_of()
//   stuck        nobody waits without a timer, or longer than give_up without a word
//   conserved    what hosts sent = what arrived + what was dropped + what is on its way, in
//                datagrams and for each node in bytes
//   memory       the tables of a node stay within their bounds
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "roulette/config.h"
#include "roulette/stats.h"
#include "sim/result.h"
#include "wire/message.h"

namespace fb::sim {

// What one host gave another one and got from it, in payload of DATA.
struct PairAccount {
  uint32_t other = 0;       // its host, one more than the visitor's number
  wire::Token session = 0;  // the token it was last reached by
  uint32_t sessions = 0;    // a new token begins a new account on the sender's side
  uint64_t sent = 0;
  uint64_t received = 0;
};

class PairAccounts {
 public:
  PairAccount& of(uint32_t other) {
    for (PairAccount& account : accounts_) {
      if (account.other == other) return account;
    }
    accounts_.push_back({.other = other});
    return accounts_.back();
  }

 private:
  std::vector<PairAccount> accounts_;
};

class Checker {
 public:
  // Borrows the rules as they ought to be.
  explicit Checker(const roulette::RouletteConfig& rules) : rules_(rules) {}

  // An honest visitor sends `bytes` of DATA under `token`.
  void on_pair_sent(Duration at, uint32_t peer, PairAccount& account, wire::Token token,
                    uint64_t bytes);
  // In all, to anybody.
  void on_total_sent(Duration at, uint32_t peer, uint64_t sent, uint64_t received);
  // `who` has at most `places` neighbours, and the other tables as the rules bound them.
  void on_footprint(Duration at, const std::string& who, const roulette::Footprint& has,
                    size_t places, BitRate uplink);
  void fail(const char* check, Duration at, std::string what);
  // How long a visitor may be without any progress before it must have said that it failed.
  [[nodiscard]] Duration patience() const;

  void move_to(RunResult& result);

 private:
  [[nodiscard]] uint64_t allowed(const PairAccount& account) const;

  static constexpr int64_t kListedMax = 10;  // of each check
  const roulette::RouletteConfig& rules_;
  std::vector<Violation> violations_;
  uint64_t more_ = 0;
};

}  // namespace fb::sim
