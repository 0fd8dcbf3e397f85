// Tickets: who may use one, where and when.
#include "roulette/ticket.h"

#include <set>

#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::host;

namespace {

constexpr wire::Token kReply = 0x00004d1122334455;
constexpr wire::Token kName = 0x00004d6677889900;
const TicketKey kKey = ticket_key(kReply, kName);
const Address kNewcomer = host(7).address;

}  // namespace

TEST_CASE("a ticket is valid in its epoch, the one before and the one after, also over the wrap") {
  for (const int made : {0, 1, 100, 254, 255}) {
    const auto ticket = make_ticket(kKey, kNewcomer, static_cast<uint8_t>(made), kName);
    for (int epoch = 0; epoch < 256; ++epoch) {
      const int apart = (epoch - made + 256) % 256;
      const bool near = apart <= 1 || apart == 255;
      CHECK(ticket_valid(kKey, kNewcomer, static_cast<uint8_t>(epoch), ticket) == near);
    }
  }
}

TEST_CASE("a ticket is for one address and one peer") {
  const auto ticket = make_ticket(kKey, kNewcomer, 5, kName);
  REQUIRE(ticket_valid(kKey, kNewcomer, 5, ticket));
  CHECK_FALSE(ticket_valid(kKey, host(8).address, 5, ticket));
  CHECK_FALSE(ticket_valid(kKey, Endpoint::parse("[2001:db8::1]:1")->address, 5, ticket));
  CHECK_FALSE(ticket_valid(ticket_key(kReply + 1, kName), kNewcomer, 5, ticket));
  CHECK_FALSE(ticket_valid(ticket_key(kReply, kName + 1), kNewcomer, 5, ticket));
  CHECK_FALSE(ticket_valid(ticket_key(kName, kReply), kNewcomer, 5, ticket));
  for (int bit = 0; bit < 40; ++bit) {
    CHECK_FALSE(ticket_valid(kKey, kNewcomer, 5, ticket ^ wire::Token{1} << bit));
  }
}

TEST_CASE("a ticket has the prefix of whom it reaches, so that a shared socket can hand it on") {
  const auto ticket = make_ticket(kKey, kNewcomer, 5, kName);
  CHECK(peer_prefix(ticket) == peer_prefix(kName));
  CHECK(ticket != kName);
  // The low bits of `like` do not matter.
  CHECK(make_ticket(kKey, kNewcomer, 5, kReply) == ticket);
}

TEST_CASE("tickets of different epochs, addresses and keys differ") {
  std::set<wire::Token> seen;
  for (uint8_t epoch = 0; epoch < 10; ++epoch) {
    for (uint8_t number = 0; number < 10; ++number) {
      for (uint64_t key = 0; key < 10; ++key) {
        const auto made = make_ticket(ticket_key(kReply, key), host(number).address, epoch, kName);
        CHECK(seen.insert(made).second);
      }
    }
  }
}

// The number that stands in docs/protocol.md.
TEST_CASE("the ticket of the documents") {
  const TicketKey key = ticket_key(0x3132333435363738, 0x1112131415161718);
  CHECK(make_ticket(key, Address::v4(192, 0, 2, 1), 200, 0x1112131415161718) ==
        0x1112130000c0cc76);
  CHECK(make_ticket(key, Endpoint::parse("[2001:db8::1]:1")->address, 200, 0) ==
        0x397018);
}
