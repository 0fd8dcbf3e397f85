// The peer of profile v2, datagram by datagram: what it sends unasked, and before what.
#include <map>
#include <utility>
#include <vector>

#include "roulette/coded_set.h"
#include "roulette/holders.h"
#include "v2_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_test;

namespace {

// Positions below 100 that may be pushed to who says salt 0, as the fixture does, and others.
std::vector<uint8_t> positions(bool pushable) {
  std::vector<uint8_t> out;
  for (uint8_t position = 0; position < 100; ++position) {
    if (BlockBits::half(0).test(position) == pushable) out.push_back(position);
  }
  return out;
}

const std::vector<uint8_t> kPushable = positions(true);
const std::vector<uint8_t> kOther = positions(false);

// A visitor of a file of 100 chunks whose line carries a piece in 10 ms, and neighbours from
// host(2) on who have given it a chunk.
struct Swarm : Fixture {
  Swarm(uint8_t neighbours, const RouletteConfig& config)
      : Fixture(100 * 1024, with_line(config)), count(neighbours) {
    std::vector<wire::Contact> contacts;
    for (uint8_t i = 2; i < 2 + count; ++i) contacts.push_back({host(i), 0x20U + i});
    join(contacts);
    for (uint8_t i = 2; i < 2 + count; ++i) {
      const auto greet = out.last<wire::Greet>(host(i)).value();
      tokens[i] = greet.reply_token;
      wire::Greeted answer;
      answer.reply_token = 0x2200U + i;
      answer.state = quiet();
      receive(host(i), greet.reply_token, answer);
      give_quietly(i, kOther[i]);
    }
    pass(milliseconds(100));
    out.sent.clear();
  }
  static RouletteConfig with_line(RouletteConfig config) {
    config.uplink = {880'000};
    config.v2.any = 0;
    return config;
  }
  // Of somebody who wants nothing unasked.
  wire::TradeState quiet() {
    wire::TradeState out_state = state(200);
    out_state.room = 0;
    return out_state;
  }
  void give_quietly(uint8_t from, uint8_t position) {
    give_from(host(from), tokens.at(from), position);
    tell(from, {}, 0);
  }
  // It holds these, and shows room for so many chunks.
  void tell(uint8_t from, const BlockBits& have, uint8_t room) {
    wire::Control control;
    control.state = state(200);
    control.state.room = room;
    control.have = {wire::BlockMap{0, have.words}};
    receive(host(from), tokens.at(from), control);
  }
  void want(uint8_t from, uint8_t position, uint8_t room) {
    wire::Control control;
    control.state = state(200);
    control.state.room = room;
    control.state.wants.add({0, position});
    receive(host(from), tokens.at(from), control);
  }
  struct Sent {
    Endpoint to;
    uint8_t position;
    bool pushed;
    bool operator==(const Sent&) const = default;
  };
  std::vector<Sent> pieces() const {
    std::vector<Sent> all;
    for (const auto& sent : out.sent) {
      const auto message = sent.decoded().message;
      const auto* piece = std::get_if<wire::Piece>(&message);
      if (piece != nullptr) all.push_back({sent.to, piece->chunk.position, piece->pushed});
    }
    return all;
  }

  uint8_t count;
  std::map<uint8_t, wire::Token> tokens;
};

BlockBits bits(const std::vector<uint8_t>& positions) {
  BlockBits out;
  for (const uint8_t position : positions) out.set(position);
  return out;
}

}  // namespace

TEST_CASE("holders are counted for each position, and the rarest is picked") {
  Rng rng(1);
  Holders holders;
  CHECK_FALSE(holders.pick_rarest({}, rng));
  holders.add(bits({1, 2, 255}));
  holders.add(bits({2, 255}));
  for (uint32_t i = 0; i < 2 * Holders::kMost; ++i) holders.add(bits({255}));
  CHECK(holders.held_by(1) == bits({1, 2, 255}));
  CHECK(holders.held_by(2) == bits({2, 255}));
  CHECK(holders.held_by(3) == bits({255}));
  CHECK(holders.held_by(Holders::kMost) == bits({255}));
  CHECK(holders.pick_rarest(bits({1, 2, 3, 255}), rng) == 3);
  CHECK(holders.pick_rarest(bits({1, 2, 255}), rng) == 1);
  CHECK(holders.pick_rarest(bits({2, 255}), rng) == 2);
  CHECK(holders.pick_rarest(bits({255}), rng) == 255);
}

TEST_CASE("v2 peer: unasked goes first what the fewest neighbours are known to hold") {
  RouletteConfig config;
  config.v2.scarce_first = false;
  for (const bool rarest_first : {true, false}) {
    CAPTURE(rarest_first);
    config.v2.rarest_first = rarest_first;
    Swarm f(4, config);
    // It holds 24 of which two others hold all, one of these two all but one.
    const std::vector<uint8_t> held(kPushable.begin(), kPushable.begin() + 24);
    for (const uint8_t position : held) f.give(position);
    BlockBits nearly = bits(held);
    nearly.reset(held[7]);
    f.tell(2, bits(held), 0);
    f.tell(3, nearly, 0);
    f.pass(milliseconds(100));
    f.out.sent.clear();
    f.tell(4, {}, 200);
    f.pass(milliseconds(20));
    REQUIRE_FALSE(f.pieces().empty());
    CHECK(f.pieces().front().to == host(4));
    // At random it is one of 24, the same in each run.
    CHECK((f.pieces().front().position == held[7]) == rarest_first);
  }
}

TEST_CASE("v2 peer: what is scarce goes before what is asked for, where no block is whole") {
  enum class Case { kScarce, kOff, kWhole, kNoPush };
  for (const auto how : {Case::kScarce, Case::kOff, Case::kWhole, Case::kNoPush}) {
    CAPTURE(static_cast<int>(how));
    RouletteConfig config;
    config.v2.scarce_first = how != Case::kOff;
    config.v2.push = how != Case::kNoPush;
    Swarm f(4, config);
    const uint8_t asked = kOther[20];
    const uint8_t asked_then = kOther[21];
    const uint8_t scarce = kPushable[0];
    f.give(asked);
    f.give(asked_then);
    // All but two of the 100 chunks are somewhere, or all.
    BlockBits rest = BlockBits::all(100);
    rest.reset(scarce);
    if (how != Case::kWhole) rest.reset(kPushable[5]);
    f.tell(5, rest, 0);
    f.pass(milliseconds(50));
    f.out.sent.clear();
    f.want(3, asked, 0);
    f.peer->advance(f.now);
    REQUIRE(f.pieces().size() == 1);
    f.give(scarce);       // while that fills the line
    f.want(3, asked_then, 100);
    f.tell(2, {}, 100);
    f.tell(4, {}, 100);
    f.pass(milliseconds(50));
    const auto sent = f.pieces();
    REQUIRE(sent.size() >= 2);
    if (how == Case::kScarce) {
      // Two get it, of whom one may be the one that asks.
      REQUIRE(sent.size() == 4);
      CHECK((sent[1].pushed && sent[1].position == scarce));
      CHECK((sent[2].pushed && sent[2].position == scarce));
      CHECK_FALSE(sent[1].to == sent[2].to);
      CHECK(sent[3] == Swarm::Sent{host(3), asked_then, false});
    } else {
      CHECK(sent[1] == Swarm::Sent{host(3), asked_then, false});
      CHECK((sent.size() > 2) == (how != Case::kNoPush));
    }
  }
}

TEST_CASE("v2 peer: where no block is whole, what a fifth of the neighbours hold is not pushed") {
  for (const uint8_t holders : {uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
    for (const uint8_t neighbours : {uint8_t{5}, uint8_t{15}}) {
      for (const bool scarce_first : {true, false}) {
        CAPTURE(holders, neighbours, scarce_first);
        RouletteConfig config;
        config.v2.scarce_first = scarce_first;
        Swarm f(neighbours, config);
        const uint8_t chunk = kPushable[0];
        for (uint8_t i = 0; i < holders; ++i) f.tell(static_cast<uint8_t>(3 + i), bits({chunk}), 0);
        f.give(chunk);
        f.tell(2, {}, 100);
        f.pass(milliseconds(50));
        const bool pushed = std::ranges::any_of(f.pieces(), [&](const auto& sent) {
          return sent.to == host(2) && sent.position == chunk;
        });
        // Of five it is two that make it common, of 15 three.
        const bool common = holders >= (neighbours == 5 ? 2 : 3);
        CHECK(pushed == (!scarce_first || !common));
      }
    }
  }
}
