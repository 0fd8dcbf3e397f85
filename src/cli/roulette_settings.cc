#include "cli/roulette_settings.h"

#include <fmt/format.h>

namespace fb::cli {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kMinute = 60'000 * kMillisecond;
constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint64_t kV2TabMax = 255 * 256;  // a datagram tells it in units of 256 bytes, in a byte
constexpr uint64_t kTableMax = 1'000'000;  // no table of a node is sensibly larger

// One protocol constant with bounds.
void row(SettingTable& table, const char* name, Target target, uint64_t minimum, uint64_t maximum,
         const char* doc) {
  table.add({.key = std::string("roulette.") + name,
             .target = target,
             .flag = {},
             .commands = {},
             .doc = doc,
             .zero = {},
             .minimum = minimum,
             .maximum = maximum,
             .reloadable = false,
             .default_text = {},
             .origin = {}});
}

void add_overlay(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "degree_max", &c.degree_max, 1, 1024, "A peer takes no more neighbours than this.");
  row(t, "degree_min", &c.degree_min, 1, 256, "A peer with fewer neighbours seeks more.");
  row(t, "seek_interval", &c.seek_interval, kMillisecond, kMinute,
      "How often a peer with too few neighbours asks for another.");
  row(t, "partition_timeout", &c.partition_timeout, kMillisecond, kMinute,
      "A peer without new data for this long asks the seeder for neighbours.");
}

void add_referrals(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "welcome_referrals", &c.welcome_referrals, 0, wire::kReferralsMax,
      "How many neighbours the seeder names to a newcomer.");
  row(t, "referral_lifetime", &c.referral_lifetime, 100 * kMillisecond, 10 * kMinute,
      "How long a referral to a peer holds.");
}

void add_receive_side(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "intervals_max", &c.intervals_max, 1, wire::kIntervalsMax,
      "How many intervals of held chunks one handshake tells.");
  row(t, "request_tries", &c.request_tries, 1, 100,
      "A neighbour that leaves this many requests unanswered is dead.");
  row(t, "handshake_timeout", &c.handshake_timeout, kMillisecond, kMinute,
      "How long to wait for an answer before a round-trip time is known.");
  row(t, "handshake_timeout_min", &c.handshake_timeout_min, kMillisecond, kMinute,
      "The shortest wait for an answer, however short the round-trip time.");
  row(t, "data_timeout_min", &c.data_timeout_min, kMillisecond, kMinute,
      "The shortest wait for requested chunks.");
  row(t, "empty_backoff", &c.empty_backoff, kMillisecond, kMinute,
      "How long to leave a neighbour alone that has data, but nothing new.");
  row(t, "poor_backoff", &c.poor_backoff, kMillisecond, kMinute,
      "How long to leave a neighbour alone that has nothing for us.");
  row(t, "empty_limit", &c.empty_limit, 1, 1000,
      "A neighbour that had nothing for us this many times in a row is let go.");
  row(t, "avoid_duplicates", &c.avoid_duplicates, 0, 0,
      "Do not ask two neighbours for one chunk at a time.");
  row(t, "relay_unverified", &c.relay_unverified, 0, 0,
      "Pass chunks on before their MetaChunk is complete and verified.");
}

void add_flow(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "burst_initial", &c.burst_initial, 1, wire::kRequestChunksMax,
      "How many chunks the first request to a neighbour asks for.");
  row(t, "burst_max", &c.burst_max, 1, wire::kRequestChunksMax,
      "How many chunks a request may ask for at most.");
}

void add_tit_for_tat(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "tab", &c.tab, 1024, 16 * kMib,
      "How many bytes a neighbour may get beyond what it gave, at least.");
  row(t, "tab_percent", &c.tab_percent, 0, 1000,
      "A neighbour may get this part of what it gave, in percent, when that is more than the tab.");
  row(t, "unverified_credit", &c.unverified_credit, 0, 16 * kMib,
      "How many received but not yet verified bytes count as given, a neighbour; profile classic.");
  row(t, "stranger_credit_total", &c.stranger_credit_total, 0, 1024 * kMib,
      "How many bytes all neighbours together get that never gave any.");
  row(t, "stranger_credit_address", &c.stranger_credit_address, 0, 1024 * kMib,
      "The same for one address (IPv6: one /64).");
  row(t, "upload_promise", &c.upload_promise, 0, 1024 * kMib,
      "In all, never upload more than was downloaded and this many bytes.");
  // In these four, "0" is a value like any other.
  for (const char* key : {"unverified_credit", "stranger_credit_total", "stranger_credit_address",
                          "upload_promise"}) {
    t.find(std::string("roulette.") + key)->zero = "none";
  }
}

void add_joining(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "join_timeout", &c.join_timeout, kMillisecond, kMinute,
      "How long to wait for the seeder's first answer; doubles to eight times this.");
  row(t, "give_up", &c.give_up, 100 * kMillisecond, 60 * kMinute,
      "A fetch without any progress for this long fails.");
}

void add_v2_admission(SettingTable& t, roulette::V2Config& c) {
  row(t, "v2.contacts", &c.contacts, 1, wire::kContactsMax,
      "How many members the seeder names to a newcomer, as long as its uplink affords it.");
  row(t, "v2.contacts_min", &c.contacts_min, 1, wire::kContactsMax,
      "How many it names when newcomers come in crowds.");
  row(t, "v2.introductions", &c.introductions, 0, 0,
      "A contact that did not answer is told of the newcomer, so that both their NATs open.");
  row(t, "v2.seeder_push", &c.seeder_push, 0, wire::kWantsMax,
      "How many chunks a newcomer gets of the seeder unasked, at most.");
}

void add_v2_pulling(SettingTable& t, roulette::V2Config& c) {
  row(t, "v2.window", &c.window, kMillisecond, kMinute,
      "So much is asked for at a time: what the downlink carries in this.");
  row(t, "v2.window_min", &c.window_min, 1, 4096,
      "At least so many chunks are asked for at a time.");
  row(t, "v2.per_neighbour", &c.per_neighbour, 1, wire::kWantsMax,
      "So many chunks are asked of one neighbour at a time, at most.");
  row(t, "v2.any", &c.any, 0, 255,
      "How many chunks a greeting asks for, whichever they are, before anything is known.");
  row(t, "v2.timeout_min", &c.timeout_min, kMillisecond, kMinute,
      "The shortest wait for a requested chunk, however quick the neighbour is.");
  row(t, "v2.strikes", &c.strikes, 1, 100,
      "A neighbour that let this many requests in a row pass is dead.");
  row(t, "v2.ask_along", &c.ask_along, 0, 0,
      "Who gets a chunk is asked for one in the same datagram; requests that go alone wait until "
      "there are several.");
  row(t, "v2.endgame", &c.endgame, 0, 0,
      "The last chunks are asked of several neighbours at once.");
}

void add_v2_giving(SettingTable& t, roulette::V2Config& c) {
  row(t, "v2.tab_total", &c.tab_total, 1024, 16 * kMib,
      "How many bytes all neighbours together may owe: shared out evenly among them.");
  row(t, "v2.tab_min", &c.tab_min, 1024, kV2TabMax,
      "One neighbour may owe at least this, however many there are.");
  row(t, "v2.tab_max", &c.tab_max, 1024, kV2TabMax,
      "One neighbour may owe at most this, however few there are.");
  row(t, "v2.tab_percent", &c.tab_percent, 0, 100,
      "So much of what a neighbour gave it may owe besides, in percent.");
  row(t, "v2.unverified_credit", &c.unverified_credit, 0, 16 * kMib,
      "How many received but not yet verified bytes count as given, a neighbour.");
  t.find("roulette.v2.unverified_credit")->zero = "none";
  row(t, "v2.stranger_tab", &c.stranger_tab, 0, kV2TabMax,
      "How many bytes a neighbour gets that never gave any; one chunk at least.");
  row(t, "v2.push", &c.push, 0, 0,
      "An idle uplink sends chunks unasked to neighbours that lack many.");
  row(t, "v2.rarest_first", &c.rarest_first, 0, 0,
      "Of these, the chunks that the fewest neighbours are known to hold go first.");
  row(t, "v2.scarce_first", &c.scarce_first, 0, 0,
      "Where all neighbours together do not hold a block yet, chunks that hardly anybody holds "
      "are sent before those that are asked for, and those that many hold are not sent unasked.");
  row(t, "v2.newcomers_first", &c.newcomers_first, 0, 0,
      "Neighbours that hold next to nothing get their first chunks before all others.");
  row(t, "v2.complete_first", &c.complete_first, 0, 0,
      "Then comes who lacks least. false: who has waited longest.");
  row(t, "v2.pacing", &c.pacing, 0, 0,
      "Chunks wait for the uplink inside the peer, where what is urgent overtakes them.");
}

void add_v2_overlay(SettingTable& t, roulette::V2Config& c) {
  row(t, "v2.referrals", &c.referrals, 0, 0,
      "Neighbours are asked for more neighbours. false: only the seeder names them.");
  row(t, "v2.useful_min", &c.useful_min, 0, 256,
      "With fewer neighbours that have something for us, more are sought.");
  row(t, "v2.stall", &c.stall, kMillisecond, kMinute,
      "A peer without new chunks for this long asks the seeder.");
}

// A table of its own, after all keys of [roulette].
void add_v2(SettingTable& t, roulette::V2Config& c, RouletteRole role) {
  row(t, "v2.repair", &c.repair, 0, 0,
      "Chunks of Reed-Solomon repair are traded too. The same at all members.");
  row(t, "v2.backlog", &c.backlog, 0, kMinute,
      "So much of the uplink's time may wait in the line itself, where nothing overtakes it.");
  t.find("roulette.v2.backlog")->zero = "nothing";
  if (role != RouletteRole::kPeer) add_v2_admission(t, c);
  if (role == RouletteRole::kSeeder) return;
  add_v2_pulling(t, c);
  add_v2_giving(t, c);
  add_v2_overlay(t, c);
}

void add_bounds(SettingTable& t, roulette::RouletteConfig& c) {
  row(t, "uplink_queue", &c.uplink_queue, 2048, 64 * kMib,
      "How many bytes may wait for the uplink; what comes on top is dropped.");
  row(t, "half_open_max", &c.half_open_max, 1, kTableMax,
      "How many strangers that have not proved their address are remembered.");
  row(t, "contacts_unanswered_max", &c.contacts_unanswered_max, 1, 1000,
      "How many unanswered contacts to one address are made in contact_window.");
  row(t, "contact_window", &c.contact_window, 100 * kMillisecond, 10 * kMinute,
      "The window of contacts_unanswered_max and referrals_per_target_max.");
  row(t, "referrals_per_target_max", &c.referrals_per_target_max, 1, kTableMax,
      "How often one neighbour is named to others in contact_window.");
  row(t, "pollution_strikes", &c.pollution_strikes, 1, 1000,
      "A neighbour that passed on this many bad chunks, and more than it gave to good MetaChunks, "
      "is cut off. One that vouched for a bad chunk is cut off at once.");
  row(t, "limit_loopback", &c.limit_loopback, 0, 0,
      "Hold 127.0.0.0/8 and ::1 to the limits for one address too.");
}

}  // namespace

void add_roulette_settings(SettingTable& table, roulette::RouletteConfig& config,
                           RouletteRole role) {
  row(table, "profile", &config.profile, 0, 0,
      "The rules of the swarm; all its members must have the same. v2: each datagram carries all "
      "that its sender wants and holds, Reed-Solomon chunks are traded too, and uplinks are filled "
      "unasked; keys in [roulette.v2]. classic: those of the paper, handshakes before each burst; "
      "several times slower.");
  if (role != RouletteRole::kPeer) add_referrals(table, config);
  if (role != RouletteRole::kSeeder) {
    add_overlay(table, config);
    add_receive_side(table, config);
    add_flow(table, config);
    add_tit_for_tat(table, config);
    add_joining(table, config);
  }
  add_bounds(table, config);
  add_v2(table, config.v2, role);
}

std::vector<Complaint> check_roulette(SettingTable& table, const roulette::RouletteConfig& config) {
  std::vector<Complaint> out;
  const auto order = [&](const char* small, bool wrong, const char* large) {
    if (!wrong) return;
    const std::string small_key = std::string("roulette.") + small;
    const std::string large_key = std::string("roulette.") + large;
    const Setting* a = table.find(small_key);
    const Setting* b = table.find(large_key);
    if (a == nullptr || b == nullptr) return;
    // The later layer is the one that its author can change.
    const Setting* blamed = a->origin.layer >= b->origin.layer ? a : b;
    out.push_back({blamed->origin.layer, blamed->origin.text,
                   fmt::format("{} ({}) must not be more than {} ({})", small_key, text_of(*a),
                               large_key, text_of(*b))});
  };
  order("degree_min", config.degree_min > config.degree_max, "degree_max");
  order("burst_initial", config.burst_initial > config.burst_max, "burst_max");
  order("handshake_timeout_min", config.handshake_timeout_min > config.handshake_timeout,
        "handshake_timeout");
  order("v2.contacts_min", config.v2.contacts_min > config.v2.contacts, "v2.contacts");
  order("v2.tab_min", config.v2.tab_min > config.v2.tab_max, "v2.tab_max");
  return out;
}

}  // namespace fb::cli
