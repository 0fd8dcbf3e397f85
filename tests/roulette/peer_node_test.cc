// The peer, datagram by datagram, against hand-made seeders and neighbours.
#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::datagram;
using fb::test::host;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr wire::Token kSeederName = 0x5eed;
constexpr wire::Token kSeederToken = 0x5eed5eed;

// A peer, and the test in the part of everybody else.
struct Fixture {
  explicit Fixture(size_t size = 20 * 1024, RouletteConfig config = {})
      : site(test::one_file_site(size)) {
    PeerOptions options;
    options.config = config;
    options.config.profile = wire::Profile::kClassic;
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
    now = now + time;
    peer->advance(now);
  }

  // JOIN, WELCOME, manifest, download, and HELLO to the seeder; the referrals are greeted.
  void join(std::vector<wire::Referral> referrals = {}) {
    peer->find_file(now, "f");
    const auto join_message = out.last<wire::Join>(host(1)).value();
    join_token = join_message.reply_token;
    name = join_message.name;
    receive(host(1), join_token, wire::Welcome{{}, kSeederName, host(9), std::move(referrals)});
    const auto blob = site->manifest("f");
    receive(host(1), join_token, wire::ManifestPart{0, 0, 1, blob});
    for (const auto& event : peer->take_events()) {
      if (const auto* found = std::get_if<FileFound>(&event)) {
        auto storage = std::make_unique<content::MemoryStorage>(record().geometry.length);
        download = peer->download(now, found->manifest.record, std::move(storage));
      }
    }
    REQUIRE(download);
  }
  // The neighbour at `where` that the peer has greeted answers with this offer.
  wire::Token answer_hello(const Endpoint& where, wire::Token its_token, wire::Intervals offer) {
    const auto hello = out.last<wire::Hello>(where).value();
    receive(where, hello.reply_token,
            wire::HelloReply{its_token, host(9), wire::HandshakeStatus::kOffer, file(), offer});
    return hello.reply_token;
  }
  wire::Intervals everything() const {
    wire::Intervals all;
    all.items[0] = {0, record().geometry.chunk_count() - 1};
    all.count = 1;
    return all;
  }
  wire::Data data(uint32_t chunk, uint16_t request, bool verified = true) const {
    const auto& geometry = record().geometry;
    return {file(), request, chunk, verified,
            site->bytes(file()).subspan(geometry.chunk_offset(chunk),
                                        geometry.chunk_length(chunk))};
  }
  wire::Referral referral(uint8_t number) const { return {host(number), 1000U + number, 10}; }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  std::unique_ptr<PeerNode> peer;
  Instant now = kStart;
  wire::Token join_token = 0;
  wire::Token name = 0;
  std::optional<DownloadId> download;
};

template <typename Event>
size_t count_events(const std::vector<PeerEvent>& events) {
  return static_cast<size_t>(std::ranges::count_if(
      events, [](const auto& event) { return std::holds_alternative<Event>(event); }));
}

}  // namespace

TEST_CASE("a whole visit with nobody but the seeder") {
  Fixture f;
  f.join();
  const auto token = f.answer_hello(host(1), kSeederToken, f.everything());
  CHECK(peer_prefix(token) == 77);
  auto request = f.out.last<wire::SecondHandshake>(host(1)).value();
  CHECK(request.chunks.size() == 16);
  for (const uint32_t chunk : request.chunks) {
    f.receive(host(1), token, f.data(chunk, request.request));
  }
  request = f.out.last<wire::SecondHandshake>(host(1)).value();
  CHECK(request.chunks.size() == 4);  // 17 were allowed, 4 are left
  for (const uint32_t chunk : request.chunks) {
    f.receive(host(1), token, f.data(chunk, request.request));
  }
  auto events = f.peer->take_events();
  CHECK(count_events<MetachunkReady>(events) == 2);
  CHECK(count_events<DownloadComplete>(events) == 1);
  std::vector<uint8_t> got(20 * 1024);
  REQUIRE(f.peer->read(*f.download, 0, got));
  CHECK(std::ranges::equal(got, f.site->bytes(f.file())));
  f.pass({});
  CHECK(count_events<LeftSwarm>(f.peer->take_events()) == 1);
  CHECK(f.out.last<wire::Bye>(host(1)).has_value());
  CHECK_FALSE(f.peer->in_swarm());
  CHECK(f.peer->next_deadline() == Instant::never());
}

TEST_CASE("the burst grows by one and falls to what arrived") {
  Fixture f(256 * 1024);
  f.join();
  const auto token = f.answer_hello(host(1), kSeederToken, f.everything());
  auto request = f.out.last<wire::SecondHandshake>(host(1)).value();
  REQUIRE(request.chunks.size() == 16);
  for (const uint32_t chunk : request.chunks) {
    f.receive(host(1), token, f.data(chunk, request.request));
  }
  request = f.out.last<wire::SecondHandshake>(host(1)).value();
  REQUIRE(request.chunks.size() == 17);
  for (size_t i = 0; i < 5; ++i) {
    f.receive(host(1), token, f.data(request.chunks[i], request.request));
  }
  f.pass(seconds(2));
  request = f.out.last<wire::SecondHandshake>(host(1)).value();
  CHECK(request.chunks.size() == 5);
}

TEST_CASE("a neighbour that never answers is asked five times and then forgotten") {
  Fixture f;
  f.join({f.referral(2)});
  for (int i = 0; i < 40; ++i) f.pass(milliseconds(100));
  const auto hellos = std::ranges::count_if(f.out.sent, [](const auto& sent) {
    return sent.to == host(2) && std::holds_alternative<wire::Hello>(sent.decoded().message);
  });
  CHECK(hellos == 5);  // once, and four times again (paper, 3.1.1)
  // Contact may be made again later, but not without end: three in ten seconds.
  CHECK(f.peer->degree() == 0);
}

TEST_CASE("JOIN is repeated, ever more slowly, until the time is up") {
  RouletteConfig config;
  config.give_up = seconds(20);
  Fixture f(20 * 1024, config);
  f.peer->find_file(f.now, "f");
  while (!f.peer->has_events() && f.now < kStart + seconds(60)) f.pass(milliseconds(50));
  const auto events = f.peer->take_events();
  REQUIRE(count_events<FindFailed>(events) == 1);
  CHECK(std::get<FindFailed>(events[0]).why == FetchFailure::kUnreachable);
  CHECK(f.out.count<wire::Join>() >= 5);
  CHECK(f.out.count<wire::Join>() <= 10);
  CHECK(f.now <= kStart + seconds(26));
}

TEST_CASE("a seeder that the link's key does not know is refused") {
  Fixture f;
  f.peer->find_file(f.now, "f");
  const auto token = f.out.last<wire::Join>(host(1))->reply_token;
  auto other = content::MemorySite({{"f", "text/plain", {1, 2, 3}}},
                                   content::secret_key_from_seed({}));
  f.receive(host(1), token, wire::Welcome{{}, kSeederName, host(9), {}});
  // Once or twice the signature may have been spoilt on its way: it is asked again, at once.
  f.receive(host(1), token, wire::ManifestPart{0, 0, 1, other.manifest("f")});
  for (uint64_t answers = 1; answers < 3; ++answers) {
    CHECK(f.peer->take_events().empty());
    f.peer->advance(f.now);
    REQUIRE(f.out.count<wire::ManifestRequest>() == answers);
    const auto asked = f.out.last<wire::ManifestRequest>(host(1));
    f.receive(host(1), token,
              wire::ManifestPart{asked->request, 0, 1, other.manifest("f")});
  }
  const auto events = f.peer->take_events();
  REQUIRE(count_events<FindFailed>(events) == 1);
  CHECK(std::get<FindFailed>(events[0]).why == FetchFailure::kBadManifest);
  CHECK(f.drops(Drop::kBadManifest) == 3);
}

TEST_CASE("answers in the seeder's name from elsewhere are dropped") {
  Fixture f;
  f.peer->find_file(f.now, "f");
  const auto token = f.out.last<wire::Join>(host(1))->reply_token;
  f.receive(host(2), token, wire::Welcome{{}, kSeederName, host(9), {}});
  CHECK(f.drops(Drop::kChangedAddress) == 1);
  f.receive(host(1), token, wire::Welcome{{}, kSeederName, host(9), {}});
  f.receive(host(1), token, wire::Welcome{{}, kSeederName, host(9), {}});  // a replay
  CHECK(f.drops(Drop::kUnexpected) == 1);
}

TEST_CASE("referrals: to ourselves, expired, too many to one address") {
  Fixture f;
  std::vector<wire::Referral> referrals;
  for (uint16_t port = 1; port <= 6; ++port) referrals.push_back({host(3, port), 50U + port, 10});
  referrals.push_back({host(4), 60, 0});
  f.join(referrals);
  // Three unanswered contacts to one address; the rest has to wait.
  const auto greeted = std::ranges::count_if(f.out.sent, [](const auto& sent) {
    return sent.to.address == host(3).address;
  });
  CHECK(greeted == 3);
  CHECK(f.drops(Drop::kContactLimit) == 3);
  const auto seeder = f.answer_hello(host(1), kSeederToken, {});
  f.receive(host(1), seeder, wire::Recommendation{{{host(9), f.name, 10}}});
  CHECK(f.drops(Drop::kStaleReferral) == 1);
}

TEST_CASE("a stranger's HELLO is answered shortly and kept apart until it proves its address") {
  Fixture f;
  f.join();
  const auto hello = datagram(f.name, wire::Hello{wire::Profile::kClassic, 0xaa, 0xbb, {},
                                                  f.file(), {}});
  f.peer->receive(f.now, host(5), hello);
  const auto reply = f.out.last<wire::HelloReply>(host(5));
  REQUIRE(reply);
  CHECK(reply->observed == host(5));
  CHECK(f.out.bytes_to(host(5)) <= 3 * hello.size());
  CHECK(f.peer->degree() == 0);
  // The same HELLO again: the same token, no second place.
  f.peer->receive(f.now, host(5), hello);
  CHECK(f.out.last<wire::HelloReply>(host(5))->reply_token == reply->reply_token);
  // Its token from another address proves nothing.
  f.receive(host(6), reply->reply_token, wire::FirstHandshake{f.file(), 1, {}});
  CHECK(f.drops(Drop::kChangedAddress) == 1);
  CHECK(f.peer->degree() == 0);
  f.receive(host(5), reply->reply_token, wire::FirstHandshake{f.file(), 1, {}});
  CHECK(f.peer->degree() == 1);
  // Now it is a neighbour, and is asked in turn.
  CHECK(f.out.last<wire::FirstHandshake>(host(5)).has_value());
}

TEST_CASE("strangers are bounded per address and in all") {
  Fixture f;
  f.join();
  const auto hello = [&](uint64_t i) {
    return datagram(f.name,
                    wire::Hello{wire::Profile::kClassic, i, 0x1000 + i, {}, f.file(), {}});
  };
  for (uint64_t i = 1; i <= 20; ++i) f.peer->receive(f.now, host(5), hello(i));
  CHECK(f.drops(Drop::kAddressLimit) == 12);
  for (uint64_t i = 0; i < 200; ++i) {
    f.peer->receive(f.now, {Address::v4(198, 51, 100, static_cast<uint8_t>(i)), 1}, hello(100 + i));
  }
  CHECK(f.drops(Drop::kHalfOpenFull) == 200 - (64 - 8));
  // They are forgotten soon.
  f.now = f.now + seconds(4);
  f.peer->receive(f.now, host(7), hello(1000));
  CHECK(f.out.last<wire::HelloReply>(host(7)).has_value());
}

TEST_CASE("unasked and replayed answers change nothing") {
  Fixture f(64 * 1024);
  f.join();
  const auto token = f.answer_hello(host(1), kSeederToken, f.everything());
  const auto request = f.out.last<wire::SecondHandshake>(host(1)).value();
  f.receive(host(1), token, f.data(request.chunks[0], request.request));
  const auto before = f.peer->stats();
  f.receive(host(1), token, f.data(request.chunks[0], request.request));
  CHECK(f.drops(Drop::kDuplicateChunk) == 1);
  CHECK(f.peer->stats().chunk_bytes_duplicate - before.chunk_bytes_duplicate == 1024);
  f.receive(host(1), token, wire::FirstHandshakeReply{f.file(), 1, f.everything()});
  f.receive(host(1), token, wire::NoFile{static_cast<content::FileId>(3), 1});
  f.receive(host(1), token, wire::NotNow{f.file(), 999});
  CHECK(f.drops(Drop::kUnexpected) == 3);
  // A chunk that is not one, and a file that nobody asked for.
  auto wrong = f.data(request.chunks[1], request.request);
  wrong.chunk = 1'000'000;
  f.receive(host(1), token, wrong);
  CHECK(f.drops(Drop::kBadChunk) == 1);
  wrong.file = static_cast<content::FileId>(99);
  f.receive(host(1), token, wrong);
  CHECK(f.drops(Drop::kUnknownFile) == 1);
  // Seeders' business is not for peers.
  f.receive(host(1), token, wire::Join{wire::Profile::kClassic, 1, 2, wire::Cookie{}, "f"});
  f.receive(host(1), f.name, wire::Bye{});
  CHECK(f.drops(Drop::kWrongRole) == 2);
}

TEST_CASE("a neighbour over its tab meets silence, a broke peer says NOT NOW") {
  Fixture f(64 * 1024);
  f.join({f.referral(2), f.referral(3)});
  const auto seeder = f.answer_hello(host(1), kSeederToken, f.everything());
  const auto request = f.out.last<wire::SecondHandshake>(host(1)).value();
  for (const uint32_t chunk : request.chunks) {
    f.receive(host(1), seeder, f.data(chunk, request.request));
  }
  const auto two = f.answer_hello(host(2), 0x22, {});
  const auto three = f.answer_hello(host(3), 0x33, {});
  f.out.sent.clear();
  // 16 chunks came from the seeder, 4 more may be lent: but only 4 to one neighbour.
  f.receive(host(2), two, wire::SecondHandshake{f.file(), 1, request.chunks});
  CHECK(f.out.count<wire::Data>() == 4);
  CHECK(f.drops(Drop::kTitForTat) == 1);
  CHECK(f.out.last<wire::NotNow>(host(2)) == std::nullopt);
  f.receive(host(2), two, wire::FirstHandshake{f.file(), 2, {}});
  CHECK(f.out.last<wire::FirstHandshakeReply>(host(2)) == std::nullopt);
  f.receive(host(3), three, wire::SecondHandshake{f.file(), 1, request.chunks});
  CHECK(f.out.count<wire::Data>() == 8);
  CHECK(f.peer->stats().chunk_bytes_sent == 8 * 1024);
}

TEST_CASE("what is sent never exceeds what was received and the promise") {
  RouletteConfig config;
  config.tab = kib(64);
  config.stranger_credit_address = kib(64);
  Fixture f(64 * 1024, config);
  f.join({f.referral(2)});
  const auto seeder = f.answer_hello(host(1), kSeederToken, f.everything());
  const auto request = f.out.last<wire::SecondHandshake>(host(1)).value();
  for (size_t i = 0; i < 2; ++i) {
    f.receive(host(1), seeder, f.data(request.chunks[i], request.request));
  }
  const auto two = f.answer_hello(host(2), 0x22, {});
  for (uint16_t i = 0; i < 12; ++i) {
    f.receive(host(2), two, wire::SecondHandshake{f.file(), i, {request.chunks[0]}});
  }
  CHECK(f.peer->stats().chunk_bytes_sent == 10 * 1024);  // 2 received, and 8 KiB
  CHECK(f.out.last<wire::NotNow>(host(2))->request == 11);
  CHECK(f.drops(Drop::kUploadPromise) == 2);
}

TEST_CASE("who vouches for a bad chunk is cut off, banned and never referred") {
  Fixture f;
  f.join({f.referral(2), f.referral(3)});
  const auto two = f.answer_hello(host(2), 0x22, f.everything());
  const auto three = f.answer_hello(host(3), 0x33, {});
  const auto request = f.out.last<wire::SecondHandshake>(host(2)).value();
  REQUIRE(request.chunks.size() == 16);
  // All of the file, so that a MetaChunk is whole; one byte is wrong.
  std::vector<uint8_t> bad(1024, 0xee);
  for (uint32_t chunk = 0; chunk < 16; ++chunk) {
    auto data = f.data(chunk, request.request);
    if (chunk == 7) data.bytes = bad;
    f.receive(host(2), two, data);
  }
  CHECK(f.peer->stats().metachunks_discarded == 1);
  CHECK(f.peer->stats().neighbours_cut_off == 1);
  CHECK(f.peer->degree() == 1);
  f.receive(host(2), two, wire::FirstHandshake{f.file(), 1, {}});
  CHECK(f.drops(Drop::kUnknownToken) == 1);
  f.receive(host(2), f.name, wire::Hello{wire::Profile::kClassic, 1, 1002, {}, f.file(), {}});
  CHECK(f.drops(Drop::kBanned) == 1);
  f.receive(host(3), three, wire::Recommendation{{f.referral(2)}});
  CHECK(f.drops(Drop::kBanned) == 2);
  f.receive(host(3), three, wire::RecommendRequest{f.file()});
  CHECK(f.out.last<wire::Recommendation>(host(3))->referrals.empty());
}

TEST_CASE("after a bad MetaChunk digests are asked for, and refuse bad chunks at once") {
  Fixture f(64 * 1024);
  f.join({f.referral(2), f.referral(3)});
  const auto seeder = f.answer_hello(host(1), kSeederToken, {});
  const auto two = f.answer_hello(host(2), 0x22, f.everything());
  const auto three = f.answer_hello(host(3), 0x33, {});
  const std::vector<uint8_t> bad(1024, 0xee);
  // The first MetaChunk, from two senders; neither can be named yet.
  for (uint32_t chunk = 0; chunk < 16; ++chunk) {
    auto data = f.data(chunk, 1, false);
    if (chunk == 7) data.bytes = bad;
    f.receive(chunk < 8 ? host(2) : host(3), chunk < 8 ? two : three, data);
  }
  CHECK(f.peer->stats().metachunks_discarded == 1);
  CHECK(f.peer->stats().neighbours_cut_off == 0);
  f.pass(milliseconds(1));
  const auto request = f.out.last<wire::DigestRequest>(host(1));
  REQUIRE(request);
  CHECK(request->first == 0);
  CHECK(request->count == 64);
  wire::Digests digests{f.file(), 0, {}};
  for (uint32_t chunk = 0; chunk < 64; ++chunk) {
    digests.digests.push_back(content::short_digest(f.data(chunk, 1).bytes));
  }
  digests.digests[40] ^= 1;  // spoilt on its way
  f.receive(host(3), three, digests);  // not the seeder's word
  CHECK(f.drops(Drop::kUnexpected) == 1);
  f.receive(host(1), seeder, digests);
  // From now on a bad chunk is refused when it comes, four of them end the neighbour.
  for (uint32_t chunk = 20; chunk < 23; ++chunk) {
    auto data = f.data(chunk, 1, false);
    data.bytes = bad;
    f.receive(host(2), two, data);
  }
  CHECK(f.drops(Drop::kPolluted) == 3);
  CHECK(f.peer->stats().neighbours_cut_off == 1);
  // Unchecked chunks are not passed on, checked ones are.
  f.receive(host(3), three, f.data(30, 1, false));
  f.receive(host(3), three, wire::SecondHandshake{f.file(), 1, {30}});
  CHECK(f.out.last<wire::Data>(host(3))->chunk == 30);
  // A spoilt digest must not keep a chunk out for ever: who told it also gives the chunk.
  const uint64_t before = f.drops(Drop::kPolluted);
  f.receive(host(3), three, f.data(40, 1, false));
  CHECK(f.drops(Drop::kPolluted) == before + 1);
  f.receive(host(1), seeder, f.data(40, 1, true));
  CHECK(f.drops(Drop::kPolluted) == before + 1);
  f.receive(host(1), seeder, f.data(40, 1, true));
  CHECK(f.drops(Drop::kDuplicateChunk) == 1);
}

TEST_CASE("files of several hash-list levels, empty files, and files that fail") {
  // 600 KiB are 38 MetaChunks, more than fit into a record.
  Fixture f(600 * 1024);
  REQUIRE(f.record().list_ids.size() == 1);
  f.join();
  const auto token = f.answer_hello(host(1), kSeederToken, {});
  static_cast<void>(token);
  // Nothing more comes: it must end, with a reason, after give_up.
  while (!f.peer->has_events() && f.now < kStart + seconds(100)) f.pass(milliseconds(50));
  const auto events = f.peer->take_events();
  REQUIRE(count_events<DownloadFailed>(events) == 1);
  CHECK(f.now <= kStart + seconds(32));
}

TEST_CASE("an empty file is complete at once") {
  auto site = test::make_site({{"e", "text/plain", {}}});
  test::Recorder out;
  PeerOptions options;
  options.seeder = host(1);
  options.key = site->public_key();
  PeerNode peer(options, out);
  peer.download(kStart, *site->record("e"), std::make_unique<content::MemoryStorage>(0));
  CHECK(count_events<DownloadComplete>(peer.take_events()) == 1);
}

TEST_CASE("a storage that fails ends the download, not the peer") {
  class Broken final : public content::Storage {
   public:
    bool write(uint64_t, std::span<const uint8_t>) override { return false; }
    bool read(uint64_t, std::span<uint8_t>) const override { return false; }
  };
  Fixture f;
  f.join();
  f.peer->forget(f.now, *f.download);
  f.peer->download(f.now, f.record(), std::make_unique<Broken>());
  f.pass(milliseconds(600));  // the HELLO for the forgotten download times out
  const auto token = f.answer_hello(host(1), kSeederToken, f.everything());
  const auto request = f.out.last<wire::SecondHandshake>(host(1));
  REQUIRE(request);
  f.receive(host(1), token, f.data(request->chunks[0], request->request));
  const auto events = f.peer->take_events();
  REQUIRE(count_events<DownloadFailed>(events) == 1);
}
