// Parts that the reports share. For the files that make JSON only: the library is slow to compile.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/udp_engine.h"
#include "roulette/stats.h"

namespace fb::cli {

using Json = nlohmann::ordered_json;

// Every reason that counted anything, by its stable name.
[[nodiscard]] inline Json drops_json(const roulette::DropCounters& drops) {
  Json out = Json::object();
  for (size_t i = 0; i < roulette::kDropReasons; ++i) {
    const auto reason = static_cast<roulette::Drop>(i);
    if (drops.count(reason) > 0) out[std::string(to_string(reason))] = drops.count(reason);
  }
  return out;
}

// engine::EngineStats by field name.
[[nodiscard]] inline Json engine_json(const engine::EngineStats& e) {
  return {{"datagrams_sent", e.datagrams_sent},
          {"bytes_sent", e.bytes_sent},
          {"datagrams_received", e.datagrams_received},
          {"bytes_received", e.bytes_received},
          {"trains_sent", e.trains_sent},
          {"trains_received", e.trains_received},
          {"send_dropped", e.send_dropped},
          {"receive_truncated", e.receive_truncated},
          {"receive_rearmed", e.receive_rearmed},
          {"segmentation_refused", e.segmentation_refused},
          {"kernel_receive_drops", e.kernel_receive_drops},
          {"system_calls", e.system_calls}};
}

// One value on one line.
[[nodiscard]] inline std::string dump_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Paths may be any bytes; JSON is UTF-8, so what is not becomes U+FFFD.
[[nodiscard]] inline std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fb::cli
