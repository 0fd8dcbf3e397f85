#include "engine/coalescer.h"

#include <map>
#include <utility>

#include "base/rng.h"
#include "catch.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

using test::Bytes;
using test::pattern;

struct Route {
  uint32_t socket;
  Endpoint to;
};

const Endpoint kPlace{Address::v4(192, 0, 2, 1), 1};
const Route kFirst{0, kPlace};
const Route kSecond{0, {kPlace.address, 2}};

bool append(Coalescer& coalescer, const Route& route, const Bytes& bytes,
            size_t joinable_bytes = kTrainBytesMax) {
  return coalescer.join(route.socket, route.to, bytes) ||
         coalescer.begin(route.socket, route.to, bytes, joinable_bytes);
}

Bytes joined(const Coalescer& coalescer, const Train& train) {
  std::vector<iovec> pieces(train.segments);
  pieces.resize(coalescer.gather(train, pieces));
  Bytes out;
  for (const iovec& piece : pieces) {
    const auto* start = static_cast<const uint8_t*>(piece.iov_base);
    out.insert(out.end(), start, start + piece.iov_len);
  }
  return out;
}

std::vector<size_t> segments(const Coalescer& coalescer) {
  std::vector<size_t> out;
  for (const Train& train : coalescer.trains()) out.push_back(train.segments);
  return out;
}

TEST_CASE("coalescer: a short segment ends its train, a longer one begins another") {
  Coalescer coalescer({});
  for (const size_t bytes : {1200U, 1200U, 300U, 1200U, 1300U, 1300U}) {
    REQUIRE(append(coalescer, kFirst, pattern(bytes)));
  }
  CHECK(segments(coalescer) == std::vector<size_t>{3, 1, 2});
  CHECK(coalescer.trains()[0].segment_bytes == 1200);
  CHECK(coalescer.trains()[0].bytes == 2700);
}

TEST_CASE("coalescer: destinations do not disturb each other's trains") {
  Coalescer coalescer({});
  for (uint64_t i = 0; i < 10; ++i) {
    REQUIRE(append(coalescer, i % 2 == 0 ? kFirst : kSecond, pattern(100, i)));
  }
  CHECK(segments(coalescer) == std::vector<size_t>{5, 5});
  Bytes expected;
  for (uint64_t i = 0; i < 10; i += 2) {
    const Bytes one = pattern(100, i);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  CHECK(joined(coalescer, coalescer.trains()[0]) == expected);
}

TEST_CASE("coalescer: what leaves by different sockets does not join") {
  Coalescer coalescer({});
  for (uint32_t i = 0; i < 10; ++i) REQUIRE(append(coalescer, {i % 2, kPlace}, pattern(100)));
  CHECK(segments(coalescer) == std::vector<size_t>{5, 5});
  CHECK(coalescer.trains()[0].socket == 0);
  CHECK(coalescer.trains()[1].socket == 1);
}

TEST_CASE("coalescer: trap: a longer datagram closes the train before it") {
  Coalescer coalescer({});
  REQUIRE(append(coalescer, kFirst, pattern(100)));
  REQUIRE(append(coalescer, kSecond, pattern(100)));
  REQUIRE(append(coalescer, kFirst, pattern(200)));
  REQUIRE(append(coalescer, kFirst, pattern(50)));
  // Both times the first train is the one that comes next.
  REQUIRE(append(coalescer, kFirst, pattern(100)));
  CHECK(segments(coalescer) == std::vector<size_t>{1, 1, 2, 1});
}

TEST_CASE("coalescer: neighbours in memory leave as one piece") {
  Coalescer coalescer({});
  for (uint64_t i = 0; i < 5; ++i) REQUIRE(append(coalescer, kFirst, pattern(100, i)));
  std::vector<iovec> pieces(5);
  CHECK(coalescer.gather(coalescer.trains()[0], pieces) == 1);
  CHECK(pieces[0].iov_len == 500);
}

TEST_CASE("coalescer: a train has room for as many as there usually are, and so is one piece") {
  Coalescer coalescer({});
  for (size_t round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 32; ++i) {
      REQUIRE(append(coalescer, i % 2 == 0 ? kFirst : kSecond, pattern(1200, i)));
    }
    for (const Train& train : coalescer.trains()) {
      std::vector<iovec> pieces(train.segments);
      CHECK(coalescer.gather(train, pieces) == (round == 0 ? 4 : 1));
    }
    coalescer.clear();
  }
}

TEST_CASE("coalescer: room that is kept for long trains leaves some for short ones") {
  Coalescer coalescer({});
  for (int i = 0; i < 54; ++i) REQUIRE(append(coalescer, kFirst, pattern(1200)));
  for (const size_t least : {20U, 256U}) {  // from the second round on it knows better
    coalescer.clear();
    uint16_t port = 1;
    while (append(coalescer, {0, {kPlace.address, port}}, pattern(1200))) ++port;
    CHECK(coalescer.trains().size() >= least);
  }
}

TEST_CASE("coalescer: trap: the 65th segment begins another train") {
  Coalescer coalescer({});
  for (int i = 0; i < 65; ++i) REQUIRE(append(coalescer, kFirst, pattern(10)));
  CHECK(segments(coalescer) == std::vector<size_t>{64, 1});
}

TEST_CASE("coalescer: trap: the 65,508th byte begins another train") {
  // 65,507 = 109 * 601: eleven segments of 5,955 are 65,505 bytes, so two more bytes fit.
  for (const size_t last : {2U, 3U}) {
    Coalescer coalescer({});
    for (int i = 0; i < 11; ++i) REQUIRE(append(coalescer, kFirst, pattern(5955)));
    REQUIRE(append(coalescer, kFirst, pattern(last)));
    CHECK(coalescer.trains().size() == (last == 2 ? 1 : 2));
    CHECK(coalescer.trains()[0].bytes <= kTrainBytesMax);
  }
}

TEST_CASE("coalescer: what may not join travels alone") {
  Coalescer coalescer({});
  for (int i = 0; i < 3; ++i) REQUIRE(append(coalescer, kFirst, pattern(1000), 999));
  for (int i = 0; i < 3; ++i) REQUIRE(append(coalescer, kFirst, pattern(999), 999));
  // The first of 999 bytes would be a short last segment behind one of 1000.
  CHECK(segments(coalescer) == std::vector<size_t>{1, 1, 1, 3});
}

TEST_CASE("coalescer: it says when it is full and is empty again after clear()") {
  const auto [limits, count] = GENERATE(table<Coalescer::Limits, size_t>({
      {{.datagrams = 7, .bytes = 100'000, .trains = 9}, 7},
      {{.datagrams = 100, .bytes = 70'000, .trains = 9}, 70},
      {{.datagrams = 100, .bytes = 100'000, .trains = 3}, 3},
  }));
  Coalescer coalescer(limits);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < count; ++i) {
      const auto port = static_cast<uint16_t>(limits.trains == 3 ? i + 1 : 1);
      REQUIRE(append(coalescer, {0, {kPlace.address, port}}, pattern(1000)));
    }
    CHECK_FALSE(append(coalescer, {0, {kPlace.address, 999}}, pattern(1000)));
    coalescer.clear();
    CHECK(coalescer.empty());
  }
}

// The model: for every route, the datagrams in the order in which they were appended.
void check_round(Coalescer& coalescer, Rng& rng) {
  using Key = std::pair<uint32_t, Endpoint>;
  std::map<Key, std::vector<Bytes>> model;
  for (uint64_t i = 0;; ++i) {
    const Key key{static_cast<uint32_t>(rng.below(2)),
                  {kPlace.address, static_cast<uint16_t>(1 + rng.below(4))}};
    const size_t bytes = rng.below(4) == 0 ? 1 + rng.below(3000) : 700;
    const Bytes datagram = pattern(bytes, i);
    if (!append(coalescer, {key.first, key.second}, datagram)) break;
    model[key].push_back(datagram);
  }
  std::map<Key, std::vector<Bytes>> seen;
  for (const Train& train : coalescer.trains()) {
    REQUIRE(train.segments >= 1);
    REQUIRE(train.segments <= kTrainSegmentsMax);
    const Bytes bytes = joined(coalescer, train);
    REQUIRE(bytes.size() == train.bytes);
    REQUIRE(train.bytes <= kTrainBytesMax);
    REQUIRE((train.bytes + train.segment_bytes - 1) / train.segment_bytes == train.segments);
    for (size_t at = 0; at < bytes.size(); at += train.segment_bytes) {
      const size_t end = std::min(bytes.size(), at + train.segment_bytes);
      seen[{train.socket, train.to}].emplace_back(bytes.begin() + static_cast<ptrdiff_t>(at),
                                                  bytes.begin() + static_cast<ptrdiff_t>(end));
    }
  }
  CHECK(seen == model);
}

void check_against_model(uint64_t seed) {
  INFO("seed " << seed);
  Rng rng(seed);
  Coalescer coalescer({.datagrams = 300, .bytes = 200'000, .trains = 64});
  for (int round = 0; round < 3; ++round) {
    check_round(coalescer, rng);
    coalescer.clear();
  }
}

TEST_CASE("coalescer: trains carry what was appended, in order (random)") {
  for (uint64_t seed = 1; seed <= 200; ++seed) check_against_model(seed);
}

}  // namespace
}  // namespace fb::engine
