// The peer of profile v2, datagram by datagram: which chunks it asks for, of whom, and when.
#include <map>
#include <set>

#include "roulette/coded_set.h"
#include "v2_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_test;

TEST_CASE("v2 peer: what is long overdue does not keep it from asking others") {
  RouletteConfig config;
  config.v2.timeout_min = seconds(5);  // it is not given up
  enum class Filled { kWants, kAny, kSilent };
  for (const auto how : {Filled::kWants, Filled::kAny, Filled::kSilent}) {
    CAPTURE(static_cast<int>(how));
    const bool any = how != Filled::kWants;
    Fixture f(100 * 1024, config);
    const auto greet = [&](uint8_t number) {
      wire::Greet out = f.greet(0xa00U + number, 0xb00U + number);
      out.have = {wire::BlockMap{0, {~0ULL, 0xfffffffff}}};
      out.state.tab = 200;
      return out;
    };
    // Ten who have all, grant much and give nothing; or ten who were asked for whatever they have,
    // and have said at least that they are there; or have not.
    std::vector<wire::Contact> contacts;
    for (uint8_t i = 20; any && i < 30; ++i) contacts.push_back({host(i), 60U + i});
    f.join(contacts);
    for (uint8_t i = 0; i < 8; ++i) f.give(i);  // else the seeder owes them
    for (uint8_t i = 20; i < 30; ++i) {
      if (how == Filled::kAny) f.answer_greet(host(i), 0xa00U + i);
      if (!any) f.receive(host(i), f.ticket_for(host(i)), greet(i));
    }
    f.pass(milliseconds(100));
    f.receive(host(40), f.ticket_for(host(40)), greet(40));
    const auto asked = [&] {
      const auto control = f.out.last<wire::Control>(host(40));
      return control && control->state.wants.count > 0;
    };
    f.pass(milliseconds(100));
    CHECK_FALSE(asked());
    f.pass(milliseconds(100));
    CHECK(asked() == (how == Filled::kSilent));
    f.pass(milliseconds(200));
    CHECK(asked());
  }
}

TEST_CASE("v2 peer: no more is asked of the seeder than one want list tells") {
  RouletteConfig config;
  config.downlink = {100'000'000};
  Fixture f(200 * 1024, config);
  f.join();
  f.out.sent.clear();
  f.give(0, 255);
  f.pass(milliseconds(300));
  REQUIRE(f.out.last<wire::Control>(host(1)));
  // Seven of the "any" of the greeting are awaited, too.
  CHECK(f.out.last<wire::Control>(host(1))->state.wants.count + 7U == wire::kWantsMax);
  CHECK(f.out.count<wire::Control>() < 5);  // all has been told
}

TEST_CASE("v2 peer: who is alone asks the seeder for source chunks, else for repair chunks too") {
  RouletteConfig config;
  config.downlink = {4'000'000};
  for (const bool alone : {true, false}) {
    CAPTURE(alone);
    Fixture f(100 * 1024, config);
    std::vector<wire::Contact> contacts;
    if (!alone) contacts.push_back({host(2), 0x22});
    f.join(contacts);
    if (!alone) f.answer_greet(host(2), 0x2222);
    f.give(0, 200);
    f.pass(milliseconds(100));
    const auto wants = f.out.last<wire::Control>(host(1)).value().state.wants;
    const auto repairs = std::ranges::count_if(
        wants.span(), [](wire::ChunkName chunk) { return chunk.position >= 100; });
    CHECK(wants.count > 20);
    CHECK((repairs == 0) == alone);
  }
}

TEST_CASE("v2 peer: who is alone asks for a large object in order, and for nothing twice") {
  RouletteConfig config;
  config.downlink = {100'000'000};
  Fixture f(700 * 1024, config);
  f.join();
  const auto give = [&](content::FileId object, wire::ChunkName chunk) {
    f.give_from(host(1), f.seeder_token, object, chunk, 200);
  };
  const auto told = [&] { return f.out.last<wire::Control>(host(1)).value().state.wants; };
  REQUIRE(f.record().list_ids.size() == 1);
  for (uint8_t position = 0; position < 2; ++position) give(f.record().list_ids[0], {0, position});
  give(f.file(), {0, 0});
  f.pass(milliseconds(100));
  const auto first = told();
  REQUIRE(first.count > 40);
  const uint16_t block = first.items[0].block;
  const bool begun = block == 0;  // with the chunk that it got
  for (uint8_t i = 0; i < first.count; ++i) {
    CHECK(first.items[i] == wire::ChunkName{block, static_cast<uint8_t>(i + (begun ? 1 : 0))});
  }
  // All of the block but its last three: these are asked for, and no repair chunk beside them, but
  // the beginning of another block.
  for (uint8_t position = begun ? 1 : 0; position < 125; ++position) {
    give(f.file(), {block, position});
    f.pass(milliseconds(1));
  }
  f.pass(milliseconds(100));
  const auto then = told();
  REQUIRE(then.count > 10);
  for (uint8_t i = 0; i < 3; ++i) {
    CHECK(then.items[i] == wire::ChunkName{block, static_cast<uint8_t>(125 + i)});
  }
  const uint16_t next = then.items[3].block;
  CHECK(next != block);
  for (uint8_t i = 4; i < then.count && then.items[i].block == next; ++i) {
    CHECK(then.items[i].position == then.items[i - 1].position + 1);
  }
  CHECK(f.peer->stats().chunk_bytes_duplicate == 0);
}

TEST_CASE("v2 peer: of much that is asked at once, more is told together") {
  RouletteConfig config;
  config.downlink = {100'000'000};
  for (const uint8_t grant : {uint8_t{12}, uint8_t{200}}) {
    CAPTURE(grant);
    Fixture f(120 * 1024, config);
    f.join();
    f.give(0, grant);
    f.pass(milliseconds(100));
    f.out.sent.clear();
    for (uint8_t position = 1; position < 25; ++position) {
      f.give(position, grant);
      CHECK(f.peer->next_deadline() <= f.now);  // asks when all is taken in that came with it
      f.peer->advance(f.now);
    }
    // Of some dozens every fourth part, of few every sixth chunk.
    CAPTURE(f.out.count<wire::Control>());
    CHECK((f.out.count<wire::Control>() <= 2) == (grant == 200));
  }
}

TEST_CASE("v2 peer: what has come is wanted no more of whoever else was asked for it") {
  for (const uint8_t first : {uint8_t{2}, uint8_t{3}}) {
    CAPTURE(first);
    RouletteConfig config;
    config.v2.timeout_min = seconds(5);  // nobody is given up
    Fixture f(40 * 1024, config);
    f.join();
    for (uint8_t position = 6; position < 40; ++position) f.give(position);
    // Two who hold the first six, which are lacking.
    std::array<wire::Token, 4> tokens{};
    for (const uint8_t i : {uint8_t{2}, uint8_t{3}}) {
      wire::Greet greet = f.greet(i, 0xb00U + i);
      greet.have = {wire::BlockMap{0, {0x3f}}};
      greet.state.tab = 200;
      f.receive(host(i), f.ticket_for(host(i)), greet);
      tokens[i] = f.out.last<wire::Greeted>(host(i)).value().reply_token;
    }
    const auto wants = [&](uint8_t of) {
      const auto control = f.out.last<wire::Control>(host(of));
      return control ? std::vector(control->state.wants.span().begin(),
                                   control->state.wants.span().end())
                     : std::vector<wire::ChunkName>();
    };
    // Some of one, some of the other; for what is late, both of them.
    f.pass(milliseconds(600));
    std::optional<wire::ChunkName> both;
    for (const wire::ChunkName chunk : wants(2)) {
      if (std::ranges::count(wants(3), chunk) > 0) both = chunk;
    }
    REQUIRE(both);
    f.give_from(host(first), tokens[first], both->position);
    const auto other = static_cast<uint8_t>(5 - first);
    f.out.sent.clear();
    f.pass(milliseconds(600));
    CHECK(std::ranges::count(wants(other), *both) == 0);
    CHECK_FALSE(wants(other).empty());
  }
}

TEST_CASE("v2 peer: who gets nothing asks the seeder soon, and then ever less often") {
  Fixture f;
  f.join();
  f.give(0);
  f.out.sent.clear();
  f.pass(seconds(4));
  const size_t calls = f.out.count<wire::Control>() + f.out.count<wire::Join>();
  CHECK(calls >= 2);
  CHECK(calls <= 8);
}

namespace {

// A visitor with a window of 16 chunks, which are asked of six neighbours that have all and grant
// much, four of each at most.
struct Crowded : Fixture {
  static constexpr uint8_t kOthers = 6;

  Crowded(size_t size, bool ask_along) : Fixture(size, config(ask_along)) {
    std::vector<wire::Contact> contacts;
    for (uint8_t i = 2; i < 2 + kOthers; ++i) contacts.push_back({host(i), 0x20U + i});
    join(contacts);
    for (uint8_t i = 0; i < 8; ++i) give(i);
    for (uint8_t i = 2; i < 2 + kOthers; ++i) {
      const auto greet = out.last<wire::Greet>(host(i)).value();
      tokens[i] = greet.reply_token;
      wire::Greeted answer;
      answer.reply_token = 0x2200U + i;
      answer.state = state(200);
      answer.have = {wire::BlockMap{0, BlockBits::all(255).words}};
      receive(host(i), greet.reply_token, answer);
    }
    pass(milliseconds(50));
  }
  static RouletteConfig config(bool ask_along) {
    RouletteConfig out;
    out.downlink = out.uplink = {800'000};
    out.v2.ask_along = ask_along;
    out.v2.push = false;
    out.v2.any = 0;
    out.v2.timeout_min = seconds(10);
    return out;
  }
  // Positions that were asked for by name so far, of whomever.
  std::set<uint8_t> named() const {
    std::set<uint8_t> positions;
    for (const auto& sent : out.sent) {
      const auto message = sent.decoded().message;
      const auto* control = std::get_if<wire::Control>(&message);
      const auto* piece = std::get_if<wire::Piece>(&message);
      if (control == nullptr && piece == nullptr) continue;
      const wire::TradeState& told = control != nullptr ? control->state : piece->state;
      for (const wire::ChunkName chunk : told.wants.span()) positions.insert(chunk.position);
    }
    return positions;
  }
  // A chunk that `from` was asked for comes.
  void answer(uint8_t from) {
    const auto asked = out.last<wire::Control>(host(from)).value().state.wants;
    REQUIRE(asked.count > 0);
    give_from(host(from), tokens.at(from), asked.span().front().position);
  }
  void want(uint8_t from, uint8_t position) {
    wire::Control control;
    control.state = state(200);
    control.state.wants.add({0, position});
    receive(host(from), tokens.at(from), control);
  }

  std::map<uint8_t, wire::Token> tokens;
};

}  // namespace

TEST_CASE("v2 peer: a piece carries a request, also a few beyond the window") {
  for (const bool ask_along : {true, false}) {
    CAPTURE(ask_along);
    Crowded f(100 * 1024, ask_along);
    const size_t before = f.named().size();
    REQUIRE(before == 16);
    // Each of them wants a chunk, and for four a place is left.
    for (uint8_t i = 2; i < 2 + Crowded::kOthers; ++i) f.want(i, i - 2);
    const size_t controls = f.out.count<wire::Control>();
    f.pass(milliseconds(100));
    for (uint8_t i = 2; i < 2 + Crowded::kOthers; ++i) CHECK(f.pieces_to(host(i)) == 1);
    CHECK(f.named().size() == before + (ask_along ? 4 : 0));
    CHECK(f.out.count<wire::Control>() == controls);
  }
}

TEST_CASE("v2 peer: a request goes alone when a quarter of the window is free, or at the end") {
  for (const bool ask_along : {true, false}) {
    CAPTURE(ask_along);
    Crowded f(100 * 1024, ask_along);
    REQUIRE(f.named().size() == 16);
    for (uint8_t i = 2; i < 5; ++i) {
      f.answer(i);
      f.pass(milliseconds(50));
      CHECK(f.named().size() == 16U + (ask_along ? 0 : i - 1));
    }
    f.answer(5);
    f.pass(milliseconds(50));
    CHECK(f.named().size() == 20);
  }
  // Of 32 chunks eight are here, 16 are asked for, and eight more are the last ones.
  Crowded f(32 * 1024, true);
  REQUIRE(f.named().size() == 16);
  f.answer(2);
  f.pass(milliseconds(50));
  CHECK(f.named().size() == 17);
}
