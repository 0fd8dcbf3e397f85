// Result files of `fbload`, as they come back in: somebody else may have written them.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "cli/exit_codes.h"

namespace fb::cli {

struct ResultError {
  ExitCode code = ExitCode::kFailed;  // kLocal when the file could not be read
  std::string text;                   // a sentence: file, line, column where it is no JSON
};

// The file's text, which is a run's JSON with every key that reports and comparisons use, each of
// its type. At most kResultBytesMax.
inline constexpr size_t kResultBytesMax = size_t{256} << 20;
[[nodiscard]] std::expected<std::string, ResultError> read_result(const std::string& path);

// The same of a text; `name` stands for the file in the sentence.
[[nodiscard]] std::expected<void, ResultError> check_result(std::string_view text,
                                                            std::string_view name);

}  // namespace fb::cli
