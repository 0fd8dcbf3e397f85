#include "roulette/admission.h"

#include <algorithm>

namespace fb::roulette {
namespace {

constexpr size_t kBansMax = 256;

}  // namespace

bool WindowCounter::admit(Instant now, const Endpoint& key, uint32_t limit) {
  while (!entries_.empty() && now - entries_.front().at > window_) pop_oldest();
  const auto known = counts_.find(key);
  if ((known == counts_.end() ? 0 : known->second) >= limit) return false;
  if (entries_.size() >= entries_max_) pop_oldest();
  entries_.push_back({now, key});
  ++counts_[key];
  return true;
}

void WindowCounter::forgive(const Endpoint& key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return;
  entries_.erase(found);
  uncount(key);
}

void WindowCounter::pop_oldest() {
  uncount(entries_.front().key);
  entries_.pop_front();
}

void WindowCounter::uncount(const Endpoint& key) {
  const auto found = counts_.find(key);
  if (--found->second == 0) counts_.erase(found);
}

void BanList::add(const Endpoint& endpoint, wire::Token name) {
  if (entries_.size() >= kBansMax) entries_.erase(entries_.begin());
  entries_.push_back({endpoint, name});
}

bool BanList::contains(const Endpoint& endpoint, wire::Token name) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.endpoint == endpoint || (name != 0 && entry.name == name);
  });
}

}  // namespace fb::roulette
