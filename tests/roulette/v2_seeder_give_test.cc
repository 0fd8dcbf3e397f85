// To whom the seeder of profile v2 gives its chunks where many come.
#include <map>

#include "v2_seeder_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_seeder_test;

TEST_CASE("v2 seeder: who asks comes before newcomers where many come and all give") {
  // How many of the first six chunks go to who asks for all, while many newcomers greet; after all
  // but one have long left, it is a cold start.
  const auto got = [](uint8_t newcomers, bool some_stay, bool asks_last = false,
                      bool cold = false) {
    RouletteConfig config;
    config.uplink = BitRate{800'000};
    Fixture f(config);
    std::vector<wire::Token> tokens;
    for (uint8_t i = 1; i <= 5; ++i) {
      f.receive(host(i), 0, join_of(host(i)));
      f.seeder->advance(f.now = f.now + milliseconds(100));
      f.receive(host(i), f.out.last<wire::Admit>(host(i))->ticket, greet_of(host(i)));
      f.seeder->advance(f.now = f.now + milliseconds(100));
      tokens.push_back(f.out.last<wire::Greeted>(host(i))->reply_token);
    }
    wire::Control control;
    for (uint16_t second = 0; second < (some_stay || cold ? 8 : 3); ++second) {
      f.now = f.now + seconds(1);
      control.state.sequence = static_cast<uint16_t>(second + 2);
      for (uint8_t i = 1; i <= (cold ? 1 : 5); ++i) {
        f.receive(host(i), tokens[i - 1U], control);
      }
      f.seeder->advance(f.now);
    }
    for (uint8_t i = 0; i < newcomers; ++i) {
      const Endpoint from = host(static_cast<uint8_t>(50 + i));
      f.receive(from, 0, join_of(from));
      f.seeder->advance(f.now = f.now + milliseconds(15));
    }
    control.state.file = f.file();
    control.state.sequence = 100;
    for (uint8_t k = 0; k < 40; ++k) control.state.wants.add({0, k});
    if (!asks_last) f.receive(host(1), tokens[0], control);
    for (uint8_t i = 0; i < newcomers; ++i) {
      const Endpoint from = host(static_cast<uint8_t>(50 + i));
      f.receive(from, f.out.last<wire::Admit>(from)->ticket, greet_of(from));
    }
    if (asks_last) f.receive(host(1), tokens[0], control);
    f.out.sent.clear();
    for (int i = 0; i < 100; ++i) f.seeder->advance(f.now = f.now + milliseconds(5));
    size_t chunks = 0;
    size_t to_asker = 0;
    size_t asked = 0;
    for (const auto& sent : f.out.sent) {
      const auto datagram = sent.decoded();
      const auto* piece = std::get_if<wire::Piece>(&datagram.message);
      if (piece == nullptr) continue;
      asked += sent.to == host(1) && !piece->pushed ? 1U : 0U;
      if (chunks == 6) continue;
      ++chunks;
      to_asker += sent.to == host(1) ? 1U : 0U;
    }
    REQUIRE(chunks == 6);
    // It asks once, and a quarter of the queue is for it.
    if (newcomers == 30 && !some_stay && !asks_last && !cold) CHECK(asked <= 4);
    return to_asker;
  };
  CHECK(got(30, false) == 3);  // four wait, and one of them went at once
  CHECK(got(30, false, /*asks_last=*/true) >= 3);
  CHECK(got(12, false) <= 1);
  CHECK(got(30, true) <= 1);
  CHECK(got(30, false, false, /*cold=*/true) <= 1);  // nobody has much to give yet
}

TEST_CASE("v2 seeder: first chunks for newcomers are half of its line, and few wait") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  // Chunks that somebody was meant to get at its greeting; others are marked as pushed.
  const auto firsts = [&] {
    size_t out = 0;
    for (const auto& sent : f.out.sent) {
      const auto datagram = sent.decoded();
      const auto* piece = std::get_if<wire::Piece>(&datagram.message);
      out += piece != nullptr && !piece->pushed ? 1U : 0U;
    }
    f.out.sent.clear();
    return out;
  };
  const auto joins = [&](uint8_t number) {
    f.receive(host(number), 0, join_of(host(number)));
    f.seeder->advance(f.now = f.now + milliseconds(15));
    return f.out.last<wire::Admit>(host(number)).value().ticket;
  };
  for (uint8_t i = 1; i <= 120; ++i) {  // 66 a second
    const wire::Token ticket = joins(i);
    f.receive(host(i), ticket, greet_of(host(i)));
    if (i == 60) firsts();
  }
  const size_t in_a_second = firsts();
  CHECK(in_a_second > 20);
  CHECK(in_a_second < 45);
  f.now = f.now + seconds(2);
  // Thirty at an instant.
  std::map<uint8_t, wire::Token> tickets;
  for (uint8_t i = 121; i <= 150; ++i) tickets[i] = joins(i);
  firsts();
  for (const auto& [number, ticket] : tickets) {
    f.receive(host(number), ticket, greet_of(host(number)));
  }
  for (int i = 0; i < 100; ++i) f.seeder->advance(f.now = f.now + milliseconds(5));
  const size_t of_thirty = firsts();
  CHECK(of_thirty > 10);
  CHECK(of_thirty <= 17);
}
