#include "nois/interval.h"

namespace fb::nois {

std::optional<uint32_t> random_id(std::span<const Interval> intervals, Rng& rng) {
  uint64_t total = 0;
  for (const Interval& interval : intervals) total += interval.length();
  if (total == 0) return {};
  uint64_t left = rng.below(total);
  for (const Interval& interval : intervals) {
    if (left < interval.length()) return static_cast<uint32_t>(interval.first + left);
    left -= interval.length();
  }
  return {};
}

Subtraction::Subtraction(std::span<const Interval> other, std::vector<Interval>& out)
    : without_(other.begin(), other.end()), out_(out) {
  std::erase_if(without_, [](const Interval& i) { return i.first > i.last; });
  std::ranges::sort(without_);
}

void Subtraction::show(Interval own) {
  uint64_t next = std::max(uint64_t{own.first}, behind_);
  for (; cut_ < without_.size() && without_[cut_].first <= own.last; ++cut_) {
    const Interval cut = without_[cut_];
    if (cut.first > next) out_.push_back({static_cast<uint32_t>(next), cut.first - 1});
    behind_ = std::max(behind_, uint64_t{cut.last} + 1);
    next = std::max(next, behind_);
  }
  if (next <= own.last) out_.push_back({static_cast<uint32_t>(next), own.last});
}

}  // namespace fb::nois
