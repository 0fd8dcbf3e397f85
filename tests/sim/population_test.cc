#include <cmath>

#include "catch.h"
#include "sim/pool.h"
#include "sim/population.h"

using namespace fb;
using namespace fb::sim;

namespace {

double seconds_of(Population& population, uint32_t number) {
  const PeerPlan* plan = population.plan(number);
  REQUIRE(plan != nullptr);
  return plan->arrives.seconds();
}

Scenario scenario_with(ArrivalKind kind) {
  Scenario out;
  out.arrivals.kind = kind;
  out.stop.peers = 1000;
  return out;
}

}  // namespace

TEST_CASE("arrivals: constant, one-shot, ramp, trace") {
  {
    Scenario s = scenario_with(ArrivalKind::kConstant);
    s.arrivals.rate = 4;
    Population p(s, 1, 1);
    CHECK(seconds_of(p, 0) == 0);
    CHECK(seconds_of(p, 10) == Approx(2.5));
    CHECK(p.plan(999) != nullptr);
    CHECK(p.plan(1000) == nullptr);
    CHECK(p.expected() == 1000);
  }
  {
    const Scenario s = scenario_with(ArrivalKind::kOneShot);
    Population p(s, 1, 1);
    CHECK(seconds_of(p, 999) == 0);
  }
  {
    Scenario s = scenario_with(ArrivalKind::kRamp);
    s.arrivals.rate = 0;
    s.arrivals.rate_end = 20;
    s.arrivals.ramp = seconds(10);
    Population p(s, 1, 1);
    // 100 visitors in the ramp; half of them in its first 7.07 s.
    CHECK(seconds_of(p, 50) == Approx(std::sqrt(50.0)));
    CHECK(seconds_of(p, 100) == Approx(10));
    CHECK(seconds_of(p, 120) == Approx(11));
  }
  {
    Scenario s = scenario_with(ArrivalKind::kTrace);
    s.arrivals.trace = {Instant{5}, Instant{5}, Instant{70}};
    Population p(s, 1, 1);
    CHECK(p.plan(2)->arrives == Duration{70});
    CHECK(p.plan(3) == nullptr);
    CHECK(p.expected() == 3);
  }
}

TEST_CASE("arrivals beyond all time are far, not long ago") {
  for (const ArrivalKind kind : {ArrivalKind::kConstant, ArrivalKind::kPoisson,
                                 ArrivalKind::kRamp}) {
    Scenario s = scenario_with(kind);
    s.arrivals.rate = kind == ArrivalKind::kRamp ? 2 : 1e-12;
    s.arrivals.rate_end = 1e-12;
    s.arrivals.ramp = seconds(10);
    s.stop.peers = 20;
    Population p(s, 1, 1);
    Duration last{};
    for (uint32_t i = 0; i < 20; ++i) {
      CHECK(p.plan(i)->arrives >= last);
      last = p.plan(i)->arrives;
    }
    CHECK(last > seconds(1'000'000'000));
  }
}

TEST_CASE("Poisson arrivals have the rate, and distances that vary as an exponential's") {
  Scenario s = scenario_with(ArrivalKind::kPoisson);
  s.arrivals.rate = 50;
  s.stop.peers = 20'000;
  Population p(s, 3, 1);
  double square = 0;
  for (uint32_t i = 1; i < 20'000; ++i) {
    const double gap = seconds_of(p, i) - seconds_of(p, i - 1);
    square += gap * gap;
  }
  const double mean = seconds_of(p, 19'999) / 20'000;
  CHECK(mean == Approx(0.02).epsilon(0.03));
  CHECK(square / 20'000 == Approx(2 * 0.02 * 0.02).epsilon(0.1));
}

TEST_CASE("arrivals that end by time") {
  Scenario s = scenario_with(ArrivalKind::kConstant);
  s.arrivals.rate = 10;
  s.stop.rule = StopRule::kDuration;
  s.stop.duration = seconds(5);
  Population p(s, 1, 1);
  CHECK(p.plan(49) != nullptr);
  CHECK(p.plan(50) == nullptr);
}

TEST_CASE("a visitor's plan depends on nothing but scenario, seed and number") {
  Scenario s = scenario_with(ArrivalKind::kConstant);
  s.classes.assign(2, PeerClass{});
  s.classes[0].share = 0.25;
  s.classes[1].share = 0.75;
  s.classes[1].delay = milliseconds(100);
  Population forward(s, 9, 7);
  Population jumped(s, 9, 7);
  Population other(s, 10, 7);
  CHECK(jumped.plan(500)->secret_number == forward.plan(500)->secret_number);
  CHECK(other.plan(500)->secret_number != forward.plan(500)->secret_number);
  std::array<int, 2> classes{};
  std::array<int, 7> paths{};
  for (uint32_t i = 0; i < 1000; ++i) {
    const PeerPlan& plan = *forward.plan(i);
    CHECK(plan.choice_seed == jumped.plan(i)->choice_seed);
    ++classes.at(plan.peer_class);
    ++paths.at(plan.path);
    CHECK((plan.peer_class == 0) == (plan.place.access < milliseconds(100)));
  }
  CHECK(classes[0] > 200);
  CHECK(classes[0] < 300);
  for (const int count : paths) CHECK(count > 90);
}

TEST_CASE("one-way delays average what the model says") {
  const Scenario s = scenario_with(ArrivalKind::kConstant);
  Population p(s, 1, 1);
  double sum = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    sum += delay_between(s.network, p.plan(i)->place, p.plan(999 - i)->place).milliseconds();
  }
  CHECK(sum / 1000 == Approx(60).epsilon(0.05));
}

TEST_CASE("the pool has stabilised when ten seconds bring no new maximum") {
  PoolMeter meter;
  const auto feed = [&](int from, int to, auto count) {
    for (int second = from; second <= to; ++second) meter.add(seconds(second), count(second));
  };
  feed(1, 29, [](int second) { return static_cast<uint32_t>(second); });
  CHECK_FALSE(meter.stabilised_at().has_value());
  feed(30, 39, [](int) { return 29U; });
  CHECK_FALSE(meter.stabilised_at().has_value());
  feed(40, 40, [](int) { return 1U; });
  REQUIRE(meter.stabilised_at().has_value());
  CHECK(*meter.stabilised_at() == seconds(40));
  feed(41, 60, [](int) { return 500U; });
  CHECK(*meter.stabilised_at() == seconds(40));  // the first time counts
}
