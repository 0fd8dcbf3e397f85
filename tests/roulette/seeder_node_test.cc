// The seeder, datagram by datagram: what it answers, to whom, and how much.
#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::datagram;
using fb::test::host;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr wire::Token kReply = 0x1111;
constexpr wire::Token kName = 0x2222;

struct Fixture {
  explicit Fixture(size_t file = 20'000, SeederConfig seeder_config = {})
      : site(test::one_file_site(file)) {
    SeederOptions options;
    options.config.profile = wire::Profile::kClassic;
    options.seeder = seeder_config;
    seeder = std::make_unique<SeederNode>(options, *site, out);
  }
  void receive(const Endpoint& from, wire::Token to, const wire::Message& message,
               Instant now = kStart) {
    seeder->receive(now, from, datagram(to, message));
  }
  wire::Welcome join(const Endpoint& from, Instant now = kStart) {
    receive(from, 0, wire::Join{wire::Profile::kClassic, kReply, kName, {}, "f"}, now);
    return out.last<wire::Welcome>(from).value();
  }
  // Joins and greets; the token by which the seeder is reached from then on.
  wire::Token meet(const Endpoint& from, wire::Token reply, wire::Token name,
                   Instant now = kStart) {
    const auto welcome = join(from, now);
    receive(from, welcome.seeder_name,
            wire::Hello{wire::Profile::kClassic, reply, name, welcome.cookie, file(), {}}, now);
    return out.last<wire::HelloReply>(from).value().reply_token;
  }
  content::FileId file() const { return site->record("f")->id; }
  uint64_t drops(Drop reason) const { return seeder->stats().drops.count(reason); }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  std::unique_ptr<SeederNode> seeder;
};

}  // namespace

TEST_CASE("a JOIN is answered with a welcome and the manifest, and keeps no state") {
  Fixture f;
  const auto welcome = f.join(host(1));
  CHECK(welcome.observed == host(1));
  CHECK(welcome.referrals.empty());
  const auto part = f.out.last<wire::ManifestPart>(host(1));
  REQUIRE(part);
  CHECK(part->parts == 1);
  const auto manifest = content::decode_manifest_blob(part->bytes, f.site->public_key());
  REQUIRE(manifest);
  CHECK(manifest->record == *f.site->record("f"));
  CHECK(f.seeder->stats().neighbours_now == 0);
}

TEST_CASE("an unproven address never draws more than three times its bytes") {
  // A path for which the manifest is as long as can be.
  std::string path(content::kPathLengthMax, 'p');
  std::vector<content::MemoryFile> files{
      {path, "text/plain", test::random_bytes(16 * 16 * 1024)}};
  for (int i = 0; i < 300; ++i) files.push_back({"x" + std::to_string(i), "text/plain", {}});
  const auto site = test::make_site(std::move(files));
  test::Recorder out;
  SeederOptions options;
  options.config.profile = wire::Profile::kClassic;
  SeederNode seeder(options, *site, out);
  const auto join = datagram(0, wire::Join{wire::Profile::kClassic, 1, 2, {}, path});
  REQUIRE(join.size() == wire::kJoinPadded);
  seeder.receive(kStart, host(1), join);
  CHECK(out.count<wire::ManifestPart>() >= 2);
  CHECK(out.bytes_to(host(1)) <= 3 * join.size());
  // Everything else that an unproven address can send.
  const std::vector<wire::Message> others{
      wire::ManifestRequest{1, {}, 1, path},
      wire::Hello{wire::Profile::kClassic, 1, 2, wire::Cookie{}, {}, {}},
      wire::Hello{wire::Profile::kClassic, 1, 2, {}, {}, {}},
      wire::FirstHandshake{}, wire::SecondHandshake{{}, 1, {1, 2, 3}},
      wire::RecommendRequest{}, wire::Bye{}, wire::PathChallenge{}};
  for (const auto& message : others) {
    for (const wire::Token to : {wire::Token{0}, out.last<wire::Welcome>(host(1))->seeder_name,
                                 wire::Token{12345}}) {
      const auto bytes = datagram(to, message);
      seeder.receive(kStart, host(9), bytes);
    }
  }
  CHECK(out.bytes_to(host(9)) == 0);
}

TEST_CASE("a short JOIN without a cookie, a forged and an old cookie are dropped") {
  Fixture f;
  auto bytes = datagram(0, wire::Join{wire::Profile::kClassic, kReply, kName, {}, "f"});
  bytes.resize(200);
  f.seeder->receive(kStart, host(1), bytes);
  CHECK(f.drops(Drop::kMalformed) == 1);
  f.receive(host(1), 0, wire::Join{wire::Profile::kClassic, kReply, kName, wire::Cookie{}, "f"});
  CHECK(f.drops(Drop::kBadCookie) == 1);
  CHECK(f.out.sent.empty());
  const auto welcome = f.join(host(1));
  f.receive(host(2), 0, wire::ManifestRequest{kReply, welcome.cookie, 1, "f"});
  CHECK(f.drops(Drop::kBadCookie) == 2);
  f.receive(host(1), 0, wire::ManifestRequest{kReply, welcome.cookie, 1, "f"},
            kStart + seconds(300));
  CHECK(f.drops(Drop::kBadCookie) == 3);
}

TEST_CASE("a file that the site lacks is told as such") {
  Fixture f;
  const auto welcome = f.join(host(1));
  f.receive(host(1), 0, wire::ManifestRequest{kReply, welcome.cookie, 77, "no/such"});
  const auto part = f.out.last<wire::ManifestPart>(host(1));
  REQUIRE(part);
  CHECK(part->request == 77);
  CHECK(part->parts == 0);
  CHECK(std::string(part->bytes.begin(), part->bytes.end()) == "no/such");
}

TEST_CASE("another profile is refused by name") {
  Fixture f;
  f.receive(host(1), 0, wire::Join{wire::Profile::kV2, kReply, kName, {}, "f"});
  const auto refused = f.out.last<wire::Refused>(host(1));
  REQUIRE(refused);
  CHECK(refused->reason == wire::RefusedReason::kProfile);
  CHECK(refused->profile == wire::Profile::kClassic);
  CHECK(f.drops(Drop::kProfile) == 1);
}

TEST_CASE("handshakes and data") {
  Fixture f;
  const auto token = f.meet(host(1), kReply, kName);
  const auto reply = f.out.last<wire::HelloReply>(host(1));
  REQUIRE(reply);
  CHECK(reply->status == wire::HandshakeStatus::kOffer);
  REQUIRE(reply->offer.count == 1);
  CHECK(reply->offer.items[0] == nois::Interval{0, 19});
  CHECK(f.seeder->stats().neighbours_now == 1);

  wire::Intervals have;
  have.items[0] = {3, 5};
  have.items[1] = {0, 0};
  have.count = 2;
  f.receive(host(1), token, wire::FirstHandshake{f.file(), 9, have});
  const auto offer = f.out.last<wire::FirstHandshakeReply>(host(1));
  REQUIRE(offer);
  CHECK(offer->request == 9);
  REQUIRE(offer->offer.count == 2);
  CHECK(offer->offer.items[0] == nois::Interval{1, 2});
  CHECK(offer->offer.items[1] == nois::Interval{6, 19});

  f.out.sent.clear();
  f.receive(host(1), token, wire::SecondHandshake{f.file(), 10, {0, 19, 20, 4'000'000'000}});
  CHECK(f.out.count<wire::Data>() == 2);
  CHECK(f.drops(Drop::kSourceGone) == 2);
  const auto data = f.out.last<wire::Data>(host(1));
  CHECK(data->chunk == 19);
  CHECK(data->verified);
  const auto whole = f.site->bytes(f.file());
  CHECK(std::ranges::equal(data->bytes, whole.subspan(19 * 1024)));
  f.receive(host(1), token, wire::SecondHandshake{static_cast<content::FileId>(99), 11, {0}});
  CHECK(f.out.last<wire::NoFile>(host(1)).has_value());
}

TEST_CASE("a HELLO that is sent again makes no second neighbour") {
  Fixture f;
  const auto first = f.meet(host(1), kReply, kName);
  const auto second = f.meet(host(1), kReply, kName);
  CHECK(first == second);
  CHECK(f.seeder->stats().neighbours_now == 1);
}

TEST_CASE("newcomers are referred to each other, never to themselves") {
  Fixture f;
  for (uint8_t i = 1; i <= 8; ++i) {
    const auto welcome = f.join(host(i));
    for (const auto& referral : welcome.referrals) {
      CHECK(referral.endpoint != host(i));
      CHECK(referral.name == 1000U + referral.endpoint.address.bytes[15]);
      CHECK(referral.expires_in_s == 10);
    }
    CHECK(welcome.referrals.size() == std::min<size_t>(4, i - 1U));
    f.meet(host(i), 100U + i, 1000U + i);
  }
  // Old acquaintances are not referred any more.
  CHECK(f.join(host(99), kStart + seconds(11)).referrals.empty());
}

TEST_CASE("a changed address is checked before it is believed") {
  Fixture f;
  const auto token = f.meet(host(1), kReply, kName);
  f.out.sent.clear();
  f.receive(host(2), token, wire::SecondHandshake{f.file(), 1, {0, 1, 2}});
  CHECK(f.drops(Drop::kChangedAddress) == 1);
  CHECK(f.out.count<wire::Data>() == 0);
  const auto challenge = f.out.last<wire::PathChallenge>(host(2));
  REQUIRE(challenge);
  // Asked once a second only, and a wrong answer or one from elsewhere changes nothing.
  f.receive(host(2), token, wire::SecondHandshake{f.file(), 1, {0, 1, 2}});
  CHECK(f.out.count<wire::PathChallenge>() == 1);
  f.receive(host(2), token, wire::PathResponse{challenge->nonce + 1});
  f.receive(host(3), token, wire::PathResponse{challenge->nonce});
  CHECK(f.drops(Drop::kUnexpected) == 2);
  f.receive(host(2), token, wire::PathResponse{challenge->nonce});
  f.receive(host(2), token, wire::SecondHandshake{f.file(), 2, {0, 1, 2}});
  CHECK(f.out.bytes_to(host(2)) > 3000);
  f.receive(host(1), token, wire::FirstHandshake{f.file(), 3, {}});
  CHECK(f.out.last<wire::FirstHandshakeReply>(host(1)) == std::nullopt);
}

TEST_CASE("the table is bounded, and the silent make room") {
  SeederConfig config;
  config.neighbours_max = 4;
  Fixture f(20'000, config);
  for (uint8_t i = 1; i <= 4; ++i) f.meet(host(i), 100U + i, 1000U + i);
  const auto welcome = f.join(host(5));
  f.receive(host(5), welcome.seeder_name,
            wire::Hello{wire::Profile::kClassic, 105, 1005, welcome.cookie, f.file(), {}});
  CHECK(f.drops(Drop::kTableFull) == 1);
  CHECK(f.out.last<wire::HelloReply>(host(5)) == std::nullopt);
  const Instant later = kStart + seconds(2);
  f.receive(host(5), welcome.seeder_name,
            wire::Hello{wire::Profile::kClassic, 105, 1005, welcome.cookie, f.file(), {}}, later);
  CHECK(f.out.last<wire::HelloReply>(host(5)).has_value());
  CHECK(f.seeder->stats().neighbours_now == 4);
  // Silence for long ends any neighbour.
  f.seeder->advance(later + seconds(20));
  CHECK(f.seeder->stats().neighbours_now == 0);
}

TEST_CASE("BYE is farewell on both sides") {
  Fixture f;
  const auto token = f.meet(host(1), kReply, kName);
  f.meet(host(2), kReply + 1, kName + 1);
  f.receive(host(1), token, wire::Bye{1234});
  CHECK(f.seeder->stats().neighbours_now == 1);
  f.receive(host(1), token, wire::Bye{1234});
  CHECK(f.drops(Drop::kUnknownToken) == 1);
  f.seeder->close(kStart);
  CHECK(f.out.last<wire::Bye>(host(2)).has_value());
  CHECK(f.out.last<wire::Bye>(host(1)) == std::nullopt);
}

TEST_CASE("digests: for neighbours, not too often, and a warning for newcomers") {
  Fixture f;
  const auto token = f.meet(host(1), kReply, kName);
  CHECK_FALSE(f.join(host(7)).polluted);
  f.receive(host(1), token, wire::DigestRequest{f.file(), 18, 128});
  const auto digests = f.out.last<wire::Digests>(host(1));
  REQUIRE(digests);
  CHECK(digests->first == 18);
  REQUIRE(digests->digests.size() == 2);  // chunks 18 and 19 are the last
  const auto whole = f.site->bytes(f.file());
  CHECK(digests->digests[0] == content::short_digest(whole.subspan(18 * 1024, 1024)));
  CHECK(digests->digests[1] == content::short_digest(whole.subspan(19 * 1024)));
  f.receive(host(1), token, wire::DigestRequest{f.file(), 0, 1});
  CHECK(f.drops(Drop::kUnexpected) == 1);
  f.receive(host(1), token, wire::DigestRequest{f.file(), 20, 1}, kStart + seconds(1));
  CHECK(f.drops(Drop::kSourceGone) == 1);
  CHECK(f.join(host(8), kStart + seconds(2)).polluted);
  // Who was warned is no evidence: the warning ends unless somebody else sees pollution.
  const auto warned = f.meet(host(2), kReply + 1, kName + 1, kStart + seconds(20));
  f.receive(host(2), warned, wire::DigestRequest{f.file(), 0, 1}, kStart + seconds(25));
  CHECK_FALSE(f.join(host(9), kStart + seconds(32)).polluted);
}

TEST_CASE("rubbish is counted under its reason") {
  Fixture f;
  f.seeder->receive(kStart, host(1), {});
  f.seeder->receive(kStart, host(1), std::vector<uint8_t>{wire::kVersionByte, 1});
  f.seeder->receive(kStart, host(1), std::vector<uint8_t>(100, 0x40));
  auto unknown = datagram(0, wire::Bye{});
  unknown[1] = 200;
  f.seeder->receive(kStart, host(1), unknown);
  auto longer = datagram(0, wire::Bye{});
  longer.push_back(0);
  f.seeder->receive(kStart, host(1), longer);
  f.receive(host(1), 0, wire::Bye{});
  f.receive(host(1), 4711, wire::Bye{});
  CHECK(f.drops(Drop::kTooShort) == 2);
  CHECK(f.drops(Drop::kVersion) == 1);
  CHECK(f.drops(Drop::kUnknownType) == 1);
  CHECK(f.drops(Drop::kMalformed) == 1);
  CHECK(f.drops(Drop::kWrongRole) == 1);
  CHECK(f.drops(Drop::kUnknownToken) == 1);
  CHECK(f.out.sent.empty());
}
