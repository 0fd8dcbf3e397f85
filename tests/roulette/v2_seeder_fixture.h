// What the tests of profile v2's seeder share: a seeder, and the test in the part of all visitors.
#pragma once

#include "catch.h"
#include "roulette/ticket.h"
#include "support.h"

namespace fb::roulette::v2_seeder_test {

using test::datagram;
using test::host;

inline constexpr Instant kStart{1'000'000'000};

inline wire::Token reply_of(const Endpoint& peer) { return 0x1000U + peer.address.bytes[15]; }
inline wire::Token name_of(const Endpoint& peer) { return 0x2000U + peer.address.bytes[15]; }
inline wire::Join join_of(const Endpoint& peer) {
  return {wire::Profile::kV2, reply_of(peer), name_of(peer), {}, "f"};
}
inline wire::Greet greet_of(const Endpoint& peer) {
  wire::Greet out;
  out.reply_token = 0x3000U + peer.address.bytes[15];
  out.name = name_of(peer);
  out.state.sequence = 1;
  return out;
}
inline Endpoint v6_host(uint8_t number) {
  Endpoint out = Endpoint::parse("[2001:db8::1]:4711").value();
  out.address.bytes[15] = number;
  return out;
}

struct Fixture {
  explicit Fixture(RouletteConfig config = {}, SeederConfig seeder_config = {})
      : site(test::one_file_site(20'000)) {
    SeederOptions options;
    options.config = config;
    options.config.profile = wire::Profile::kV2;
    options.seeder = seeder_config;
    seeder = std::make_unique<SeederNode>(options, *site, out);
  }
  void receive(const Endpoint& from, wire::Token to, const wire::Message& message) {
    seeder->receive(now, from, datagram(to, message));
  }
  wire::Admit join(const Endpoint& from) {
    receive(from, 0, join_of(from));
    return out.last<wire::Admit>(from).value();
  }
  // Joins and greets; the token by which the seeder is reached from then on.
  wire::Token meet(const Endpoint& from) {
    receive(from, join(from).ticket, greet_of(from));
    return out.last<wire::Greeted>(from).value().reply_token;
  }
  content::FileId file() const { return site->record("f")->id; }
  uint64_t drops(Drop reason) const { return seeder->stats().drops.count(reason); }
  bool footprint_is(size_t neighbours) const {
    return seeder->footprint().neighbours == neighbours;
  }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  std::unique_ptr<SeederNode> seeder;
  Instant now = kStart;
};

}  // namespace fb::roulette::v2_seeder_test
