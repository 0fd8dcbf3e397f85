// Every key of a scenario file, in the order in which conf/fbload.toml shows them.
#include <fmt/format.h>

#include "base/check.h"
#include "cli/roulette_settings.h"
#include "cli/scenario_file.h"
#include "roulette/seeder_shards.h"

namespace fb::cli {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMillisecond;
constexpr uint64_t kDay = 86'400 * kSecond;
constexpr uint64_t kRateMin = 8'000;             // a byte takes a millisecond
constexpr uint64_t kQueueMin = 2'048;            // a full datagram with its headers
constexpr uint64_t kQueueMax = uint64_t{1} << 30;
constexpr uint64_t kCrossMin = 64, kCrossMax = 65'535;  // of IP
constexpr uint64_t kPeersMax = 10'000'000;
constexpr const char* kNone = "none";

struct Bounds {
  uint64_t minimum = 0;
  uint64_t maximum = std::numeric_limits<uint64_t>::max();
};

// A row with neither bounds nor a flag; what else it needs is set on the result.
Setting make(std::string key, Target target, std::string doc) {
  Setting out;
  out.key = std::move(key);
  out.target = target;
  out.doc = std::move(doc);
  return out;
}

void row(SettingTable& t, std::string key, Target target, std::string doc) {
  t.add(make(std::move(key), target, std::move(doc)));
}

// With a flag of `fbload sim` and `fbload run`.
void flagged(SettingTable& t, std::string key, Target target, std::string flag, std::string doc) {
  Setting setting = make(std::move(key), target, std::move(doc));
  setting.flag = std::move(flag);
  setting.commands = {"sim", "run"};
  t.add(std::move(setting));
}

void bounded(SettingTable& t, std::string key, Target target, Bounds bounds, std::string doc,
             std::string zero = {}) {
  Setting setting = make(std::move(key), target, std::move(doc));
  setting.minimum = bounds.minimum;
  setting.maximum = bounds.maximum;
  setting.zero = std::move(zero);
  t.add(std::move(setting));
}

void duration(SettingTable& t, std::string key, Duration* target, std::string zero,
              std::string doc) {
  bounded(t, std::move(key), target, {0, kDay}, std::move(doc), std::move(zero));
}

void optional(SettingTable& t, std::string key, Target target, std::string unset,
              std::string doc) {
  Setting setting = make(std::move(key), target, std::move(doc));
  setting.unset = std::move(unset);
  t.add(std::move(setting));
}

void add_top(SettingTable& t, ScenarioConfig& c) {
  row(t, "title", &c.scenario.title, "What the scenario asks, in one line; it heads every report.");
  row(t, "client", &c.scenario.client,
      "What the visitors are. flashback: peers of the swarm. http: plain HTTP clients that share "
      "the server's uplink fairly, to compare with; they can only be simulated.");
  flagged(t, "seed", &c.seed, "seed",
          "Decides every choice of the run; the same scenario and seed give the same result. 0: "
          "drawn, and told.");
  duration(t, "warm_up", &c.scenario.warm_up, "everybody counts",
           "Visitors who arrive earlier than this are served, but not counted.");
  duration(t, "cool_down", &c.scenario.cool_down, "everybody counts",
           "Visitors who arrive in the last so long are served, but not counted: nobody comes "
           "after them, and in the end they wait for each other.");
  row(t, "peers_know_uplink", &c.scenario.peers_know_uplink,
      "Each visitor is told what its own line carries upstream, which nobody knows of a real one: "
      "the baseline for estimating it.");
}

void add_content(SettingTable& t, sim::ContentSpec& c) {
  row(t, "content.sizes", &c.sizes,
      "One file of random bytes for each size; every visitor fetches one of them, drawn evenly.");
  row(t, "content.site", &c.site,
      "A directory to serve instead, relative to the scenario. Empty: none.");
  flagged(t, "content.path", &c.path, "path",
          "The file of the site that every visitor fetches. Empty: each draws one of them; of a "
          "foreign seeder, the link's path, or index.html.");
  row(t, "content.page", &c.page,
      "Every visitor fetches a whole page, in one node: all of sizes, the first of which is the "
      "HTML, or of a site the HTML file at path and what it shows (img, script, link). The others "
      "are asked for as soon as the HTML's manifest is known.");
}

void add_line(SettingTable& t, const std::string& table, BitRate* up, BitRate* down,
              ByteCount* queue, const char* up_name, const char* down_name) {
  bounded(t, table + up_name, up, {kRateMin}, "How much the line carries upstream.");
  bounded(t, table + down_name, down, {kRateMin}, "How much the line carries downstream.");
  bounded(t, table + "queue", queue, {kQueueMin, kQueueMax},
          "How many bytes may wait in front of the line, each way; what comes on top is dropped.");
}

void add_seeder(SettingTable& t, sim::Scenario& s) {
  add_line(t, "seeder.", &s.seeder.up, &s.seeder.down, &s.seeder.queue, "uplink", "downlink");
  t.find("seeder.downlink")->doc =
      "How much it carries downstream. Not given: as much as an uplink that is.";
  duration(t, "seeder.delay", &s.seeder_delay, "none",
           "The line's delay, one way, in addition to the network's.");
  bounded(t, "seeder.shards", &s.seeder_shards, {1, roulette::SeederShards::kShardsMax},
          "Over how many shards it spreads its swarm, as fbseed does over threads; each admits, "
          "lists and serves those who come to it, and names those of the others too. More than "
          "one need profile v2.");
  row(t, "seeder.paced", &s.seeder_paced,
      "The seeder is told its uplink and keeps itself to it: its answers overtake its chunks, and "
      "its line's queue stays empty. false: it sends at once, and all wait in that queue.");
}

void add_line_events(SettingTable& t, const std::string& table, sim::LineEvents& e) {
  bounded(t, table + "up_after", &e.up_after, {kRateMin},
          "How much the line carries upstream from change_after on.", "as before");
  bounded(t, table + "down_after", &e.down_after, {kRateMin},
          "How much it carries downstream from then on.", "as before");
  duration(t, table + "change_after", &e.change_after, "at once",
           "When that happens, since the visitor's arrival.");
  bounded(t, table + "cross_up", &e.cross_up, {kRateMin},
          "Something else in the house sends through the same line, at this constant bit rate.",
          "nothing");
  bounded(t, table + "cross_packet", &e.cross_packet, {kCrossMin, kCrossMax},
          "The size of its packets, with all headers.");
  duration(t, table + "cross_after", &e.cross_after, "at once",
           "When it begins, since the visitor's arrival.");
  duration(t, table + "cross_for", &e.cross_for, "to the end", "How long it goes on.");
}

void add_class(SettingTable& t, const std::string& name, sim::PeerClass& c,
               std::optional<double>& share) {
  const std::string table = fmt::format("class.{}.", name);
  optional(t, table + "share", OptionalFraction{&share}, "rest",
           "How many of all visitors are of this class. rest: an equal part of what the others "
           "leave.");
  add_line(t, table, &c.link.up, &c.link.down, &c.link.queue, "up", "down");
  add_line_events(t, table, c.events);
  duration(t, table + "delay", &c.delay, "none",
           "The line's delay, one way, in addition to the network's.");
  row(t, table + "loss", Fraction{&c.loss}, "How many datagrams the line loses, each way.");
  row(t, table + "nat", &c.nat,
      "What NAT the visitor is behind. open: none, or one that lets everything in. The others let "
      "in what answers (RFC 4787): any port of an address that was written to, only that port, "
      "and symmetric, which also takes another port of its own for each receiver.");
  row(t, table + "behaviour", &c.behaviour,
      "free-rider: takes and gives no chunk. polluter: gives wrong bytes. large-view: a free rider "
      "that makes as many neighbours as it can.");
  duration(t, table + "abandon_after", &c.abandon_after, "it stays",
           "A visitor who has not all by then leaves.");
  row(t, table + "abandon_uniform", &c.abandon_uniform,
      "Each has a patience of its own, drawn evenly between nothing and abandon_after.");
  duration(t, table + "linger", &c.linger, "it leaves at once",
           "A visitor who has all stays for so long and serves the others.");
  optional(t, table + "mean_s_max", &c.mean_s_max, kNone,
           "Expected of this class: the mean time to completion, in seconds, is at most this.");
  optional(t, table + "p95_s_max", &c.p95_s_max, kNone,
           "Expected of this class: 95 of 100 that complete need at most this, in seconds.");
  optional(t, table + "incomplete_max", &c.incomplete_max, kNone,
           "Expected of this class: at most so many fail or are left over; who lost patience or "
           "was killed is not among them.");
}

void add_arrivals(SettingTable& t, ScenarioConfig& config) {
  sim::ArrivalSpec& a = config.scenario.arrivals;
  row(t, "arrivals.kind", &a.kind,
      "How visitors arrive. constant: at even distances. poisson: independently of each other. "
      "one-shot: all at once. ramp: from rate to rate_end within ramp, then at rate_end. trace: at "
      "the instants in a file.");
  flagged(t, "arrivals.rate", Frequency{&a.rate}, "arrivals", "How many visitors arrive a second.");
  row(t, "arrivals.rate_end", Frequency{&a.rate_end}, "The rate at the end of a ramp.");
  duration(t, "arrivals.ramp", &a.ramp, "no ramp", "How long a ramp takes.");
  row(t, "arrivals.trace", &config.trace_file,
      "A CSV file, relative to the scenario: its first column is when a visitor arrives, in "
      "seconds since the start, ascending. A first line of names is skipped.");
}

void add_stop(SettingTable& t, sim::StopSpec& s) {
  row(t, "stop.rule", &s.rule,
      "When arrivals end. number: when `peers` have arrived. duration: after `duration`. "
      "stabilised-pool: when the number of visitors under way has stopped growing: every 10 s its "
      "maximum is compared with that before.");
  {
    Setting peers = make("stop.peers", &s.peers,
                         "How many visitors arrive under the rule number; under the others, no "
                         "more than this if it is given.");
    peers.flag = "peers";
    peers.commands = {"sim", "run"};
    peers.minimum = 1;
    peers.maximum = kPeersMax;
    t.add(std::move(peers));
  }
  bounded(t, "stop.duration", &s.duration, {kMillisecond, kDay},
          "No visitor arrives later than this, under the other two rules.");
  row(t, "stop.drain", &s.drain, "Then everybody who has arrived may finish.");
  bounded(t, "stop.limit", &s.limit, {kMillisecond, 10 * kDay},
          "When the run ends, whatever happens.");
}

void add_network(SettingTable& t, sim::NetworkSpec& n) {
  duration(t, "network.access_min", &n.access_min, "none",
           "A line adds a delay of its own, drawn evenly from access_min to access_max.");
  duration(t, "network.access_max", &n.access_max, "none", "See access_min.");
  duration(t, "network.plane", &n.plane, "none",
           "The one-way delay over a distance of 1. Places are drawn in a square with sides of 1, "
           "where two of them are 0.52 apart on average.");
  row(t, "network.loss", Fraction{&n.loss}, "How many datagrams get lost on the way.");
  row(t, "network.duplicate", Fraction{&n.duplicate}, "How many arrive twice.");
  row(t, "network.reorder", Fraction{&n.reorder},
      "How many are delayed by up to 50 ms more, so that later ones overtake them.");
  row(t, "network.corrupt", Fraction{&n.corrupt}, "How many arrive with one byte changed.");
}

void add_faults(SettingTable& t, sim::FaultSpec& f) {
  duration(t, "faults.seeder_down_at", &f.seeder_down_at, "from the start",
           "When the seeder crashes, with seeder_down_for.");
  duration(t, "faults.seeder_down_for", &f.seeder_down_for, "never",
           "How long it is away. It comes back without any memory of its visitors.");
  {
    Setting every = make("faults.kill_every", &f.kill_every,
                         "How often a part of the visitors in the swarm vanishes without a word.");
    every.flag = "kill-every";
    every.commands = {"sim", "run"};
    every.zero = "never";
    every.minimum = kMillisecond;
    every.maximum = kDay;
    t.add(std::move(every));
  }
  flagged(t, "faults.kill_share", Fraction{&f.kill_share}, "kill-share",
          "How many of them vanish each time.");
  duration(t, "faults.partition_at", &f.partition_at, "from the start",
           "When a part of the visitors is cut off from all others and the seeder, with "
           "partition_for.");
  duration(t, "faults.partition_for", &f.partition_for, "never", "How long that lasts.");
  row(t, "faults.partition_share", Fraction{&f.partition_share}, "How many are cut off.");
}

void add_expect(SettingTable& t, sim::Expectation& e) {
  const auto expect = [&](const char* key, Target target, const char* doc) {
    optional(t, std::string("expect.") + key, target, kNone, doc);
  };
  expect("mean_s_max", &e.mean_s_max,
         "The mean time to completion, in seconds, is at most this. When something expected does "
         "not hold, the exit code says so.");
  expect("p50_s_max", &e.p50_s_max, "Half of those who complete need at most this, in seconds.");
  expect("p95_s_max", &e.p95_s_max, "95 of 100 who complete need at most this, in seconds.");
  expect("p99_s_max", &e.p99_s_max, "99 of 100 who complete need at most this, in seconds.");
  expect("max_s_max", &e.max_s_max, "Nobody who completes needs more than this, in seconds.");
  expect("ratio_to_limit_max", &e.ratio_to_limit_max,
         "The mean is at most this many times what the lines allow.");
  expect("incomplete_max", &e.incomplete_max,
         "At most so many visitors fail or are left over; who lost patience or was killed is not "
         "among them (see completed_min).");
  expect("completed_min", &e.completed_min, "At least so many visitors complete.");
  expect("pool_max", &e.pool_max, "Never are more visitors than this under way.");
  expect("received_ratio_max", &e.received_ratio_max,
         "Visitors receive at most this many times their file, everything on the wire counted.");
  expect("upload_download_ratio_max", &e.upload_download_ratio_max,
         "Nobody sends more than this many times what it received.");
  expect("seeder_share_max", OptionalFraction{&e.seeder_share_max},
         "At most this part of all chunks comes from the seeder.");
  expect("stabilised", &e.stabilised, "Whether the number of visitors under way stabilises.");
}

void add_run(SettingTable& t, ScenarioConfig& c) {
  {
    Setting io = make("run.io", &c.io,
                      "Of fbload run: how to talk to the kernel. auto: io_uring, or epoll where it "
                      "is not permitted.");
    io.flag = "io";
    io.commands = {"run"};
    t.add(std::move(io));
    Setting threads = make("run.threads", &c.threads,
                           "Of fbload run: on how many threads the visitors live. 0: as many as "
                           "there are cores.");
    threads.flag = "threads";
    threads.commands = {"run"};
    threads.maximum = 1024;
    t.add(std::move(threads));
    Setting sockets = make("run.sockets", &c.sockets,
                           "Of fbload run: how many sockets each thread has. Its visitors take "
                           "them in turn, so that with as many as are there at a time each has "
                           "an address of its own. 1: they share one.");
    sockets.flag = "sockets";
    sockets.commands = {"run"};
    sockets.minimum = 1;
    sockets.maximum = 16'384;
    t.add(std::move(sockets));
  }
  flagged(t, "run.log_level", &c.log_level, "log-level",
          "The least important lines that are logged.");
  flagged(t, "run.json_log", &c.json_log, "json-log",
          "Log one JSON object a line: time, level, message.");
}

}  // namespace

ScenarioSettings::ScenarioSettings(const std::vector<std::string>& classes) {
  FB_CHECK(!classes.empty());
  sim::Scenario& s = config.scenario;
  s.classes.assign(classes.size(), {});
  config.shares.assign(classes.size(), std::nullopt);
  add_top(table, config);
  add_content(table, s.content);
  add_seeder(table, s);
  for (size_t i = 0; i < classes.size(); ++i) {
    s.classes[i].name = classes[i];
    add_class(table, classes[i], s.classes[i], config.shares[i]);
  }
  add_arrivals(table, config);
  add_stop(table, s.stop);
  add_network(table, s.network);
  add_faults(table, s.faults);
  add_roulette_settings(table, s.roulette, RouletteRole::kBoth);
  Setting* give_up = table.find("roulette.give_up");
  give_up->flag = "timeout";
  give_up->commands = {"sim", "run"};
  add_expect(table, s.expect);
  add_run(table, config);
}

}  // namespace fb::cli
