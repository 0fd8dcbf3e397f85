#include "engine/batch_wait.h"

#include "catch.h"
#include "engine/support.h"

namespace fb::engine {
namespace {

constexpr unsigned kMax = 32;

// Receives that come one by one, `gap` apart, in `looks` looks.
void one_by_one(BatchWait& wait, Instant& now, Duration gap, int looks) {
  for (int i = 0; i < looks; ++i) {
    now = now + gap;
    wait.arrived(now, 1, 1);
  }
}

TEST_CASE("batch wait: a lone receive is waited for alone") {
  BatchWait wait(kMax);
  CHECK(wait.gather() == 1);
  Instant now{};
  one_by_one(wait, now, milliseconds(1), 1000);
  CHECK(wait.gather() == 1);
  one_by_one(wait, now, BatchWait::kBound, 1000);
  CHECK(wait.gather() == 1);
}

TEST_CASE("batch wait: the closer they come the more are gathered, up to the most") {
  BatchWait wait(kMax);
  Instant now{};
  one_by_one(wait, now, microseconds(10), 100);
  const unsigned some = wait.gather();
  CHECK(some > 1);
  one_by_one(wait, now, microseconds(2), 100);
  const unsigned more = wait.gather();
  CHECK(more > some);
  one_by_one(wait, now, nanoseconds(10), 100);
  CHECK(wait.gather() == kMax);
  // And again alone as soon as the load is over.
  one_by_one(wait, now, seconds(1), 20);
  CHECK(wait.gather() == 1);
}

TEST_CASE("batch wait: a burst is no load") {
  BatchWait wait(kMax);
  Instant now{};
  for (int i = 0; i < 100; ++i) {
    // What a sender that was held up for a moment catches up with.
    wait.arrived(now = now + milliseconds(1), 64, 1);
    wait.arrived(now = now + microseconds(50), 40, 1);
    CHECK(wait.gather() == 1);
    one_by_one(wait, now, microseconds(100), 10);
    CHECK(wait.gather() == 1);
  }
}

TEST_CASE("batch wait: what is waited for in vain is not waited for again soon") {
  BatchWait wait(kMax);
  Instant now{};
  // Like a question and its answer: one every microsecond, but never a second one before we sent.
  int vain = 0;
  for (int i = 0; i < 10'000; ++i) {
    const unsigned asked = wait.gather();
    vain += asked > 1 ? 1 : 0;
    now = now + (asked > 1 ? BatchWait::kBound : microseconds(1));
    wait.arrived(now, 1, asked);
  }
  CHECK(vain > 0);
  CHECK(vain < 30);
}

TEST_CASE("batch wait: waits that gather are repeated") {
  BatchWait wait(kMax);
  Instant now{};
  one_by_one(wait, now, microseconds(1), 100);
  for (int i = 0; i < 100; ++i) {
    const unsigned asked = wait.gather();
    REQUIRE(asked > 1);
    now = now + microseconds(asked);
    wait.arrived(now, asked, asked);
  }
}

TEST_CASE("batch wait: a lone datagram ends poll(), and comes alone") {
  const auto kind = GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds)));
  const bool segmentation = GENERATE(true, false);
  const auto engine = test::open(kind, {.segmentation = segmentation});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  const auto sender = test::open(test::Kind::kEpoll);
  test::Collector collector;
  for (size_t i = 1; i <= 50; ++i) {
    sender->send(engine->local(), test::pattern(100, i));
    sender->flush();
    const uint64_t calls = engine->stats().system_calls;
    engine->poll(test::soon(10'000), collector);
    REQUIRE(collector.got.size() == i);
    CHECK(engine->stats().system_calls - calls <= 2);
  }
}

TEST_CASE("batch wait: a burst needs fewer system calls than datagrams") {
  const auto kind = GENERATE(from_range(std::begin(test::kKinds), std::end(test::kKinds)));
  const bool segmentation = GENERATE(true, false);
  const auto engine = test::open(kind, {.segmentation = segmentation});
  if (!engine) return;
  INFO(test::name_of(kind) << ", segmentation " << segmentation);
  const auto sender = test::open(test::Kind::kEpoll);
  constexpr size_t kCount = 500;
  for (size_t i = 0; i < kCount; ++i) {
    sender->send(engine->local(), test::pattern(100, i));
    sender->flush();
  }
  test::Collector collector;
  REQUIRE(test::poll_count(*engine, collector, kCount));
  CHECK(engine->stats().system_calls < kCount / 3);
}

}  // namespace
}  // namespace fb::engine
