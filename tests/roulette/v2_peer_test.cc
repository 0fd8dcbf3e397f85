// The peer of profile v2, datagram by datagram, against hand-made seeders and neighbours.
#include "catch.h"
#include "roulette/ticket.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::datagram;
using fb::test::host;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr wire::Token kTicket = 0x5eed;
constexpr wire::Token kSeederToken = 0x5eed5eed;
constexpr uint8_t kEpoch = 17;

// A peer, and the test in the part of everybody else.
struct Fixture {
  explicit Fixture(size_t size = 20 * 1024, RouletteConfig config = {})
      : site(test::one_file_site(size)) {
    PeerOptions options;
    options.config = config;
    options.config.profile = wire::Profile::kV2;
    options.seeder = host(1);
    options.key = site->public_key();
    options.prefix = 77;
    peer = std::make_unique<PeerNode>(options, out);
  }
  const content::FileRecord& record() const { return *site->record("f"); }
  content::FileId file() const { return record().id; }
  uint64_t drops(Drop reason) const { return peer->stats().drops.count(reason); }
  void receive(const Endpoint& from, wire::Token to, const wire::Message& message) {
    peer->receive(now, from, datagram(to, message));
  }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end;) {
      now = std::min(end, now + milliseconds(5));
      peer->advance(now);
    }
  }

  void start(std::vector<wire::Contact> contacts = {}) {
    peer->find_file(now, "f");
    const auto join = out.last<wire::Join>(host(1)).value();
    reply_token = join.reply_token;
    name = join.name;
    wire::Admit admit;
    admit.ticket = kTicket;
    admit.epoch = kEpoch;
    admit.ask_manifest = true;
    admit.grant = 8;
    admit.contacts = std::move(contacts);
    receive(host(1), reply_token, admit);
  }
  void load() {
    const auto blob = site->manifest("f");
    receive(host(1), reply_token, wire::ManifestPart{0, 0, 1, blob});
    for (const auto& event : peer->take_events()) {
      if (const auto* found = std::get_if<FileFound>(&event)) {
        auto storage = std::make_unique<content::MemoryStorage>(site->bytes(file()).size());
        download = peer->download(now, found->manifest.record, std::move(storage));
      }
    }
    REQUIRE(download);
  }
  // JOIN, ADMIT, manifest, download, and the seeder's GREETED.
  void join(std::vector<wire::Contact> contacts = {}) {
    start(std::move(contacts));
    load();
    seeder_token = answer_greet(host(1), kSeederToken);
  }
  // The neighbour at `where` that the peer has greeted answers that it holds these maps.
  wire::Token answer_greet(const Endpoint& where, wire::Token its_token,
                           std::vector<wire::BlockMap> have = {}) {
    const auto greet = out.last<wire::Greet>(where).value();
    wire::Greeted answer;
    answer.reply_token = its_token;
    answer.state = state(20);
    answer.have = std::move(have);
    receive(where, greet.reply_token, answer);
    return greet.reply_token;
  }
  wire::TradeState state(uint8_t tab) {
    wire::TradeState out_state;
    out_state.sequence = ++sequence;
    out_state.tab = tab;
    out_state.room = 100;
    out_state.file = file();
    return out_state;
  }
  wire::Token ticket_for(const Endpoint& newcomer) const {
    return make_ticket(ticket_key(reply_token, name), newcomer.address, kEpoch, name);
  }
  wire::Greet greet(wire::Token its_token, wire::Token its_name, uint8_t any = 0) {
    wire::Greet out_greet;
    out_greet.reply_token = its_token;
    out_greet.name = its_name;
    out_greet.any = any;
    out_greet.state = state(20);
    return out_greet;
  }
  // A piece of the file, of the seeder's.
  void give(uint8_t position, uint8_t grant = 0) {
    std::vector<uint8_t> bytes(1024);
    const auto geometry = site->object(file()).value();
    bytes.resize(site->read_chunk(file(), geometry.id_at(0, position), bytes));
    wire::Piece piece;
    piece.state = state(20);
    piece.chunk = {0, position};
    piece.verified = true;
    piece.bytes = bytes;
    piece.grant = grant;
    receive(host(1), seeder_token, piece);
  }
  size_t pieces_to(const Endpoint& to) const {
    return static_cast<size_t>(std::ranges::count_if(out.sent, [&](const auto& sent) {
      return sent.to == to && std::holds_alternative<wire::Piece>(sent.decoded().message);
    }));
  }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  std::unique_ptr<PeerNode> peer;
  Instant now = kStart;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  wire::Token seeder_token = 0;
  uint16_t sequence = 0;
  std::optional<DownloadId> download;
};

template <typename Event>
size_t count_events(const std::vector<PeerEvent>& events) {
  return static_cast<size_t>(std::ranges::count_if(
      events, [](const auto& event) { return std::holds_alternative<Event>(event); }));
}

}  // namespace

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
  contacts.push_back({host(4), 0});
  contacts.push_back({host(4, 0), 60});
  f.join(contacts);
  const auto greeted = std::ranges::count_if(f.out.sent, [](const auto& sent) {
    return sent.to.address == host(3).address;
  });
  CHECK(greeted == 3);
  CHECK(f.drops(Drop::kContactLimit) == 3);
  CHECK(f.drops(Drop::kStaleReferral) == 2);
  CHECK(f.out.bytes_to(host(4)) == 0);
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
    const auto other =
        profile == wire::Profile::kV2 ? wire::Profile::kClassic : wire::Profile::kV2;
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

TEST_CASE("v2 peer: a want list that comes again, late or twice, draws nothing twice") {
  RouletteConfig config;
  config.v2.stranger_tab = kib(8);
  Fixture f(20 * 1024, config);
  f.join();
  for (uint8_t position = 0; position < 10; ++position) f.give(position);
  auto greet = f.greet(0xaa, 0xbb);
  greet.state.room = 0;  // it wants nothing unasked
  f.receive(host(5), f.ticket_for(host(5)), greet);
  const auto token = f.out.last<wire::Greeted>(host(5))->reply_token;
  wire::Control control{f.state(20), {}, {}};
  control.state.room = 0;
  control.state.wants.add({0, 1});
  const auto bytes = datagram(token, control);
  f.peer->receive(f.now, host(5), bytes);
  f.pass(milliseconds(100));
  REQUIRE(f.pieces_to(host(5)) == 1);
  f.peer->receive(f.now, host(5), bytes);
  f.pass(milliseconds(100));
  CHECK(f.pieces_to(host(5)) == 1);
  // It says that it has heard of later ones: then the piece is lost, and is asked for again.
  control.state = f.state(20);
  control.state.room = 0;
  control.state.wants.add({0, 1});
  control.state.heard = 1000;
  f.receive(host(5), token, control);
  f.pass(milliseconds(100));
  CHECK(f.pieces_to(host(5)) == 2);
  // An older list than the last one says nothing.
  f.peer->receive(f.now, host(5), bytes);
  f.pass(milliseconds(100));
  CHECK(f.pieces_to(host(5)) == 2);
}

TEST_CASE("v2 peer: a file that was forgotten can be fetched again") {
  Fixture f;
  f.join();
  f.give(0);
  f.give(1);
  f.peer->forget(f.now, *f.download);
  f.out.sent.clear();
  f.peer->download(f.now, f.record(),
                   std::make_unique<content::MemoryStorage>(f.site->bytes(f.file()).size()));
  for (uint8_t position = 2; position < 20; ++position) f.give(position, 32);
  // What it held before it holds no more, so it asks for two.
  f.pass(milliseconds(100));
  const auto control = f.out.last<wire::Control>(host(1));
  REQUIRE(control);
  CHECK(control->state.wants.count >= 2);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 0);
  f.give(0);
  f.give(1);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 1);
}

TEST_CASE("v2 peer: one file fetched twice at a time completes twice") {
  Fixture f;
  f.join();
  f.peer->download(f.now, f.record(),
                   std::make_unique<content::MemoryStorage>(f.site->bytes(f.file()).size()));
  for (uint8_t position = 0; position < 20; ++position) f.give(position);
  for (uint8_t position = 0; position < 20; ++position) f.give(position);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 2);
}

TEST_CASE("v2 peer: wrong chunks are known by the seeder's digests, and who vouched is cut off") {
  Fixture f;
  f.join({{host(2), 0x22}});
  const auto token = f.answer_greet(host(2), 0x2222);
  for (uint8_t position = 0; position < 19; ++position) f.give(position);
  std::vector<uint8_t> bad(1024, 7);
  wire::Piece piece;
  piece.state = f.state(20);
  piece.chunk = {0, 30};
  piece.verified = true;
  piece.bytes = bad;
  f.receive(host(2), token, piece);
  // The block was decoded out of it, and is not what its hashes say.
  CHECK(f.peer->stats().metachunks_discarded >= 1);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 0);
  f.pass(milliseconds(10));
  const auto asked = f.out.last<wire::DigestRequest>(host(1));
  REQUIRE(asked);
  CHECK(asked->first <= 30);
  for (int rounds = 0; rounds < 4; ++rounds) {
    const auto request = f.out.last<wire::DigestRequest>(host(1)).value();
    wire::Digests digests{f.file(), request.first, {}};
    const auto count = static_cast<uint32_t>(f.site->object(f.file())->coded_count());
    for (uint32_t i = request.first; i < count && digests.digests.size() < request.count; ++i) {
      std::vector<uint8_t> bytes(1024);
      bytes.resize(f.site->read_chunk(f.file(), i, bytes));
      digests.digests.push_back(content::short_digest(bytes));
    }
    f.receive(host(1), f.seeder_token, digests);
    f.pass(milliseconds(100));
  }
  CHECK(f.peer->stats().neighbours_cut_off == 1);
  f.give(19);
  CHECK(count_events<DownloadComplete>(f.peer->take_events()) == 1);
  std::vector<uint8_t> got(20 * 1024);
  REQUIRE(f.peer->read(*f.download, 0, got));
  CHECK(std::ranges::equal(got, f.site->bytes(f.file())));
}

TEST_CASE("v2: no neighbour can make a find fail, only its own manifest is worth nothing") {
  Fixture f;
  const wire::Contact contact{host(9), 0x77};
  f.start({contact});
  const auto greet = f.out.last<wire::Greet>(host(9)).value();
  f.receive(host(9), greet.reply_token, wire::Greeted{.reply_token = 0x99});
  // "There is no such file", and garbage, again and again.
  f.receive(host(9), greet.reply_token, wire::ManifestPart{0, 0, 0, {}});
  const auto garbage = test::random_bytes(300);
  for (int i = 0; i < 8; ++i) {
    f.receive(host(9), greet.reply_token, wire::ManifestPart{0, 0, 1, garbage});
  }
  CHECK(f.peer->take_events().empty());
  CHECK(f.drops(Drop::kBadManifest) == 1);
  // The seeder is asked at once, and believed.
  f.pass(milliseconds(10));
  CHECK(f.out.last<wire::ManifestRequest>(host(1)).has_value());
  f.load();
}

TEST_CASE("v2 peer: a manifest goes on to who asked for it before it was here") {
  Fixture f;
  f.start();
  auto early = f.greet(0xaa, 0xbb);
  early.path = "f";
  f.receive(host(5), f.ticket_for(host(5)), early);
  auto other = f.greet(0xcc, 0xdd);
  other.path = "nobody fetches this";
  f.receive(host(6), f.ticket_for(host(6)), other);
  CHECK(f.out.count<wire::ManifestPart>() == 0);
  f.load();
  const auto part = f.out.last<wire::ManifestPart>(host(5));
  REQUIRE(part);
  CHECK(part->request == 0);
  CHECK_FALSE(f.out.last<wire::ManifestPart>(host(6)).has_value());
  f.pass(milliseconds(500));
  CHECK(f.out.count<wire::ManifestPart>() == 1);
}

TEST_CASE("v2 peer: a further file's manifest is asked of neighbours, then of the seeder") {
  Fixture f;
  f.join();
  f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
  f.peer->find_file(f.now, "g");
  REQUIRE(f.out.last<wire::ManifestRequest>(host(5)));
  CHECK(f.out.last<wire::ManifestRequest>(host(5))->path == "g");
  CHECK_FALSE(f.out.last<wire::ManifestRequest>(host(1)).has_value());
  f.pass(milliseconds(310));
  REQUIRE(f.out.last<wire::ManifestRequest>(host(1)));
  CHECK(f.out.last<wire::ManifestRequest>(host(1))->path == "g");
}

TEST_CASE("v2 peer: strangers get half of the promise and no more, a newcomer two chunks of it") {
  Fixture f(100 * 1024);
  f.join();
  f.give(0);
  f.give(1);
  for (uint8_t i = 10; i < 20; ++i) {
    f.receive(host(i), f.ticket_for(host(i)), f.greet(0xa00U + i, 0xb00U + i, 3));
  }
  f.pass(seconds(1));
  size_t pieces = 0;
  for (uint8_t i = 10; i < 20; ++i) {
    CHECK(f.pieces_to(host(i)) <= 2);
    pieces += f.pieces_to(host(i));
  }
  // 2 KiB came; of the promise of 8 KiB beyond that, half.
  CHECK(pieces == 6);
}
