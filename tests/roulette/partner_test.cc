// What profile v2 keeps of a neighbour: counts, clocks and echoes of the datagrams between two.
#include "roulette/partner.h"

#include "catch.h"

using namespace fb;
using namespace fb::roulette;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr auto kFile = static_cast<content::FileId>(7);

wire::TradeState state_of(uint16_t sequence) {
  wire::TradeState out;
  out.sequence = sequence;
  return out;
}

bool on_its_way(const Partner& partner, Instant now, content::FileId file, wire::ChunkName chunk) {
  ChunkMarks marks({&chunk, 1});
  partner.mark_on_its_way(now, file, marks);
  return marks.marked(chunk);
}

}  // namespace

TEST_CASE("sequences count up, and pass over 0 when they wrap") {
  Partner partner;
  wire::TradeState state;
  partner.fill(kStart, state);
  CHECK(state.sequence == 1);
  CHECK(state.heard == 0);  // nothing has come
  partner.sequence = 65534;
  partner.fill(kStart, state);
  CHECK(state.sequence == 65535);
  partner.fill(kStart, state);
  CHECK(state.sequence == 1);
}

TEST_CASE("who was overtaken is stale, over the wrap too") {
  Partner partner;
  CHECK(partner.hear(kStart, state_of(65530), 0));
  CHECK(partner.heard == 65530);
  CHECK(partner.hear(kStart, state_of(65535), 0));
  CHECK_FALSE(partner.hear(kStart, state_of(65531), 0));
  CHECK(partner.heard == 65535);
  CHECK(partner.hear(kStart, state_of(3), 0));
  CHECK_FALSE(partner.hear(kStart, state_of(65535), 0));
  CHECK_FALSE(partner.hear(kStart, state_of(2), 0));
  CHECK(partner.hear(kStart, state_of(3), 0));  // twice the same says nothing new, and no wrong
  CHECK(partner.heard == 3);
  // The first one is taken whatever its number is.
  Partner other;
  CHECK(other.hear(kStart, state_of(40'000), 0));
}

TEST_CASE("a stale datagram changes nothing") {
  Partner partner;
  auto state = state_of(10);
  state.received = 5000;
  state.room = 9;
  state.tab = 4;
  state.salt = 2;
  REQUIRE(partner.hear(kStart, state, 10'000));
  state = state_of(9);
  state.received = 9000;
  state.room = 1;
  state.tab = 1;
  state.salt = 1;
  state.heard = 5;
  partner.note_sent({5, kFile, {0, 1}, false, kStart + seconds(1)});
  REQUIRE_FALSE(partner.hear(kStart + seconds(1), state, 10'000));
  CHECK(partner.acknowledged == 5000);
  CHECK(partner.room == 9);
  CHECK(partner.tab == ByteCount{4 * 256});
  CHECK(partner.pushable == BlockBits::half(2));
  CHECK(on_its_way(partner, kStart + seconds(1), kFile, {0, 1}));
  // What nobody has heard of for long is lost.
  CHECK_FALSE(on_its_way(partner, kStart + seconds(1) + Partner::kLost, kFile, {0, 1}));
}

TEST_CASE("what was received is told modulo 2^24, and never more than was sent is believed") {
  Partner from;
  Partner to;
  wire::TradeState state;
  uint64_t sent = 0;
  for (int i = 0; i < 40; ++i) {
    sent += 1'000'000;
    from.got = sent;
    from.fill(kStart, state);
    CHECK(state.received < 1U << 24);
    REQUIRE(to.hear(kStart, state, sent));
    CHECK(to.acknowledged == sent);
  }
  // Less than before: half a circle back is the past.
  from.got = sent - 5000;
  from.fill(kStart, state);
  REQUIRE(to.hear(kStart, state, sent));
  CHECK(to.acknowledged == sent);
  // A liar that claims a megabyte more.
  from.got = sent + 1'000'000;
  from.fill(kStart, state);
  REQUIRE(to.hear(kStart, state, sent));
  CHECK(to.acknowledged == sent);
}

TEST_CASE("the echo: what was heard last, and its delay on the clock of who heard it") {
  Partner here;
  auto state = state_of(77);
  state.clock = 100;
  REQUIRE(here.hear(kStart + milliseconds(50), state, 0));
  wire::TradeState out;
  here.fill(kStart + milliseconds(60), out);
  CHECK(out.heard == 77);
  CHECK(out.clock == static_cast<uint16_t>(1060 * 4));
  CHECK(out.delay == static_cast<uint16_t>(1050 * 4 - 100));
}

TEST_CASE("queueing: what a delay is beyond the least that was seen, whatever the clocks say") {
  // Our clock is 20 s ahead of its; the way takes 30 ms, and then a line fills up.
  Partner here;
  wire::TradeState ours;
  uint16_t sequence = 0;
  const auto told = [&](int64_t way_ms) {
    here.fill(kStart, ours);
    auto state = state_of(++sequence);
    state.heard = ours.sequence;
    state.delay = static_cast<uint16_t>((way_ms - 20'000) * 4);
    REQUIRE(here.hear(kStart + milliseconds(sequence * 10), state, 0));
    return here.queueing;
  };
  CHECK(told(30) == Duration{});
  CHECK(told(45) == milliseconds(15));
  CHECK(told(30) == Duration{});
  CHECK(told(25) == Duration{});  // the way itself was shorter
  CHECK(told(45) == milliseconds(20));
  CHECK(here.queueing_at == kStart + milliseconds(50));
  // The same datagram of ours, told of again, is no new sample.
  auto state = state_of(++sequence);
  state.heard = ours.sequence;
  REQUIRE(here.hear(kStart + seconds(1), state, 0));
  CHECK(here.queueing_at == kStart + milliseconds(50));
}

TEST_CASE("the echo of a piece is told from others, and what pieces have arrived is counted once") {
  Partner here;
  wire::TradeState ours;
  auto state = state_of(0);
  const auto hears_of = [&](uint16_t sequence) {
    ++state.sequence;
    state.heard = sequence;
    REQUIRE(here.hear(kStart, state, 0));
  };
  for (uint16_t sequence = 1; sequence <= 4; ++sequence) {
    here.fill(kStart, ours);
    if (sequence > 1) here.note_sent({sequence, kFile, {0, 1}, false, kStart, 1000U + sequence});
  }
  hears_of(1);
  CHECK(here.echoed_size == 0);
  CHECK(here.delivered == 0);
  CHECK(here.way_there.least_was_small());
  hears_of(3);  // so the one before it has come too, or never will
  CHECK(here.echoed_size == 1003);
  CHECK(here.delivered == 1002 + 1003);
  hears_of(3);
  CHECK(here.delivered == 0);
  state.delay -= 4;
  hears_of(4);
  CHECK(here.delivered == 1004);
  CHECK_FALSE(here.way_there.least_was_small());  // a piece's was less
  here.begin_anew();
  CHECK_FALSE(here.way_there.any());
}

TEST_CASE("no queueing is read out of the echo of nothing") {
  Partner here;
  auto state = state_of(1);
  state.delay = 4711;
  REQUIRE(here.hear(kStart, state, 0));  // nothing was sent
  CHECK_FALSE(here.way_there.any());
  wire::TradeState ours;
  here.fill(kStart, ours);
  state.sequence = 2;
  REQUIRE(here.hear(kStart, state, 0));  // and nothing of it has arrived
  CHECK_FALSE(here.way_there.any());
}

TEST_CASE("a chunk is on its way until a later datagram was heard, and so many are remembered") {
  Partner partner;
  for (uint8_t i = 1; i <= 10; ++i) partner.note_sent({i, kFile, {0, i}, false, kStart});
  auto state = state_of(1);
  state.heard = 4;
  REQUIRE(partner.hear(kStart, state, 0));
  CHECK_FALSE(on_its_way(partner, kStart, kFile, {0, 4}));
  CHECK(on_its_way(partner, kStart, kFile, {0, 5}));
  CHECK_FALSE(on_its_way(partner, kStart, kFile, {1, 5}));
  CHECK_FALSE(on_its_way(partner, kStart, content::FileId{8}, {0, 5}));
  for (uint8_t i = 0; i < 200; ++i) partner.note_sent({i, kFile, {1, i}, false, kStart});
  CHECK(partner.sent.size() == Partner::kSentMax);
  CHECK(on_its_way(partner, kStart, kFile, {1, 199}));
  CHECK_FALSE(on_its_way(partner, kStart, kFile, {0, 5}));
}

TEST_CASE("views are bounded, the oldest goes first") {
  Partner partner;
  for (uint64_t i = 1; i <= 1000; ++i) partner.view(content::FileId{i}).told = i;
  CHECK(partner.views.size() == Partner::kViewsMax);
  CHECK(partner.find_view(content::FileId{1}) == nullptr);
  REQUIRE(partner.find_view(content::FileId{1000}) != nullptr);
  CHECK(partner.find_view(content::FileId{1000})->told == 1000);
}
