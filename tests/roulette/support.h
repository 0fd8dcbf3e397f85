// What the node tests share: a small site, a transport that keeps what is sent, and addresses.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "content/memory_site.h"
#include "content/site_build.h"
#include "roulette/peer_node.h"
#include "roulette/seeder_node.h"
#include "roulette/transport.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace fb::test {

inline std::vector<uint8_t> random_bytes(size_t count, uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<uint8_t> out(count);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng.next());
  return out;
}

inline std::unique_ptr<content::MemorySite> make_site(std::vector<content::MemoryFile> files) {
  std::array<uint8_t, 32> seed{};
  seed[0] = 42;
  return std::make_unique<content::MemorySite>(std::move(files),
                                               content::secret_key_from_seed(seed));
}

inline std::unique_ptr<content::MemorySite> one_file_site(size_t size) {
  return make_site({{"f", "text/plain", random_bytes(size)}});
}

// A host of its own for each number, none of them loopback, so that all limits hold.
inline Endpoint host(uint8_t number, uint16_t port = 4711) {
  return {Address::v4(192, 0, 2, number), port};
}

struct Sent {
  Endpoint to;
  std::vector<uint8_t> bytes;

  [[nodiscard]] wire::Datagram decoded() const { return wire::decode(bytes).value(); }
};

class Recorder final : public roulette::Transport {
 public:
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
    sent.push_back({to, {datagram.begin(), datagram.end()}});
  }
  [[nodiscard]] uint64_t bytes_to(const Endpoint& to) const {
    uint64_t total = 0;
    for (const Sent& one : sent) total += one.to == to ? one.bytes.size() : 0;
    return total;
  }
  // The last message of this kind to `to`.
  template <typename Kind>
  [[nodiscard]] std::optional<Kind> last(const Endpoint& to) const {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (it->to != to) continue;
      const auto datagram = it->decoded();
      if (const auto* kind = std::get_if<Kind>(&datagram.message)) return *kind;
    }
    return {};
  }
  template <typename Kind>
  [[nodiscard]] size_t count() const {
    return static_cast<size_t>(std::ranges::count_if(sent, [](const Sent& one) {
      return std::holds_alternative<Kind>(one.decoded().message);
    }));
  }

  std::vector<Sent> sent;
};

inline std::vector<uint8_t> datagram(wire::Token to, const wire::Message& message) {
  wire::Buffer buffer;
  const auto bytes = wire::encode(to, message, buffer);
  return {bytes.begin(), bytes.end()};
}

}  // namespace fb::test
