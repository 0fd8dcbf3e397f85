// Paths that visitors told, each once, as long as somebody holds it: a visitor costs a number and
// not a text, and who waits for the same is told by comparing two numbers.
//
// Strangers choose paths, so whoever holds them is bounded. A path that nobody holds any more makes
// room for the next, and its text's memory is used again. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "roulette/chain_index.h"
#include "roulette/stranger_hash.h"

namespace fb::roulette {

enum class PathId : uint32_t {};

class PathTable {
 public:
  explicit PathTable(const StrangerHash& hash) : hash_(hash) {}

  // One holder more; each lets go of it once.
  [[nodiscard]] PathId hold(std::string_view path);
  PathId hold(PathId path);
  void release(PathId path);
  // Of a path that is held. Valid until the next hold() of a text.
  [[nodiscard]] const std::string& text(PathId path) const {
    return entries_[static_cast<uint32_t>(path)].text;
  }
  // Paths that are held.
  [[nodiscard]] size_t size() const { return index_.size(); }

 private:
  struct Entry {
    std::string text;
    uint32_t holders = 0;
  };

  const StrangerHash& hash_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  ChainIndex index_;
};

}  // namespace fb::roulette
