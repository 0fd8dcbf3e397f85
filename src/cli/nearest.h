// "Did you mean": the known word that a wrong one resembles most.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fb::cli {

// Edits to turn one into the other: insert, delete, replace, swap two neighbours.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, when it is near enough to be a slip: at most a third of its letters, and
// at least two, may differ. Nothing when none is.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string> known);

}  // namespace fb::cli
