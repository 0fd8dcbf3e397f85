#include "engine/support.h"

#include <liburing.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "catch.h"

namespace fb::engine::test {

std::string name_of(Kind kind) {
  switch (kind) {
    case Kind::kEpoll:
      return "epoll";
    case Kind::kUring:
      return "io_uring";
    case Kind::kUringPlain:
      return "io_uring with plain flags";
  }
  return "?";
}

std::unique_ptr<UdpEngine> open(Kind kind, Options options) {
  EngineOptions engine;
  engine.listen = options.listen;
  engine.sockets = options.sockets;
  engine.segmentation = options.segmentation;
  engine.receive_buffer_bytes = options.receive_buffer_bytes;
  engine.backend = kind == Kind::kEpoll ? IoBackend::kEpoll : IoBackend::kIoUring;
  if (kind == Kind::kUringPlain) options.seam.refuse_ring_flags = IORING_SETUP_SINGLE_ISSUER;
  auto opened = open_with_seam(engine, std::move(options.seam));
  if (opened) return std::move(*opened);
  if (opened.error().code == EngineError::Code::kIoUring) {
    WARN("skipped: " + name_of(kind) + ": " + opened.error().detail);
    return nullptr;
  }
  FAIL(name_of(kind) + ": " + opened.error().detail);
  return nullptr;
}

void Collector::on_datagram(Instant, const Endpoint& from, std::span<const uint8_t> bytes) {
  got.push_back({from, {bytes.begin(), bytes.end()}});
  // A copy, because the callback may make `got` grow.
  if (on_each) on_each(Datagram(got.back()));
}

bool poll_until(UdpEngine& engine, DatagramHandler& handler, const std::function<bool()>& done) {
  const Instant deadline = soon(10'000);
  while (!done()) {
    if (engine.poll(deadline, handler) >= deadline) return done();
  }
  return true;
}

bool poll_count(UdpEngine& engine, Collector& collector, size_t count) {
  return poll_until(engine, collector, [&] { return collector.got.size() >= count; });
}

void poll_all(UdpEngine& engine, DatagramHandler& handler) {
  uint64_t before = 0;
  do {
    before = engine.stats().trains_received;
    engine.poll({}, handler);
  } while (engine.stats().trains_received != before);
}

std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string out = body();
    const ssize_t written = ::write(pipe[1], out.data(), out.size());
    ::_exit(written == static_cast<ssize_t>(out.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string out;
  std::array<char, 512> chunk{};
  for (ssize_t count = 0; (count = ::read(pipe[0], chunk.data(), chunk.size())) > 0;) {
    out.append(chunk.data(), static_cast<size_t>(count));
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return out;
}

Bytes pattern(size_t count, uint64_t seed) {
  Bytes out(count);
  for (size_t i = 0; i < count; ++i) {
    out[i] = static_cast<uint8_t>((seed + i) * 0x9e3779b97f4a7c15U >> 56);
  }
  return out;
}

Instant soon(int64_t ms) { return monotonic_now() + milliseconds(ms); }

}  // namespace fb::engine::test
