// What every backend must do alike.
#include "engine/udp_engine.h"

#include <csignal>
#include <map>
#include <thread>

#include "base/rng.h"
#include "catch.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

using test::Bytes;
using test::Collector;
using test::Kind;
using test::pattern;
using test::poll_count;
using test::soon;

Kind each_kind() { return GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds))); }

struct Pair {
  std::unique_ptr<UdpEngine> a;
  std::unique_ptr<UdpEngine> b;
  explicit operator bool() const { return a && b; }
};

Pair open_pair(Kind kind, const test::Options& options = {}) {
  Pair out{test::open(kind, options), nullptr};
  if (out.a) out.b = test::open(kind, options);
  return out;
}

TEST_CASE("engine: datagrams arrive whole, in order, with their sender's address (random)") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{6}));
  INFO(test::name_of(kind) << ", segmentation " << segmentation << ", seed " << seed);
  const auto sender = test::open(kind, {.segmentation = segmentation});
  if (!sender) return;
  std::vector<std::unique_ptr<UdpEngine>> receivers;
  std::vector<std::vector<Bytes>> sent(3);
  for (size_t i = 0; i < sent.size(); ++i) {
    receivers.push_back(test::open(kind, {.segmentation = segmentation}));
  }
  Rng rng(seed);
  for (uint64_t i = 0; i < 600; ++i) {
    const size_t to = rng.below(receivers.size());
    const size_t bytes = rng.below(5) == 0 ? 1 + rng.below(2000) : 1200;
    sent[to].push_back(pattern(bytes, i));
    sender->send(receivers[to]->local(), sent[to].back());
    if (rng.below(50) == 0) sender->flush();
  }
  sender->flush();
  for (size_t i = 0; i < receivers.size(); ++i) {
    Collector collector;
    REQUIRE(poll_count(*receivers[i], collector, sent[i].size()));
    REQUIRE(collector.got.size() == sent[i].size());
    for (size_t j = 0; j < sent[i].size(); ++j) {
      REQUIRE(collector.got[j].bytes == sent[i][j]);
      REQUIRE(collector.got[j].from == sender->local());
    }
  }
  CHECK(sender->stats().datagrams_sent == 600);
  CHECK(sender->stats().send_dropped == 0);
}

TEST_CASE("engine: datagrams for one destination travel as one train") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  for (uint64_t i = 0; i < 54; ++i) pair.a->send(pair.b->local(), pattern(1200, i));
  pair.a->flush();
  Collector collector;
  REQUIRE(poll_count(*pair.b, collector, 54));
  CHECK(pair.a->stats().trains_sent == 1);
  CHECK(pair.a->stats().datagrams_sent == 54);
  CHECK(pair.a->stats().bytes_sent == 54 * 1200);
  CHECK(pair.b->stats().trains_received == 1);
  CHECK(pair.b->stats().datagrams_received == 54);
  CHECK(pair.b->stats().bytes_received == 54 * 1200);
}

TEST_CASE("engine: the longest datagram passes") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  pair.a->send(pair.b->local(), pattern(65'507));
  pair.a->flush();
  Collector collector;
  REQUIRE(poll_count(*pair.b, collector, 1));
  CHECK(collector.got[0].bytes == pattern(65'507));
}

TEST_CASE("engine: poll sends what is queued") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  Collector collector;
  pair.a->send(pair.b->local(), pattern(100));
  pair.a->poll({}, collector);
  CHECK(poll_count(*pair.b, collector, 1));
}

TEST_CASE("engine: poll returns at its deadline when nothing arrives") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  Collector collector;
  for (const int64_t ms : {0, 1, 30}) {
    const Instant until = soon(ms);
    const Instant back = engine->poll(until, collector);
    CHECK(back >= until);
    CHECK(back < until + seconds(5));
  }
  CHECK(collector.got.empty());
}

TEST_CASE("engine: a deadline in the past does not wait, yet gives what is there") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  Collector collector;
  pair.b->poll({}, collector);
  pair.a->send(pair.b->local(), pattern(100));
  pair.a->flush();
  // Loopback delivers within the send.
  pair.b->poll({}, collector);
  CHECK(collector.got.size() == 1);
}

TEST_CASE("engine: a poll without deadline waits for a datagram and not longer") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  Collector collector;
  std::jthread sender([&, to = pair.b->local()] {
    const auto other = test::open(Kind::kEpoll);
    other->send(to, pattern(100));
    other->flush();
  });
  while (collector.got.empty()) pair.b->poll(Instant::never(), collector);
  CHECK(collector.got[0].bytes == pattern(100));
}

TEST_CASE("engine: wake before poll, from another thread and from a signal handler") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  Collector collector;
  engine->wake();
  engine->wake();
  engine->poll(Instant::never(), collector);

  int written_before_wake = 0;
  std::jthread waker([&] {
    written_before_wake = 1;
    engine->wake();
  });
  engine->poll(Instant::never(), collector);
  CHECK(written_before_wake == 1);
  waker.join();

  static UdpEngine* woken = nullptr;
  woken = engine.get();
  const auto before = std::signal(SIGUSR1, [](int) { woken->wake(); });
  std::raise(SIGUSR1);
  engine->poll(Instant::never(), collector);
  std::signal(SIGUSR1, before);

  // All wakes were used up.
  const Instant until = soon(20);
  CHECK(engine->poll(until, collector) >= until);
}

TEST_CASE("engine: a wake that is there when datagrams are flushed still ends the next poll") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  Collector collector;
  test::poll_all(*engine, collector);
  engine->wake();
  // Its completion may be taken in together with that of this.
  engine->send({Address::v4(127, 0, 0, 1), 9}, test::pattern(10));
  engine->flush();
  const Instant until = soon(20'000);
  CHECK(engine->poll(until, collector) < until);
}

TEST_CASE("engine: no wake is lost among many") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  constexpr int kThreads = 3;
  constexpr int kWakes = 2000;
  std::atomic<int> done{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kWakes; ++j) {
        done.fetch_add(1);
        engine->wake();
      }
    });
  }
  // A lost wake would leave this waiting for ever.
  Collector collector;
  while (done.load() < kThreads * kWakes) engine->poll(Instant::never(), collector);
}

TEST_CASE("engine: a signal without a wake does not end the wait early") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto before = std::signal(SIGUSR1, [](int) {});
  const pthread_t self = ::pthread_self();
  const Instant until = soon(50);
  std::jthread disturber([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Collector collector;
  CHECK(engine->poll(until, collector) >= until);
  disturber.request_stop();
  disturber.join();
  std::signal(SIGUSR1, before);
}

TEST_CASE("engine: a handler may answer, more than the queue holds, and flush") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  Collector echo;
  echo.on_each = [&](const Collector::Datagram& datagram) {
    for (int i = 0; i < 20; ++i) pair.b->send(datagram.from, datagram.bytes);
    if (echo.got.size() % 3 == 0) pair.b->flush();
  };
  Collector collector;
  for (uint64_t i = 0; i < 100; ++i) pair.a->send(pair.b->local(), pattern(100, i));
  pair.a->flush();
  REQUIRE(poll_count(*pair.b, echo, 100));
  pair.b->flush();
  REQUIRE(poll_count(*pair.a, collector, 2000));
  for (size_t i = 0; i < 2000; ++i) REQUIRE(collector.got[i].bytes == pattern(100, i / 20));
}

TEST_CASE("engine: a full queue is flushed by send") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  Collector collector;
  size_t sent = 0;
  while (pair.a->stats().datagrams_sent == 0) {
    pair.a->send(pair.b->local(), pattern(1200, sent++));
    REQUIRE(sent < 100'000);
  }
  REQUIRE(poll_count(*pair.b, collector, sent - 1));
}

TEST_CASE("engine: one poll gives a bounded batch") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  for (uint64_t i = 0; i < 100; ++i) {
    pair.a->send(pair.b->local(), pattern(100, i));
    pair.a->flush();
  }
  Collector collector;
  pair.b->poll(soon(5000), collector);
  CHECK(collector.got.size() >= 1);
  CHECK(collector.got.size() <= 16);
  REQUIRE(poll_count(*pair.b, collector, 100));
}

TEST_CASE("engine: what cannot be sent is counted and does no harm") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  INFO(test::name_of(kind));
  const Endpoint to = pair.b->local();
  const Bytes fine = pattern(10);
  pair.a->send(to, {});
  pair.a->send(to, pattern(65'508));
  pair.a->send({to.address, 0}, fine);
  pair.a->send({}, fine);
  pair.a->send(Endpoint::parse("[::1]:9").value(), fine);
  CHECK(pair.a->stats().send_dropped == 5);
  // The kernel refuses a broadcast that was not asked for.
  pair.a->send(Endpoint::parse("255.255.255.255:9").value(), fine);
  pair.a->send(to, fine);
  pair.a->flush();
  CHECK(pair.a->stats().send_dropped == 6);
  CHECK(pair.a->stats().datagrams_sent == 1);
  Collector collector;
  CHECK(poll_count(*pair.b, collector, 1));
}

TEST_CASE("engine: [::] serves IPv4 and IPv6, [::1] only IPv6") {
  const Kind kind = each_kind();
  INFO(test::name_of(kind));
  const auto both = test::open(kind, {.listen = Endpoint::parse("[::]:0").value()});
  if (!both) return;
  const auto v6 = test::open(kind, {.listen = Endpoint::parse("[::1]:0").value()});
  const auto v4 = test::open(kind);
  const Endpoint both_v4{Address::v4(127, 0, 0, 1), both->local().port};
  const Endpoint both_v6{v6->local().address, both->local().port};
  Collector collector;
  // Two datagrams each, so that trains are tried over both families.
  for (int i = 0; i < 2; ++i) v4->send(both_v4, pattern(1000, 4));
  for (int i = 0; i < 2; ++i) v6->send(both_v6, pattern(1000, 6));
  v4->flush();
  v6->flush();
  REQUIRE(poll_count(*both, collector, 4));
  for (const auto& datagram : collector.got) {
    CHECK(datagram.bytes == pattern(1000, datagram.from == v4->local() ? 4 : 6));
    CHECK((datagram.from == v4->local() || datagram.from == v6->local()));
    both->send(datagram.from, datagram.bytes);
  }
  both->flush();
  Collector at_v4;
  Collector at_v6;
  REQUIRE(poll_count(*v4, at_v4, 2));
  REQUIRE(poll_count(*v6, at_v6, 2));
  CHECK(at_v4.got[0].from == both_v4);
  CHECK(at_v6.got[0].from == both_v6);
  CHECK(both->stats().trains_received == 2);
  CHECK(both->stats().trains_sent == 2);
  v6->send(both_v4, pattern(1));
  CHECK(v6->stats().send_dropped == 1);
}

TEST_CASE("engine: counters may be read from another thread") {
  const Kind kind = each_kind();
  const Pair pair = open_pair(kind);
  if (!pair) return;
  std::jthread reader([&](const std::stop_token& stop) {
    uint64_t before = 0;
    while (!stop.stop_requested()) {
      const uint64_t now = pair.b->stats().datagrams_received;
      if (now < before) std::abort();
      before = now;
    }
  });
  Collector collector;
  for (size_t i = 1; i <= 200; ++i) {
    pair.a->send(pair.b->local(), pattern(100));
    pair.a->flush();
    REQUIRE(poll_count(*pair.b, collector, i));
  }
}

TEST_CASE("engine: the backend that was asked for is told") {
  CHECK(test::open(Kind::kEpoll)->backend() == IoBackend::kEpoll);
  const auto uring = test::open(Kind::kUring);
  if (uring) CHECK(uring->backend() == IoBackend::kIoUring);
}

}  // namespace
}  // namespace fb::engine
