// After start-up the packet path allocates nothing.
#include "catch.h"
#include "counting_new.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

using test::Bytes;
using test::Kind;

struct Count : DatagramHandler {
  void on_datagram(Instant, const Endpoint&, std::span<const uint8_t>) override { ++datagrams; }
  size_t datagrams = 0;
};

// Trains, short segments and lone datagrams, by the ring and by sendmmsg, all sockets in turn.
size_t pass(UdpEngine& sender, UdpEngine& receiver, uint32_t sockets, const Bytes& bytes) {
  Count count;
  size_t sent = 0;
  for (const size_t destinations : {1U, 3U, 40U}) {
    for (uint32_t i = 0; i < 120; ++i) {
      const Endpoint to{Address::v4(127, 0, 0, static_cast<uint8_t>(1 + i % destinations)),
                        receiver.local_of(i % sockets).port};
      sender.send_from(i % sockets, to, std::span(bytes).first(i % 7 == 0 ? 300 : 1200));
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
  if (!fb::test::kCountsAllocations) {
    WARN("skipped: a sanitizer counts allocations in its own way");
    return;
  }
  const Kind kind = GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds)));
  const bool segmentation = GENERATE(true, false);
  const uint32_t sockets = GENERATE(1U, 50U);
  INFO(test::name_of(kind) << ", segmentation " << segmentation << ", sockets " << sockets);
  const test::Options options{
      .listen = {Address::v4(0, 0, 0, 0), 0}, .sockets = sockets, .segmentation = segmentation};
  const auto sender = test::open(kind, options);
  if (!sender) return;
  const auto receiver = test::open(kind, options);
  const Bytes bytes = test::pattern(1200);
  const uint64_t at_start = fb::test::allocations.load();
  REQUIRE(std::make_unique<Bytes>(1)->size() == 1);
  REQUIRE(fb::test::allocations.load() > at_start);  // it does count

  size_t datagrams = 0;
  const uint64_t before = fb::test::allocations.load();
  for (int i = 0; i < 20; ++i) datagrams += pass(*sender, *receiver, sockets, bytes);
  const uint64_t during = fb::test::allocations.load() - before;
  CHECK(during == 0);
  CHECK(datagrams == 20 * 3 * 120);
}

}  // namespace
}  // namespace fb::engine
