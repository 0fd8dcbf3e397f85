#include "catch.h"
#include "sim/nat.h"

using namespace fb;
using namespace fb::sim;

namespace {

constexpr Instant kNow{100'000'000'000};
constexpr uint32_t kA = 1;
constexpr uint32_t kB = 2;

struct Pair {
  Nat a_nat, b_nat;
  NatTable a, b;

  // One datagram; true when it passed.
  bool a_to_b(Instant now) { return send(now, kA, a_nat, a, kB, b_nat, b); }
  bool b_to_a(Instant now) { return send(now, kB, b_nat, b, kA, a_nat, a); }

 private:
  static bool send(Instant now, uint32_t from, Nat from_nat, NatTable& from_table, uint32_t to,
                   Nat to_nat, NatTable& to_table) {
    from_table.note_sent(now, to);
    if (!nat_admits(now, from, from_nat, from_table, to, to_nat, to_table)) return false;
    to_table.note_heard(now, from);
    return true;
  }
};

// Whether the two get into contact when each sends once and A then answers.
bool meet(Nat a, Nat b) {
  Pair pair{a, b, {}, {}};
  pair.a_to_b(kNow);
  pair.b_to_a(kNow);
  return pair.a_to_b(kNow) && pair.b_to_a(kNow);
}

}  // namespace

TEST_CASE("nobody behind a filter is reached before it has sent") {
  for (const Nat nat : {Nat::kAddressRestricted, Nat::kPortRestricted, Nat::kSymmetric}) {
    Pair pair{Nat::kOpen, nat, {}, {}};
    CHECK_FALSE(pair.a_to_b(kNow));
    CHECK(pair.b_to_a(kNow));
    CHECK(pair.a_to_b(kNow));
    CHECK_FALSE(pair.a_to_b(kNow + seconds(30)));  // the mapping is gone
  }
}

TEST_CASE("which pairs can meet when both send: the table of RFC 5128") {
  using enum Nat;
  const auto both_ways = [](Nat a, Nat b) {
    CHECK(meet(a, b) == meet(b, a));
    return meet(a, b);
  };
  CHECK(both_ways(kOpen, kOpen));
  CHECK(both_ways(kOpen, kSymmetric));
  CHECK(both_ways(kAddressRestricted, kAddressRestricted));
  CHECK(both_ways(kPortRestricted, kPortRestricted));
  CHECK(both_ways(kAddressRestricted, kPortRestricted));
  CHECK(both_ways(kAddressRestricted, kSymmetric));
  CHECK_FALSE(both_ways(kPortRestricted, kSymmetric));
  CHECK_FALSE(both_ways(kSymmetric, kSymmetric));
}

TEST_CASE("a NAT's table forgets what is stale before it grows") {
  NatTable table;
  for (uint32_t host = 0; host < 10; ++host) table.note_sent(kNow, host);
  table.note_sent(kNow + seconds(31), 99);
  CHECK(table.sent_lately(kNow + seconds(31), 99));
  CHECK_FALSE(table.sent_lately(kNow + seconds(31), 3));
}
