// One test for each trap of the kernel that is known to us, on every backend.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "catch.h"
#include "engine/socket.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

using test::Collector;
using test::Kind;
using test::pattern;
using test::poll_count;
using test::soon;

Kind each_kind() { return GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds))); }

void send_each_alone(UdpEngine& engine, const Endpoint& to, uint64_t count, size_t bytes) {
  for (uint64_t i = 0; i < count; ++i) {
    engine.send(to, pattern(bytes, i));
    engine.flush();
  }
}

void check_patterns(const Collector& collector, size_t count, size_t bytes) {
  REQUIRE(collector.got.size() == count);
  for (size_t i = 0; i < count; ++i) REQUIRE(collector.got[i].bytes == pattern(bytes, i));
}

TEST_CASE("trap: multishot receive ends with ENOBUFS and is armed again") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  const auto engine = test::open(kind, {.segmentation = segmentation});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  // More than there are buffers, and the handler keeps its buffer while the engine takes others.
  send_each_alone(*sender, engine->local(), 300, 1000);
  Collector collector;
  collector.on_each = [&](const Collector::Datagram& datagram) {
    engine->send(datagram.from, datagram.bytes);
    engine->flush();
  };
  REQUIRE(poll_count(*engine, collector, 300));
  check_patterns(collector, 300, 1000);
  if (kind != Kind::kEpoll) CHECK(engine->stats().receive_rearmed >= 1);
  send_each_alone(*sender, engine->local(), 1, 1000);
  CHECK(poll_count(*engine, collector, 301));
}

TEST_CASE("trap: multishot receive is not armed while every buffer is taken") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  constexpr size_t kCount = 40;
  send_each_alone(*sender, engine->local(), kCount, 1000);
  // The flushes enter the kernel, and reap, until every buffer is ours.
  for (size_t i = 0; i < kCount; ++i) send_each_alone(*engine, sender->local(), 1, 1000);
  Collector collector;
  engine->poll(soon(10'000), collector);
  CHECK(engine->stats().receive_rearmed == 0);
  REQUIRE(poll_count(*engine, collector, kCount));
  check_patterns(collector, kCount, 1000);
  if (kind != Kind::kEpoll) CHECK(engine->stats().receive_rearmed >= 1);
  Collector back;
  REQUIRE(poll_count(*sender, back, kCount));
}

TEST_CASE("trap: an empty datagram ends the multishot and nothing else") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  const FileDescriptor raw(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 name{};
  const socklen_t length = to_sockaddr(engine->local(), AF_INET, name);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(::sendto(raw.get(), nullptr, 0, 0, reinterpret_cast<sockaddr*>(&name), length) == 0);
  }
  send_each_alone(*sender, engine->local(), 1, 100);
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 4));
  for (size_t i = 0; i < 3; ++i) CHECK(collector.got[i].bytes.empty());
  CHECK(collector.got[3].bytes == pattern(100));
}

TEST_CASE("trap: a lone datagram has no UDP_GRO control message") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind);
  Collector collector;
  // A train before it leaves its control bytes in the buffer.
  for (uint64_t i = 0; i < 4; ++i) sender->send(engine->local(), pattern(100, i));
  sender->flush();
  REQUIRE(poll_count(*engine, collector, 4));
  send_each_alone(*sender, engine->local(), 40, 5000);
  REQUIRE(poll_count(*engine, collector, 44));
  for (size_t i = 0; i < 40; ++i) CHECK(collector.got[4 + i].bytes == pattern(5000, i));
}

TEST_CASE("trap: the last segment of a train is short") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind);
  for (const size_t bytes : {1200U, 1200U, 1U}) sender->send(engine->local(), pattern(bytes));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 3));
  CHECK(sender->stats().trains_sent == 1);
  CHECK(collector.got[1].bytes == pattern(1200));
  CHECK(collector.got[2].bytes == pattern(1));
}

TEST_CASE("trap: 65 segments and 65,508 bytes are too much for one train") {
  const Kind kind = each_kind();
  const auto [segments, bytes] = GENERATE(table<size_t, size_t>({{65, 100}, {12, 5459}}));
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind);
  for (size_t i = 0; i < segments; ++i) sender->send(engine->local(), pattern(bytes, i));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, segments));
  check_patterns(collector, segments, bytes);
  CHECK(sender->stats().trains_sent == 2);
  CHECK(sender->stats().segmentation_refused == 0);
}

TEST_CASE("trap: segmentation refused, resent as singles and remembered") {
  const Kind kind = each_kind();
  const int error = GENERATE(EIO, EINVAL);
  int asked = 0;
  test::Options options;
  options.seam.refuse_send = [&](size_t segments) {
    asked += segments > 1 ? 1 : 0;
    return segments > 1 ? error : 0;
  };
  const auto sender = test::open(kind, options);
  if (!sender) return;
  INFO(test::name_of(kind) << ", errno " << error);
  const auto engine = test::open(kind);
  Collector collector;
  for (size_t round = 1; round <= 3; ++round) {
    for (uint64_t i = 0; i < 10; ++i) sender->send(engine->local(), pattern(i < 9 ? 1000 : 7, i));
    sender->flush();
    REQUIRE(poll_count(*engine, collector, round * 10));
    for (size_t i = 0; i < 9; ++i) {
      CHECK(collector.got[collector.got.size() - 10 + i].bytes == pattern(1000, i));
    }
    CHECK(collector.got.back().bytes == pattern(7, 9));
  }
  CHECK(asked == 1);
  CHECK(sender->stats().segmentation_refused == 1);
  CHECK(sender->stats().datagrams_sent == 30);
  CHECK(sender->stats().send_dropped == 0);
  if (error != EINVAL) return;
  // EINVAL may have meant the length: shorter segments get one more chance.
  for (uint64_t i = 0; i < 4; ++i) sender->send(engine->local(), pattern(500, i));
  for (uint64_t i = 0; i < 4; ++i) sender->send(engine->local(), pattern(400, i));
  sender->flush();
  for (uint64_t i = 0; i < 4; ++i) sender->send(engine->local(), pattern(300, i));
  sender->flush();
  REQUIRE(poll_count(*engine, collector, 42));
  CHECK(asked == 3);
}

TEST_CASE("trap: segmentation refused by the kernel itself") {
  const Kind kind = each_kind();
  test::Options options;
  // Without checksums the kernel gives EINVAL to UDP_SEGMENT.
  options.seam.on_socket = [](int socket) {
    const int on = 1;
    REQUIRE(::setsockopt(socket, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) == 0);
  };
  const auto sender = test::open(kind, options);
  if (!sender) return;
  INFO(test::name_of(kind));
  const auto engine = test::open(kind);
  Collector collector;
  for (size_t round = 1; round <= 2; ++round) {
    for (uint64_t i = 0; i < 50; ++i) sender->send(engine->local(), pattern(1000, i));
    sender->flush();
    REQUIRE(poll_count(*engine, collector, round * 50));
  }
  for (size_t i = 0; i < 100; ++i) REQUIRE(collector.got[i].bytes == pattern(1000, i % 50));
  CHECK(sender->stats().segmentation_refused == 1);
  CHECK(sender->stats().datagrams_sent == 100);
}

TEST_CASE("trap: a destination that refuses singles too is not remembered for its trains") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  for (int i = 0; i < 5; ++i) {
    engine->send(Endpoint::parse("255.255.255.255:9").value(), pattern(100));
  }
  engine->flush();
  CHECK(engine->stats().segmentation_refused == 0);
  CHECK(engine->stats().send_dropped == 5);
}

TEST_CASE("trap: ICMP errors do not end the loop") {
  const Kind kind = each_kind();
  const bool v6 = GENERATE(false, true);
  test::Options options;
  if (v6) options.listen = Endpoint::parse("[::1]:0").value();
  // Without this Linux keeps ICMP errors from an unconnected socket.
  options.seam.on_socket = [v6](int socket) {
    const int on = 1;
    REQUIRE(::setsockopt(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
                         &on, sizeof(on)) == 0);
  };
  const auto engine = test::open(kind, options);
  if (!engine) return;
  INFO(test::name_of(kind) << (v6 ? ", IPv6" : ", IPv4"));
  const auto peer = test::open(Kind::kEpoll, {.listen = options.listen});
  Endpoint closed;
  {
    const auto gone = test::open(Kind::kEpoll, {.listen = options.listen});
    closed = gone->local();
  }
  Collector at_engine;
  Collector at_peer;
  for (size_t round = 1; round <= 20; ++round) {
    engine->send(closed, pattern(100));
    engine->flush();
    engine->send(closed, pattern(100));
    engine->send(peer->local(), pattern(100, round));
    peer->send(engine->local(), pattern(100, round));
    peer->flush();
    REQUIRE(poll_count(*engine, at_engine, round));
    REQUIRE(poll_count(*peer, at_peer, round));
  }
  // The error queue is empty, so that waiting is waiting and not spinning.
  const uint64_t calls = engine->stats().system_calls;
  const Instant until = soon(50);
  while (engine->poll(until, at_engine) < until) continue;
  CHECK(engine->stats().system_calls - calls < 100);
}

TEST_CASE("trap: an oversize datagram is truncated, counted and dropped") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind, {.segmentation = false});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  for (const size_t bytes : {2049U, 9000U, 2048U}) sender->send(engine->local(), pattern(bytes));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 1));
  CHECK(collector.got[0].bytes == pattern(2048));
  CHECK(engine->stats().receive_truncated == 2);
  CHECK(engine->stats().datagrams_received == 1);
}

TEST_CASE("trap: IPv6 loopback carries trains too") {
  const Kind kind = each_kind();
  const Endpoint loopback = Endpoint::parse("[::1]:0").value();
  const auto engine = test::open(kind, {.listen = loopback});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind, {.listen = loopback});
  for (uint64_t i = 0; i < 54; ++i) sender->send(engine->local(), pattern(1200, i));
  sender->send(engine->local(), pattern(65'507));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 55));
  CHECK(collector.got[53].bytes == pattern(1200, 53));
  CHECK(collector.got[54].bytes == pattern(65'507));
  CHECK(collector.got[0].from == sender->local());
  CHECK(sender->stats().trains_sent == 2);
}

TEST_CASE("trap: a send queue that is full for a moment loses nothing") {
  const Kind kind = each_kind();
  const int error = GENERATE(EAGAIN, ENOBUFS);
  int left = 3;
  test::Options options;
  options.seam.refuse_send = [&](size_t) { return left > 0 ? --left, error : 0; };
  const auto sender = test::open(kind, options);
  if (!sender) return;
  INFO(test::name_of(kind));
  const auto engine = test::open(kind);
  for (uint64_t i = 0; i < 20; ++i) sender->send(engine->local(), pattern(1000, i));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 20));
  check_patterns(collector, 20, 1000);
  CHECK(sender->stats().send_dropped == 0);
  CHECK(sender->stats().datagrams_sent == 20);
}

TEST_CASE("trap: a send queue that stays full costs a bounded wait and counted drops") {
  const Kind kind = each_kind();
  bool full = true;
  int asked = 0;
  test::Options options;
  options.seam.refuse_send = [&](size_t) { return ++asked, full ? EAGAIN : 0; };
  const auto sender = test::open(kind, options);
  if (!sender) return;
  INFO(test::name_of(kind));
  const auto engine = test::open(kind);
  Endpoint to = engine->local();
  for (uint16_t i = 0; i < 200; ++i) {
    to.port = static_cast<uint16_t>(1000 + i);
    sender->send(to, pattern(1000));
  }
  sender->flush();
  CHECK(sender->stats().send_dropped == 200);
  CHECK(asked < 300);
  full = false;
  sender->send(engine->local(), pattern(10));
  sender->flush();
  Collector collector;
  CHECK(poll_count(*engine, collector, 1));
}

// In a network of our own, an Ethernet on which nobody answers ARP: what is sent there waits, and
// counts against the sender's buffer. False where we may not have one.
bool open_silent_network(const Address& own) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "silent0");
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tap, TUNSETIFF, &request) != 0) return false;
  sockaddr_in6 name{};
  if (to_sockaddr({own, 0}, AF_INET, name) == 0) return false;
  std::memcpy(&request.ifr_addr, &name, sizeof(sockaddr_in));
  if (::ioctl(control, SIOCSIFADDR, &request) != 0) return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

TEST_CASE("trap: EAGAIN of the kernel itself is not lost among skipped completions") {
  const Kind kind = each_kind();
  INFO(test::name_of(kind));
  if (!test::open(kind)) return;
  const std::string out = test::in_child([&]() -> std::string {
    if (!open_silent_network(Address::v4(10, 99, 0, 1))) return "skipped: no network of our own";
    test::Options options{.listen = {Address::v4(10, 99, 0, 1), 0}};
    options.seam.on_socket = [](int socket) {
      const int bytes = 0;  // the kernel makes it its minimum of some KiB
      ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    };
    const auto engine = test::open(kind, options);
    Collector collector;
    for (uint16_t i = 0; i < 50; ++i) {
      const Endpoint to{Address::v4(10, 99, 0, 2), static_cast<uint16_t>(1000 + i)};
      for (int j = 0; j < 4; ++j) engine->send(to, pattern(1000));
      // So few trains that they leave by the ring.
      if (i % 4 == 3) engine->poll({}, collector);
    }
    engine->poll({}, collector);
    const EngineStats stats = engine->stats();
    if (stats.datagrams_sent == 0) return "nothing was sent";
    if (stats.send_dropped == 0) return "nothing was dropped";
    return std::to_string(stats.datagrams_sent + stats.send_dropped);
  });
  if (out.starts_with("skipped")) {
    WARN(out);
    return;
  }
  CHECK(out == "200");
}

TEST_CASE("trap: a closed engine's port is free at once") {
  const Kind kind = each_kind();
  auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind);
  const Endpoint address = engine->local();
  for (size_t round = 0; round < 100; ++round) {
    Collector collector;
    // At rest, with queued sends, with undelivered datagrams, and with used buffers.
    if (round % 4 > 0) engine->send(sender->local(), pattern(10));
    if (round % 4 > 1) send_each_alone(*sender, address, 20, 1000);
    if (round % 4 > 2) engine->poll(soon(5000), collector);
    engine.reset();
    engine = test::open(kind, {.listen = address});
    REQUIRE(engine);
  }
}

TEST_CASE("trap: what the kernel drops from a full receive buffer is counted") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind, {.receive_buffer_bytes = 16 << 10});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  Collector collector;
  constexpr size_t kCount = 500;
  send_each_alone(*sender, engine->local(), kCount, 1000);
  test::poll_all(*engine, collector);
  CHECK(collector.got.size() < kCount);
  // The count comes with the next datagram that is let in.
  const size_t before = collector.got.size();
  send_each_alone(*sender, engine->local(), 1, 1000);
  REQUIRE(poll_count(*engine, collector, before + 1));
  CHECK(before + engine->stats().kernel_receive_drops == kCount);
}

}  // namespace
}  // namespace fb::engine
