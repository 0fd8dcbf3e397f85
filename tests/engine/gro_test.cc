#include "engine/gro.h"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "base/rng.h"
#include "catch.h"

namespace fb::engine {
namespace {

std::vector<uint8_t> message(int level, int type, uint32_t value) {
  std::vector<uint8_t> out(CMSG_SPACE(sizeof(value)));
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(sizeof(value));
  header.cmsg_level = level;
  header.cmsg_type = type;
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), &value, sizeof(value));
  return out;
}

std::vector<uint8_t> operator+(std::vector<uint8_t> a, const std::vector<uint8_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<size_t> lengths(size_t payload, size_t segment_bytes) {
  const std::vector<uint8_t> bytes(payload);
  std::vector<size_t> out;
  split_train(bytes, segment_bytes, [&](auto segment) { out.push_back(segment.size()); });
  return out;
}

TEST_CASE("gro: both control messages are read, in either order, others passed over") {
  const auto gro = message(SOL_UDP, UDP_GRO, 1200);
  const auto drops = message(SOL_SOCKET, SO_RXQ_OVFL, 7);
  const auto other = message(SOL_SOCKET, SO_TIMESTAMP, 9);
  for (const auto& bytes : {gro + other + drops, drops + gro, other + drops + other + gro}) {
    const ReceiveControl control = parse_control(bytes);
    CHECK(control.segment_bytes == 1200);
    CHECK(control.drops == 7U);
  }
}

TEST_CASE("gro: trap: without a control message the payload is one datagram") {
  const ReceiveControl control = parse_control({});
  CHECK(control.segment_bytes == 0);
  CHECK_FALSE(control.drops);
  CHECK(lengths(5000, 0) == std::vector<size_t>{5000});
  CHECK(lengths(0, 0) == std::vector<size_t>{0});
}

TEST_CASE("gro: trap: the last segment may be short") {
  CHECK(lengths(2500, 1200) == std::vector<size_t>{1200, 1200, 100});
  CHECK(lengths(2400, 1200) == std::vector<size_t>{1200, 1200});
  CHECK(lengths(1200, 1200) == std::vector<size_t>{1200});
  CHECK(lengths(100, 1200) == std::vector<size_t>{100});
}

TEST_CASE("gro: a malformed control message ends the parsing and harms nothing") {
  auto cut = message(SOL_UDP, UDP_GRO, 1200);
  cut.resize(CMSG_LEN(2));
  CHECK(parse_control(cut).segment_bytes == 0);
  CHECK(parse_control(message(SOL_UDP, UDP_GRO, 0x80000000U)).segment_bytes == 0);
  CHECK(parse_control(std::vector<uint8_t>(kReceiveControlBytes)).segment_bytes == 0);
  Rng rng(1);
  for (int i = 0; i < 10'000; ++i) {
    std::vector<uint8_t> bytes = message(SOL_UDP, UDP_GRO, 1) + message(SOL_SOCKET, 0, 1);
    bytes.resize(rng.below(bytes.size() + 1));
    for (uint8_t& byte : bytes) byte = rng.below(4) == 0 ? static_cast<uint8_t>(rng.next()) : byte;
    static_cast<void>(parse_control(bytes));
  }
}

}  // namespace
}  // namespace fb::engine
