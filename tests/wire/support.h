// The test vectors of docs/vectors, and messages as the fields that stand there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "content/hash.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace fb::wire {

using Bytes = std::vector<uint8_t>;
using Json = nlohmann::json;
using content::to_hex;

inline Bytes from_hex(std::string_view text) {
  REQUIRE(text.size() % 2 == 0);
  Bytes out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const std::string pair(text.substr(i, 2));
    size_t read = 0;
    out.push_back(static_cast<uint8_t>(std::stoul(pair, &read, 16)));
    REQUIRE(read == 2);
  }
  return out;
}

// FB_VECTORS is the directory.
inline Json load_vectors(const std::string& name) {
  std::ifstream in(std::string(FB_VECTORS) + "/" + name);
  REQUIRE(in.good());
  return Json::parse(in);
}

// The message that these fields describe. Its spans borrow `bytes`, which is filled.
[[nodiscard]] Message message_of(const std::string& type, const Json& fields, Bytes& bytes);
// The fields that describe this message.
[[nodiscard]] Json fields_of(const Message& message);
// "join", "welcome" and so on.
[[nodiscard]] std::string_view type_name(MessageType type);
[[nodiscard]] Token number_of(const Json& hex);

struct Vector {
  std::string name;
  std::string type;
  Token to = 0;
  Json fields;
  Bytes datagram;
};
[[nodiscard]] std::vector<Vector> datagram_vectors();

inline Bytes encoded(Token to, const Message& message) {
  Buffer buffer;
  const auto bytes = encode(to, message, buffer);
  return {bytes.begin(), bytes.end()};
}

// The seeds of a random test: 1 to `count`, or the one in FLASHBACK_SEED.
inline std::vector<uint64_t> seeds(uint64_t count) {
  if (const char* const given = std::getenv("FLASHBACK_SEED")) return {std::stoull(given)};
  std::vector<uint64_t> out;
  for (uint64_t seed = 1; seed <= count; ++seed) out.push_back(seed);
  return out;
}

#define FB_REPLAY(seed)                                                                   \
  INFO("seed " << (seed) << "; replay: FLASHBACK_SEED=" << (seed) << " test_wire \""      \
               << Catch::getResultCapture().getCurrentTestName() << "\"")

}  // namespace fb::wire
