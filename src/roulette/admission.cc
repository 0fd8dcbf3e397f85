#include "roulette/admission.h"

#include <algorithm>

namespace fb::roulette {
namespace {

constexpr size_t kBansMax = 256;

}  // namespace

bool WindowCounter::admit(Instant now, const Endpoint& key, uint32_t limit) {
  while (!entries_.empty() && now - entries_.front().at > window_) entries_.pop_front();
  const auto count = std::ranges::count(entries_, key, &Entry::key);
  if (count >= static_cast<int64_t>(limit)) return false;
  if (entries_.size() >= entries_max_) entries_.pop_front();
  entries_.push_back({now, key});
  return true;
}

void WindowCounter::forgive(const Endpoint& key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found != entries_.end()) entries_.erase(found);
}

void BanList::add(const Endpoint& endpoint, wire::Token name) {
  if (entries_.size() >= kBansMax) entries_.pop_front();
  entries_.push_back({endpoint, name});
}

bool BanList::contains(const Endpoint& endpoint, wire::Token name) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.endpoint == endpoint || (name != 0 && entry.name == name);
  });
}

}  // namespace fb::roulette
