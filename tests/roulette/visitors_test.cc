#include "roulette/visitors.h"

#include <vector>

#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;
using fb::test::host;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr content::FileId kFile{7};

struct Fixture {
  StrangerHash hash{TicketKey{1}};
  PathTable paths{hash};
  Visitors visitors{hash, paths};
  wire::Token last_token = 0;

  Visitor& add(const Endpoint& endpoint, wire::Token name, PathId path) {
    return visitors.add(kStart, endpoint, name, ++last_token, path);
  }
  bool on_its_way(Instant now, const Visitor& visitor, content::FileId file,
                  wire::ChunkName chunk) const {
    ChunkMarks marks({&chunk, 1});
    visitors.mark_on_its_way(now, visitor, file, marks);
    return marks.marked(chunk);
  }
};

}  // namespace

TEST_CASE("visitors are found by all that they are known by, whoever comes and goes") {
  const auto seed = static_cast<uint64_t>(GENERATE(1, 2, 3, 4));
  CAPTURE(seed);
  Rng rng(seed);
  Fixture f;
  struct Known {
    VisitorId id;
    Endpoint endpoint;
    wire::Token name, token_in;
    PathId path;
  };
  std::vector<Known> model;  // oldest first
  const std::vector<PathId> paths{f.paths.hold("a"), f.paths.hold("b"), f.paths.hold("c")};
  // Few of each, so that they meet: several names at one endpoint, one name at several.
  const auto any_endpoint = [&] { return host(static_cast<uint8_t>(rng.below(20))); };
  const auto any_name = [&] { return rng.below(20); };
  const auto at = [&](const Endpoint& endpoint, wire::Token name) {
    return std::ranges::find_if(
        model, [&](const Known& k) { return k.endpoint == endpoint && k.name == name; });
  };
  for (int step = 0; step < 10'000; ++step) {
    const Endpoint endpoint = any_endpoint();
    const wire::Token name = any_name();
    const auto known = at(endpoint, name);
    Visitor* found = f.visitors.find_by_name(endpoint, name);
    REQUIRE((found != nullptr) == (known != model.end()));
    if (found == nullptr) {
      const Visitor& one = f.add(endpoint, name, paths[rng.below(paths.size())]);
      model.push_back({one.id, endpoint, name, one.token_in, one.path});
      continue;
    }
    REQUIRE(found->id == known->id);
    REQUIRE(f.visitors.find(known->id) == found);
    REQUIRE(f.visitors.find_by_token(known->token_in) == found);
    const Endpoint to = any_endpoint();
    if (rng.below(4) == 0 && at(to, name) == model.end()) {
      f.visitors.move(*found, to);
      known->endpoint = to;
    } else {
      const Known gone = *known;
      f.visitors.remove(*found);
      model.erase(known);
      REQUIRE(f.visitors.find(gone.id) == nullptr);
      REQUIRE(f.visitors.find_by_token(gone.token_in) == nullptr);
    }
    REQUIRE(f.visitors.size() == model.size());
    for (const PathId path : paths) {
      std::vector<uint32_t> expected;
      for (const Known& k : model) {
        if (k.path == path) expected.push_back(k.id.place);
      }
      const auto line = f.visitors.of_path(path);
      REQUIRE(std::vector<uint32_t>(line.begin(), line.end()) == expected);
    }
    Visitor* latest = f.visitors.latest_at(to, [&](const Visitor& v) { return v.name != name; });
    const bool any = std::ranges::any_of(
        model, [&](const Known& k) { return k.endpoint == to && k.name != name; });
    REQUIRE((latest != nullptr) == any);
    if (latest != nullptr) REQUIRE((latest->endpoint == to && latest->name != name));
  }
}

TEST_CASE("many visitors leave at once as they would one by one") {
  Rng rng(3);
  Fixture f;
  const PathId paths[] = {f.paths.hold("a"), f.paths.hold("b"), f.paths.hold("c")};
  std::vector<VisitorId> gone;
  std::vector<uint32_t> stay[3];
  for (wire::Token name = 1; name <= 600; ++name) {
    const size_t which = rng.below(3);
    const VisitorId id = f.add(host(static_cast<uint8_t>(name % 200)), name, paths[which]).id;
    // All of the third path's go.
    if (which == 2 || rng.below(2) == 0) {
      gone.push_back(id);
    } else {
      stay[which].push_back(id.place);
    }
  }
  f.visitors.remove(gone);
  CHECK(f.visitors.size() == stay[0].size() + stay[1].size());
  for (const VisitorId id : gone) REQUIRE(f.visitors.find(id) == nullptr);
  for (size_t i = 0; i < 3; ++i) {
    const auto line = f.visitors.of_path(paths[i]);
    CHECK(std::vector<uint32_t>(line.begin(), line.end()) == stay[i]);
  }
  // Their places are taken again.
  const uint32_t places = f.visitors.places();
  for (wire::Token name = 1001; name <= 1000 + gone.size(); ++name) {
    f.add(host(1), name, paths[2]);
  }
  CHECK(f.visitors.places() == places);
  f.visitors.remove(std::span<const VisitorId>{});
  CHECK(f.visitors.of_path(paths[2]).size() == gone.size());
}

TEST_CASE("the latest visitor at an endpoint is found, and not a host of others looked through") {
  Fixture f;
  const PathId path = f.paths.hold("a");
  for (wire::Token name = 1; name <= 300; ++name) f.add(host(1), name, path);
  const auto is = [](wire::Token name) {
    return [name](const Visitor& v) { return v.name == name; };
  };
  CHECK(f.visitors.latest_at(host(1), [](const Visitor&) { return true; })->name == 300);
  CHECK(f.visitors.latest_at(host(1), is(250)) != nullptr);
  CHECK(f.visitors.latest_at(host(1), is(1)) == nullptr);
  CHECK(f.visitors.latest_at(host(2), [](const Visitor&) { return true; }) == nullptr);
}

TEST_CASE("a path is held as long as a visitor waits for it") {
  Fixture f;
  const PathId path = f.paths.hold("a");
  const VisitorId id = f.add(host(1), 1, path).id;
  f.paths.release(path);
  CHECK(f.paths.size() == 1);
  f.visitors.remove(*f.visitors.find(id));
  CHECK(f.paths.size() == 0);
}

TEST_CASE("what a visitor holds and what is on its way to it is remembered, within bounds") {
  Fixture f;
  const PathId path = f.paths.hold("a");
  Visitor& one = f.add(host(1), 1, path);
  f.visitors.note_held(one, kFile, 3, {0b101, 0, 0, 1});
  f.visitors.note_held(one, kFile, {3, 1});
  CHECK(f.visitors.holds(one, kFile, {3, 0}));
  CHECK(f.visitors.holds(one, kFile, {3, 1}));
  CHECK(f.visitors.holds(one, kFile, {3, 192}));
  CHECK_FALSE(f.visitors.holds(one, kFile, {3, 3}));
  CHECK_FALSE(f.visitors.holds(one, kFile, {4, 0}));
  CHECK_FALSE(f.visitors.holds(one, content::FileId{8}, {3, 0}));
  for (uint16_t block = 10; block < 10 + Visitors::kHeldMax; ++block) {
    f.visitors.note_held(one, kFile, {block, 0});
  }
  CHECK_FALSE(f.visitors.holds(one, kFile, {3, 0}));  // came up longest ago
  CHECK(f.visitors.holds(one, kFile, {10, 0}));

  f.visitors.note_given(kStart, one, 1, kFile, {0, 1});
  f.visitors.note_given(kStart, one, 2, kFile, {0, 2});
  CHECK(f.on_its_way(kStart, one, kFile, {0, 1}));
  CHECK_FALSE(f.on_its_way(kStart, one, content::FileId{8}, {0, 1}));
  CHECK_FALSE(f.on_its_way(kStart + Partner::kLost, one, kFile, {0, 1}));
  wire::TradeState state;
  state.sequence = 5;
  state.heard = 1;
  CHECK(f.visitors.hear(kStart, one, state));
  CHECK_FALSE(f.on_its_way(kStart, one, kFile, {0, 1}));
  CHECK(f.on_its_way(kStart, one, kFile, {0, 2}));
  state.sequence = 4;
  state.heard = 2;
  CHECK_FALSE(f.visitors.hear(kStart, one, state));  // stale
  CHECK(f.on_its_way(kStart, one, kFile, {0, 2}));
  for (uint16_t i = 0; i < Visitors::kGivenMax; ++i) {
    f.visitors.note_given(kStart, one, static_cast<uint16_t>(10 + i), kFile, {1, uint8_t(i)});
  }
  CHECK_FALSE(f.on_its_way(kStart, one, kFile, {0, 2}));
  // Full with the last of them, so only some stayed.
  const auto stayed = static_cast<uint8_t>(Visitors::kGivenMax - 1 - Visitors::kGivenKept);
  CHECK_FALSE(f.on_its_way(kStart, one, kFile, {1, static_cast<uint8_t>(stayed - 1)}));
  CHECK(f.on_its_way(kStart, one, kFile, {1, stayed}));
  CHECK(f.on_its_way(kStart, one, kFile, {1, Visitors::kGivenMax - 1}));
  f.visitors.begin_anew(one);
  CHECK_FALSE(f.on_its_way(kStart, one, kFile, {1, stayed}));
  CHECK(f.visitors.hear(kStart, one, state));  // it counts from the beginning

  // Another in its place has nothing of it.
  f.visitors.note_given(kStart, one, 90, kFile, {2, 0});
  const uint32_t place = one.id.place;
  f.visitors.remove(one);
  Visitor& other = f.add(host(2), 2, path);
  REQUIRE(other.id.place == place);
  CHECK_FALSE(f.visitors.holds(other, kFile, {10, 0}));
  CHECK_FALSE(f.on_its_way(kStart, other, kFile, {2, 0}));
}
