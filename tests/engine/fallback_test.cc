// io_uring refused by a seccomp filter, as in many containers.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "catch.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

bool forbid_io_uring() {
  // The architecture need not be checked: this guards nothing, it only plays a guard.
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

template <typename Body>
std::string in_filtered_child(Body&& body) {
  return test::in_child([&] { return forbid_io_uring() ? body() : std::string("no seccomp"); });
}

EngineOptions options(IoBackend backend) {
  EngineOptions out;
  out.listen = {Address::v4(127, 0, 0, 1), 0};
  out.backend = backend;
  return out;
}

TEST_CASE("fallback: kAuto takes epoll where io_uring is forbidden, says why once, and works") {
  const std::string out = in_filtered_child([] {
    std::string said;
    int calls = 0;
    EngineOptions wanted = options(IoBackend::kAuto);
    wanted.on_fallback = [&](std::string_view reason) {
      said = reason;
      ++calls;
    };
    const auto opened = UdpEngine::open(wanted);
    if (!opened) return "not opened: " + opened.error().detail;
    UdpEngine& engine = **opened;
    if (engine.backend() != IoBackend::kEpoll) return std::string("not epoll");
    for (int i = 0; i < 10; ++i) engine.send(engine.local(), test::pattern(1200));
    test::Collector collector;
    if (!test::poll_count(engine, collector, 10)) return std::string("does not work");
    if (engine.stats().trains_received != 1) return std::string("no trains");
    return std::to_string(calls) + " call: " + said;
  });
  CHECK(out ==
        "1 call: io_uring is refused here: io_uring_setup: Operation not permitted "
        "(sysctl kernel.io_uring_disabled or a seccomp filter)");
}

TEST_CASE("fallback: kAuto needs nobody to tell") {
  CHECK(in_filtered_child([] {
          return std::string(UdpEngine::open(options(IoBackend::kAuto)) ? "opened" : "refused");
        }) == "opened");
}

TEST_CASE("fallback: a demand for io_uring is refused with a sentence") {
  const std::string out = in_filtered_child([] {
    const auto opened = UdpEngine::open(options(IoBackend::kIoUring));
    if (opened) return std::string("opened");
    if (opened.error().code != EngineError::Code::kIoUring) return std::string("another code");
    return opened.error().detail;
  });
  CHECK(out ==
        "io_uring was demanded, but it is refused here: io_uring_setup: Operation not permitted "
        "(sysctl kernel.io_uring_disabled or a seccomp filter)");
}

TEST_CASE("fallback: kAuto takes io_uring where it can, and says nothing") {
  if (!test::open(test::Kind::kUring)) return;
  EngineOptions wanted = options(IoBackend::kAuto);
  int calls = 0;
  wanted.on_fallback = [&](std::string_view) { ++calls; };
  const auto opened = UdpEngine::open(wanted);
  REQUIRE(opened);
  CHECK((*opened)->backend() == IoBackend::kIoUring);
  CHECK(calls == 0);
}

}  // namespace
}  // namespace fb::engine
