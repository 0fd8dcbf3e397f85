// The peer of profile v2, datagram by datagram: giving, and what it does with what comes.
#include <set>

#include "v2_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_test;

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

TEST_CASE("v2 peer: digests that do not come are asked for ever less often") {
  Fixture f;
  f.join({{host(2), 0x22}});
  const auto token = f.answer_greet(host(2), 0x2222);
  for (uint8_t position = 0; position < 19; ++position) f.give(position);
  const std::vector<uint8_t> bad(1024, 7);
  wire::Piece piece;
  piece.state = f.state(20);
  piece.chunk = {0, 30};
  piece.bytes = bad;
  f.receive(host(2), token, piece);
  f.pass(milliseconds(10));
  CHECK(f.out.count<wire::DigestRequest>() == 1);
  // Again after 0.8 s, then 1.6, 3.2 and 4.
  for (const int64_t wait_ms : {800, 1600, 3200, 4000}) {
    f.out.sent.clear();
    f.pass(milliseconds(wait_ms - 100));
    CHECK(f.out.count<wire::DigestRequest>() == 0);
    f.pass(milliseconds(100));
    CHECK(f.out.count<wire::DigestRequest>() == 1);
  }
  // An answer, to a part of it: the rest is asked for, and as soon as at first.
  const auto request = f.out.last<wire::DigestRequest>(host(1)).value();
  std::vector<uint8_t> bytes(1024);
  bytes.resize(f.site->read_chunk(f.file(), request.first, bytes));
  f.receive(host(1), f.seeder_token,
            wire::Digests{f.file(), request.first, {content::short_digest(bytes)}});
  f.out.sent.clear();
  f.pass(milliseconds(100));
  CHECK(f.out.count<wire::DigestRequest>() == 1);
  f.pass(milliseconds(800));
  CHECK(f.out.count<wire::DigestRequest>() == 2);
}

TEST_CASE("v2 peer: who is warned asks for digests as soon as the seeder knows it") {
  Fixture f;
  wire::Admit admit;
  admit.ask_manifest = admit.polluted = true;
  f.start("f", admit);
  f.load();
  f.pass(milliseconds(500));
  CHECK(f.out.count<wire::DigestRequest>() == 0);
  f.answer_greet(host(1), kSeederToken);
  f.pass(milliseconds(70));
  CHECK(f.out.count<wire::DigestRequest>() == 1);
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

TEST_CASE("v2 peer: that there is no such file counts for the file that was asked for") {
  // Not ASCII, so that a byte is no char.
  const std::string wanted =
      "gr\xc3\xb6\xc3\x9f"
      "e.html";
  Fixture f;
  wire::Admit admit;
  admit.ask_manifest = true;
  f.start(wanted, admit);
  const auto none = [&](std::string_view path) {
    const std::vector<uint8_t> bytes(path.begin(), path.end());
    f.receive(host(1), f.reply_token, wire::ManifestPart{0, 0, 0, bytes});
  };
  none("g");  // as if a bit of the request had been spoilt
  none("");
  CHECK(f.peer->take_events().empty());
  CHECK(f.drops(Drop::kUnexpected) == 2);
  f.pass(seconds(1));  // and asks again
  CHECK(f.out.count<wire::ManifestRequest>() > 0);
  none(wanted);
  CHECK(count_events<FileMissing>(f.peer->take_events()) == 1);
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

TEST_CASE("v2 peer: who lacks little keeps no more of the promise back than it has to pay") {
  const auto given = [](uint8_t held) {
    Fixture f(4 * 1024);
    f.join();
    for (uint8_t i = 0; i < held; ++i) f.give(i);
    for (uint8_t i = 10; i < 20; ++i) {
      f.receive(host(i), f.ticket_for(host(i)), f.greet(0xa00U + i, 0xb00U + i, 2));
    }
    f.pass(seconds(1));
    size_t pieces = 0;
    for (uint8_t i = 10; i < 20; ++i) pieces += f.pieces_to(host(i));
    return pieces;
  };
  CHECK(given(2) == 2 + 8 - 2);
  CHECK(given(3) == 3 + 8 - 1);
  CHECK(given(4) == 4 + 4);  // it may fetch something else

  Fixture looking(4 * 1024);  // for another file, of which it knows nothing yet
  looking.join();
  for (uint8_t i = 0; i < 3; ++i) looking.give(i);
  looking.peer->find_file(looking.now, "g");
  for (uint8_t i = 10; i < 20; ++i) {
    looking.receive(host(i), looking.ticket_for(host(i)), looking.greet(0xa00U + i, 0xb00U + i, 2));
  }
  looking.pass(milliseconds(200));
  size_t pieces = 0;
  for (uint8_t i = 10; i < 20; ++i) pieces += looking.pieces_to(host(i));
  CHECK(pieces == 3 + 4);
}

TEST_CASE("v2 peer: a newcomer with few contacts may owe more to each, where there are few") {
  const auto lent = [](uint8_t contacts, uint8_t others) {
    Fixture f(100 * 1024);
    f.join();
    for (uint8_t i = 0; i < 30; ++i) f.give(i);
    for (uint8_t i = 0; i < others; ++i) {
      const Endpoint from = host(static_cast<uint8_t>(20 + i));
      f.receive(from, f.ticket_for(from), f.greet(0xc00U + i, 0xd00U + i));
    }
    wire::Greet greet = f.greet(0xaa, 0xbb, 9);
    greet.classes = contacts;
    f.receive(host(5), f.ticket_for(host(5)), greet);
    f.pass(milliseconds(800));
    return f.pieces_to(host(5));
  };
  CHECK(lent(9, 0) == 3);
  CHECK(lent(4, 0) == 6);
  CHECK(lent(3, 0) == 8);  // and no more to one address
  CHECK(lent(1, 0) == 8);
  CHECK(lent(1, 8) == 3);  // it says so, and has come into a crowd
}

TEST_CASE("v2 peer: an untrue copy of what is held is not paid for, a true one is") {
  Fixture f;
  f.join({{host(2), 0x22}});
  const auto token = f.answer_greet(host(2), 0x2222, {{0, {~uint64_t{0}}}});
  f.give(0);
  std::vector<uint8_t> bytes(1024, 7);
  wire::Piece piece;
  const auto received = [&] {
    f.out.sent.clear();
    piece.state = f.state(20);
    piece.bytes = bytes;
    f.receive(host(2), token, piece);
    // It greets again, and is told.
    f.receive(host(2), f.name, f.greet(0x2222, 0x22));
    return f.out.last<wire::Greeted>(host(2)).value().state.received;
  };
  CHECK(received() == 0);
  REQUIRE(f.site->read_chunk(f.file(), 0, bytes) == 1024);
  piece.pushed = true;
  CHECK(received() == 0);  // unasked
  piece.pushed = false;
  CHECK(received() == 1024);
}

// A site of "f" and more files of one size, of which the peer has begun to fetch all.
struct ManyFiles : Fixture {
  ManyFiles(size_t count, size_t size, RouletteConfig config)
      : Fixture(files(count, size), config) {
    join();
    for (size_t i = 0; i < count; ++i) {
      const std::string path = "g" + std::to_string(i);
      peer->find_file(now, path);
      const auto request = out.last<wire::ManifestRequest>(host(1)).value();
      REQUIRE(request.path == path);
      const auto blob = site->manifest(path);
      receive(host(1), seeder_token, wire::ManifestPart{request.request, 0, 1, blob});
      for (const auto& event : peer->take_events()) {
        const auto* found = std::get_if<FileFound>(&event);
        if (found == nullptr) continue;
        peer->download(now, found->manifest.record, std::make_unique<content::MemoryStorage>(size));
      }
    }
  }
  static std::unique_ptr<content::MemorySite> files(size_t count, size_t size) {
    std::vector<content::MemoryFile> out{{"f", "text/plain", test::random_bytes(20 * 1024)}};
    for (size_t i = 0; i < count; ++i) {
      out.push_back({"g" + std::to_string(i), "text/plain", test::random_bytes(size, i + 2)});
    }
    return test::make_site(std::move(out));
  }
  content::FileId id(size_t i) const { return site->record("g" + std::to_string(i))->id; }
};

TEST_CASE("v2 peer: one message asks for chunks of several files and tells of them") {
  RouletteConfig config;
  config.downlink = {100'000'000};  // so that much is asked at once
  ManyFiles f(2, 10 * 1024, config);
  f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
  const auto token = f.out.last<wire::Greeted>(host(5)).value().reply_token;
  wire::Control control{f.state(255), {}, {{0, {0xffff}}}, {}};
  control.more.push_back({f.id(0), {}, {}, {{0, {0xffff}}}});
  control.more.push_back({f.id(1), {}, {}, {{0, {0xffff}}}});
  f.out.sent.clear();
  f.receive(host(5), token, control);
  f.pass(milliseconds(50));
  std::set<content::FileId> asked, named;
  for (const auto& sent : f.out.sent) {
    const auto decoded = sent.decoded();
    const auto* out = std::get_if<wire::Control>(&decoded.message);
    if (out == nullptr || sent.to != host(5)) continue;
    named.insert(out->state.file);
    if (out->state.wants.count > 0) asked.insert(out->state.file);
    for (const wire::Holding& more : out->more) {
      named.insert(more.file);
      if (more.wants.count > 0) asked.insert(more.file);
    }
  }
  CHECK(named.size() == 3);
  CHECK(asked.size() == 3);
}

TEST_CASE("v2 peer: a file that was whole long ago is given to who asks for it") {
  constexpr size_t kFiles = 70;  // more than are traded at a time
  RouletteConfig config;
  config.linger = seconds(60);
  ManyFiles f(kFiles, 1000, config);
  for (size_t i = 0; i < kFiles; ++i) {
    std::vector<uint8_t> bytes(1000);
    REQUIRE(f.site->read_chunk(f.id(i), 0, bytes) == 1000);
    wire::Piece piece;
    piece.state = f.state(20);
    piece.state.file = f.id(i);
    piece.verified = true;
    piece.bytes = bytes;
    f.receive(host(1), f.seeder_token, piece);
  }
  f.receive(host(5), f.ticket_for(host(5)), f.greet(0xaa, 0xbb));
  const auto token = f.out.last<wire::Greeted>(host(5)).value().reply_token;
  wire::Control control;
  control.state = f.state(20);
  control.state.room = 0;
  control.state.file = f.id(0);
  control.state.wants.add({0, 0});
  f.receive(host(5), token, control);
  f.pass(milliseconds(50));
  const auto piece = f.out.last<wire::Piece>(host(5));
  REQUIRE(piece);
  CHECK(piece->file() == f.id(0));
}
