// Traps that the kernel springs only when something else is at fault: a ring or a buffer that is
// too small, an interface that goes down, a sender that never pauses.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
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

TEST_CASE("trap: an overflow of the completion queue ends the multishot and loses nothing") {
  const Kind kind = GENERATE(Kind::kUring, Kind::kUringPlain);
  const bool segmentation = GENERATE(true, false);
  const auto engine = test::open(kind, {.segmentation = segmentation, .seam = {.ring_entries = 2}});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  const auto sender = test::open(Kind::kEpoll);
  constexpr uint64_t kCount = 100;
  for (uint64_t i = 0; i < kCount; ++i) {
    sender->send(engine->local(), pattern(1000, i));
    sender->flush();
  }
  Collector collector;
  REQUIRE(poll_count(*engine, collector, kCount));
  REQUIRE(collector.got.size() == kCount);
  for (uint64_t i = 0; i < kCount; ++i) REQUIRE(collector.got[i].bytes == pattern(1000, i));
  CHECK(engine->stats().receive_rearmed >= 1);

  // The submission queue is as short: what does not fit is submitted in parts.
  Collector at_sender;
  for (uint64_t i = 0; i < 4; ++i) engine->send(sender->local(), pattern(100 + i, i));
  engine->flush();
  REQUIRE(poll_count(*sender, at_sender, 4));
  for (uint64_t i = 0; i < 4; ++i) CHECK(at_sender.got[i].bytes == pattern(100 + i, i));
  CHECK(engine->stats().send_dropped == 0);
}

TEST_CASE("trap: a train that was cut by a small buffer is counted and no part of it delivered") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind, {.seam = {.buffer_bytes = 10'000}});
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(Kind::kEpoll);
  // Nine whole segments would fit.
  for (uint64_t i = 0; i < 20; ++i) sender->send(engine->local(), pattern(1000, i));
  sender->flush();
  for (uint64_t i = 0; i < 10; ++i) sender->send(engine->local(), pattern(1000, i));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 10));
  for (uint64_t i = 0; i < 10; ++i) CHECK(collector.got[i].bytes == pattern(1000, i));
  CHECK(engine->stats().receive_truncated == 1);
  CHECK(engine->stats().trains_received == 2);
}

TEST_CASE("trap: the longest train fits into a receive buffer") {
  const Kind kind = each_kind();
  const auto engine = test::open(kind);
  if (!engine) return;
  INFO(test::name_of(kind));
  const auto sender = test::open(kind);
  // With its headers the most that the loopback device takes whole.
  constexpr size_t kBytes = 5953;
  for (uint64_t i = 0; i < 12; ++i) sender->send(engine->local(), pattern(i < 11 ? kBytes : 10, i));
  sender->flush();
  Collector collector;
  REQUIRE(poll_count(*engine, collector, 12));
  for (uint64_t i = 0; i < 12; ++i) {
    CHECK(collector.got[i].bytes == pattern(i < 11 ? kBytes : 10, i));
  }
  CHECK(engine->stats().trains_received == 1);
  CHECK(engine->stats().receive_truncated == 0);
}

bool set_link(const char* name, bool up) {
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = up ? IFF_UP | IFF_RUNNING : 0;
  return ::ioctl(control.get(), SIOCSIFFLAGS, &request) == 0;
}

// A line from 10.0.0.1 to 10.0.0.2, out of this network: what is sent there can be read from it.
FileDescriptor open_line() {
  FileDescriptor line(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "line0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(line.get(), TUNSETIFF, &request) != 0) return {};
  const auto set_address = [&](unsigned long what, const Address& address) {
    sockaddr_in6 name{};
    const socklen_t length = to_sockaddr({address, 0}, AF_INET, name);
    std::memcpy(&request.ifr_addr, &name, length);
    return ::ioctl(control.get(), what, &request) == 0;
  };
  const bool ready = set_address(SIOCSIFADDR, Address::v4(10, 0, 0, 1)) &&
                     set_address(SIOCSIFDSTADDR, Address::v4(10, 0, 0, 2)) &&
                     set_link("line0", true);
  return ready ? std::move(line) : FileDescriptor{};
}

// How many UDP packets left by the line since the last call.
size_t count_sent_by(const FileDescriptor& line) {
  constexpr size_t kProtocolOffset = 9;  // in an IPv4 header (RFC 791, 3.1)
  std::array<uint8_t, 2048> packet{};
  size_t count = 0;
  while (::read(line.get(), packet.data(), packet.size()) > 0) {
    if (packet[kProtocolOffset] == IPPROTO_UDP) ++count;
  }
  return count;
}

// "good", or what went wrong.
std::string live_through_an_outage(Kind kind, const FileDescriptor& line) {
  const auto engine = test::open(kind, {.listen = {Address::v4(0, 0, 0, 0), 0}});
  const auto neighbour = test::open(Kind::kEpoll);
  const Endpoint far{Address::v4(10, 0, 0, 2), 9};
  Collector at_engine;
  Collector at_neighbour;
  const auto reaches_neighbour = [&](size_t round) {
    engine->send(neighbour->local(), pattern(100));
    engine->flush();
    return poll_count(*neighbour, at_neighbour, round);
  };
  const auto send_far = [&] {
    for (uint64_t i = 0; i < 10; ++i) engine->send(far, pattern(1000, i));
    engine->flush();
    return count_sent_by(line);
  };
  if (send_far() != 10) return "nothing leaves before the outage";
  if (!set_link("line0", false)) return "the line cannot be set down";
  if (send_far() != 0) return "something leaves by a line that is down";
  if (engine->stats().send_dropped != 10) return "what has no way is not counted as dropped";
  if (!reaches_neighbour(1)) return "another way suffers too";
  const uint64_t calls = engine->stats().system_calls;
  const Instant until = soon(50);
  while (engine->poll(until, at_engine) < until) continue;
  if (engine->stats().system_calls - calls > 100) return "the engine spins while the line is down";
  // On loopback the kernel takes what is sent while the device is down, and loses it.
  if (!set_link("lo", false)) return "loopback cannot be set down";
  engine->send(neighbour->local(), pattern(100));
  engine->flush();
  if (!set_link("lo", true) || !set_link("line0", true)) return "a device cannot be set up again";
  if (!reaches_neighbour(2)) return "nothing comes by loopback after the outage";
  // The kernel takes its time to let packets out again, and some may leave late.
  const Instant patience = soon(10'000);
  while (send_far() == 0) {
    if (engine->poll(soon(10), at_engine) >= patience) return "nothing leaves after the outage";
  }
  for (int quiet = 0; quiet < 20; ++quiet) {
    if (engine->poll(soon(5), at_engine) >= patience) return "packets leave without end";
    if (count_sent_by(line) > 0) quiet = 0;
  }
  const uint64_t dropped = engine->stats().send_dropped;
  size_t left = send_far();
  while (left < 10) {
    if (engine->poll(soon(5), at_engine) >= patience) return "not everything leaves any more";
    left += count_sent_by(line);
  }
  if (left != 10) return "more leaves than was sent";
  if (engine->stats().segmentation_refused != 0) return "trains are given up";
  return engine->stats().send_dropped == dropped ? "good" : "something is dropped after the outage";
}

TEST_CASE("trap: an interface goes down and up again") {
  const Kind kind = each_kind();
  if (!test::open(kind)) return;
  INFO(test::name_of(kind));
  const std::string out = test::in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || !set_link("lo", true)) {
      return "skipped: no network namespace of our own: " + error_text(errno);
    }
    const FileDescriptor line = open_line();
    if (!line.valid()) return "skipped: no TUN device: " + error_text(errno);
    return live_through_an_outage(kind, line);
  });
  if (out.starts_with("skipped")) {
    WARN(out);
    return;
  }
  CHECK(out == "good");
}

// The hot sender is the engine itself: each datagram that it receives makes another one, so that
// there is always something to receive.
TEST_CASE("trap: a sender that never pauses takes no turn from the caller or a cold sender") {
  const Kind kind = each_kind();
  const bool segmentation = GENERATE(true, false);
  const auto engine = test::open(kind, {.segmentation = segmentation});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  constexpr size_t kHot = 32;
  constexpr size_t kTurnMax = 64;      // receives of one poll(), at most
  constexpr size_t kGiveUp = 100'000;  // to fail rather than run for ever
  const auto cold = test::open(Kind::kEpoll);
  size_t cold_arrived = 0;
  Collector collector;
  collector.on_each = [&](const Collector::Datagram& datagram) {
    if (datagram.from == cold->local()) ++cold_arrived;
    if (datagram.from != engine->local() || collector.got.size() > kGiveUp) return;
    engine->send(engine->local(), datagram.bytes);
    engine->flush();
  };
  for (size_t i = 0; i < kHot; ++i) {
    engine->send(engine->local(), pattern(100));
    engine->flush();
  }
  for (size_t round = 1; round <= 50; ++round) {
    cold->send(engine->local(), pattern(200));
    cold->flush();
    // Behind what was there already, and not behind what keeps coming.
    for (size_t turn = 0; turn <= 2 * kHot && cold_arrived < round; ++turn) {
      const size_t before = collector.got.size();
      engine->poll(soon(5000), collector);
      REQUIRE(collector.got.size() - before <= kTurnMax);
    }
    REQUIRE(cold_arrived == round);
  }
}

// Two sockets in one thread, as two listeners of one server: each poll() is bounded, so they take
// turns.
TEST_CASE("trap: a hot socket takes no turn from a cold one") {
  const Kind kind = each_kind();
  const auto hot = test::open(kind);
  if (!hot) return;
  INFO(test::name_of(kind));
  const auto cold = test::open(kind);
  const auto sender = test::open(Kind::kEpoll);
  constexpr uint64_t kMany = 1000;
  for (uint64_t i = 0; i < kMany; ++i) {
    sender->send(hot->local(), pattern(100, i));
    sender->flush();
  }
  sender->send(cold->local(), pattern(100));
  sender->flush();
  Collector at_hot;
  Collector at_cold;
  hot->poll(soon(5000), at_hot);
  cold->poll(soon(5000), at_cold);
  CHECK(at_cold.got.size() == 1);
  CHECK(at_hot.got.size() >= 1);
  CHECK(at_hot.got.size() <= 16);
  REQUIRE(poll_count(*hot, at_hot, kMany));
}

}  // namespace
}  // namespace fb::engine
