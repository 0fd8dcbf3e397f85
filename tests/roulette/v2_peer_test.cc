// The peer of profile v2, datagram by datagram: joining, greeting, who is met and who is not.
#include "v2_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_test;

TEST_CASE("v2 peer: a whole visit with nobody but the seeder") {
  Fixture f;
  f.start({{host(2), 0x22}, {host(3), 0x33}});
  const auto join = datagram(0, f.out.last<wire::Join>(host(1)).value());
  CHECK(join.size() == wire::kJoinPaddedV2);
  // Seeder and contacts are greeted by their tickets, each for another class of chunks.
  const auto to_seeder = f.out.last<wire::Greet>(host(1));
  REQUIRE(to_seeder);
  CHECK(to_seeder->path == "f");
  CHECK(to_seeder->any == 8);
  CHECK(f.out.last<wire::Greet>(host(2))->its_class != f.out.last<wire::Greet>(host(3))->its_class);
  CHECK(f.out.last<wire::Greet>(host(2))->classes == 2);
  for (const auto& sent : f.out.sent) {
    if (sent.to == host(2)) CHECK(sent.decoded().header.to == 0x22);
  }
  f.load();
  f.seeder_token = f.answer_greet(host(1), kSeederToken);
  CHECK(peer_prefix(f.seeder_token) == 77);
  // Any 20 of the 40 chunks do: these are of repair.
  for (uint8_t position = 20; position < 40; ++position) f.give(position);
  const auto events = f.peer->take_events();
  CHECK(count_events<MetachunkReady>(events) == 2);
  CHECK(count_events<DownloadComplete>(events) == 1);
  std::vector<uint8_t> got(20 * 1024);
  REQUIRE(f.peer->read(*f.download, 0, got));
  CHECK(std::ranges::equal(got, f.site->bytes(f.file())));
  f.pass(milliseconds(5));
  CHECK(count_events<LeftSwarm>(f.peer->take_events()) == 1);
  CHECK(f.out.last<wire::Bye>(host(1)).has_value());
  CHECK_FALSE(f.out.last<wire::Bye>(host(2)).has_value());  // it never answered
  CHECK(f.peer->next_deadline() == Instant::never());
}

TEST_CASE("v2 peer: pieces that are here before the manifest are not lost") {
  Fixture f;
  f.start();
  f.seeder_token = f.answer_greet(host(1), kSeederToken);
  for (uint8_t position = 0; position < 10; ++position) f.give(position);
  f.load();
  for (uint8_t position = 10; position < 20; ++position) f.give(position);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 1);
  CHECK(f.peer->stats().chunk_bytes_duplicate == 0);
}

TEST_CASE("v2 peer: a greeting under its mere name is answered shortly, and kept apart") {
  Fixture f(100 * 1024);
  f.join();
  for (uint8_t position = 0; position < 10; ++position) f.give(position);
  const auto bytes = datagram(f.name, f.greet(0xaa, 0xbb, 3));
  f.peer->receive(f.now, host(5), bytes);
  const auto answer = f.out.last<wire::Greeted>(host(5));
  REQUIRE(answer);
  CHECK(f.out.bytes_to(host(5)) <= 3 * bytes.size());
  CHECK(f.peer->degree() == 1);
  CHECK(f.peer->footprint().strangers == 1);
  // The same again: the same token, no second place.
  f.peer->receive(f.now, host(5), bytes);
  CHECK(f.out.last<wire::Greeted>(host(5))->reply_token == answer->reply_token);
  CHECK(f.peer->footprint().strangers == 1);
  // Nothing is served before it has proved its address, however long it waits.
  f.pass(milliseconds(500));
  CHECK(f.pieces_to(host(5)) == 0);
  CHECK(f.out.bytes_to(host(5)) <= 6 * bytes.size());
  f.receive(host(6), answer->reply_token, wire::Control{f.state(20), {}, {}});
  CHECK(f.drops(Drop::kChangedAddress) == 1);
  CHECK(f.peer->degree() == 1);
  CHECK(f.out.bytes_to(host(6)) == 0);
  f.receive(host(5), answer->reply_token, wire::Control{f.state(20), {}, {}});
  CHECK(f.peer->degree() == 2);
  f.pass(milliseconds(100));
  CHECK(f.pieces_to(host(5)) >= 1);
}

TEST_CASE("v2 peer: a ticket makes a neighbour at once, a forged one is not answered") {
  Fixture f;
  f.join();
  for (uint8_t position = 0; position < 10; ++position) f.give(position);
  const wire::Token ticket = f.ticket_for(host(5));
  f.receive(host(6), ticket, f.greet(0xaa, 0xbb, 3));      // stolen
  f.receive(host(5), ticket ^ 1, f.greet(0xaa, 0xbb, 3));  // forged
  CHECK(f.drops(Drop::kUnknownToken) == 2);
  CHECK(f.out.bytes_to(host(5)) == 0);
  CHECK(f.out.bytes_to(host(6)) == 0);
  f.receive(host(5), ticket, f.greet(0xaa, 0xbb, 3));
  CHECK(f.peer->degree() == 2);
  CHECK(f.out.last<wire::Greeted>(host(5)).has_value());
  f.pass(milliseconds(100));
  CHECK(f.pieces_to(host(5)) >= 1);
  // Two epochs on it is worth nothing.
  f.pass(kTicketEpoch * 2);
  const uint64_t before = f.drops(Drop::kUnknownToken);
  f.receive(host(5), ticket, f.greet(0xaa, 0xbb, 3));
  CHECK(f.drops(Drop::kUnknownToken) == before + 1);
}

TEST_CASE("v2 peer: a neighbour is not cut off by who forges its address") {
  RouletteConfig config;
  config.v2.stranger_tab = kib(8);
  Fixture f(20 * 1024, config);
  f.join();
  for (uint8_t position = 0; position < 5; ++position) f.give(position);
  f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
  REQUIRE(f.peer->degree() == 2);
  const auto token = f.out.last<wire::Greeted>(host(5))->reply_token;
  f.receive(host(5), f.name, f.greet(0xcc, 0xbb));  // not of host 5, but of who knows its name
  f.out.sent.clear();
  wire::Control control{f.state(20), {}, {}};
  control.state.wants.add({0, 1});
  f.receive(host(5), token, control);
  f.pass(milliseconds(200));
  CHECK(f.pieces_to(host(5)) >= 1);
  for (const auto& sent : f.out.sent) {
    if (sent.to == host(5)) CHECK(sent.decoded().header.to == 0xaa);
  }
}

TEST_CASE("v2 peer: strangers are bounded per address and in all") {
  Fixture f;
  f.join();
  for (uint64_t i = 1; i <= 20; ++i) f.receive(host(5), f.name, f.greet(i, 0x1000 + i));
  CHECK(f.drops(Drop::kAddressLimit) == 12);
  for (uint8_t i = 0; i < 200; ++i) {
    f.receive({Address::v4(198, 51, 100, i), 1}, f.name, f.greet(1000U + i, 2000U + i));
  }
  CHECK(f.drops(Drop::kHalfOpenFull) == 200 - (64 - 8));
  CHECK(f.peer->footprint().strangers == 64);
  f.now = f.now + seconds(4);
  f.receive(host(7), f.name, f.greet(5000, 5001));
  CHECK(f.out.last<wire::Greeted>(host(7)).has_value());
}

TEST_CASE("v2 peer: neighbours are bounded, with tickets too") {
  RouletteConfig config;
  config.degree_max = 8;
  Fixture f(20 * 1024, config);
  f.join();
  for (uint8_t i = 10; i < 60; ++i) {
    f.receive(host(i), f.ticket_for(host(i)), f.greet(1000U + i, 2000U + i));
  }
  CHECK(f.peer->footprint().neighbours == 12);
  CHECK(f.drops(Drop::kTableFull) == 50 - 11);
}

TEST_CASE("v2 peer: only the seeder introduces") {
  Fixture f;
  f.join({{host(2), 0x22}});
  const auto token = f.answer_greet(host(2), 0x2222);
  const wire::Introduce victim{host(9), 0x99};
  f.receive(host(2), token, victim);
  CHECK(f.drops(Drop::kWrongRole) == 1);
  f.receive(host(3), f.name, victim);
  f.receive(host(1), f.reply_token, victim);
  CHECK(f.out.bytes_to(host(9)) == 0);
  f.receive(host(1), f.seeder_token, victim);
  CHECK(f.out.last<wire::Greet>(host(9)).has_value());
}

TEST_CASE("v2 peer: so many contacts of one address, and none to itself") {
  Fixture f;
  std::vector<wire::Contact> contacts;
  for (uint16_t port = 1; port <= 6; ++port) contacts.push_back({host(3, port), 50U + port});
  contacts.push_back({host(4, 0), 60});
  f.join(contacts);
  const auto greeted = std::ranges::count_if(
      f.out.sent, [](const auto& sent) { return sent.to.address == host(3).address; });
  CHECK(greeted == 3);
  CHECK(f.drops(Drop::kContactLimit) == 3);
  CHECK(f.drops(Drop::kStaleReferral) == 1);
  CHECK(f.out.bytes_to(host(4)) == 0);
}

TEST_CASE("v2 peer: who is only to confirm its address asks the seeder for nothing") {
  Fixture f;
  wire::Admit admit;
  admit.confirm = true;
  admit.farewell = 40;
  admit.contacts = {{host(3), 60}};
  f.start("f", admit);
  CHECK(f.out.last<wire::Greet>(host(3)).value().path == "f");
  f.pass(milliseconds(290));
  CHECK_FALSE(f.out.last<wire::Greet>(host(1)).has_value());
  CHECK(f.out.last<wire::Confirm>(host(1)).value().name == f.name);
  CHECK(f.out.count<wire::Confirm>() == 1);
}

TEST_CASE("v2 peer: it tells whether strangers have reached it, and names those who say so") {
  Fixture f;
  f.join();
  f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
  CHECK(f.out.last<wire::Greeted>(host(5)).value().state.reached);
  // Six who have paid, of whom one was reached.
  for (uint8_t i = 10; i < 16; ++i) {
    wire::Greet greet = f.greet(0xa00U + i, 0xb00U + i);
    greet.state.reached = i == 12;
    f.receive(host(i), f.ticket_for(host(i)), greet);
  }
  Fixture other;  // nobody has called this one
  other.join({{host(3), 60}});
  CHECK_FALSE(other.out.last<wire::Greet>(host(3)).value().state.reached);
  const wire::Token mine = f.out.last<wire::Greeted>(host(10)).value().reply_token;
  f.give_from(host(10), mine, 0);
  for (int i = 0; i < 8; ++i) {
    wire::Control ask;
    ask.state = f.state(20);
    ask.state.want_referrals = true;
    f.receive(host(10), mine, ask);
    const auto told = f.out.last<wire::Recommendation>(host(10)).value();
    REQUIRE_FALSE(told.referrals.empty());
    CHECK(told.referrals.front().endpoint == host(12));
  }
}

TEST_CASE("v2 peer: of silent contacts a busy seeder is told as seldom as it asked for") {
  const auto told = [](uint8_t farewell) {
    Fixture f;
    wire::Admit admit;
    admit.farewell = farewell;
    for (uint8_t i = 0; i < 16; ++i) {
      admit.contacts.push_back({host(static_cast<uint8_t>(20 + i)), 60U + i});
    }
    f.start("f", admit);
    f.seeder_token = f.answer_greet(host(1), kSeederToken);
    f.pass(milliseconds(400));
    return f.out.count<wire::Introduce>();
  };
  CHECK(told(255) == 16);
  CHECK(told(0) == 0);
  const size_t some = told(128);
  CHECK(some > 2);
  CHECK(some < 14);
}

TEST_CASE("v2 peer: whom nobody calls seeks more neighbours than others, of the seeder too") {
  // It knows so many, and all have what it wants.
  const auto asks = [](bool called, uint8_t contacts) {
    Fixture f;
    std::vector<wire::Contact> all;
    for (uint8_t i = 0; i < contacts; ++i) {
      all.push_back({host(static_cast<uint8_t>(20 + i)), 60U + i});
    }
    f.join(all);
    for (uint8_t i = 0; i < contacts; ++i) {
      f.answer_greet(host(static_cast<uint8_t>(20 + i)), 0xa00U + i,
                     {wire::BlockMap{0, {0xfffff}}});
    }
    if (called) f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
    f.pass(milliseconds(450));
    f.out.sent.clear();
    f.pass(milliseconds(600));
    size_t of_seeder = 0;
    size_t of_peers = 0;
    for (const auto& sent : f.out.sent) {
      const auto datagram = sent.decoded();
      const auto* control = std::get_if<wire::Control>(&datagram.message);
      if (control == nullptr || !control->state.want_referrals) continue;
      ++(sent.to == host(1) ? of_seeder : of_peers);
    }
    return std::pair{of_seeder, of_peers};
  };
  const RouletteConfig config;
  const auto enough = static_cast<uint8_t>(config.degree_min);
  const auto [seeder, peers] = asks(false, enough);
  CHECK(seeder >= 1);
  CHECK(seeder <= 2);  // no more often than twice a second
  CHECK(peers > 0);
  CHECK(asks(true, enough) == std::pair<size_t, size_t>{0, 0});
  CHECK(asks(false, 2 * enough) == std::pair<size_t, size_t>{0, 0});
}

TEST_CASE("v2 peer: another profile on the other side is an error with a reason, both ways") {
  Fixture f;
  f.peer->find_file(f.now, "f");
  const auto token = f.out.last<wire::Join>(host(1))->reply_token;
  f.receive(host(1), token, wire::Welcome{{}, 5, host(9), {}});
  CHECK(f.drops(Drop::kProfile) == 1);
  f.receive(host(1), token, wire::Refused{wire::RefusedReason::kProfile, wire::Profile::kClassic});
  const auto events = f.peer->take_events();
  REQUIRE(count_events<FindFailed>(events) == 1);
  CHECK(std::get<FindFailed>(events[0]).why == FetchFailure::kRefused);
  CHECK(to_string(FetchFailure::kRefused).find("another profile") != std::string_view::npos);

  // Real ones: a peer and a seeder of each profile.
  for (const auto profile : {wire::Profile::kClassic, wire::Profile::kV2}) {
    const auto other = profile == wire::Profile::kV2 ? wire::Profile::kClassic : wire::Profile::kV2;
    test::Recorder seeder_out;
    test::Recorder peer_out;
    SeederOptions seeder_options;
    seeder_options.config.profile = other;
    SeederNode seeder(seeder_options, *f.site, seeder_out);
    PeerOptions options;
    options.config.profile = profile;
    options.seeder = host(1);
    options.key = f.site->public_key();
    PeerNode peer(options, peer_out);
    peer.find_file(kStart, "f");
    REQUIRE(peer_out.sent.size() == 1);
    seeder.receive(kStart, host(9), peer_out.sent[0].bytes);
    REQUIRE(seeder_out.sent.size() == 1);
    CHECK(seeder_out.last<wire::Refused>(host(9))->profile == other);
    CHECK(seeder.stats().drops.count(Drop::kProfile) == 1);
    peer.receive(kStart, host(1), seeder_out.sent[0].bytes);
    const auto failed = peer.take_events();
    REQUIRE(count_events<FindFailed>(failed) == 1);
    CHECK(std::get<FindFailed>(failed[0]).why == FetchFailure::kRefused);
    CHECK_FALSE(peer.in_swarm());
  }
}

TEST_CASE("v2 peer: those who came at once do not come back at once, again and again") {
  const auto site = test::one_file_site(1024);
  Duration soonest = seconds(100), latest{};  // from the second JOIN to the third
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    test::Recorder out;
    PeerOptions options;
    options.config.profile = wire::Profile::kV2;
    options.seeder = host(1);
    options.key = site->public_key();
    options.choice_seed = seed;
    PeerNode peer(options, out);
    peer.find_file(kStart, "f");
    std::vector<Instant> joins{kStart};
    for (Instant now = kStart; now < kStart + seconds(5); now = now + milliseconds(10)) {
      peer.advance(now);
      if (out.count<wire::Join>() > joins.size()) joins.push_back(now);
    }
    REQUIRE(joins.size() >= 3);
    soonest = std::min(soonest, joins[2] - joins[1]);
    latest = std::max(latest, joins[2] - joins[1]);
  }
  CHECK(soonest >= seconds(1));
  CHECK(latest <= milliseconds(2020));
  CHECK(latest - soonest > milliseconds(600));
}
