// The seeder of profile v2, datagram by datagram: whom it answers, how much, and whom it names.
#include <set>

#include "v2_seeder_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_seeder_test;

TEST_CASE("v2 seeder: a JOIN is answered by ADMIT alone, and makes nobody a neighbour") {
  Fixture f;
  const auto admit = f.join(host(1));
  CHECK(f.out.sent.size() == 1);
  CHECK(f.out.sent[0].decoded().header.to == reply_of(host(1)));
  CHECK(admit.contacts.empty());
  CHECK(admit.ticket != 0);
  CHECK(admit.ask_manifest);  // nobody else has it
  CHECK_FALSE(admit.polluted);
  CHECK(f.seeder->stats().neighbours_now == 0);
  CHECK(f.seeder->footprint().neighbours == 0);
}

TEST_CASE("v2 seeder: a stranger draws no more than three times its bytes") {
  Fixture f;
  for (uint8_t i = 1; i <= 20; ++i) f.meet(v6_host(i));
  const auto bytes = datagram(0, join_of(host(50)));
  REQUIRE(bytes.size() == wire::kJoinPaddedV2);
  f.seeder->receive(f.now, host(50), bytes);
  const auto admit = f.out.last<wire::Admit>(host(50));
  REQUIRE(admit);
  CHECK(admit->contacts.size() == 4);  // with IPv6 addresses; more do not fit
  CHECK(f.out.bytes_to(host(50)) <= 3 * bytes.size());
  // Again at once: one answer only.
  f.seeder->receive(f.now, host(50), bytes);
  CHECK(f.drops(Drop::kUnexpected) == 1);
  CHECK(f.out.bytes_to(host(50)) <= 3 * bytes.size());

  // All else that an unproven address can send, to whatever token.
  const wire::Token stolen = admit->ticket;
  wire::Control control;
  control.state.sequence = 5;
  control.state.want_referrals = true;
  control.state.file = f.file();
  control.state.wants.add({0, 0});
  const std::vector<wire::Message> others{greet_of(host(60)),
                                          greet_of(host(50)),
                                          control,
                                          wire::Control{},
                                          wire::Introduce{v6_host(1), name_of(v6_host(1))},
                                          wire::ManifestRequest{1, {}, 1, "f"},
                                          wire::DigestRequest{f.file(), 0, 1},
                                          wire::Bye{},
                                          wire::PathChallenge{},
                                          wire::PathResponse{},
                                          wire::Hello{wire::Profile::kV2, 1, 2, {}, f.file(), {}}};
  const size_t before = f.out.sent.size();
  for (const auto& message : others) {
    for (const wire::Token to : {wire::Token{0}, stolen, stolen ^ 1, wire::Token{12345}}) {
      f.receive(host(60), to, message);
    }
  }
  CHECK(f.out.bytes_to(host(60)) == 0);
  CHECK(f.out.sent.size() == before);
  CHECK(f.drops(Drop::kUnknownToken) == 3 * others.size());
  CHECK(f.drops(Drop::kWrongRole) == others.size());
}

TEST_CASE("v2 seeder: contacts of both kinds are counted as they are written") {
  // Each change of kind costs a byte more, in whatever order they are drawn; and a prefix in the
  // name of some, or of none, three.
  const bool prefixes = GENERATE(false, true);
  Fixture f;
  for (uint8_t i = 1; i <= 5; ++i) f.meet(v6_host(i));
  for (uint8_t i = 6; i <= 10; ++i) {
    const Endpoint peer = host(i);
    wire::Join join = join_of(peer);
    wire::Greet greet = greet_of(peer);
    if (prefixes) join.name = greet.name |= wire::Token{i} << wire::kPrefixShift;
    f.receive(peer, 0, join);
    f.receive(peer, f.out.last<wire::Admit>(peer)->ticket, greet);
  }
  size_t most = 0;
  for (uint16_t i = 0; i < 200; ++i) {
    const Endpoint from = host(50, static_cast<uint16_t>(6000 + i));
    const auto bytes = datagram(0, join_of(from));
    f.now = f.now + milliseconds(10);
    f.seeder->receive(f.now, from, bytes);
    REQUIRE(f.out.last<wire::Admit>(from).has_value());
    REQUIRE(f.out.bytes_to(from) <= 3 * bytes.size());
    most = std::max(most, f.out.bytes_to(from));
  }
  CHECK(most > 3 * wire::kJoinPaddedV2 - 21);  // one over IPv6 more would be too many
}

TEST_CASE("v2 seeder: nobody is named before it has greeted by its ticket") {
  Fixture f;
  for (uint8_t i = 1; i <= 5; ++i) f.join(host(i));
  CHECK(f.join(host(10)).contacts.empty());
  f.receive(host(1), f.out.last<wire::Admit>(host(1))->ticket, greet_of(host(1)));
  const auto admit = f.join(host(11));
  REQUIRE(admit.contacts.size() == 1);
  CHECK(admit.contacts[0].endpoint == host(1));
  // Its ticket is one that the named one can check: of its own words in JOIN.
  const TicketKey key = ticket_key(reply_of(host(1)), name_of(host(1)));
  CHECK(ticket_valid(key, host(11).address, admit.epoch, admit.contacts[0].ticket));
  CHECK_FALSE(ticket_valid(key, host(12).address, admit.epoch, admit.contacts[0].ticket));
  // Nobody is named to itself, and nobody who has left.
  f.now = f.now + seconds(1);
  CHECK(f.join(host(1)).contacts.empty());
  f.receive(host(1), f.out.last<wire::Greeted>(host(1))->reply_token, wire::Bye{1000});
  CHECK(f.join(host(12)).contacts.empty());
}

TEST_CASE("v2 seeder: a ticket is for the address, the greeting for the endpoint that joined") {
  Fixture f;
  const auto ticket = f.join(host(1)).ticket;
  f.receive(host(2), ticket, greet_of(host(1)));
  CHECK(f.drops(Drop::kUnknownToken) == 1);
  f.receive(host(1, 999), ticket, greet_of(host(1)));  // another socket of that address
  CHECK(f.drops(Drop::kUnexpected) == 1);
  f.receive(host(1), ticket, greet_of(host(2)));  // under another name
  CHECK(f.drops(Drop::kUnexpected) == 2);
  CHECK(f.out.count<wire::Greeted>() == 0);
  CHECK(f.seeder->stats().neighbours_now == 0);
  // It may ask for a manifest by it, and nobody else may.
  f.receive(host(1), ticket, wire::ManifestRequest{reply_of(host(1)), {}, 5, "f"});
  const auto part = f.out.last<wire::ManifestPart>(host(1));
  REQUIRE(part);
  CHECK(part->request == 5);
  f.receive(host(2), ticket, wire::ManifestRequest{reply_of(host(1)), {}, 6, "f"});
  CHECK_FALSE(f.out.last<wire::ManifestPart>(host(2)).has_value());
  // A ticket holds in the epoch after its own, and then no more.
  f.receive(host(1), ticket, greet_of(host(1)));
  CHECK(f.seeder->stats().neighbours_now == 1);
  const uint64_t before = f.drops(Drop::kUnknownToken);
  f.now = f.now + kTicketEpoch * 3;
  f.receive(host(1), ticket, greet_of(host(1)));
  CHECK(f.drops(Drop::kUnknownToken) == before + 1);
}

TEST_CASE("v2 seeder: a greeting that comes again makes no second neighbour") {
  Fixture f;
  const auto ticket = f.join(host(1)).ticket;
  f.receive(host(1), ticket, greet_of(host(1)));
  const auto first = f.out.last<wire::Greeted>(host(1))->reply_token;
  f.receive(host(1), ticket, greet_of(host(1)));
  CHECK(f.out.last<wire::Greeted>(host(1))->reply_token == first);
  CHECK(f.seeder->stats().neighbours_now == 1);
}

TEST_CASE("v2 seeder: chunks for a want list, each once, and true") {
  RouletteConfig config;
  config.v2.seeder_push = 0;
  config.uplink = {100'000'000};
  Fixture f(config);
  const auto token = f.meet(host(1));
  f.now = f.now + seconds(1);
  f.seeder->advance(f.now);
  f.out.sent.clear();
  wire::Control control;
  control.state.sequence = 2;
  control.state.file = f.file();
  for (const uint8_t position : {uint8_t{3}, uint8_t{19}, uint8_t{20}, uint8_t{39}}) {
    control.state.wants.add({0, position});
  }
  control.state.wants.add({0, 40});  // 20 source chunks and as many of repair
  control.state.wants.add({1, 0});
  f.receive(host(1), token, control);
  f.now = f.now + milliseconds(10);
  f.seeder->advance(f.now);
  CHECK(f.drops(Drop::kBadChunk) == 2);
  control.state.sequence = 3;  // it has not heard of them yet
  f.receive(host(1), token, control);
  f.now = f.now + milliseconds(10);
  f.seeder->advance(f.now);
  std::multiset<uint8_t> asked;
  const auto geometry = f.site->object(f.file()).value();
  for (const auto& sent : f.out.sent) {
    const auto decoded = sent.decoded();
    const auto* piece = std::get_if<wire::Piece>(&decoded.message);
    if (piece == nullptr) continue;
    CHECK(piece->verified);
    CHECK(piece->state.file == f.file());
    if (!piece->pushed) asked.insert(piece->chunk.position);
    std::vector<uint8_t> truth(1024);
    const uint32_t id = geometry.id_at(piece->chunk.block, piece->chunk.position);
    truth.resize(f.site->read_chunk(f.file(), id, truth));
    CHECK(std::ranges::equal(piece->bytes, truth));
  }
  CHECK(asked == std::multiset<uint8_t>{3, 19, 20, 39});
  control.state.sequence = 4;
  control.state.file = content::FileId{4711};
  f.receive(host(1), token, control);
  CHECK(f.drops(Drop::kUnknownFile) == 1);
}

TEST_CASE("v2 seeder: its table is bounded, whoever comes and goes") {
  SeederConfig bounds;
  bounds.neighbours_max = 4;
  Fixture f({}, bounds);
  for (uint8_t i = 1; i <= 4; ++i) f.meet(host(i));
  f.receive(host(5), f.join(host(5)).ticket, greet_of(host(5)));
  CHECK(f.drops(Drop::kTableFull) == 1);
  CHECK(f.footprint_is(4));
  // One that comes and goes a thousand times keeps nobody else out.
  f.receive(host(1), f.out.last<wire::Greeted>(host(1))->reply_token, wire::Bye{1000});
  for (int i = 0; i < 1000; ++i) {
    f.receive(host(5), f.out.last<wire::Admit>(host(5))->ticket, greet_of(host(5)));
    REQUIRE(f.footprint_is(4));
    f.receive(host(5), f.out.last<wire::Greeted>(host(5))->reply_token, wire::Bye{1000});
  }
  const auto admit = f.join(host(9));
  std::set<uint8_t> named;
  for (const auto& contact : admit.contacts) named.insert(contact.endpoint.address.bytes[15]);
  CHECK(named == std::set<uint8_t>{2, 3, 4});
  // Who is silent for long is forgotten.
  f.now = f.now + seconds(70);
  f.seeder->advance(f.now);
  CHECK(f.footprint_is(0));
}

TEST_CASE("v2 seeder: who joins again is not named to itself, and keeps its place") {
  Fixture f;
  std::vector<wire::Token> tokens;
  for (uint8_t i = 1; i <= 6; ++i) tokens.push_back(f.meet(host(i)));
  f.now = f.now + seconds(1);
  for (const uint8_t again : {uint8_t{2}, uint8_t{6}, uint8_t{1}}) {
    const auto admit = f.join(host(again));
    CHECK(admit.contacts.size() == 3);
    for (const auto& contact : admit.contacts) CHECK(contact.endpoint != host(again));
  }
  // Each is found where it stands when it leaves.
  for (const uint8_t leaves : {uint8_t{3}, uint8_t{1}, uint8_t{6}, uint8_t{2}, uint8_t{4}}) {
    f.receive(host(leaves), tokens[leaves - 1U], wire::Bye{1000});
  }
  CHECK(f.footprint_is(1));
  const auto last = f.join(host(9));
  REQUIRE(last.contacts.size() == 1);
  CHECK(last.contacts[0].endpoint == host(5));
}

TEST_CASE("v2 seeder: a full table is not looked through for every newcomer") {
  SeederConfig bounds;
  bounds.neighbours_max = 2;
  Fixture f({}, bounds);
  for (uint8_t i = 1; i <= 2; ++i) f.meet(host(i));
  const auto comes = [&](uint8_t number) {
    f.receive(host(number), f.join(host(number)).ticket, greet_of(host(number)));
    return f.drops(Drop::kTableFull);
  };
  f.now = f.now + milliseconds(8500);  // four lifetimes of 2 s and half a second
  CHECK(comes(3) == 1);                // they may still be here
  f.now = f.now + milliseconds(5);
  CHECK(comes(4) == 2);  // they are not, but it has looked a moment ago
  f.now = f.now + milliseconds(5);
  CHECK(comes(5) == 2);
  CHECK(f.footprint_is(1));
}

TEST_CASE("v2 seeder: who has moved is named where it is") {
  Fixture f;
  const wire::Token token = f.meet(host(1));
  f.receive(host(7), token, wire::Control{});
  const auto challenge = f.out.last<wire::PathChallenge>(host(7));
  REQUIRE(challenge);
  f.receive(host(8), token, wire::PathResponse{challenge->nonce});
  CHECK(f.join(host(20)).contacts.at(0).endpoint == host(1));  // that proves nothing
  f.receive(host(7), token, wire::PathResponse{challenge->nonce});
  CHECK(f.join(host(21)).contacts.at(0).endpoint == host(7));
}

TEST_CASE("v2 seeder: who joins anew where it moves to is there once") {
  Fixture f;
  const wire::Token token = f.meet(host(1));
  f.receive(host(7), token, wire::Control{});
  const auto challenge = f.out.last<wire::PathChallenge>(host(7)).value();
  auto join = join_of(host(7));
  join.name = name_of(host(1));
  f.receive(host(7), 0, join);
  auto greet = greet_of(host(7));
  greet.name = join.name;
  f.receive(host(7), f.out.last<wire::Admit>(host(7)).value().ticket, greet);
  CHECK(f.footprint_is(2));
  f.receive(host(7), token, wire::PathResponse{challenge.nonce});
  CHECK(f.footprint_is(1));
  const auto contacts = f.join(host(21)).contacts;
  REQUIRE(contacts.size() == 1);
  CHECK(contacts[0].endpoint == host(7));
}

TEST_CASE("v2 seeder: another profile is refused by name") {
  Fixture f;
  f.receive(host(1), 0, wire::Join{wire::Profile::kClassic, 5, 6, {}, "f"});
  const auto refused = f.out.last<wire::Refused>(host(1));
  REQUIRE(refused);
  CHECK(refused->reason == wire::RefusedReason::kProfile);
  CHECK(refused->profile == wire::Profile::kV2);
  CHECK(f.drops(Drop::kProfile) == 1);
  CHECK(f.out.sent.size() == 1);
  auto greet = greet_of(host(2));
  greet.profile = wire::Profile::kClassic;
  f.receive(host(2), f.join(host(2)).ticket, greet);
  CHECK(f.drops(Drop::kProfile) == 2);
  CHECK(f.seeder->stats().neighbours_now == 0);
}

TEST_CASE("v2 seeder: an introduction reaches the named one only from who is listed") {
  Fixture f;
  f.meet(host(1));
  const auto ticket = f.join(host(2)).ticket;
  const wire::Introduce ask{host(1), name_of(host(1))};
  f.receive(host(2), ticket, ask);  // joined, and not greeted
  CHECK(f.out.count<wire::Introduce>() == 0);
  f.receive(host(2), ticket, greet_of(host(2)));
  f.receive(host(2), ticket, ask);
  const auto told = f.out.last<wire::Introduce>(host(1));
  REQUIRE(told);
  CHECK(told->endpoint == host(2));
  CHECK(told->name == name_of(host(2)));
  f.receive(host(2), ticket, wire::Introduce{host(9), 7});  // of nobody
  CHECK(f.out.count<wire::Introduce>() == 1);
}

TEST_CASE("v2 seeder: digests of source and repair chunks, and a warning for newcomers") {
  Fixture f;
  const auto token = f.meet(host(1));
  CHECK_FALSE(f.join(host(7)).polluted);
  f.receive(host(1), token, wire::DigestRequest{f.file(), 15, 128});
  const auto digests = f.out.last<wire::Digests>(host(1));
  REQUIRE(digests);
  CHECK(digests->digests.size() == 25);  // 5 of the file and 20 of repair
  const auto repair = f.site->repair_bytes(f.file());
  CHECK(digests->digests[5] == content::short_digest(repair.first(1024)));
  CHECK(f.join(host(8)).polluted);
}

TEST_CASE("v2 seeder: digests take their time of the line, too") {
  RouletteConfig config;
  config.v2.seeder_push = 0;
  config.uplink = {100'000'000};
  Fixture f(config);
  std::vector<wire::Token> tokens;
  for (uint8_t i = 1; i <= 10; ++i) tokens.push_back(f.meet(host(i)));
  f.now = f.now + seconds(1);
  f.seeder->set_uplink(f.now, {800'000});
  const auto asked_for = [&] {
    return std::ranges::count_if(f.out.sent, [](const auto& sent) {
      const auto message = sent.decoded().message;
      const auto* piece = std::get_if<wire::Piece>(&message);
      return piece != nullptr && !piece->pushed;
    });
  };
  // Ten times 40 digests, some 380 bytes with their headers: 38 ms of the line, which may be 8 ms
  // behind.
  for (uint8_t i = 0; i < 10; ++i) {
    f.receive(host(i + 1), tokens[i], wire::DigestRequest{f.file(), 0, 128});
  }
  CHECK(f.out.count<wire::Digests>() == 10);
  wire::Control control;
  control.state.sequence = 2;
  control.state.file = f.file();
  control.state.wants.add({0, 3});
  f.receive(host(1), tokens[0], control);
  f.seeder->advance(f.now + milliseconds(20));
  CHECK(asked_for() == 0);
  f.seeder->advance(f.now + milliseconds(45));
  CHECK(asked_for() == 1);
}

TEST_CASE("v2 seeder: requests for digests fill its line a part of a second ahead, no more") {
  RouletteConfig config;
  config.v2.seeder_push = 0;
  config.uplink = {100'000'000};
  Fixture f(config);
  std::vector<wire::Token> tokens;
  for (uint8_t i = 1; i <= 20; ++i) tokens.push_back(f.meet(host(i)));
  f.now = f.now + seconds(1);
  f.seeder->set_uplink(f.now, {80'000});
  // Each answer of some 380 bytes takes 38 ms.
  for (uint8_t i = 0; i < 20; ++i) {
    f.receive(host(i + 1), tokens[i], wire::DigestRequest{f.file(), 0, 128});
  }
  const size_t answered = f.out.count<wire::Digests>();
  CHECK(answered >= 6);
  CHECK(answered <= 8);
  CHECK(f.drops(Drop::kQueueFull) == 20 - answered);
  f.now = f.now + seconds(1);
  f.receive(host(20), tokens[19], wire::DigestRequest{f.file(), 0, 128});
  CHECK(f.out.count<wire::Digests>() == answered + 1);
}

TEST_CASE("v2 seeder: who has met it anew is heard, though it counts from 1 again") {
  RouletteConfig config;
  config.v2.seeder_push = 0;
  config.uplink = {100'000'000};
  Fixture f(config);
  auto token = f.meet(host(1));
  wire::Control control;
  control.state.file = f.file();
  for (uint16_t i = 2; i < 20; ++i) {
    control.state.sequence = i;
    f.receive(host(1), token, control);
  }
  f.now = f.now + seconds(1);
  auto greet = greet_of(host(1));
  greet.reply_token += 0x100;
  f.receive(host(1), f.join(host(1)).ticket, greet);
  token = f.out.last<wire::Greeted>(host(1))->reply_token;
  f.out.sent.clear();
  control.state.sequence = 2;
  control.state.wants.add({0, 7});
  f.receive(host(1), token, control);
  f.now = f.now + milliseconds(10);
  f.seeder->advance(f.now);
  CHECK(std::ranges::any_of(f.out.sent, [](const auto& sent) {
    const auto decoded = sent.decoded();
    const auto* piece = std::get_if<wire::Piece>(&decoded.message);
    return piece != nullptr && piece->chunk.position == 7 && !piece->pushed;
  }));
}
