// fbload's own parts: the line as written, percentiles, and what a report says.
#include "catch.h"
#include "cli/load_link.h"
#include "cli/load_report.h"

using namespace fb;
using namespace fb::cli;

TEST_CASE("a line: rates, delay, queue", "[load]") {
  const auto line = LoadLink::parse("800kbit,30ms");
  REQUIRE(line);
  CHECK(line->up == BitRate{800'000});
  CHECK(line->down == BitRate{800'000});
  CHECK(line->delay == milliseconds(30));
  CHECK(line->queue == kib(64));
  const auto dsl = LoadLink::parse("1Mbit/16Mbit,0,128KiB");
  REQUIRE(dsl);
  CHECK(dsl->up == BitRate{1'000'000});
  CHECK(dsl->down == BitRate{16'000'000});
  CHECK(dsl->delay == Duration{});
  CHECK(dsl->queue == kib(128));
}

TEST_CASE("a line that is none is refused with a sentence", "[load]") {
  for (const char* text : {"", "800kbit", "800,30ms", "800kbit,30", "1kbit/2kbit/3kbit,1ms",
                           "800kbit,30ms,64KiB,x", "fast,30ms", "800kbit,30ms,0"}) {
    INFO(text);
    const auto line = LoadLink::parse(text);
    REQUIRE_FALSE(line);
    CHECK_FALSE(line.error().empty());
  }
}

TEST_CASE("percentiles by nearest rank", "[load]") {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const auto d = Distribution::of(values);
  CHECK(d.mean == 50.5);
  CHECK(d.p50 == 50);
  CHECK(d.p95 == 95);
  CHECK(d.p99 == 99);
  CHECK(d.max == 100);
  CHECK(Distribution::of({7}).p99 == 7);
  CHECK(Distribution::of({}).max == 0);
}

TEST_CASE("a report counts broken promises and reasons", "[load]") {
  LoadReport report;
  report.promise = kib(4);
  report.peers = 4;
  report.end.arrived = 4;
  report.end.complete = 2;
  report.end.killed = 1;
  std::vector<LoadPeerResult> results(4);
  results[0].end = LoadPeerResult::End::kComplete;
  results[0].took = seconds(2);
  results[0].stats.chunk_bytes_received = 100'000;
  results[0].stats.chunk_bytes_sent = 104'096;
  results[1] = results[0];
  results[1].took = seconds(4);
  results[1].stats.chunk_bytes_sent = 104'097;
  results[2].end = LoadPeerResult::End::kFailed;
  results[2].why = roulette::FetchFailure::kUnreachable;
  results[3].end = LoadPeerResult::End::kKilled;
  add_results(report, results);
  CHECK(report.promise_broken == 1);
  CHECK(report.unreachable == 1);
  CHECK(report.incomplete == 1);
  CHECK(report.completion_seconds.mean == 3);
  CHECK(table(report).find("1 VISITORS") != std::string::npos);
  CHECK(table(report).find("1 unreachable") != std::string::npos);
  for (const char* key : {"\"seed\"", "\"profile\": \"classic\"", "\"arrived\": 4",
                          "\"completed\": 2", "\"incomplete\": 1", "\"completion_seconds\"",
                          "\"seeder_bytes\"", "\"received_bytes_mean\"",
                          "\"upload_download_ratio\"", "\"drops\""}) {
    INFO(key);
    CHECK(to_json(report).find(key) != std::string::npos);
  }
}
