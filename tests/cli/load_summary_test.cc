#include "cli/load_summary.h"

#include <algorithm>
#include <cmath>

#include "catch.h"
#include "cli/load_histogram.h"
#include "load_support.h"

using namespace fb;
using namespace fb::cli;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

LoadSummary of(const sim::RunResult& result) { return summarise({}, result); }

}  // namespace

TEST_CASE("who is counted, and as what", "[load_summary]") {
  const LoadSummary s = summarise(small_scenario(), small_run());
  CHECK(s.warm_up_visitors == 1);
  CHECK(s.all.arrived == 5);
  CHECK(s.all.completed == 3);
  CHECK(s.all.abandoned == 1);
  CHECK(s.all.incomplete == 1);
  CHECK(s.all.stalled == 1);
  CHECK(s.all.promise_broken == 1);
  REQUIRE(s.classes.size() == 2);
  CHECK(s.classes[0].arrived == 3);
  CHECK(s.classes[1].arrived == 2);
  CHECK(s.classes[1].completion_seconds.mean == 9);
  CHECK(s.all.completion_seconds.mean == 5);
  CHECK(s.all.completion_seconds.p50 == 4);
  CHECK(s.all.completion_seconds.max == 9);
  CHECK(s.all.first_byte_seconds.mean == 1.25);
  CHECK(s.all.first_byte_seconds.p95 == 2.25);
  CHECK(s.all.first_file_seconds.mean == 2.5);
  CHECK(s.all.chunks_from_seeder.bytes == 42'000);
  CHECK(s.all.chunks_from_peers.bytes == 3 * 126'000 + 2 * 1'000);
  CHECK(s.all.upload_download_ratio.mean == Catch::Approx(0.8));
  CHECK(s.all.received_ratio == Catch::Approx(150'000.0 / 131'072));
  CHECK(s.all.new_chunk_bytes_mean == 132'000);
  CHECK(s.all.duplicate_chunk_bytes_mean == 8'000);
  CHECK(s.all.other_bytes_mean == 10'000);
  CHECK(s.violations_total == 3);
  CHECK_FALSE(s.passed());
}

TEST_CASE("every end has its counter", "[load_summary]") {
  using enum sim::PeerEnd;
  sim::RunResult result;
  for (const auto end : {kNotYet, kComplete, kAbandoned, kMissing, kWrongContent, kKilled}) {
    result.peers.push_back(ended_peer(0, end));
  }
  for (uint8_t why = 0; why < 5; ++why) {
    result.peers.push_back(ended_peer(0, kFailed));
    result.peers.back().why = static_cast<roulette::FetchFailure>(why);
  }
  const VisitorSummary all = of(result).all;
  CHECK(all.arrived == 11);
  CHECK(all.completed == 1);
  CHECK(all.abandoned == 1);
  CHECK(all.killed == 1);
  CHECK(all.incomplete == 8);
  CHECK(all.missing == 1);
  CHECK(all.wrong_content == 1);
  CHECK(all.unreachable + all.stalled + all.refused + all.bad_manifest + all.storage == 5);
  CHECK(all.refused == 1);
}

TEST_CASE("a run without visitors knows nothing, and says so", "[load_summary]") {
  const LoadSummary s = of({});
  CHECK(s.all.completion_seconds.count == 0);
  CHECK_FALSE(s.all.limit_seconds);
  CHECK_FALSE(s.all.ratio_to_limit);
  CHECK_FALSE(s.all.received_ratio);
  CHECK_FALSE(s.pool.mean);
  CHECK(s.all.histogram.empty());
  CHECK(s.all.cdf.empty());
  CHECK(has(table(s), "nobody completed"));
  CHECK(has(to_json(s), "\"mean\": null"));
}

TEST_CASE("the limit is each visitor's own", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  scenario.classes[1].delay = {};
  scenario.classes[1].link.down = {400'000};
  const LoadSummary s = summarise(scenario, small_run());
  CHECK(s.classes[0].limit_seconds == Catch::Approx(1.456).epsilon(0.001));
  CHECK(s.classes[1].limit_seconds == Catch::Approx(2.791).epsilon(0.001));
  CHECK(s.all.limit_seconds == Catch::Approx((3 * 1.456 + 2 * 2.791) / 5).epsilon(0.001));
  CHECK(s.all.ratio_to_limit == Catch::Approx(5 / *s.all.limit_seconds));
}

TEST_CASE("percentiles are by nearest rank", "[load_summary]") {
  sim::RunResult result;
  for (uint32_t i = 0; i < 100; ++i) result.peers.push_back(completed_peer(i, (100 - i) * 1000));
  const Spread t = of(result).all.completion_seconds;
  CHECK(t.mean == 50.5);
  CHECK(t.p50 == 50);
  CHECK(t.p95 == 95);
  CHECK(t.p99 == 99);
  CHECK(t.max == 100);
}

TEST_CASE("noise of the mean is by batches in the order of arrival", "[load_summary]") {
  sim::RunResult result;
  for (uint32_t i = 0; i < 39; ++i) result.peers.push_back(completed_peer(i, 1000));
  CHECK_FALSE(of(result).all.completion_seconds.mean_error);
  result.peers.push_back(completed_peer(39, 1000));
  REQUIRE(of(result).all.completion_seconds.mean_error);
  CHECK(*of(result).all.completion_seconds.mean_error == 0);
  // Twenty batches of two with means of 1 to 20 s: standard deviation sqrt(35);
  // error sqrt(35 / 20).
  for (uint32_t i = 0; i < 40; ++i) result.peers[i].took = seconds(i / 2 + 1);
  CHECK(*of(result).all.completion_seconds.mean_error == Catch::Approx(std::sqrt(35.0 / 20)));
  // The same times in another order: neighbours differ, batches do not.
  for (uint32_t i = 0; i < 40; ++i) {
    result.peers[i].took = seconds(i % 2 == 0 ? i / 2 + 1 : 20 - i / 2);
  }
  CHECK(*of(result).all.completion_seconds.mean_error == 0);
}

TEST_CASE("the histogram has every visitor in a narrow bin", "[load_summary]") {
  std::vector<double> values;
  for (double v = 0.0011; v < 90'000; v *= 1.1) values.push_back(v);
  const auto bins = histogram_of(values);
  uint64_t visitors = 0;
  for (const HistogramBin& bin : bins) {
    CHECK(bin.to_s / bin.from_s < 1.032);
    const auto inside = std::ranges::count_if(
        values, [&](double v) { return v >= bin.from_s && v < bin.to_s; });
    CHECK(static_cast<uint64_t>(inside) == bin.visitors);
    visitors += bin.visitors;
  }
  CHECK(visitors == values.size());
  CHECK(histogram_of(std::vector<double>{}).empty());
  const auto outside = histogram_of(std::vector<double>{0, 200'000});
  REQUIRE(outside.size() == 2);
  CHECK(outside[0].from_s == 0);
  CHECK(outside[0].to_s == 0.001);
  CHECK(outside[1].from_s == 100'000);
  CHECK(outside[1].to_s == 200'000);
}

TEST_CASE("the distribution is thinned and keeps its ends", "[load_summary]") {
  sim::RunResult result;
  for (uint32_t i = 0; i < 5000; ++i) {
    result.peers.push_back(completed_peer(i, 1 + (i * 7) % 5000));
  }
  const auto cdf = of(result).all.cdf;
  REQUIRE(cdf.size() == kCdfPoints);
  CHECK(cdf.front().seconds == 0.001);
  CHECK(cdf.front().visitors == 1);
  CHECK(cdf.back().seconds == 5);
  CHECK(cdf.back().visitors == 5000);
  CHECK(std::ranges::is_sorted(cdf, {}, &CompletionPoint::visitors));
  result.peers.resize(1);
  CHECK(of(result).all.cdf.size() == 1);
}

TEST_CASE("who comes in the cool-down is left out, and told of", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  sim::RunResult result = small_run();
  const LoadSummary before = summarise(scenario, result);
  CHECK(before.cool_down_visitors == 0);
  scenario.cool_down = milliseconds(1);  // only the last one
  sim::leave_out_last(result, scenario.cool_down);
  const LoadSummary after = summarise(scenario, result);
  CHECK(after.cool_down_visitors == 1);
  CHECK(after.warm_up_visitors == before.warm_up_visitors);
  CHECK(after.all.arrived == before.all.arrived - 1);
  CHECK(has(table(after), "1 came during the cool-down"));
  sim::leave_out_last(result, seconds(100));
  CHECK(summarise(scenario, result).all.arrived == 0);
}

TEST_CASE("the pool's mean is over the arrivals, after the warm-up", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  scenario.warm_up = seconds(2);
  const LoadSummary s = summarise(scenario, small_run());
  // Samples at 2 and 3 s; the last visitor came at 2.5 s.
  CHECK(s.pool.mean == 3.5);
  CHECK(s.pool.max == 4);
  CHECK(s.pool.stabilised_at_s == 4);
  scenario.arrivals.kind = sim::ArrivalKind::kOneShot;
  CHECK(summarise(scenario, small_run()).pool.mean == Catch::Approx((3 + 4 + 3 + 2) / 4.0));
}

TEST_CASE("each threshold that does not hold has its sentence", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  sim::Expectation& e = scenario.expect;
  e = {};
  CHECK(summarise(scenario, small_run()).unmet.empty());
  e.mean_s_max = e.p50_s_max = e.p95_s_max = e.p99_s_max = e.max_s_max = 0.25;
  e.ratio_to_limit_max = 1.5;
  e.incomplete_max = 0;
  e.completed_min = 4;
  e.pool_max = 3;
  e.received_ratio_max = 1.1;
  e.upload_download_ratio_max = 0.5;
  e.seeder_share_max = 0.05;
  e.stabilised = false;
  scenario.classes[0].mean_s_max = 2;
  scenario.classes[1].p95_s_max = 8;
  scenario.classes[0].incomplete_max = 0;
  const auto unmet = summarise(scenario, small_run()).unmet;
  CHECK(unmet.size() == 16);
  CHECK(unmet[0] == "mean completion time: 5 s, wanted at most 0.25 s");
  CHECK(std::ranges::count(unmet, "completed visitors: 3, wanted at least 4") == 1);
  CHECK(std::ranges::count(unmet, "class dsl: mean completion time: 3 s, wanted at most 2 s") == 1);
  CHECK(std::ranges::count(unmet, "class dsl: incomplete visitors: 1, wanted at most 0") == 1);
  CHECK(std::ranges::count(unmet, "pool: stabilised, wanted that it does not") == 1);
}

TEST_CASE("a threshold that is met exactly holds", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  scenario.expect = {};
  scenario.expect.mean_s_max = 5;
  scenario.expect.completed_min = 3;
  scenario.expect.stabilised = true;
  CHECK(summarise(scenario, small_run()).unmet.empty());
}

TEST_CASE("a threshold on what nobody knows does not hold", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  scenario.expect = {};
  scenario.classes[1].mean_s_max.reset();
  scenario.expect.p95_s_max = 3;
  const auto unmet = summarise(scenario, {}).unmet;
  REQUIRE(unmet.size() == 1);
  CHECK(unmet[0] == "95th percentile of the completion time: unknown, wanted at most 3 s");
}

TEST_CASE("what of the host was the limit", "[load_summary]") {
  sim::RunResult result = small_run();
  result.host = {0.2, 1.5, 51, 0.81, 2, 9};
  CHECK(host_limits(of({})).empty());
  CHECK(host_limits(summarise(small_scenario(), result)).empty());  // virtual time has no host
  result.mode = sim::Mode::kReal;
  const LoadSummary s = summarise(small_scenario(), result);
  const auto limits = host_limits(s);
  REQUIRE(limits.size() == 4);
  CHECK(has(limits[0], "timers"));
  CHECK(has(limits[1], "51 ms late"));
  CHECK(has(limits[2], "81 %"));
  CHECK(has(limits[3], "9 datagrams"));
  CHECK(has(table(s), "WARNING      this host was the limit"));
  result.host = {0.2, 1, 50, 0.8, 2, 0};
  CHECK(host_limits(summarise(small_scenario(), result)).empty());
}

TEST_CASE("the table for a terminal", "[load_summary]") {
  const std::string text = table(summarise(small_scenario(), small_run()));
  INFO(text);
  for (const char* part :
       {"small (v2, virtual time, seed 7)\n", "5 arrived, 3 complete, 1 gave up waiting",
        "1 UNFINISHED NOT IN IT", "1 stalled", "mean 5.00 s, p50 4.00", "stabilised after 4 s",
        "1.14 times the file", "1 VISITORS", "rider ", "NOT MET      mean completion time: 5 s",
        "VIOLATED     content at 2.500 s: visitor 3", "and 2 more", "tit_for_tat 1", "loss 3"}) {
    INFO(part);
    CHECK(has(text, part));
  }
  CHECK_FALSE(has(text, "WARNING"));
}

TEST_CASE("a long class name is cut between letters", "[load_summary]") {
  sim::Scenario scenario = small_scenario();
  scenario.classes[0].name = "aaaaaaaaaaaaaaaaa\xc3\xa4" "bcdef";
  CHECK(has(table(summarise(scenario, small_run())), "aaaaaaaaaaaaaaaaa.. "));
}

TEST_CASE("rows as CSV", "[load_summary]") {
  const std::string series = time_series_csv(small_run());
  CHECK(std::ranges::count(series, '\n') == 6);
  CHECK(has(series, "\n2,4,1,0,0,3,10000,50000,45000\n"));
  sim::Scenario scenario = small_scenario();
  scenario.classes[0].name = "a,\"b\"";
  const std::string peers = peers_csv(scenario, small_run());
  CHECK(std::ranges::count(peers, '\n') == 7);
  CHECK(has(peers, "\n0,\"a,\"\"b\"\"\",complete,,0,0,0.9,131072,150000,120000,140000,112000,14000,"
                   "8000,0,0.225,0.45\n"));
  CHECK(has(peers, "\n5,rider,abandoned,,1,2.5,,"));
}
