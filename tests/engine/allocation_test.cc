// After start-up the packet path allocates nothing. This file replaces the global operator new of
// the test program by one that counts.
#include <atomic>
#include <cstdlib>
#include <new>

#include "catch.h"
#include "engine/support.h"

// A sanitizer has its own operator new and checks how memory is given back.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FB_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FB_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef FB_COUNTS_ALLOCATIONS
#define FB_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<uint64_t> allocations{0};

[[maybe_unused]] void* counted(void* memory) {
  allocations.fetch_add(1, std::memory_order_relaxed);  // read by the thread that allocates
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

#if FB_COUNTS_ALLOCATIONS
// The array forms call these.
void* operator new(size_t bytes) { return counted(std::malloc(bytes > 0 ? bytes : 1)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto each = static_cast<size_t>(alignment);
  return counted(std::aligned_alloc(each, (bytes + each - 1) / each * each));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace fb::engine {
namespace {

using test::Bytes;
using test::Kind;

struct Count : DatagramHandler {
  void on_datagram(Instant, const Endpoint&, std::span<const uint8_t>) override { ++datagrams; }
  size_t datagrams = 0;
};

// Trains, short segments and lone datagrams, by the ring and by sendmmsg.
size_t pass(UdpEngine& sender, UdpEngine& receiver, const Bytes& bytes) {
  Count count;
  size_t sent = 0;
  for (const size_t destinations : {1U, 3U, 40U}) {
    for (size_t i = 0; i < 120; ++i) {
      const Endpoint to{Address::v4(127, 0, 0, static_cast<uint8_t>(1 + i % destinations)),
                        receiver.local().port};
      sender.send(to, std::span(bytes).first(i % 7 == 0 ? 300 : 1200));
      ++sent;
    }
    sender.flush();
    const Instant deadline = test::soon(10'000);
    while (count.datagrams < sent) {
      if (receiver.poll(deadline, count) >= deadline) return 0;
    }
  }
  return sent;
}

TEST_CASE("engine: nothing is allocated for a datagram after start-up") {
#if !FB_COUNTS_ALLOCATIONS
  WARN("skipped: a sanitizer counts allocations in its own way");
  return;
#endif
  const Kind kind = GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds)));
  const bool segmentation = GENERATE(true, false);
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  const test::Options options{.listen = {Address::v4(0, 0, 0, 0), 0}, .segmentation = segmentation};
  const auto sender = test::open(kind, options);
  if (!sender) return;
  const auto receiver = test::open(kind, options);
  const Bytes bytes = test::pattern(1200);
  const uint64_t at_start = allocations.load();
  REQUIRE(std::make_unique<Bytes>(1)->size() == 1);
  REQUIRE(allocations.load() > at_start);  // it does count

  size_t datagrams = 0;
  const uint64_t before = allocations.load();
  for (int i = 0; i < 20; ++i) datagrams += pass(*sender, *receiver, bytes);
  const uint64_t during = allocations.load() - before;
  CHECK(during == 0);
  CHECK(datagrams == 20 * 3 * 120);
}

}  // namespace
}  // namespace fb::engine
