#include "roulette/ledger.h"

#include <algorithm>

namespace fb::roulette {

uint64_t Ledger::unverified_max() const {
  const bool v2 = config_.profile == wire::Profile::kV2;
  return (v2 ? config_.v2.unverified_credit : config_.unverified_credit).bytes;
}

uint64_t Ledger::credit(const Account& account) const {
  return account.verified + std::min(account.pending, unverified_max());
}

uint64_t Ledger::uncounted(const Account& account) const {
  return account.pending - std::min(account.pending, unverified_max());
}

std::optional<Drop> Ledger::refuses(Instant now, const Account& account, const Address& address,
                                    uint64_t bytes) {
  const uint64_t share = credit(account) * config_.tab_percent / 100;
  return refuses(now, account, address, bytes, {std::max(config_.tab.bytes, share)});
}

std::optional<Drop> Ledger::refuses(Instant now, const Account& account, const Address& address,
                                    uint64_t bytes, ByteCount tab) {
  const uint64_t paid = credit(account);
  if (account.sent + bytes > paid + tab.bytes) return Drop::kTitForTat;
  if (sent_ + bytes > received_ + config_.upload_promise.bytes) return Drop::kUploadPromise;
  if (paid > 0) return {};
  expire(now);
  if (stranger_total_ + bytes > config_.stranger_credit_total.bytes) return Drop::kStrangerCredit;
  if (!exempt(address) &&
      debt_of(address.limit_prefix()) + bytes > config_.stranger_credit_address.bytes) {
    return Drop::kAddressLimit;
  }
  return {};
}

void Ledger::on_sent(Account& account, const Address& address, uint64_t bytes) {
  if (credit(account) == 0) {
    account.stranger_debt += bytes;
    add_debt(address, bytes);
  }
  account.sent += bytes;
  sent_ += bytes;
}

void Ledger::on_received(Account& account, const Address& address, uint64_t bytes, bool is_new) {
  received_ += bytes;
  if (!is_new) return;
  if (account.stranger_debt > 0) {
    forgive(address, account.stranger_debt);
    account.stranger_debt = 0;
  }
  account.pending += bytes;
}

void Ledger::on_verified(Account& account, uint64_t bytes) {
  account.pending -= std::min(account.pending, bytes);
  account.verified += bytes;
}

void Ledger::on_discarded(Account& account, uint64_t bytes) {
  account.pending -= std::min(account.pending, bytes);
}

void Ledger::on_removed(Instant now, const Account& account, const Address& address) {
  expire(now);
  if (account.stranger_debt == 0) return;
  lost_.push_back({now + config_.contact_window, address.limit_prefix(), account.stranger_debt});
}

void Ledger::on_moved(const Account& account, const Address& from, const Address& to) {
  if (account.stranger_debt == 0) return;
  forgive(from, account.stranger_debt);
  add_debt(to, account.stranger_debt);
}

void Ledger::expire(Instant now) {
  auto due = lost_.begin();
  for (; due != lost_.end() && due->expires <= now; ++due) forgive(due->prefix, due->bytes);
  lost_.erase(lost_.begin(), due);
}

void Ledger::add_debt(const Address& address, uint64_t bytes) {
  stranger_total_ += bytes;
  const Address prefix = address.limit_prefix();
  const auto found = std::ranges::find(debts_, prefix, &Debt::prefix);
  if (found != debts_.end()) {
    found->bytes += bytes;
  } else {
    debts_.push_back({prefix, bytes});
  }
}

void Ledger::forgive(const Address& address, uint64_t bytes) {
  stranger_total_ -= std::min(stranger_total_, bytes);
  const auto found = std::ranges::find(debts_, address.limit_prefix(), &Debt::prefix);
  if (found == debts_.end()) return;
  found->bytes -= std::min(found->bytes, bytes);
  if (found->bytes == 0) debts_.erase(found);
}

uint64_t Ledger::debt_of(const Address& prefix) const {
  const auto found = std::ranges::find(debts_, prefix, &Debt::prefix);
  return found == debts_.end() ? 0 : found->bytes;
}

bool Ledger::exempt(const Address& address) const {
  return address.is_loopback() && !config_.limit_loopback;
}

}  // namespace fb::roulette
