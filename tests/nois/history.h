// Whether what several threads were told of one id can have happened in some order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace fb::nois::test {

enum class Kind : uint8_t { kInsert, kErase, kContains };

struct Call {
  Kind kind{};
  uint32_t id = 0;
  bool result = false;  // was new; was there; is there
  uint64_t began = 0, ended = 0;
};

// Whether some order of the calls of one id, in which each lies between its begin and its end,
// gives their results. `done` has a bit for each call that stands in front already.
inline bool has_order(const std::vector<Call>& calls, uint32_t done, bool held,
                      std::set<std::pair<uint32_t, bool>>& vain) {
  if (done == (uint32_t{1} << calls.size()) - 1) return true;
  if (vain.contains({done, held})) return false;
  uint64_t earliest_end = UINT64_MAX;
  for (size_t i = 0; i < calls.size(); ++i) {
    if ((done >> i & 1) == 0) earliest_end = std::min(earliest_end, calls[i].ended);
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    if ((done >> i & 1) != 0 || call.began > earliest_end) continue;
    const bool expected = call.kind == Kind::kInsert ? !held : held;
    if (call.result != expected) continue;
    const bool after = call.kind == Kind::kInsert || (call.kind == Kind::kContains && held);
    if (has_order(calls, done | uint32_t{1} << i, after, vain)) return true;
  }
  vain.insert({done, held});
  return false;
}

// At most 31 calls of one id, which was not held before.
inline bool is_linearizable(const std::vector<Call>& calls) {
  std::set<std::pair<uint32_t, bool>> vain;
  return has_order(calls, 0, false, vain);
}

}  // namespace fb::nois::test
