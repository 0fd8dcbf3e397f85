// An engine of many sockets: who sends and receives, fair turns, and the traps that only many
// sockets spring.
#include <sys/socket.h>

#include <cerrno>
#include <map>

#include "catch.h"
#include "engine/socket.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

using test::Bytes;
using test::Collector;
using test::Kind;
using test::pattern;
using test::poll_count;
using test::poll_until;
using test::soon;

Kind each_kind() { return GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds))); }

// Keeps for each socket what it received.
class BySocket final : public DatagramHandler {
 public:
  explicit BySocket(UdpEngine& engine) : engine_(engine) {}

  void on_datagram(Instant, const Endpoint& from, std::span<const uint8_t> bytes) override {
    got[engine_.receiving()].push_back({from, {bytes.begin(), bytes.end()}});
    ++count;
  }
  bool poll_count(size_t wanted) {
    return poll_until(engine_, *this, [&] { return count >= wanted; });
  }

  std::map<uint32_t, std::vector<Collector::Datagram>> got;
  size_t count = 0;

 private:
  UdpEngine& engine_;
};

TEST_CASE("many sockets: each sends and receives for itself") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  constexpr uint32_t kSockets = 40;
  const auto engine = test::open(kind, {.sockets = kSockets, .segmentation = segmentation});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  BySocket handler(*engine);
  // In turn, so that trains of all sockets grow at once.
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kSockets; ++i) {
      const Endpoint to = engine->local_of((i + 1) % kSockets);
      engine->send_from(i, to, pattern(500, i * 10 + round));
    }
  }
  REQUIRE(handler.poll_count(3 * kSockets));
  for (uint32_t i = 0; i < kSockets; ++i) {
    const auto& got = handler.got[(i + 1) % kSockets];
    REQUIRE(got.size() == 3);
    for (uint64_t round = 0; round < 3; ++round) {
      CHECK(got[round].from == engine->local_of(i));
      CHECK(got[round].bytes == pattern(500, i * 10 + round));
    }
  }
  CHECK(engine->stats().datagrams_sent == 3 * kSockets);
  CHECK(engine->stats().trains_sent == (segmentation ? 1 : 3) * kSockets);
}

TEST_CASE("many sockets: ports are the kernel's, or those after the one that is given") {
  const Kind kind = each_kind();
  const auto any = test::open(kind, {.sockets = 3});
  if (!any) return;
  CHECK(any->local_of(0) == any->local());
  CHECK(any->local_of(0).port != any->local_of(1).port);
  CHECK(any->local_of(1).port != any->local_of(2).port);

  EngineOptions options;
  options.listen = {Address::v4(127, 0, 0, 1), 65'534};
  options.sockets = 3;
  const auto beyond = UdpEngine::open(options);
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().code == EngineError::Code::kBind);
  CHECK(beyond.error().detail == "there are no 3 ports from 65534 on");
  options.sockets = 2;
  if (const auto range = UdpEngine::open(options)) {  // nobody else has them
    CHECK((*range)->local_of(0).port == 65'534);
    CHECK((*range)->local_of(1).port == 65'535);
    options.listen.port = 65'533;
    const auto taken = UdpEngine::open(options);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == EngineError::Code::kBind);
  } else {
    CHECK(range.error().code == EngineError::Code::kBind);
  }
}

TEST_CASE("many sockets: a wait ends with a datagram for any, with a wake, or in time") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind, {.sockets = 100});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  BySocket handler(*engine);
  sender->send(engine->local_of(77), pattern(10));
  sender->flush();
  REQUIRE(handler.poll_count(1));
  CHECK(handler.got[77].size() == 1);
  engine->wake();
  const Instant late = soon(10'000);
  CHECK(engine->poll(late, handler) < late);
  const Instant until = soon(20);
  Instant now{};
  while (now < until) now = engine->poll(until, handler);
  CHECK(handler.count == 1);
}

// More sockets have something than there are buffers: the receives of the others end (ENOBUFS) and
// are armed again, each until it has had its turn.
TEST_CASE("trap: many sockets want a buffer at once, and each gets one") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  constexpr uint32_t kSockets = 300;
  const auto engine =
      test::open(kind, {.sockets = kSockets, .segmentation = segmentation, .seam = {.buffers = 8}});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  const auto sender = test::open(Kind::kEpoll);
  BySocket handler(*engine);
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kSockets; ++i) {
      sender->send(engine->local_of(i), pattern(200, i + round));
    }
    sender->flush();
  }
  REQUIRE(handler.poll_count(3 * kSockets));
  for (uint32_t i = 0; i < kSockets; ++i) {
    REQUIRE(handler.got[i].size() == 3);
    for (uint64_t round = 0; round < 3; ++round) {
      CHECK(handler.got[i][round].bytes == pattern(200, i + round));
    }
  }
  if (kind != Kind::kEpoll) CHECK(engine->stats().receive_rearmed > 0);
}

TEST_CASE("trap: the completion queue overflows with many sockets and nothing is lost") {
  const Kind kind = GENERATE(Kind::kUring, Kind::kUringPlain);
  const bool segmentation = GENERATE(true, false);
  constexpr uint32_t kSockets = 50;
  const auto engine = test::open(
      kind, {.sockets = kSockets, .segmentation = segmentation, .seam = {.ring_entries = 2}});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  BySocket handler(*engine);
  for (uint64_t round = 0; round < 10; ++round) {
    // The submission queue is as short.
    for (uint32_t i = 0; i < kSockets; ++i) {
      engine->send_from(i, engine->local_of(kSockets - 1 - i), pattern(100, i + round));
    }
    engine->flush();
  }
  REQUIRE(handler.poll_count(10 * kSockets));
  for (uint32_t i = 0; i < kSockets; ++i) {
    REQUIRE(handler.got[i].size() == 10);
    for (uint64_t round = 0; round < 10; ++round) {
      CHECK(handler.got[i][round].bytes == pattern(100, kSockets - 1 - i + round));
    }
  }
  CHECK(engine->stats().send_dropped == 0);
  CHECK(engine->stats().receive_rearmed > 0);
}

// The hot sockets always have more than all buffers hold: each datagram makes another one.
TEST_CASE("trap: hot sockets take no turn from cold ones of the same engine") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  constexpr uint32_t kSockets = 40;
  constexpr uint32_t kHot = 2;
  constexpr size_t kHotDatagrams = 200;  // each; more than there are buffers
  const size_t buffers = GENERATE(0U, 8U);
  const auto engine = test::open(
      kind, {.sockets = kSockets, .segmentation = segmentation, .seam = {.buffers = buffers}});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation << ", buffers " << buffers);
  const auto cold = test::open(Kind::kEpoll);

  struct Handler final : DatagramHandler {
    explicit Handler(UdpEngine& its_engine) : engine(its_engine) {}
    void on_datagram(Instant, const Endpoint&, std::span<const uint8_t> bytes) override {
      const uint32_t socket = engine.receiving();
      ++got[socket];
      if (socket >= kHot) return;
      engine.send_from(socket, engine.local_of(socket), bytes);
      engine.flush();
    }
    UdpEngine& engine;
    std::map<uint32_t, size_t> got;
  } handler(*engine);

  for (size_t i = 0; i < kHotDatagrams; ++i) {
    for (uint32_t socket = 0; socket < kHot; ++socket) {
      engine->send_from(socket, engine->local_of(socket), pattern(100));
      engine->flush();
    }
  }
  for (size_t round = 1; round <= 10; ++round) {
    for (uint32_t i = kHot; i < kSockets; ++i) cold->send(engine->local_of(i), pattern(100));
    cold->flush();
    const auto all_had_it = [&] {
      for (uint32_t i = kHot; i < kSockets; ++i) {
        if (handler.got[i] < round) return false;
      }
      return true;
    };
    // Far fewer than it would take to work off what the hot ones have.
    for (size_t turn = 0; turn < 100 && !all_had_it(); ++turn) engine->poll(soon(5000), handler);
    REQUIRE(all_had_it());
  }
  CHECK(handler.got[0] > 0);
  CHECK(handler.got[1] > 0);
}

TEST_CASE("trap: closing many sockets frees every port at once, whatever is under way") {
  const Kind kind = each_kind();
  constexpr uint32_t kSockets = 500;
  INFO(test::name_of(kind));
  for (int round = 0; round < 5; ++round) {
    auto engine = test::open(kind, {.sockets = kSockets});
    if (!engine) return;
    // Received and given out in part, received and not given out, still in the sockets, not sent.
    for (uint32_t i = 0; i < kSockets; ++i) engine->send_from(i, engine->local(), pattern(100));
    for (uint32_t i = 0; i < kSockets; ++i) engine->send(engine->local_of(i), pattern(100));
    BySocket handler(*engine);
    engine->poll(soon(1000), handler);
    engine->send(engine->local_of(1), pattern(100));
    std::vector<Endpoint> ports;
    for (uint32_t i = 0; i < kSockets; ++i) ports.push_back(engine->local_of(i));
    engine.reset();
    for (const Endpoint& port : ports) {
      EngineOptions options;
      options.listen = port;
      CHECK(open_socket(options));
    }
  }
}

TEST_CASE("trap: a train that is refused leaves as singles by its own socket") {
  const Kind kind = each_kind();
  const auto engine = test::open(
      kind, {.sockets = 3, .seam = {.refuse_send = [](size_t n) { return n > 1 ? EIO : 0; }}});
  if (!engine) return;
  INFO(test::name_of(kind));
  BySocket handler(*engine);
  for (uint32_t i = 0; i < 3; ++i) {
    for (uint64_t n = 0; n < 4; ++n) engine->send_from(i, engine->local(), pattern(100, n));
  }
  REQUIRE(handler.poll_count(12));
  std::map<Endpoint, size_t> senders;
  for (const auto& datagram : handler.got[0]) ++senders[datagram.from];
  for (uint32_t i = 0; i < 3; ++i) CHECK(senders[engine->local_of(i)] == 4);
  CHECK(engine->stats().segmentation_refused == 3);
}

// Each socket's counter (SO_RXQ_OVFL) is its own.
TEST_CASE("trap: what the sockets lost is counted for each and added up") {
  const Kind kind = each_kind();
  const auto engine =
      test::open(kind, {.sockets = 2, .segmentation = false, .receive_buffer_bytes = 4096});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll, {.segmentation = false});
  BySocket handler(*engine);
  constexpr size_t kMany = 400;
  const auto offer = [&](size_t to_first, size_t to_second) {
    for (size_t i = 0; i < to_first; ++i) sender->send(engine->local_of(0), pattern(1000));
    for (size_t i = 0; i < to_second; ++i) sender->send(engine->local_of(1), pattern(1000));
    sender->flush();
  };
  offer(kMany, kMany / 2);
  test::poll_all(*engine, handler);
  // The kernel tells with the next datagram that it lets in.
  offer(1, 1);
  test::poll_all(*engine, handler);
  CHECK(handler.count < kMany);
  CHECK(engine->stats().kernel_receive_drops == kMany + kMany / 2 + 2 - handler.count);
}

}  // namespace
}  // namespace fb::engine
