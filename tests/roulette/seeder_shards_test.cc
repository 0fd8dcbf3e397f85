// A seeder of several shards: one swarm, one line, and each visitor with one of them.
#include <set>

#include "roulette/sharded_seeder.h"
#include "v2_seeder_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_seeder_test;

namespace {

using Waiting = SeederShards::Waiting;

SeederOptions v2_options(BitRate uplink) {
  SeederOptions out;
  out.config.profile = wire::Profile::kV2;
  out.config.uplink = uplink;
  return out;
}

struct Sharded {
  explicit Sharded(uint32_t shards, BitRate uplink = {})
      : site(test::one_file_site(20'000)), seeder(v2_options(uplink), shards, *site, out) {}

  void receive(const Endpoint& from, wire::Token to, const wire::Message& message) {
    ++received;
    seeder.receive(now, from, datagram(to, message));
  }
  wire::Admit join(const Endpoint& from) {
    receive(from, 0, join_of(from));
    return out.last<wire::Admit>(from).value();
  }
  wire::Token meet(const Endpoint& from) {
    receive(from, join(from).ticket, greet_of(from));
    return out.last<wire::Greeted>(from).value().reply_token;
  }
  // A host whose datagrams come to this shard.
  Endpoint at_shard(uint32_t shard) {
    do {
      ++last_host;
    } while (seeder.shard_for(host(last_host)) != shard);
    return host(last_host);
  }
  [[nodiscard]] bool names(const wire::Admit& admit, const Endpoint& visitor) const {
    return std::ranges::any_of(admit.contacts,
                               [&](const auto& contact) { return contact.endpoint == visitor; });
  }
  uint64_t neighbours(uint32_t shard) { return seeder.node(shard).stats().neighbours_now; }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  ShardedSeeder seeder;
  Instant now = kStart;
  uint8_t last_host = 0;
  uint64_t received = 0;
};

}  // namespace

TEST_CASE("shards: a visitor of one is named to newcomers of all, with a ticket that it takes") {
  Sharded f(3);
  const Endpoint visitor = f.at_shard(0);
  f.meet(visitor);
  for (uint32_t shard = 0; shard < 3; ++shard) {
    const Endpoint newcomer = f.at_shard(shard);
    const wire::Admit admit = f.join(newcomer);
    REQUIRE(admit.contacts.size() == 1);
    CHECK(admit.contacts[0].endpoint == visitor);
    const TicketKey key = ticket_key(reply_of(visitor), name_of(visitor));
    CHECK(ticket_valid(key, newcomer.address, admit.epoch, admit.contacts[0].ticket));
  }
  // It is one shard's, and all know it.
  CHECK(f.neighbours(0) == 1);
  CHECK(f.neighbours(1) == 0);
  CHECK(f.seeder.stats().neighbours_now == 1);
  CHECK(f.seeder.footprint().neighbours == 1);
  CHECK(f.seeder.node(1).footprint().neighbours == 1);
}

TEST_CASE("shards: who leaves one is named by none") {
  Sharded f(2);
  const Endpoint visitor = f.at_shard(0);
  const wire::Token token = f.meet(visitor);
  const Endpoint other = f.at_shard(1);
  f.meet(other);
  f.receive(visitor, token, wire::Bye{1000, {}, {}});
  for (uint32_t shard = 0; shard < 2; ++shard) {
    const wire::Admit admit = f.join(f.at_shard(shard));
    CHECK_FALSE(f.names(admit, visitor));
    CHECK(f.names(admit, other));
  }
  // Who says nothing any more is forgotten by the others as well.
  for (int i = 0; i < 100; ++i) {
    f.now = f.now + milliseconds(250);
    f.seeder.advance(f.now);
  }
  CHECK(f.seeder.footprint().neighbours == 0);
  CHECK(f.join(f.at_shard(0)).contacts.empty());
}

TEST_CASE("shards: a foreign visitor that is not told of any more is forgotten all the same") {
  Sharded f(2);
  const ShardNews news{true, host(77), 0x77, 0x78, 0x79, "f"};
  f.seeder.node(1).hear(f.now, news);
  f.seeder.node(1).hear(f.now, news);  // once more is not another
  CHECK(f.seeder.node(1).footprint().neighbours == 1);
  CHECK(f.names(f.join(f.at_shard(1)), host(77)));
  for (int i = 0; i < 100; ++i) {  // 25 s: it may still be here
    f.now = f.now + milliseconds(250);
    f.seeder.advance(f.now);
  }
  CHECK(f.seeder.node(1).footprint().neighbours == 1);
  for (int i = 0; i < 150; ++i) {
    f.now = f.now + milliseconds(250);
    f.seeder.advance(f.now);
  }
  CHECK(f.seeder.node(1).footprint().neighbours == 0);
  // Nobody is told goodbye who is another's.
  f.seeder.node(1).hear(f.now, news);
  const size_t before = f.out.sent.size();
  f.seeder.node(1).close(f.now);
  CHECK(f.out.sent.size() == before);
}

TEST_CASE("shards: of foreign visitors there are never more than of all") {
  Sharded f(2);
  const uint32_t most = SeederConfig{}.neighbours_max;
  for (uint32_t i = 0; i < most + 100; ++i) {
    const Endpoint where{Address::v4(10, static_cast<uint8_t>(i >> 16),
                                     static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)), 1};
    f.seeder.node(1).hear(f.now, {true, where, i + 1, i, i, "f"});
  }
  CHECK(f.seeder.node(1).footprint().neighbours == most);
}

TEST_CASE("shards: who comes from another port is still its shard's, and may move there") {
  Sharded f(2);
  const Endpoint visitor = f.at_shard(0);
  const wire::Token token = f.meet(visitor);
  CHECK(SeederShards::shard_of(token) == 0);
  Endpoint moved = visitor;
  do {
    ++moved.port;
  } while (f.seeder.shard_for(moved) != 1);
  wire::Control control;
  control.state.sequence = 2;
  f.receive(moved, token, control);
  const auto challenge = f.out.last<wire::PathChallenge>(moved);
  REQUIRE(challenge);
  f.receive(moved, token, wire::PathResponse{challenge->nonce});
  CHECK(f.seeder.node(0).stats().neighbours_now == 1);
  const wire::Admit admit = f.join(f.at_shard(1));
  CHECK(f.names(admit, moved));
  CHECK_FALSE(f.names(admit, visitor));
  // A token of a shard that there is not, and one that nobody has.
  f.receive(moved, token | wire::Token{7} << wire::kPrefixShift, control);
  f.receive(moved, token ^ 0x100, control);
  CHECK(f.seeder.stats().drops.count(Drop::kUnknownToken) == 2);
  CHECK(f.seeder.stats().datagrams_in == f.received);  // what was handed on counts once
}

TEST_CASE("shards: who joins anew at another shard is that one's") {
  Sharded f(2);
  const Endpoint visitor = f.at_shard(1);
  f.seeder.node(1).hear(f.now, {true, visitor, name_of(visitor), 1, 2, "f"});
  f.meet(visitor);
  CHECK(f.neighbours(1) == 1);
  // What the other says of it later is stale.
  f.seeder.node(1).hear(f.now, {false, visitor, name_of(visitor), 0, 2, {}});
  CHECK(f.neighbours(1) == 1);
  CHECK(f.seeder.node(1).footprint().neighbours == 1);
}

TEST_CASE("shards: who has moved and joins anew is listed where its datagrams come to") {
  Sharded f(2);
  const Endpoint visitor = f.at_shard(0);
  f.meet(visitor);
  // The other shard lists it by another JOIN.
  f.seeder.node(0).hear(f.now, {true, visitor, name_of(visitor), 5, 6, "f"});
  CHECK(f.neighbours(0) == 0);
  CHECK(f.seeder.node(0).footprint().neighbours == 1);
  const wire::Admit admit = f.join(f.at_shard(0));
  REQUIRE(admit.contacts.size() == 1);
  CHECK(ticket_valid(ticket_key(6, name_of(visitor)), host(f.last_host).address, admit.epoch,
                     admit.contacts[0].ticket));
  // That a third shard's has gone says nothing of this one.
  f.seeder.node(0).hear(f.now, {false, visitor, name_of(visitor), 0, 7, {}});
  CHECK(f.seeder.node(0).footprint().neighbours == 1);
  f.seeder.node(0).hear(f.now, {false, visitor, name_of(visitor), 0, 6, {}});
  CHECK(f.seeder.node(0).footprint().neighbours == 0);
}

TEST_CASE("shards: newcomers to all are warned when one has seen pollution") {
  Sharded f(2);
  const Endpoint visitor = f.at_shard(0);
  const wire::Token token = f.meet(visitor);
  f.receive(visitor, token, wire::DigestRequest{f.site->record("f")->id, 0, 1});
  CHECK(f.join(f.at_shard(1)).polluted);
  CHECK(f.join(f.at_shard(0)).polluted);
}

TEST_CASE("shards: the line is one line") {
  Sharded f(2, {80'000});  // 10 bytes a millisecond
  std::vector<Endpoint> newcomers;
  for (uint32_t i = 0; i < 40; ++i) newcomers.push_back(f.at_shard(i % 2));
  for (const Endpoint& one : newcomers) f.receive(one, 0, join_of(one));
  uint64_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    f.now = f.now + milliseconds(1);
    f.seeder.advance(f.now);
  }
  for (const auto& one : f.out.sent) sent += one.bytes.size() + 28;
  CHECK(sent <= 10 * 100 + 10 * 8 + 2 * 100);
  CHECK(sent >= 10 * 90);
}

TEST_CASE("shards: what is less urgent waits for the others' answers") {
  SeederShards shards(3, {}, milliseconds(8), 1);
  CHECK(shards.waiting_at_others(0) == Waiting::kNothing);
  shards.set_waiting(0, Waiting::kAnswers);
  CHECK(shards.waiting_at_others(0) == Waiting::kNothing);
  CHECK(shards.waiting_at_others(1) == Waiting::kAnswers);
  shards.set_waiting(1, Waiting::kChunks);
  CHECK(shards.waiting_at_others(0) == Waiting::kChunks);

}

TEST_CASE("shards: one gives nothing unasked while another has chunks to send") {
  Sharded f(2, {8'000'000});
  f.meet(f.at_shard(0));
  SeederShards& shared = f.seeder.shards();
  const auto pieces_of_half_a_second = [&](Waiting elsewhere) {
    shared.set_waiting(1, elsewhere);
    const size_t before = f.out.count<wire::Piece>();
    for (int i = 0; i < 100; ++i) {
      f.now = f.now + milliseconds(5);
      f.seeder.node(0).advance(f.now);
    }
    return f.out.count<wire::Piece>() - before;
  };
  pieces_of_half_a_second(Waiting::kNothing);  // first chunks
  CHECK(pieces_of_half_a_second(Waiting::kChunks) == 0);
  CHECK(pieces_of_half_a_second(Waiting::kAnswers) == 0);
  CHECK(pieces_of_half_a_second(Waiting::kNothing) > 0);
}

TEST_CASE("shards: chunks that were asked for wait while another has to answer") {
  Sharded f(2, {8'000'000});
  const Endpoint visitor = f.at_shard(0);
  const wire::Token token = f.meet(visitor);
  SeederShards& shared = f.seeder.shards();
  shared.set_waiting(1, Waiting::kAnswers);
  f.now = f.now + milliseconds(50);
  const size_t before = f.out.count<wire::Piece>();
  wire::Control control;
  control.state.sequence = 2;
  control.state.file = f.site->record("f")->id;
  control.state.wants.add({0, 3});
  f.receive(visitor, token, control);
  f.join(f.at_shard(0));  // is answered, though what is less urgent has given its turn away
  f.seeder.node(0).advance(f.now);
  CHECK(f.out.count<wire::Piece>() == before);
  CHECK(shared.waiting_at_others(1) == Waiting::kChunks);  // and it says so
  shared.set_waiting(1, Waiting::kChunks);
  f.now = f.now + milliseconds(5);
  f.seeder.node(0).advance(f.now);
  CHECK(f.out.count<wire::Piece>() > before);
}

TEST_CASE("shards: what is as urgent has the line by turns, whoever looks more often") {
  Sharded f(2, {800'000});  // an answer takes the line a millisecond, about
  std::vector<Endpoint> newcomers[2];
  for (uint32_t i = 0; i < 80; ++i) newcomers[i % 2].push_back(f.at_shard(i % 2));
  for (size_t i = 0; i < 40; ++i) {
    for (const auto& each : newcomers) f.receive(each[i], 0, join_of(each[i]));
  }
  // Shard 0 looks forty times where shard 1 looks once.
  for (int i = 0; i < 600; ++i) {
    f.now = f.now + microseconds(25);
    f.seeder.node(0).advance(f.now);
    if (i % 40 == 39) f.seeder.node(1).advance(f.now);
  }
  size_t answered[2] = {};
  for (uint32_t shard = 0; shard < 2; ++shard) {
    for (const Endpoint& one : newcomers[shard]) {
      answered[shard] += f.out.last<wire::Admit>(one) ? 1U : 0U;
    }
  }
  CAPTURE(answered[0], answered[1]);
  CHECK(answered[0] + answered[1] >= 30);
  CHECK(answered[1] * 4 >= answered[0]);
}

TEST_CASE("shards: pollution that one has seen later is not forgotten earlier") {
  SeederShards shards(2, {}, milliseconds(8), 1);
  shards.set_polluted_until(Instant{5'000});
  shards.set_polluted_until(Instant{3'000});
  CHECK(shards.polluted(Instant{4'999}));
  CHECK_FALSE(shards.polluted(Instant{5'000}));
}

TEST_CASE("shards: joins of the others count, as long as they are young") {
  SeederShards shards(3, {}, milliseconds(8), 1);
  const Instant now{1'000'000'000};
  shards.set_joins(now, 0, 5);
  shards.set_joins(now, 1, 7);
  CHECK(shards.joins_of_others(now, 0) == 7);
  CHECK(shards.joins_of_others(now, 2) == 12);
  CHECK(shards.joins_of_others(now - milliseconds(2), 2) == 12);  // its clock is behind
  shards.set_joins_waiting(1, 100);
  CHECK(shards.joins_of_others(now, 2) == 112);
  shards.set_joins_waiting(1, 0);
  shards.set_joins(now + seconds(1), 0, 1);
  CHECK(shards.joins_of_others(now + milliseconds(1001), 2) == 1);
  // Milliseconds of 32 bits pass their end after 49 days.
  const Instant late{int64_t{0xffff'ffff} * 1'000'000};
  shards.set_joins(late, 1, 9);
  CHECK(shards.joins_of_others(late + milliseconds(5), 2) == 9);
}

TEST_CASE("shards: what manifests may have is kept within its bounds") {
  SeederShards shards(2, {}, milliseconds(8), 1);
  shards.add_manifest_credit(500, -100, 300);
  CHECK(shards.manifest_credit() == 300);
  shards.add_manifest_credit(-250, -100, 300);
  CHECK(shards.manifest_credit() == 50);
  shards.add_manifest_credit(-500, -100, 300);
  CHECK(shards.manifest_credit() == -100);
}

TEST_CASE("shards: unasked chunks of two shards are not the same ones") {
  Sharded f(2, {8'000'000});
  for (uint32_t shard = 0; shard < 2; ++shard) f.meet(f.at_shard(shard));
  for (int i = 0; i < 40; ++i) {
    f.now = f.now + milliseconds(5);
    f.seeder.advance(f.now);
  }
  std::set<std::pair<uint16_t, uint8_t>> different;
  size_t all = 0;
  for (const auto& one : f.out.sent) {
    const auto datagram = one.decoded();
    const auto* piece = std::get_if<wire::Piece>(&datagram.message);
    if (piece == nullptr) continue;
    ++all;
    different.insert({piece->chunk.block, piece->chunk.position});
  }
  CHECK(all >= 4);
  CHECK(different.size() == all);
}
