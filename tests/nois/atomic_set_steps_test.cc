// The lock-free set in every order in which two or three threads can meet at its atomic steps. Each
// of those steps, made two (a load and a store), left out or done on another condition, fails here.
#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "catch.h"
#include "history.h"
#include "interleavings.h"
#include "nois/atomic_set_impl.h"

namespace fb::nois {
namespace {

using test::Call;
using test::Interleavings;
using test::is_linearizable;
using test::Kind;
using test::SteppedAtomic;

using SteppedSet = BasicAtomicSet<SteppedAtomic>;

// One thread's calls: "+7" inserts 7, "-7" erases it, "?7" asks for it, "*" enumerates.
using Program = std::vector<std::string>;

struct Listing {
  std::vector<uint32_t> ids;
  uint64_t began = 0, ended = 0;
};

class Trial {
 public:
  Trial(std::vector<uint32_t> before, std::vector<Program> programs)
      : before_(std::move(before)), programs_(std::move(programs)) {}

  // Fails the test when some order gives what must not be. Returns how many orders there were.
  size_t run(uint32_t switches_max) {
    return Interleavings(switches_max).run([this] { return begin(); }, [this] { check(); });
  }

 private:
  std::vector<std::function<void()>> begin() {
    set_ = std::make_unique<SteppedSet>(10'000);
    clock_ = 1;
    calls_.clear();
    listings_.clear();
    for (const uint32_t id : before_) note(Kind::kInsert, id);
    std::vector<std::function<void()>> out;
    for (const Program& program : programs_) {
      out.emplace_back([this, &program] {
        for (const std::string& step : program) {
          if (step == "*") {
            list();
          } else {
            const Kind kind = step[0] == '+'   ? Kind::kInsert
                              : step[0] == '-' ? Kind::kErase
                                               : Kind::kContains;
            note(kind, static_cast<uint32_t>(std::stoul(step.substr(1))));
          }
        }
      });
    }
    return out;
  }
  // One thread runs at a time, so plain memory will do.
  void note(Kind kind, uint32_t id) {
    Call call{kind, id, false, clock_++, 0};
    switch (kind) {
      case Kind::kInsert:
        call.result = set_->insert({id, id}) == 1;
        break;
      case Kind::kErase:
        call.result = set_->erase({id, id}) == 1;
        break;
      case Kind::kContains:
        call.result = set_->contains(id);
        break;
    }
    call.ended = clock_++;
    calls_[id].push_back(call);
  }
  void list() {
    Listing out;
    out.began = clock_++;
    for (const Interval& interval : set_->intervals()) {
      for (uint64_t id = interval.first; id <= interval.last; ++id) {
        out.ids.push_back(static_cast<uint32_t>(id));
      }
    }
    out.ended = clock_++;
    listings_.push_back(out);
  }
  void check() {
    list();
    uint64_t held = 0;
    for (const auto& [id, calls] : calls_) {
      INFO("id " << id);
      std::vector<Call> told = calls;
      // An enumeration says of each id what contains() could have said.
      for (const Listing& listing : listings_) {
        const bool there = std::ranges::find(listing.ids, id) != listing.ids.end();
        told.push_back({Kind::kContains, id, there, listing.began, listing.ended});
      }
      REQUIRE(is_linearizable(told));
      held += set_->contains(id) ? 1U : 0U;
    }
    REQUIRE(listings_.back().ids.size() == held);
    REQUIRE(set_->count() == held);
  }

  std::vector<uint32_t> before_;
  std::vector<Program> programs_;
  std::unique_ptr<SteppedSet> set_;
  uint64_t clock_ = 1;
  std::map<uint32_t, std::vector<Call>> calls_;
  std::vector<Listing> listings_;
};

TEST_CASE("all orders are tried, once each") {
  std::vector<std::string> seen;
  std::string order;
  SteppedAtomic<int> shared;
  const auto two_steps = [&](char name) {
    return [&order, &shared, name] {
      for (int i = 0; i < 2; ++i) {
        (void)shared.load();
        order += name;
      }
    };
  };
  const auto run = [&](uint32_t switches_max) {
    seen.clear();
    const size_t orders =
        Interleavings(switches_max)
            .run(
                [&] {
                  order.clear();
                  return std::vector<std::function<void()>>{two_steps('a'), two_steps('b')};
                },
                [&] { seen.push_back(order); });
    CHECK(orders == seen.size());
    std::ranges::sort(seen);
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    return seen;
  };
  CHECK(run(0) == std::vector<std::string>{"aabb", "bbaa"});
  CHECK(run(9) == std::vector<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"});
}

TEST_CASE("atomic set: two threads in every order") {
  const std::vector<std::pair<std::vector<uint32_t>, std::vector<Program>>> trials{
      {{}, {{"+70", "*"}, {"+71", "*"}}},   // a new page, one word
      {{}, {{"+70", "*"}, {"+200", "*"}}},  // two words of a new page
      {{}, {{"+70", "*"}, {"+70", "*"}}},   // the same id
      {{}, {{"+70", "-70"}, {"+70", "?70"}}},
      {{70}, {{"-70", "*"}, {"+71", "*"}}},  // a word that becomes empty and is filled
      {{70}, {{"-70", "+70"}, {"-70", "+70"}}},
      {{70, 200}, {{"-70", "*"}, {"-200", "*"}}},
      {{70}, {{"+5000", "*"}, {"-70", "+5001"}}},
  };
  for (const auto& [before, programs] : trials) {
    CAPTURE(programs);
    CHECK(Trial(before, programs).run(3) > 20);
  }
}

TEST_CASE("atomic set: three threads in the orders with few switches") {
  const std::vector<std::pair<std::vector<uint32_t>, std::vector<Program>>> trials{
      {{}, {{"+70"}, {"+71"}, {"?70", "*"}}},
      {{70}, {{"-70"}, {"+70"}, {"*", "?70"}}},
      {{}, {{"+70"}, {"+200"}, {"+5000", "*"}}},
  };
  for (const auto& [before, programs] : trials) {
    CAPTURE(programs);
    CHECK(Trial(before, programs).run(2) > 20);
  }
}

}  // namespace
}  // namespace fb::nois
