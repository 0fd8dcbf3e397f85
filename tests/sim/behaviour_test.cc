// What a free rider and a polluter make of each datagram that they send.
#include "sim/behaviour.h"

#include <vector>

#include "catch.h"
#include "sim/datagram_pool.h"

using namespace fb;
using namespace fb::sim;

namespace {

constexpr wire::Token kTo = 0x0102030405060708;

// As it goes on its way; nothing when it is not sent.
std::optional<wire::Datagram> sent(Behaviour behaviour, const wire::Message& message,
                                   std::vector<uint8_t>& bytes) {
  wire::Buffer buffer;
  const auto encoded = wire::encode(kTo, message, buffer);
  bytes.assign(encoded.begin(), encoded.end());
  const size_t left = misbehave(behaviour, bytes);
  REQUIRE(left <= bytes.size());
  bytes.resize(left);
  if (left == 0) return std::nullopt;
  auto decoded = wire::decode(bytes);
  REQUIRE(decoded);
  CHECK(decoded->header.to == kTo);
  return *decoded;
}

wire::TradeState some_state() {
  wire::TradeState out;
  out.sequence = 7;
  out.received = 90'000;
  out.room = 30;
  out.tab = 12;
  out.want_referrals = true;
  out.file = wire::FileId{123};
  out.wants.add({0, 17});
  return out;
}

void check_same(const wire::TradeState& a, const wire::TradeState& b) {
  CHECK(a.sequence == b.sequence);
  CHECK(a.received == b.received);
  CHECK(a.room == b.room);
  CHECK(a.tab == b.tab);
  CHECK(a.want_referrals == b.want_referrals);
  CHECK(a.file == b.file);
  REQUIRE(a.wants.count == b.wants.count);
  CHECK(a.wants.items[0] == b.wants.items[0]);
}

const wire::BlockMaps kMaps = {{0, {5, 0, 0, 1}}, {3, {1, 2, 3, 4}}};
const wire::Intervals kWhole = wire::Intervals::of(std::vector<nois::Interval>{{1, 2}, {8, 8}});

}  // namespace

TEST_CASE("a free rider of profile v2 wants what it wants and shows nothing") {
  for (const Behaviour behaviour : {Behaviour::kFreeRider, Behaviour::kLargeView}) {
    std::vector<uint8_t> bytes;
    wire::Greet greet;
    greet.reply_token = 5;
    greet.name = 9;
    greet.path = "index.html";
    greet.any = 3;
    greet.state = some_state();
    greet.have = kMaps;
    const auto greets = sent(behaviour, greet, bytes);
    REQUIRE(greets);
    const auto& shown = std::get<wire::Greet>(greets->message);
    CHECK(shown.have.empty());
    CHECK(shown.path == "index.html");
    CHECK(shown.name == 9);
    CHECK(shown.any == 3);
    check_same(shown.state, greet.state);

    const auto greeted = sent(behaviour, wire::Greeted{5, some_state(), kWhole, kMaps}, bytes);
    REQUIRE(greeted);
    CHECK(std::get<wire::Greeted>(greeted->message).whole.count == 0);
    CHECK(std::get<wire::Greeted>(greeted->message).have.empty());
    CHECK(std::get<wire::Greeted>(greeted->message).reply_token == 5);
    check_same(std::get<wire::Greeted>(greeted->message).state, some_state());

    const auto control = sent(behaviour, wire::Control{some_state(), kWhole, kMaps}, bytes);
    REQUIRE(control);
    CHECK(std::get<wire::Control>(control->message).whole.count == 0);
    CHECK(std::get<wire::Control>(control->message).have.empty());
    check_same(std::get<wire::Control>(control->message).state, some_state());
  }
}

TEST_CASE("a free rider sends no chunk, but what the datagram says besides") {
  const std::vector<uint8_t> chunk(1024, 0xab);
  std::vector<uint8_t> bytes;
  wire::Piece piece;
  piece.state = some_state();
  piece.chunk = {0, 200};
  piece.news.add({0, 1});
  piece.bytes = chunk;
  const auto control = sent(Behaviour::kFreeRider, piece, bytes);
  REQUIRE(control);
  REQUIRE(std::holds_alternative<wire::Control>(control->message));
  check_same(std::get<wire::Control>(control->message).state, some_state());
  CHECK_FALSE(data_payload(bytes));
  CHECK_FALSE(sent(Behaviour::kFreeRider, wire::Data{wire::FileId{1}, 2, 3, true, chunk}, bytes));
  const wire::FirstHandshakeReply offer{wire::FileId{1}, 2, kWhole};
  CHECK_FALSE(sent(Behaviour::kFreeRider, offer, bytes));
  CHECK(sent(Behaviour::kFreeRider, wire::Bye{}, bytes));
  CHECK(sent(Behaviour::kFreeRider, wire::SecondHandshake{wire::FileId{1}, 2, {3}}, bytes));
}

TEST_CASE("the honest send what they send, and a polluter one byte else") {
  const std::vector<uint8_t> chunk(1024, 0xab);
  wire::Piece piece;
  piece.state = some_state();
  piece.bytes = chunk;
  std::vector<uint8_t> honest, polluted;
  REQUIRE(sent(Behaviour::kHonest, piece, honest));
  REQUIRE(sent(Behaviour::kPolluter, piece, polluted));
  REQUIRE(honest.size() == polluted.size());
  size_t changed = 0;
  for (size_t i = 0; i < honest.size(); ++i) changed += honest[i] == polluted[i] ? 0U : 1U;
  CHECK(changed == 1);
  CHECK(polluted[*wire::chunk_bytes_at(polluted)] == (0xab ^ 0x55));
  std::vector<uint8_t> bytes;
  REQUIRE(sent(Behaviour::kHonest, wire::Control{some_state(), kWhole, kMaps}, bytes));
  CHECK(data_payload(honest) == ByteCount{1024});
}

TEST_CASE("too short for a header, or no message: it stays as it is") {
  std::vector<uint8_t> bytes(9, 0xff);
  CHECK(misbehave(Behaviour::kFreeRider, bytes) == 9);
  bytes.assign(64, 0xff);
  CHECK(misbehave(Behaviour::kFreeRider, bytes) == 64);
  CHECK(bytes == std::vector<uint8_t>(64, 0xff));
}

TEST_CASE("a datagram on its way can be shortened, and its slot used again") {
  DatagramPool pool;
  const std::vector<uint8_t> large(1200, 1);
  const uint32_t slot = pool.put(3, {}, large);
  pool.shorten(slot, 40);
  CHECK(pool.bytes(slot).size() == 40);
  pool.release(slot);
  CHECK(pool.put(3, {}, large) == slot);
  CHECK(pool.bytes(slot).size() == 1200);
}
