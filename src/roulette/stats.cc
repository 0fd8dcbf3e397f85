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

NodeStats& NodeStats::operator+=(const NodeStats& other) {
  datagrams_in += other.datagrams_in;
  bytes_in += other.bytes_in;
  datagrams_out += other.datagrams_out;
  bytes_out += other.bytes_out;
  chunk_bytes_sent += other.chunk_bytes_sent;
  chunk_bytes_received += other.chunk_bytes_received;
  chunk_bytes_from_seeder += other.chunk_bytes_from_seeder;
  chunk_bytes_duplicate += other.chunk_bytes_duplicate;
  metachunks_verified += other.metachunks_verified;
  metachunks_discarded += other.metachunks_discarded;
  neighbours_met += other.neighbours_met;
  neighbours_now += other.neighbours_now;
  neighbours_cut_off += other.neighbours_cut_off;
  joins += other.joins;
  drops += other.drops;
  return *this;
}

}  // namespace fb::roulette
