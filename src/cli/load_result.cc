#include "cli/load_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>

#include "cli/report.h"
#include "cli/report_json.h"

namespace fb::cli {
namespace {

enum class Kind { kNumber, kMaybeNumber, kText, kTruth, kObject, kArray };

struct Key {
  const char* pointer;  // RFC 6901
  Kind kind;
};

constexpr Key kRunKeys[] = {
    {"/version", Kind::kText},
    {"/title", Kind::kText},
    {"/profile", Kind::kText},
    {"/mode", Kind::kText},
    {"/seed", Kind::kNumber},
    {"/seconds", Kind::kNumber},
    {"/interrupted", Kind::kTruth},
    {"/warm_up_visitors", Kind::kNumber},
    {"/cool_down_visitors", Kind::kNumber},
    {"/pool/mean", Kind::kMaybeNumber},
    {"/pool/max", Kind::kNumber},
    {"/pool/stabilised", Kind::kTruth},
    {"/pool/stabilised_at_s", Kind::kMaybeNumber},
    {"/seeder_bytes", Kind::kNumber},
    {"/seeder_bits_per_second", Kind::kMaybeNumber},
    {"/peers_bytes", Kind::kNumber},
    {"/drops", Kind::kObject},
    {"/network_drops", Kind::kObject},
    {"/checks/violations", Kind::kNumber},
    {"/checks/listed", Kind::kArray},
    {"/unmet", Kind::kArray},
    {"/scenario/content", Kind::kObject},
    {"/scenario/seeder/up_bits_per_second", Kind::kNumber},
    {"/scenario/seeder/down_bits_per_second", Kind::kNumber},
    {"/scenario/arrivals/kind", Kind::kText},
    {"/scenario/stop/rule", Kind::kText},
    {"/scenario/stop/peers", Kind::kNumber},
    {"/scenario/stop/duration_s", Kind::kNumber},
    {"/scenario/warm_up_s", Kind::kNumber},
    {"/scenario/cool_down_s", Kind::kNumber},
    {"/scenario/network", Kind::kObject},
    {"/scenario/faults", Kind::kObject},
    {"/scenario/roulette/upload_promise_bytes", Kind::kNumber},
    {"/scenario/expect", Kind::kObject},
    {"/classes", Kind::kArray},
    {"/samples", Kind::kArray},
};

// Of a run and of each of its classes.
constexpr Key kBlockKeys[] = {
    {"/arrived", Kind::kNumber},
    {"/completed", Kind::kNumber},
    {"/abandoned", Kind::kNumber},
    {"/killed", Kind::kNumber},
    {"/incomplete", Kind::kNumber},
    {"/failures", Kind::kObject},
    {"/completion_seconds/mean", Kind::kMaybeNumber},
    {"/completion_seconds/mean_error", Kind::kMaybeNumber},
    {"/completion_seconds/p50", Kind::kMaybeNumber},
    {"/completion_seconds/p95", Kind::kMaybeNumber},
    {"/completion_seconds/p99", Kind::kMaybeNumber},
    {"/completion_seconds/max", Kind::kMaybeNumber},
    {"/limit_seconds", Kind::kMaybeNumber},
    {"/ratio_to_limit", Kind::kMaybeNumber},
    {"/received_bytes_mean", Kind::kMaybeNumber},
    {"/received_bytes_mean_error", Kind::kMaybeNumber},
    {"/received_ratio", Kind::kMaybeNumber},
    {"/received_split_mean/new_chunks", Kind::kMaybeNumber},
    {"/received_split_mean/duplicate_chunks", Kind::kMaybeNumber},
    {"/received_split_mean/other", Kind::kMaybeNumber},
    {"/upload_download_ratio/mean", Kind::kMaybeNumber},
    {"/upload_download_ratio/mean_error", Kind::kMaybeNumber},
    {"/upload_download_ratio/max", Kind::kMaybeNumber},
    {"/chunk_bytes/seeder_share", Kind::kNumber},
    {"/promise_broken", Kind::kNumber},
    {"/completion_cdf", Kind::kArray},
    {"/completion_histogram", Kind::kArray},
};

constexpr Key kClassKeys[] = {
    {"/name", Kind::kText},
    {"/scenario/up_bits_per_second", Kind::kNumber},
    {"/scenario/down_bits_per_second", Kind::kNumber},
    {"/scenario/behaviour", Kind::kText},
    {"/scenario/nat", Kind::kText},
};

bool is(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kNumber: return value.is_number();
    case Kind::kMaybeNumber: return value.is_number() || value.is_null();
    case Kind::kText: return value.is_string();
    case Kind::kTruth: return value.is_boolean();
    case Kind::kObject: return value.is_object();
    case Kind::kArray: return value.is_array();
  }
  return false;
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kNumber: return "a number";
    case Kind::kMaybeNumber: return "a number or null";
    case Kind::kText: return "a text";
    case Kind::kTruth: return "true or false";
    case Kind::kObject: return "an object";
    case Kind::kArray: return "an array";
  }
  return "another";
}

// Empty, or what is wrong, as the end of a sentence.
template <size_t n>
std::string fault_of(const Json& json, const std::string& where, const Key (&keys)[n]) {
  for (const Key& key : keys) {
    const Json::json_pointer pointer{std::string(key.pointer)};
    if (!json.contains(pointer)) return fmt::format("the key {}{} is missing", where, key.pointer);
    if (!is(json.at(pointer), key.kind)) {
      return fmt::format("{}{} is not {}", where, key.pointer, name_of(key.kind));
    }
  }
  return {};
}

// Rows of numbers, as completion_cdf and completion_histogram have them.
std::string fault_of_rows(const Json& json, const std::string& where, const char* key,
                          size_t columns) {
  for (const Json& row : json[key]) {
    if (!row.is_array() || row.size() != columns ||
        !std::ranges::all_of(row, [](const Json& v) { return v.is_number(); })) {
      return fmt::format("{}/{} has a row that is not {} numbers", where, key, columns);
    }
  }
  return {};
}

std::string fault_of_block(const Json& json, const std::string& where) {
  if (auto fault = fault_of(json, where, kBlockKeys); !fault.empty()) return fault;
  if (auto fault = fault_of_rows(json, where, "completion_cdf", 2); !fault.empty()) return fault;
  return fault_of_rows(json, where, "completion_histogram", 3);
}

std::string fault_of_samples(const Json& samples) {
  for (const Json& sample : samples) {
    for (const char* key : {"at_s", "arrived", "completed", "abandoned", "failed", "pool",
                            "seeder_sent_bytes", "peers_sent_bytes", "useful_bytes"}) {
      if (!sample.is_object() || !sample.contains(key) || !sample[key].is_number()) {
        return fmt::format("/samples has a row without the number {}", key);
      }
    }
  }
  return {};
}

std::string fault_of_run(const Json& json) {
  if (!json.is_object() || !json.contains("program") || json["program"] != "fbload") {
    return "it is no result of fbload";
  }
  if (!json.contains("schema") || json["schema"] != kReportSchema) {
    return fmt::format("its schema is not {}, which is the one that this program knows",
                       kReportSchema);
  }
  if (auto fault = fault_of(json, "", kRunKeys); !fault.empty()) return fault;
  if (auto fault = fault_of_block(json, ""); !fault.empty()) return fault;
  if (auto fault = fault_of_samples(json["samples"]); !fault.empty()) return fault;
  for (size_t i = 0; i < json["classes"].size(); ++i) {
    const std::string where = fmt::format("/classes/{}", i);
    const Json& each = json["classes"][i];
    if (auto fault = fault_of(each, where, kClassKeys); !fault.empty()) return fault;
    if (auto fault = fault_of_block(each, where); !fault.empty()) return fault;
  }
  return {};
}

std::string place_of(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const size_t start = before.rfind('\n');
  const size_t column = start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

std::expected<void, ResultError> check_result(std::string_view text, std::string_view name) {
  const auto fail = [&](std::string_view what) {
    return std::unexpected(ResultError{ExitCode::kFailed, fmt::format("{}: {}", name, what)});
  };
  try {
    const Json json = Json::parse(text);
    if (const std::string fault = fault_of_run(json); !fault.empty()) return fail(fault);
  } catch (const Json::parse_error& error) {
    return fail(fmt::format("{}: this is not JSON", place_of(text, error.byte)));
  } catch (const Json::exception&) {
    return fail("it is no result of fbload");
  }
  return {};
}

std::expected<std::string, ResultError> read_result(const std::string& path) {
  const auto fail = [&](std::string_view why) {
    return std::unexpected(
        ResultError{ExitCode::kLocal, fmt::format("{} cannot be read: {}", path, why)});
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::string block(size_t{1} << 16, '\0');
  while (file && text.size() <= kResultBytesMax) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block, 0, static_cast<size_t>(file.gcount()));
  }
  if (!file.eof()) {
    return fail(text.size() > kResultBytesMax ? "it is too large" : std::strerror(errno));
  }
  if (const auto checked = check_result(text, path); !checked) {
    return std::unexpected(checked.error());
  }
  return text;
}

}  // namespace fb::cli
