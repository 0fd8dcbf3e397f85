#include "roulette/stats.h"

#include <numeric>

namespace fb::roulette {
namespace {

constexpr std::array<std::string_view, kDropReasons> kNames{
    "too_short",      "version",       "unknown_type",    "malformed",     "unknown_token",
    "wrong_role",     "bad_cookie",    "unexpected",      "unproven",      "changed_address",
    "table_full",     "half_open_full", "address_limit",  "banned",        "tit_for_tat",
    "upload_promise", "stranger_credit", "unknown_file",  "bad_chunk",     "duplicate_chunk",
    "bad_manifest",   "stale_referral", "contact_limit",  "queue_full",    "source_gone",
    "profile",        "polluted"};

}  // namespace

std::string_view to_string(Drop reason) { return kNames[static_cast<size_t>(reason)]; }

uint64_t DropCounters::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

DropCounters& DropCounters::operator+=(const DropCounters& other) {
  for (size_t i = 0; i < kDropReasons; ++i) counts_[i] += other.counts_[i];
  return *this;
}

}  // namespace fb::roulette
