// The same scenario over real sockets: what must hold whatever the host's speed.
#include "cli/live_run.h"

#include <set>

#include "../sim/support.h"
#include "catch.h"

using namespace fb;
using namespace fb::cli;
using namespace fb::sim;
using namespace fb::sim::test;

namespace {

LiveResult live(const Scenario& scenario, uint32_t threads,
                const OnSecond& on_second = [](const Progress&) { return true; },
                uint32_t sockets = 1) {
  LiveOptions options;
  options.threads = threads;
  options.sockets = sockets;
  auto out = run_live(scenario, 1, generated_content(scenario.content, 1), options, on_second);
  REQUIRE(out.has_value());
  return std::move(*out);
}

}  // namespace

TEST_CASE("a crowd on two threads and a seeder of its own") {
  Scenario scenario = crowd(40, 40, kib(32));
  scenario.seeder.up = {4'000'000};
  scenario.classes[0].link = {{4'000'000}, {4'000'000}, kib(64)};
  const LiveResult out = live(scenario, 2);
  const Summary s = summary_of(out.run);
  CHECK(violation_of(out.run).empty());
  CHECK(s.complete == 40);
  CHECK(out.run.mode == Mode::kReal);
  CHECK(out.run.host.threads == 3);
  CHECK(out.engine.datagrams_sent > 1000);
  CHECK(out.run.seeder_sent.bytes > 32 * 1024);
  uint64_t by_seconds = 0;
  for (const Sample& sample : out.run.samples) by_seconds += sample.seeder_sent.bytes;
  CHECK(by_seconds <= out.run.seeder_sent.bytes);
  CHECK(by_seconds > out.run.seeder_sent.bytes * 9 / 10);
  for (uint32_t i = 0; i < 40; ++i) CHECK(out.run.peers[i].number == i);
  CHECK(out.run.samples.back().completed == 40);
  CHECK(out.run.samples.back().pool == 0);
}

TEST_CASE("a crowd in which every visitor has a socket, and one that shares a few") {
  const uint32_t sockets = GENERATE(20U, 3U);
  Scenario scenario = crowd(40, 40, kib(32));
  scenario.seeder.up = {4'000'000};
  scenario.classes[0].link = {{4'000'000}, {4'000'000}, kib(64)};
  const LiveResult out = live(scenario, 2, [](const Progress&) { return true; }, sockets);
  CHECK(violation_of(out.run).empty());
  CHECK(summary_of(out.run).complete == 40);
}

TEST_CASE("losses, deaths, cheaters and NATs over real sockets") {
  Scenario scenario = crowd(60, 60, kib(32));
  scenario.seeder.up = {4'000'000};
  scenario.network.loss = 0.02;
  scenario.roulette.give_up = seconds(10);
  scenario.classes.assign(4, PeerClass{});
  for (PeerClass& each : scenario.classes) {
    each.share = 0.25;
    each.link = {{4'000'000}, {4'000'000}, kib(64)};
  }
  scenario.classes[1].behaviour = Behaviour::kFreeRider;
  scenario.classes[1].abandon_after = seconds(5);
  scenario.classes[2].nat = Nat::kSymmetric;
  scenario.classes[3].nat = Nat::kPortRestricted;
  const LiveResult out = live(scenario, 2);
  CHECK(violation_of(out.run).empty());
  CHECK(summary_of(out.run, 0).complete == summary_of(out.run, 0).arrived);
  CHECK(summary_of(out.run).waiting == 0);
  CHECK(out.run.network.nat > 0);
  CHECK(out.run.network.loss > 0);
}

TEST_CASE("a live run ends when it is told to") {
  Scenario scenario = crowd(1000, 1);
  int seconds_seen = 0;
  const LiveResult out = live(scenario, 1, [&](const Progress& progress) {
    CHECK(progress.expected == 1000);
    return ++seconds_seen < 2;
  });
  CHECK(out.run.interrupted);
  CHECK(out.run.peers.size() < 10);
}

TEST_CASE("a foreign seeder that is not there: every visitor says so") {
  const Scenario scenario = crowd(1, 1);
  LiveOptions options;
  options.target = LiveTarget{{Address::v4(127, 0, 0, 1), 9}, {}};
  options.io = engine::IoBackend::kEpoll;
  options.threads = 1;
  WorldContent content;
  content.paths = {"index.html"};
  Scenario impatient = scenario;
  impatient.roulette.give_up = seconds(1);
  const auto out = run_live(impatient, 1, content, options, [](const Progress&) { return true; });
  REQUIRE(out.has_value());
  // Nobody is there: the visitor says so, and the run ends.
  REQUIRE(out->run.peers.size() == 1);
  CHECK(out->run.peers[0].end == PeerEnd::kFailed);
  CHECK(out->run.peers[0].why == roulette::FetchFailure::kUnreachable);
  CHECK(out->io == "epoll");
}

TEST_CASE("visitors take the sockets in turn, and each speaks by its own") {
  const auto [sockets, addresses] = GENERATE(table<uint32_t, size_t>({{1, 1}, {2, 2}, {8, 3}}));
  struct Listener final : engine::DatagramHandler {
    void on_datagram(Instant, const Endpoint& from, std::span<const uint8_t>) override {
      senders.insert(from);
    }
    std::set<Endpoint> senders;
  } listener;
  engine::EngineOptions listening;
  listening.listen = {Address::v4(127, 0, 0, 1), 0};
  const auto seeder = engine::UdpEngine::open(listening);
  REQUIRE(seeder);
  Scenario scenario = crowd(3, 100);
  scenario.roulette.give_up = seconds(1);  // it never answers
  LiveOptions options;
  options.target = LiveTarget{(*seeder)->local(), {}};
  options.threads = 1;
  options.sockets = sockets;
  WorldContent content;
  content.paths = {"index.html"};
  const auto out = run_live(scenario, 1, content, options, [](const Progress&) { return true; });
  REQUIRE(out.has_value());
  uint64_t before = 0;
  do {
    before = (*seeder)->stats().trains_received;
    (*seeder)->poll({}, listener);
  } while ((*seeder)->stats().trains_received != before);
  CHECK(listener.senders.size() == addresses);
}
