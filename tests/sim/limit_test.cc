#include "sim/limit.h"

#include "catch.h"

using namespace fb;
using namespace fb::sim;

namespace {

Scenario scenario_of(uint64_t bits_per_second, double arrivals) {
  Scenario out;
  const BitRate rate{bits_per_second};
  out.seeder = {rate, rate, kib(64)};
  out.classes[0].link = {rate, rate, kib(64)};
  out.arrivals.rate = arrivals;
  return out;
}

double limit_s(const Scenario& scenario, ByteCount file) {
  return physical_limit(scenario, 0, file, {}).seconds();
}

}  // namespace

// As computed by hand from the definition.
TEST_CASE("limits of the paper's lines", "[limit]") {
  struct Row {
    uint64_t rate;
    ByteCount file;
    double direct, above;
  };
  for (const Row& row : {Row{800'000, kib(128), 1.456, 1.516}, Row{800'000, kib(64), 0.788, 0.848},
                         Row{800'000, kib(4), 0.162, 0.222}, Row{400'000, kib(128), 2.79, 2.85},
                         Row{400'000, kib(64), 1.456, 1.516}, Row{400'000, kib(4), 0.203, 0.264}}) {
    INFO(row.rate << " bit/s, " << row.file.bytes << " bytes");
    CHECK(limit_s(scenario_of(row.rate, 4), row.file) == Catch::Approx(row.direct).epsilon(0.003));
    CHECK(limit_s(scenario_of(row.rate, 4.01), row.file) ==
          Catch::Approx(row.above).epsilon(0.003));
  }
}

TEST_CASE("limits of a one-shot", "[limit]") {
  Scenario scenario = scenario_of(800'000, 32);
  scenario.arrivals.kind = ArrivalKind::kOneShot;
  const auto of = [&](uint32_t visitors) {
    scenario.stop.peers = visitors;
    return limit_s(scenario, kib(128));
  };
  CHECK(of(10) == Catch::Approx(1.54).epsilon(0.003));
  CHECK(of(100) == Catch::Approx(1.67).epsilon(0.003));
  CHECK(of(1000) == Catch::Approx(2.25).epsilon(0.003));
  scenario.arrivals.kind = ArrivalKind::kConstant;
  scenario.arrivals.rate = 1;
  const double alone = limit_s(scenario, kib(128));
  scenario.arrivals.kind = ArrivalKind::kOneShot;
  CHECK(of(1) == Catch::Approx(alone).epsilon(0.001));
}

TEST_CASE("limits of a downlink that changes", "[limit]") {
  Scenario scenario = scenario_of(800'000, 1);
  const double direct = limit_s(scenario, kib(128));
  scenario.classes[0].events.down_after = {400'000};
  scenario.classes[0].events.change_after = seconds(10);
  CHECK(limit_s(scenario, kib(128)) == direct);
  // Half of the transfer's time is twice as long.
  const double begins = mean_one_way_delay(scenario, 0).seconds() * 2;
  const double transfer = direct - begins;
  scenario.classes[0].events.change_after = scale(seconds(1), begins + transfer / 2);
  CHECK(limit_s(scenario, kib(128)) == Catch::Approx(direct + transfer / 2).epsilon(0.001));
  scenario.classes[0].events.change_after = {};
  CHECK(limit_s(scenario, kib(128)) == Catch::Approx(direct + transfer).epsilon(0.001));
}

TEST_CASE("delays of classes and of the seeder count on every leg", "[limit]") {
  Scenario scenario = scenario_of(800'000, 1);
  const double before = limit_s(scenario, kib(128));
  scenario.seeder_delay = milliseconds(5);
  scenario.classes[0].delay = milliseconds(10);
  CHECK(limit_s(scenario, kib(128)) == Catch::Approx(before + 0.030));
  scenario.classes.push_back(scenario.classes[0]);
  scenario.classes[0].share = scenario.classes[1].share = 0.5;
  scenario.classes[1].delay = milliseconds(30);
  CHECK(limit_s(scenario, kib(128)) == Catch::Approx(before + 0.030));
  // The third leg: the network's 60 ms and what the mean visitor adds.
  scenario.arrivals.rate = 32;
  CHECK(limit_s(scenario, kib(128)) ==
        Catch::Approx(before + 0.030 + 0.060 + 0.020).epsilon(0.0001));
}

TEST_CASE("a ramp's limit follows its rate, a trace's its mean", "[limit]") {
  Scenario scenario = scenario_of(800'000, 1);
  scenario.arrivals.kind = ArrivalKind::kRamp;
  scenario.arrivals.rate_end = 9;
  scenario.arrivals.ramp = seconds(80);
  CHECK(offered_rate(scenario, seconds(10)) == Catch::Approx(2));
  CHECK(offered_rate(scenario, seconds(800)) == Catch::Approx(9));
  CHECK(physical_limit(scenario, 0, kib(128), seconds(10)) <
        physical_limit(scenario, 0, kib(128), seconds(70)));
  scenario.arrivals.kind = ArrivalKind::kTrace;
  CHECK(offered_rate(scenario, {}) == 0);
  for (int i = 0; i <= 20; ++i) scenario.arrivals.trace.push_back({milliseconds(100).ns * i});
  CHECK(offered_rate(scenario, {}) == Catch::Approx(10));
  scenario.arrivals.trace.resize(1);
  CHECK(offered_rate(scenario, {}) == 1);
}

TEST_CASE("a line without a bound takes no time", "[limit]") {
  Scenario scenario = scenario_of(0, 1);
  CHECK(physical_limit(scenario, 0, kib(128), {}) == mean_one_way_delay(scenario, 0) * 2);
  CHECK(physical_limit(scenario, 0, {}, {}) == mean_one_way_delay(scenario, 0) * 2);
}
