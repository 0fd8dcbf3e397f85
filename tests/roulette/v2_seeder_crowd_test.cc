// The seeder of profile v2 where many come: who waits for whom, and what is for some only.
#include <map>

#include "v2_seeder_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_seeder_test;

namespace {

// Of host(1).
void ask_manifests(Fixture& f, wire::Token ticket, uint16_t times) {
  for (uint16_t request = 1; request <= times; ++request) {
    f.receive(host(1), ticket, wire::ManifestRequest{1, {}, request, "f"});
  }
}
// The i-th of many behind one address.
wire::Join numbered_join(const Endpoint& from, uint16_t i) {
  wire::Join out = join_of(from);
  out.reply_token += i * 1000U;
  out.name += i * 1000U;
  return out;
}

}  // namespace

TEST_CASE("v2 seeder: the queue of joins is bounded, and a slow line answers in order") {
  RouletteConfig config;
  config.uplink = {8'000};  // 25 + 28 bytes take 53 ms
  Fixture f(config);
  constexpr size_t kPlaces = 16'384;
  for (uint32_t i = 0; i < kPlaces + 1000; ++i) {
    const Endpoint from{Address::v4(10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)),
                        static_cast<uint16_t>(1 + (i >> 16))};
    f.receive(from, 0, wire::Join{wire::Profile::kV2, 1 + i, 1 + i, {}, {}});
  }
  CHECK(f.out.sent.size() == 1);
  CHECK(f.drops(Drop::kHalfOpenFull) == 999);
  const uint64_t before = f.out.sent.size();
  for (int i = 0; i < 100; ++i) {
    f.now = f.now + milliseconds(53);
    f.seeder->advance(f.now);
  }
  CHECK(f.out.sent.size() - before <= 102);
  CHECK(f.out.sent.size() - before >= 98);
  CHECK(f.out.sent[5].to.address == Address::v4(10, 0, 0, 5));
}

TEST_CASE("v2 seeder: who joins again gets no more chunks unasked, and waits for newcomers") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  f.meet(host(1));
  CHECK(f.out.count<wire::Piece>() > 0);
  f.now = f.now + milliseconds(400);
  f.receive(host(1), 0, join_of(host(1)));
  const size_t before_greeting = f.out.count<wire::Piece>();
  wire::Greet again = greet_of(host(1));
  again.reply_token ^= 1;  // it has met us anew
  f.receive(host(1), f.out.last<wire::Admit>(host(1))->ticket, again);
  f.seeder->advance(f.now = f.now + milliseconds(40));  // less than an idle seeder waits
  CHECK(f.out.count<wire::Piece>() == before_greeting);

  // A line of those who come again, and then somebody new.
  for (uint8_t i = 2; i <= 40; ++i) f.receive(host(i), 0, join_of(host(i)));
  for (int i = 0; i < 100; ++i) f.seeder->advance(f.now = f.now + milliseconds(10));
  f.out.sent.clear();
  for (uint8_t i = 2; i <= 40; ++i) f.receive(host(i), 0, join_of(host(i)));
  f.receive(host(50), 0, join_of(host(50)));
  for (int i = 0; i < 100; ++i) f.seeder->advance(f.now = f.now + milliseconds(10));
  size_t before = 0;
  for (const auto& sent : f.out.sent) {
    if (sent.to == host(50)) break;
    before += std::holds_alternative<wire::Admit>(sent.decoded().message) ? 1U : 0U;
  }
  CHECK(f.out.count<wire::Admit>() == 40);
  CHECK(before < 30);  // some were in the line before it came
}

TEST_CASE(
    "v2 seeder: who cannot be reached is told of newcomers once they have proved themselves") {
  Fixture f;
  f.meet(host(1));
  for (uint8_t i = 2; i <= 3; ++i) {
    f.meet(host(i));
    f.receive(host(i), f.out.last<wire::Admit>(host(i))->ticket,
              wire::Introduce{host(1), name_of(host(1))});
  }
  const auto told = [&] {
    size_t out = 0;
    for (const auto& sent : f.out.sent) {
      const auto message = sent.decoded().message;
      out += sent.to == host(1) && std::holds_alternative<wire::Introduce>(message) ? 1U : 0U;
    }
    return out;
  };
  CHECK(told() == 2);
  const auto admit = f.join(host(4));
  CHECK(admit.contacts.size() == 3);
  CHECK(told() == 2);  // host(1) would call whatever address the JOIN came from
  f.receive(host(4), admit.ticket, greet_of(host(4)));
  CHECK(told() == 3);
  const auto introduce = f.out.last<wire::Introduce>(host(1));
  CHECK(introduce->endpoint == host(4));
  CHECK(introduce->name == name_of(host(4)));
  f.receive(host(4), admit.ticket, greet_of(host(4)));  // once
  CHECK(told() == 3);
}

TEST_CASE("v2 seeder: newcomers are told to be wary while many stay who should have left") {
  Fixture f;
  std::vector<wire::Token> tokens;
  for (uint8_t i = 1; i <= 5; ++i) tokens.push_back(f.meet(host(i)));
  CHECK_FALSE(f.join(host(20)).wary);
  wire::Control control;
  for (uint16_t second = 0; second < 8; ++second) {
    f.now = f.now + seconds(1);
    control.state.sequence = static_cast<uint16_t>(second + 2);
    for (uint8_t i = 1; i <= 5; ++i) f.receive(host(i), tokens[i - 1], control);
    f.seeder->advance(f.now);
  }
  CHECK(f.join(host(21)).wary);
  for (uint8_t i = 1; i <= 5; ++i) f.receive(host(i), tokens[i - 1], wire::Bye{8000, {}, {}});
  f.now = f.now + seconds(1);
  f.seeder->advance(f.now);
  CHECK_FALSE(f.join(host(22)).wary);
}

TEST_CASE("v2 seeder: where many come, few are wanted to say goodbye or to ask for the manifest") {
  RouletteConfig config;
  config.uplink = {800'000};
  Fixture f(config);
  const auto first = f.join(host(1));
  CHECK(first.farewell == 255);
  CHECK(first.ask_manifest);
  size_t asked = 0;
  uint8_t farewell = 255;
  for (uint16_t i = 0; i < 800; ++i) {  // in four seconds
    Endpoint from = host(static_cast<uint8_t>(2 + i % 200));
    from.port = static_cast<uint16_t>(from.port + i / 200);
    f.now = f.now + milliseconds(5);
    f.receive(from, 0, join_of(from));
    f.seeder->advance(f.now);
    const auto admit = f.out.last<wire::Admit>(from);
    if (!admit) continue;
    asked += admit->ask_manifest ? 1U : 0U;
    farewell = std::min(farewell, admit->farewell);
    if (i < 200) CHECK(admit->farewell == 255);  // it does not last yet
  }
  CHECK(asked < 40);  // nobody has contacts here, so eight in a second
  CHECK(farewell < 100);
}

TEST_CASE("v2 seeder: a crowd that asks for manifests does not keep the line from chunks") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  const wire::Token token = f.meet(host(1));
  std::vector<std::pair<Endpoint, wire::Token>> crowd;
  for (uint8_t i = 2; i <= 200; ++i) {
    f.receive(host(i), 0, join_of(host(i)));
    f.now = f.now + milliseconds(30);
    f.seeder->advance(f.now);
    crowd.emplace_back(host(i), f.out.last<wire::Admit>(host(i)).value().ticket);
  }
  f.now = f.now + seconds(2);
  f.seeder->advance(f.now);
  f.out.sent.clear();
  for (const auto& [peer, ticket] : crowd) {
    f.receive(peer, ticket, wire::ManifestRequest{1, {}, 7, "f"});
    f.receive(peer, ticket, wire::ManifestRequest{1, {}, 7, "f"});  // the same
  }
  CHECK(f.drops(Drop::kQueueFull) > 0);
  CHECK(f.drops(Drop::kUnexpected) > 0);
  uint64_t manifests = 0, chunks = 0;
  const auto count = [&] {
    for (const auto& sent : f.out.sent) {
      const uint64_t size = sent.bytes.size();
      if (std::holds_alternative<wire::ManifestPart>(sent.decoded().message)) manifests += size;
      if (std::holds_alternative<wire::Piece>(sent.decoded().message)) chunks += size;
    }
    f.out.sent.clear();
  };
  wire::Control wants;
  wants.state.file = f.file();
  for (int i = 0; i < 60; ++i) {  // 600 ms, 60,000 bytes
    wants.state.sequence = static_cast<uint16_t>(i + 2);
    wants.state.wants = {};
    for (uint8_t k = 0; k < 10; ++k) wants.state.wants.add({0, k});
    f.receive(host(1), token, wants);
    f.now = f.now + milliseconds(10);
    f.seeder->advance(f.now);
    count();
  }
  CHECK(manifests > 10'000);
  CHECK(chunks > 10'000);
  CHECK(manifests + chunks < 75'000);
  // What nobody waits for any more is not sent.
  for (int i = 0; i < 100; ++i) {
    f.now = f.now + milliseconds(10);
    f.seeder->advance(f.now);
    if (i == 20) f.out.sent.clear();
  }
  manifests = 0;
  count();
  CHECK(manifests == 0);
}

TEST_CASE("v2 seeder: nobody fills the manifests' queue alone") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  const wire::Token ticket = f.join(host(1)).ticket;
  ask_manifests(f, ticket, 300);
  CHECK(f.drops(Drop::kAddressLimit) > 200);
  CHECK(f.drops(Drop::kQueueFull) == 0);
  // They wait for the line, and nobody else has to come for them to be sent.
  f.seeder->advance(f.now);
  const size_t before = f.out.count<wire::ManifestPart>();
  CHECK(before < 64);
  CHECK(f.seeder->next_deadline() < f.now + milliseconds(100));
  while (f.seeder->next_deadline() < kStart + seconds(1)) {
    f.now = std::max(f.now, f.seeder->next_deadline());
    f.seeder->advance(f.now);
  }
  CHECK(f.out.count<wire::ManifestPart>() == 300 - f.drops(Drop::kAddressLimit));
}

TEST_CASE("v2 seeder: manifests that went while the line was idle are no debt") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  const wire::Token token = f.meet(host(1));
  const auto pass = [&](int64_t ms) {
    for (int64_t i = 0; i < ms; i += 5) f.seeder->advance(f.now = f.now + milliseconds(5));
  };
  for (uint16_t request = 1; request <= 300; ++request) {
    f.receive(host(1), token, wire::ManifestRequest{1, {}, request, "f"});
    pass(10);
  }
  // Now chunks wait too, as many as there is room for, and one more asks.
  wire::Control wants;
  wants.state.file = f.file();
  wants.state.sequence = 100;
  for (uint8_t k = 0; k < 20; ++k) wants.state.wants.add({0, k});
  f.out.sent.clear();
  f.receive(host(1), token, wants);
  f.receive(host(1), token, wire::ManifestRequest{1, {}, 1000, "f"});
  pass(150);
  CHECK(f.out.count<wire::ManifestPart>() == 1);
}

TEST_CASE("v2 seeder: a manifest that was asked for long ago is not sent") {
  RouletteConfig config;
  config.uplink = BitRate{800'000};
  Fixture f(config);
  const wire::Token ticket = f.join(host(1)).ticket;
  ask_manifests(f, ticket, 60);
  const size_t before = f.out.count<wire::ManifestPart>();
  CHECK(before < 60);
  f.now = f.now + milliseconds(700);  // as if the line had been full
  f.seeder->advance(f.now);
  CHECK(f.out.count<wire::ManifestPart>() == before);
}

TEST_CASE("v2 seeder: where many come, most only confirm their address") {
  RouletteConfig config;
  config.uplink = {800'000};
  Fixture f(config);
  std::vector<Endpoint> confirming;
  size_t admitted = 0;
  size_t read = 0;
  std::map<uint16_t, wire::Join> joins;  // by port
  const auto answer = [&](const Endpoint& from, const wire::Admit& admit) {
    const wire::Token name = joins.at(from.port).name;
    if (!admit.confirm) {
      wire::Greet greet = greet_of(from);
      greet.name = name;
      return f.receive(from, admit.ticket, greet);
    }
    CHECK_FALSE(admit.contacts.empty());  // else it would have to ask for chunks
    const size_t answers = f.out.count<wire::Greeted>();
    const size_t before = f.seeder->footprint().neighbours;
    f.receive(from, admit.ticket ^ 1, wire::Confirm{7, name});   // forged
    f.receive(host(250), admit.ticket, wire::Confirm{7, name});  // stolen
    f.receive(from, admit.ticket, wire::Confirm{7, name ^ 1});   // of another
    CHECK(f.footprint_is(before));
    f.receive(from, admit.ticket, wire::Confirm{7, name});
    f.receive(from, admit.ticket, wire::Confirm{7, name});
    CHECK(f.footprint_is(before + 1));
    CHECK(f.out.count<wire::Greeted>() == answers);
    confirming.push_back(from);
  };
  for (uint16_t i = 0; i < 1000; ++i) {  // 250 a second
    const Endpoint from = host(2, static_cast<uint16_t>(5000 + i));
    f.now = f.now + milliseconds(4);
    const wire::Join join = numbered_join(from, i);
    joins[from.port] = join;
    f.receive(from, 0, join);
    f.seeder->advance(f.now);
    for (; read < f.out.sent.size(); ++read) {
      const auto sent = f.out.sent[read];
      const auto datagram = sent.decoded();
      const auto* admit = std::get_if<wire::Admit>(&datagram.message);
      if (admit == nullptr) continue;
      ++admitted;
      answer(sent.to, *admit);
    }
  }
  CHECK(admitted > 900);
  CHECK(confirming.size() > 400);
  CHECK(confirming.size() < 900);
  // They are named.
  std::optional<wire::Admit> last;
  for (const auto& sent : f.out.sent) {
    const auto datagram = sent.decoded();
    if (const auto* admit = std::get_if<wire::Admit>(&datagram.message)) last = *admit;
  }
  size_t known = 0;
  for (const wire::Contact& contact : last.value().contacts) {
    known += std::ranges::count(confirming, contact.endpoint) > 0 ? 1U : 0U;
  }
  CHECK(known > 0);
}

TEST_CASE("v2 seeder: where not all may prove themselves, the others are named more contacts") {
  RouletteConfig config;
  config.uplink = {800'000};
  Fixture f(config);
  for (uint8_t i = 1; i <= 100; ++i) {
    f.receive(host(i), 0, join_of(host(i)));
    f.seeder->advance(f.now = f.now + milliseconds(20));
    f.receive(host(i), f.out.last<wire::Admit>(host(i))->ticket, greet_of(host(i)));
  }
  struct Group {
    size_t admitted = 0, contacts = 0, manifests = 0;
  } proving, others;
  size_t tokens = 0;
  f.out.sent.clear();
  for (uint16_t i = 0; i < 3000; ++i) {  // 1000 a second
    const Endpoint from = host(200, static_cast<uint16_t>(5000 + i));
    f.now = f.now + milliseconds(1);
    f.receive(from, 0, numbered_join(from, i));
    f.seeder->advance(f.now);
    if (i < 2000) f.out.sent.clear();  // until it knows how many come
  }
  for (const auto& sent : f.out.sent) {
    const auto datagram = sent.decoded();
    const auto* admit = std::get_if<wire::Admit>(&datagram.message);
    if (admit == nullptr) continue;
    Group& group = admit->ticket == 0 ? others : proving;
    ++group.admitted;
    group.contacts += admit->contacts.size();
    group.manifests += admit->ask_manifest ? 1U : 0U;
    tokens += admit->ticket != 0 && !admit->confirm ? 1U : 0U;
  }
  const auto contacts_of = [](const Group& group) {
    return static_cast<double>(group.contacts) / static_cast<double>(group.admitted);
  };
  CAPTURE(proving.admitted, others.admitted, proving.manifests, tokens);
  CHECK(proving.admitted + others.admitted > 900);
  CHECK(proving.admitted > 250);
  CHECK(others.admitted > 350);
  CHECK(contacts_of(others) > contacts_of(proving) + 1);
  CHECK(proving.manifests + others.manifests <= 9);  // a twentieth of the line
  CHECK(tokens <= 45);  // one for 5,000 bytes of it, and who asks for the manifest
}

TEST_CASE("v2 seeder: nobody is named much more often than others") {
  Fixture f;
  for (uint8_t i = 1; i <= 20; ++i) f.meet(host(i));
  std::map<uint8_t, int> named;  // by the last byte of the address
  for (uint16_t i = 0; i < 100; ++i) {
    const Endpoint from = host(static_cast<uint8_t>(100 + i));
    for (const wire::Contact& contact : f.join(from).contacts) {
      ++named[contact.endpoint.address.bytes[15]];
    }
  }
  REQUIRE(named.size() == 20);
  int most = 0;
  int least = 1'000;
  for (const auto& [endpoint, times] : named) {
    most = std::max(most, times);
    least = std::min(least, times);
  }
  CHECK(least >= 42);
  CHECK(most <= 58);
}

TEST_CASE("v2 seeder: who comes over IPv6 is named as many as others") {
  Fixture f;
  for (uint8_t i = 1; i <= 20; ++i) f.meet(v6_host(i));
  wire::Join join = join_of(v6_host(50));
  join.wide = true;
  const auto bytes = datagram(0, join);
  f.seeder->receive(f.now, v6_host(50), bytes);
  CHECK(f.out.last<wire::Admit>(v6_host(50)).value().contacts.size() == 10);
  CHECK(f.out.bytes_to(v6_host(50)) <= 3 * bytes.size());
}
