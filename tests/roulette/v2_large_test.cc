// The peer of profile v2, datagram by datagram, with an object of many blocks.
#include <set>

#include "v2_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_test;

namespace {

constexpr size_t kSize = 700 * 1024;  // five blocks of 128 chunks, and one of 60
const Endpoint kOther = host(2);

// A visit to a large file that has got its hash list, and one neighbour that holds nothing yet.
struct Large : Fixture {
  explicit Large(RouletteConfig config = {}) : Fixture(kSize, config) {
    join({{kOther, 0x22}});
    REQUIRE(record().list_ids.size() == 1);
    const content::FileId list = record().list_ids[0];
    for (uint8_t position = 0; position < 2; ++position) {
      give_from(host(1), seeder_token, list, {0, position}, 0);
    }
    token = answer_greet(kOther, 0x2222);
    pass(milliseconds(100));
    out.sent.clear();
  }
  // Source chunks of one block, the seeder's.
  void give_block(uint16_t block, uint8_t from, uint8_t to) {
    for (uint8_t position = from; position < to; ++position) {
      give_from(host(1), seeder_token, file(), {block, position}, 0);
    }
  }
  // What the neighbour says next.
  wire::Control says() {
    return {state(200), {}, {}, {}};
  }
  // All that has been told to the neighbour of what is held, one CONTROL after the other.
  std::vector<std::set<uint16_t>> blocks_told() const {
    std::vector<std::set<uint16_t>> told;
    for (const auto& sent : out.sent) {
      const auto message = sent.decoded().message;
      const auto* control = std::get_if<wire::Control>(&message);
      if (sent.to != kOther || control == nullptr || control->have.empty()) continue;
      auto& blocks = told.emplace_back();
      for (const wire::BlockMap& map : control->have) blocks.insert(map.block);
    }
    return told;
  }

  wire::Token token = 0;  // that the neighbour reaches it by
};

// It says nothing but what it has to.
RouletteConfig quiet() {
  RouletteConfig config;
  config.v2.push = config.v2.referrals = false;
  return config;
}

}  // namespace

TEST_CASE("v2 peer: who has a block whole is asked for its source chunks") {
  Large f;
  auto whole = f.says();
  whole.whole.items[0] = {0, 4};
  whole.whole.count = 1;
  f.receive(kOther, f.token, whole);
  size_t asked = 0;
  // Whatever it is asked for it gives, so that it is asked for more.
  for (int round = 0; round < 40; ++round) {
    f.pass(milliseconds(20));
    const auto control = f.out.last<wire::Control>(kOther);
    f.out.sent.clear();
    if (!control) continue;
    for (const wire::ChunkName chunk : control->state.wants.span()) {
      CAPTURE(chunk.block, static_cast<int>(chunk.position));
      CHECK(chunk.position < 128);
      ++asked;
      f.give_from(kOther, f.token, f.file(), chunk, 0);
    }
    f.receive(kOther, f.token, f.says());
  }
  CHECK(asked > 40);
}

TEST_CASE("v2 peer: of many blocks those are told of that have grown most, and each once") {
  Large f(quiet());
  for (uint8_t block = 0; block < 6; ++block) f.give_block(block, 0, 10 + block);
  f.pass(milliseconds(100));
  REQUIRE(f.blocks_told().size() == 1);
  CHECK(f.blocks_told()[0] == std::set<uint16_t>{2, 3, 4, 5});
  f.out.sent.clear();
  // A quarter more, of one of them: and what has not been told yet.
  f.give_block(4, 20, 50);
  f.pass(milliseconds(100));
  REQUIRE(f.blocks_told().size() == 1);
  CHECK(f.blocks_told()[0] == std::set<uint16_t>{0, 1, 4});
}

TEST_CASE("v2 peer: who greets again is told of all once more") {
  Large f(quiet());
  for (uint16_t block = 0; block < 3; ++block) f.give_block(block, 0, 20);
  const auto greet = f.greet(0x3333, 0xbbb);
  for (int time = 0; time < 2; ++time) {
    f.receive(host(3), f.ticket_for(host(3)), greet);
    const auto answer = f.out.last<wire::Greeted>(host(3));
    REQUIRE(answer);
    CHECK(answer->have.size() == 3);
    f.out.sent.clear();
  }
}

TEST_CASE("v2 peer: of much that is held, thirty-two chunks more are news") {
  Large f(quiet());
  for (uint16_t block = 0; block < 4; ++block) f.give_block(block, 0, 60);
  f.pass(seconds(1));  // what the greeting asked for is given up, too
  f.out.sent.clear();
  f.give_block(4, 0, 31);
  f.pass(milliseconds(200));
  CHECK(f.blocks_told().empty());
  f.give_block(4, 31, 32);
  f.pass(milliseconds(100));
  CHECK(f.blocks_told() == std::vector{std::set<uint16_t>{4}});
}

TEST_CASE("v2 peer: who gave much may owe more, as far as it counts, and is told so") {
  struct Row {
    uint32_t percent;
    ByteCount unverified;
    uint8_t told;      // in units of 256 bytes
    size_t pieces;     // of 1 KiB that it can have
  };
  // It gave 8 KiB, of which nothing is verified; alone it has a tab of 16 KiB.
  for (const Row& row : {Row{0, kib(64), 64, 8 + 16}, Row{25, kib(64), 72, 8 + 18},
                         Row{100, kib(64), 96, 8 + 24}, Row{25, kib(4), 64 + 4 - 16, 4 + 17}}) {
    CAPTURE(row.percent, row.unverified.bytes);
    RouletteConfig config = quiet();
    config.v2.tab_percent = row.percent;
    config.v2.unverified_credit = row.unverified;
    Large f(config);
    f.give_block(0, 0, 60);
    for (uint8_t position = 0; position < 8; ++position) {
      f.give_from(kOther, f.token, f.file(), {1, position}, 0);
    }
    f.pass(milliseconds(100));
    auto control = f.says();
    for (uint8_t position = 0; position < 60; ++position) control.state.wants.add({0, position});
    f.receive(kOther, f.token, control);
    f.pass(seconds(1));
    CHECK(f.pieces_to(kOther) == row.pieces);
    const auto last = f.out.last<wire::Piece>(kOther);
    REQUIRE(last);
    CHECK(static_cast<int>(last->state.tab) == static_cast<int>(row.told));
  }
}
