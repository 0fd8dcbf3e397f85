// A laboratory run for a terminal, and its rows as CSV.
#include <fmt/format.h>

#include <algorithm>

#include "cli/load_scenario_json.h"
#include "cli/load_summary.h"
#include "cli/quantity.h"
#include "cli/report.h"

namespace fb::cli {
namespace {

std::string seconds_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : "-";
}

BitRate rate_of(ByteCount bytes, Duration time) {
  if (time.ns <= 0) return {};
  return {static_cast<uint64_t>(static_cast<double>(bytes.bytes) * 8 / time.seconds())};
}

std::string bytes_text(const std::optional<double>& bytes) {
  return bytes ? for_people(ByteCount{static_cast<uint64_t>(*bytes + 0.5)}) : "-";
}

// "  waited       …": one figure or sentence a line, with its name before it.
void add(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format("  {:<12} {}\n", name, text);
}

void add_waiting(std::string& out, const VisitorSummary& all, bool is_page) {
  const Spread& t = all.completion_seconds;
  if (t.count == 0) {
    add(out, "waited", "nobody completed");
    return;
  }
  const std::string error = t.mean_error ? fmt::format(" ± {:.2f}", *t.mean_error) : "";
  const std::string rest = all.incomplete == 0
                               ? "nobody unfinished"
                               : fmt::format("{} UNFINISHED NOT IN IT", all.incomplete);
  add(out, "waited", fmt::format("mean {:.2f}{} s, p50 {:.2f}, p95 {:.2f}, p99 {:.2f}, max {:.2f}; "
                                 "{}", t.mean, error, t.p50, t.p95, t.p99, t.max, rest));
  const auto first = [&](const char* name, const Spread& s) {
    if (s.count == 0) return;
    add(out, name, fmt::format("mean {:.2f} s, p50 {:.2f}, p95 {:.2f}", s.mean, s.p50, s.p95));
  };
  first("first byte", all.first_byte_seconds);
  if (is_page) first("first file", all.first_file_seconds);
  if (all.ratio_to_limit) {
    add(out, "limit", fmt::format("{:.2f} s; the mean is {:.2f} times as long",
                                  *all.limit_seconds, *all.ratio_to_limit));
  }
}

void add_failures(std::string& out, const VisitorSummary& all) {
  std::string text;
  const auto count = [&](uint32_t visitors, std::string_view what) {
    if (visitors == 0) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", visitors, what);
  };
  count(all.wrong_content, "WRONG CONTENT");
  count(all.missing, "not found");
  count(all.unreachable, "unreachable");
  count(all.stalled, "stalled");
  count(all.refused, "refused");
  count(all.bad_manifest, "bad manifest");
  count(all.storage, "storage");
  if (!text.empty()) add(out, "failed", text);
}

void add_traffic(std::string& out, const LoadSummary& s) {
  const VisitorSummary& all = s.all;
  if (all.received_bytes.count > 0) {
    const std::string ratio =
        all.received_ratio ? fmt::format(", {:.2f} times the file", *all.received_ratio) : "";
    add(out, "received",
        fmt::format("{} a visitor{}: {} new chunks, {} again, {} headers and messages",
                    bytes_text(all.received_bytes.mean), ratio,
                    bytes_text(all.new_chunk_bytes_mean),
                    bytes_text(all.duplicate_chunk_bytes_mean), bytes_text(all.other_bytes_mean)));
  }
  const auto chunks = static_cast<double>((all.chunks_from_seeder + all.chunks_from_peers).bytes);
  const std::string of_chunks =
      chunks > 0 ? fmt::format("; {:.1f} % of all chunks",
                               100 * static_cast<double>(all.chunks_from_seeder.bytes) / chunks)
                 : "";
  add(out, "seeder sent", fmt::format("{} in {:.1f} s: {}{}", for_people(s.seeder_sent),
                                      s.elapsed.seconds(),
                                      for_people(rate_of(s.seeder_sent, s.elapsed)), of_chunks));
  if (s.scenario.client == sim::ClientKind::kHttp) return;
  const Spread& u = all.upload_download_ratio;
  const std::string broken =
      all.promise_broken == 0 ? "nobody" : fmt::format("{} VISITORS", all.promise_broken);
  add(out, "peers sent", for_people(s.peers_sent));
  if (u.count == 0) return;
  add(out, "up/download",
      fmt::format("mean {:.2f}, p95 {:.2f}, max {:.2f}; beyond download + {}: {}", u.mean, u.p95,
                  u.max, for_people(s.scenario.roulette.upload_promise), broken));
}

void add_drops(std::string& out, const LoadSummary& s) {
  const sim::NetworkDrops& n = s.network;
  std::string network;
  const auto count = [&](uint64_t datagrams, std::string_view where) {
    if (datagrams == 0) return;
    network += fmt::format("{}{} {}", network.empty() ? "" : ", ", where, datagrams);
  };
  count(n.uplink_queue, "uplink queues");
  count(n.downlink_queue, "downlink queues");
  count(n.loss, "loss");
  count(n.nat, "NATs");
  count(n.partition, "partition");
  count(n.nobody, "receiver gone");
  if (!network.empty()) add(out, "net dropped", network);
  if (s.peer_drops.total() > 0) add(out, "peers drop", drops_text(s.peer_drops));
  if (s.seeder_drops.total() > 0) add(out, "seeder drops", drops_text(s.seeder_drops));
}

// Cut so that the columns stand; a name is somebody's own and may be long.
std::string name_column(const std::string& name) {
  constexpr size_t kColumns = 20;
  if (name.size() <= kColumns) return fmt::format("{:<{}}", name, kColumns);
  size_t cut = kColumns - 2;
  while (cut > 0 && (static_cast<uint8_t>(name[cut]) & 0xc0U) == 0x80) --cut;  // within a letter
  return fmt::format("{:<{}}", name.substr(0, cut) + "..", kColumns);
}

void add_classes(std::string& out, const LoadSummary& s) {
  if (s.classes.size() < 2) return;
  out += fmt::format("\n  {:<20} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>7}\n", "class",
                     "arrived", "complete", "gave up", "unfinished", "mean s", "p95 s", "limit s",
                     "ratio");
  for (size_t i = 0; i < s.classes.size(); ++i) {
    const VisitorSummary& v = s.classes[i];
    const Spread& t = v.completion_seconds;
    const bool any = t.count > 0;
    out += fmt::format("  {} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>7}\n",
                       name_column(s.scenario.classes[i].name), v.arrived, v.completed,
                       v.abandoned, v.incomplete,
                       seconds_text(any ? std::optional(t.mean) : std::nullopt),
                       seconds_text(any ? std::optional(t.p95) : std::nullopt),
                       seconds_text(v.limit_seconds), seconds_text(v.ratio_to_limit));
  }
}

void add_verdict(std::string& out, const LoadSummary& s) {
  if (s.interrupted) add(out, "INTERRUPTED", "what was measured until then");
  const std::vector<std::string> limits = host_limits(s);
  if (!limits.empty()) {
    add(out, "WARNING", "this host was the limit, the times are not the protocol's:");
  }
  for (const std::string& each : limits) add(out, "", each);
  for (const std::string& each : s.unmet) add(out, "NOT MET", each);
  for (const sim::Violation& each : s.violations) {
    add(out, "VIOLATED", fmt::format("{} at {:.3f} s: {}", each.check, each.at.seconds(),
                                     each.what));
  }
  const uint64_t more = s.violations_total - s.violations.size();
  if (more > 0) add(out, "", fmt::format("and {} more", more));
}

std::string_view end_name(sim::PeerEnd end) {
  switch (end) {
    case sim::PeerEnd::kNotYet: return "not_yet";
    case sim::PeerEnd::kComplete: return "complete";
    case sim::PeerEnd::kAbandoned: return "abandoned";
    case sim::PeerEnd::kFailed: return "failed";
    case sim::PeerEnd::kMissing: return "missing";
    case sim::PeerEnd::kWrongContent: return "wrong_content";
    case sim::PeerEnd::kKilled: return "killed";
  }
  return "unknown";
}

// As RFC 4180 has it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + '"';
}

}  // namespace

std::string table(const LoadSummary& s) {
  const VisitorSummary& all = s.all;
  std::string out =
      fmt::format("{} ({}, {} time, seed {})\n",
                  s.scenario.title.empty() ? "run" : s.scenario.title, profile_name(s.scenario),
                  s.mode == sim::Mode::kReal ? "real" : "virtual", s.seed);
  add(out, "visitors",
      fmt::format("{} arrived, {} complete, {} gave up waiting, {} killed, {} unfinished",
                  all.arrived, all.completed, all.abandoned, all.killed, all.incomplete));
  if (s.warm_up_visitors > 0) {
    add(out, "", fmt::format("{} more came during the warm-up and are not counted",
                             s.warm_up_visitors));
  }
  if (s.cool_down_visitors > 0) {
    add(out, "", fmt::format("{} came during the cool-down and are not counted",
                             s.cool_down_visitors));
  }
  add_failures(out, all);
  add_waiting(out, all, s.scenario.content.page);
  add(out, "pool",
      fmt::format("mean {}, max {}; {}", s.pool.mean ? fmt::format("{:.1f}", *s.pool.mean) : "-",
                  s.pool.max,
                  s.pool.stabilised_at_s
                      ? fmt::format("stabilised after {:.0f} s", *s.pool.stabilised_at_s)
                      : "never stabilised"));
  add_traffic(out, s);
  add_drops(out, s);
  add_classes(out, s);
  add_verdict(out, s);
  return out;
}

std::string time_series_csv(const sim::RunResult& result) {
  std::string out = "at_s,arrived,completed,abandoned,failed,pool,seeder_sent_bytes,"
                    "peers_sent_bytes,useful_bytes\n";
  for (const sim::Sample& each : result.samples) {
    out += fmt::format("{},{},{},{},{},{},{},{},{}\n", each.at.seconds(), each.arrived,
                       each.completed, each.abandoned, each.failed, each.pool,
                       each.seeder_sent.bytes, each.peers_sent.bytes, each.useful.bytes);
  }
  return out;
}

std::string peers_csv(const sim::Scenario& scenario, const sim::RunResult& result) {
  std::string out = "number,class,end,why,counted,arrived_s,took_s,file_bytes,received_bytes,"
                    "sent_bytes,chunk_bytes_received,chunk_bytes_sent,chunk_bytes_from_seeder,"
                    "chunk_bytes_duplicate,promise_broken,first_byte_s,first_file_s\n";
  for (const sim::PeerRecord& p : result.peers) {
    const bool took = p.end == sim::PeerEnd::kComplete || p.end == sim::PeerEnd::kWrongContent;
    const std::string why =
        p.end == sim::PeerEnd::kFailed ? std::string(roulette::to_string(p.why)) : "";
    const auto when = [](const std::optional<Duration>& at) {
      return at ? fmt::format("{}", at->seconds()) : std::string();
    };
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", p.number,
                       quoted(scenario.classes[p.peer_class].name), end_name(p.end), quoted(why),
                       p.counted ? 1 : 0, p.arrived.seconds(),
                       took ? fmt::format("{}", p.took.seconds()) : "", p.file.bytes,
                       p.received.bytes, p.sent.bytes, p.chunks_received.bytes,
                       p.chunks_sent.bytes, p.chunks_from_seeder.bytes, p.chunks_duplicate.bytes,
                       p.promise_broken ? 1 : 0, when(p.first_byte), when(p.first_file));
  }
  return out;
}

}  // namespace fb::cli
