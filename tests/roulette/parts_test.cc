// The small parts of the protocol, each by its contract.
#include <cmath>
#include <map>

#include "catch.h"
#include "roulette/admission.h"
#include "roulette/cookie.h"
#include "roulette/estimator.h"
#include "roulette/ledger.h"
#include "roulette/pacer.h"
#include "roulette/roulette_cache.h"
#include "roulette/send_side.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::host;

namespace {

constexpr Instant kStart{1'000'000'000};

}  // namespace

TEST_CASE("pacer keeps to its rate, control first, and drops what does not fit") {
  test::Recorder out;
  // 972 + 28 bytes at 800 kbit/s: 10 ms each. The queue is shorter than its least length of 100 ms.
  Pacer pacer(BitRate{800'000}, ByteCount{5'000}, out);
  const std::vector<uint8_t> data(972, 1);
  const std::vector<uint8_t> control(972, 2);
  REQUIRE(pacer.send(kStart, Lane::kData, host(1), data));
  CHECK(out.sent.size() == 1);
  for (int i = 0; i < 10; ++i) REQUIRE(pacer.send(kStart, Lane::kData, host(1), data));
  CHECK_FALSE(pacer.send(kStart, Lane::kData, host(1), data));
  // A reserve is left for control.
  REQUIRE(pacer.send(kStart, Lane::kControl, host(1), control));
  REQUIRE(pacer.send(kStart, Lane::kControl, host(1), control));
  CHECK_FALSE(pacer.send(kStart, Lane::kControl, host(1), control));
  CHECK(pacer.next_deadline() == kStart + milliseconds(10));
  pacer.advance(kStart + milliseconds(9));
  CHECK(out.sent.size() == 1);
  pacer.advance(kStart + milliseconds(10));
  REQUIRE(out.sent.size() == 2);
  CHECK(out.sent[1].bytes == control);
  pacer.advance(kStart + milliseconds(120));
  CHECK(out.sent.size() == 13);
  CHECK(pacer.next_deadline() == Instant::never());
  // A late call catches up but idle time is not saved up.
  const Instant later = kStart + seconds(5);
  REQUIRE(pacer.send(later, Lane::kData, host(1), data));
  REQUIRE(pacer.send(later, Lane::kData, host(1), data));
  CHECK(out.sent.size() == 14);
  CHECK(pacer.next_deadline() == later + milliseconds(10));
}

TEST_CASE("an unlimited pacer passes everything at once") {
  test::Recorder out;
  Pacer pacer({}, ByteCount{10}, out);
  const std::vector<uint8_t> data(1000, 1);
  for (int i = 0; i < 100; ++i) REQUIRE(pacer.send(kStart, Lane::kData, host(1), data));
  CHECK(out.sent.size() == 100);
}

TEST_CASE("a cookie proves one endpoint for a while") {
  SecretRng secret = SecretRng::from_number(7);
  const CookieJar jar(secret, seconds(60));
  const CookieJar other(secret, seconds(60));
  const wire::Cookie cookie = jar.issue(kStart, host(1));
  CHECK(jar.valid(kStart, host(1), cookie));
  CHECK(jar.valid(kStart + seconds(60), host(1), cookie));
  CHECK_FALSE(jar.valid(kStart + seconds(62), host(1), cookie));
  CHECK_FALSE(jar.valid(kStart, host(2), cookie));
  CHECK_FALSE(jar.valid(kStart, host(1, 4712), cookie));
  CHECK_FALSE(other.valid(kStart, host(1), cookie));
  CHECK_FALSE(jar.valid(kStart - seconds(1), host(1), cookie));  // from a time to come
  for (size_t i = 0; i < cookie.size(); ++i) {
    wire::Cookie forged = cookie;
    forged[i] ^= 1;
    CHECK_FALSE(jar.valid(kStart, host(1), forged));
  }
}

TEST_CASE("the Roulette cache draws slot i with weight i") {
  RouletteCache cache;
  const auto file = static_cast<content::FileId>(1);
  for (uint32_t i = 1; i <= 9; ++i) cache.add(static_cast<NeighbourId>(i), file, 4);
  REQUIRE(cache.slots().size() == 4);  // 6 7 8 9 remain
  Rng rng(3);
  std::map<uint32_t, int> drawn;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    ++drawn[static_cast<uint32_t>(*cache.pick(rng, [](const auto&) { return true; }))];
  }
  for (uint32_t slot = 1; slot <= 4; ++slot) {
    CHECK(std::abs(drawn[slot + 5] / double{kDraws} - slot / 10.0) < 0.01);
  }
  const auto only = cache.pick(
      rng, [](const auto& slot) { return slot.neighbour == static_cast<NeighbourId>(6); });
  CHECK(only == static_cast<NeighbourId>(6));
  CHECK_FALSE(cache.pick(rng, [](const auto&) { return false; }));
  cache.remove(static_cast<NeighbourId>(9));
  CHECK(cache.slots().size() == 3);
}

TEST_CASE("tit-for-tat: the tab, then what was paid") {
  RouletteConfig config;
  config.upload_promise = kib(1024);
  Ledger ledger(config);
  Account account;
  const Address address = host(1).address;
  for (int i = 0; i < 4; ++i) {
    REQUIRE_FALSE(ledger.refuses(kStart, account, address, 1024));
    ledger.on_sent(account, address, 1024);
  }
  CHECK(ledger.refuses(kStart, account, address, 1) == Drop::kTitForTat);
  // Useless bytes pay nothing.
  ledger.on_received(account, address, 4096, /*is_new=*/false);
  CHECK(ledger.refuses(kStart, account, address, 1) == Drop::kTitForTat);
  ledger.on_received(account, address, 1024, true);
  CHECK_FALSE(ledger.refuses(kStart, account, address, 1024));
  // 90 % of what was received, once that is more than 4 KiB.
  ledger.on_received(account, address, 9 * 1024, true);
  ledger.on_verified(account, 10 * 1024);
  CHECK(ledger.credit(account) == 10 * 1024);
  CHECK_FALSE(ledger.refuses(kStart, account, address, 19 * 1024 - 4096));
  CHECK(ledger.refuses(kStart, account, address, 19 * 1024 - 4096 + 1) == Drop::kTitForTat);
}

TEST_CASE("unverified bytes are credit up to a bound, and taken back when they were bad") {
  for (const auto profile : {wire::Profile::kClassic, wire::Profile::kV2}) {
    RouletteConfig config;
    config.profile = profile;
    const bool v2 = profile == wire::Profile::kV2;
    (v2 ? config.v2.unverified_credit : config.unverified_credit) = kib(2);
    Ledger ledger(config);
    Account account;
    const Address address = host(1).address;
    ledger.on_received(account, address, 8 * 1024, true);
    CHECK(ledger.credit(account) == 2 * 1024);
    CHECK(ledger.uncounted(account) == 6 * 1024);
    ledger.on_verified(account, 1024);
    CHECK(ledger.credit(account) == 3 * 1024);
    CHECK(ledger.uncounted(account) == 5 * 1024);
    ledger.on_discarded(account, 7 * 1024);
    CHECK(ledger.credit(account) == 1024);
    CHECK(ledger.uncounted(account) == 0);
  }
}

TEST_CASE("the promise to our own visitor holds over all neighbours") {
  RouletteConfig config;
  Ledger ledger(config);
  Account a;
  Account b;
  ledger.on_sent(a, host(1).address, config.upload_promise.bytes - 1024);
  REQUIRE_FALSE(ledger.refuses(kStart, b, host(2).address, 1024));
  ledger.on_sent(b, host(2).address, 1024);
  CHECK(ledger.refuses(kStart, b, host(2).address, 1) == Drop::kUploadPromise);
  ledger.on_received(a, host(1).address, 1024, true);
  CHECK_FALSE(ledger.refuses(kStart, b, host(2).address, 1024));
}

TEST_CASE("first credit is bounded over all strangers and per address, also for new names") {
  RouletteConfig config;
  config.upload_promise = kib(1024);
  config.stranger_credit_total = kib(16);
  Ledger ledger(config);
  std::vector<Account> accounts(8);
  // Two neighbours at one address use up its share; the third gets nothing.
  ledger.on_sent(accounts[0], host(1).address, 4096);
  ledger.on_sent(accounts[1], host(1, 9).address, 4096);
  CHECK(ledger.refuses(kStart, accounts[2], host(1, 10).address, 1) == Drop::kAddressLimit);
  // Leaving does not help for a while.
  ledger.on_removed(kStart, accounts[0], host(1).address);
  CHECK(ledger.refuses(kStart + seconds(1), accounts[2], host(1).address, 1) ==
        Drop::kAddressLimit);
  CHECK_FALSE(ledger.refuses(kStart + seconds(11), accounts[2], host(1).address, 4096));
  ledger.on_sent(accounts[3], host(2).address, 4096);
  ledger.on_sent(accounts[4], host(3).address, 4096);
  ledger.on_sent(accounts[5], host(4).address, 4096);
  CHECK(ledger.refuses(kStart + seconds(11), accounts[6], host(5).address, 1024) ==
        Drop::kStrangerCredit);
  // Who pays makes room for others.
  ledger.on_received(accounts[3], host(2).address, 1024, true);
  CHECK_FALSE(ledger.refuses(kStart + seconds(11), accounts[6], host(5).address, 1024));
}

TEST_CASE("an IPv6 stranger is counted by its /64") {
  RouletteConfig config;
  config.upload_promise = kib(1024);
  Ledger ledger(config);
  const Address one = Endpoint::parse("[2001:db8::1]:1")->address;
  const Address neighbour = Endpoint::parse("[2001:db8::2]:1")->address;
  const Address elsewhere = Endpoint::parse("[2001:db8:0:1::1]:1")->address;
  Account a;
  Account b;
  Account c;
  ledger.on_sent(a, one, 4096);
  ledger.on_sent(b, neighbour, 4096);
  CHECK(ledger.refuses(kStart, c, neighbour, 1) == Drop::kAddressLimit);
  CHECK_FALSE(ledger.refuses(kStart, c, elsewhere, 1));
}

TEST_CASE("contacts in a window") {
  WindowCounter counter(seconds(10), 8);
  for (int i = 0; i < 3; ++i) CHECK(counter.admit(kStart, host(1), 3));
  CHECK_FALSE(counter.admit(kStart + seconds(10), host(1), 3));
  CHECK(counter.admit(kStart + seconds(10), host(2), 3));
  counter.forgive(host(1));
  CHECK(counter.admit(kStart + seconds(10), host(1), 3));
  CHECK(counter.admit(kStart + seconds(11), host(1), 3));
}

TEST_CASE("timeouts follow round trips and bursts") {
  const RouletteConfig config;
  Estimator estimator;
  CHECK(estimator.handshake_timeout(config) == config.handshake_timeout);
  estimator.on_round_trip(milliseconds(100));
  CHECK(estimator.handshake_timeout(config) == milliseconds(300));
  estimator.on_round_trip(milliseconds(200));
  CHECK(estimator.srtt() == milliseconds(120));
  const Duration before = estimator.data_timeout(config, 16);
  estimator.on_burst(milliseconds(120) + milliseconds(160) * 16, 16);
  CHECK(estimator.data_timeout(config, 16) > before);
}

TEST_CASE("the longest intervals are offered, ties at random") {
  Rng rng(5);
  std::vector<nois::Interval> intervals{{0, 9}, {20, 24}};
  for (uint32_t i = 0; i < 20; ++i) intervals.push_back({100 + 2 * i, 100 + 2 * i});
  std::map<uint32_t, int> offered;
  for (int i = 0; i < 200; ++i) {
    const auto top = top_intervals(intervals, 4, rng);
    REQUIRE(top.size() == 4);
    CHECK(top[0] == nois::Interval{0, 9});
    CHECK(top[1] == nois::Interval{20, 24});
    ++offered[top[2].first];
  }
  CHECK(offered.size() > 10);
}
