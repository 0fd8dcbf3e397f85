#include "cli/load_scenario_json.h"

#include <optional>
#include <string>

namespace fb::cli {
namespace {

std::string_view name_of(sim::Behaviour behaviour) {
  switch (behaviour) {
    case sim::Behaviour::kHonest: return "honest";
    case sim::Behaviour::kFreeRider: return "free-rider";
    case sim::Behaviour::kPolluter: return "polluter";
    case sim::Behaviour::kLargeView: return "large-view";
  }
  return "unknown";
}

std::string_view name_of(sim::Nat nat) {
  switch (nat) {
    case sim::Nat::kOpen: return "open";
    case sim::Nat::kAddressRestricted: return "address-restricted";
    case sim::Nat::kPortRestricted: return "port-restricted";
    case sim::Nat::kSymmetric: return "symmetric";
  }
  return "unknown";
}

std::string_view name_of(sim::ArrivalKind kind) {
  switch (kind) {
    case sim::ArrivalKind::kConstant: return "constant";
    case sim::ArrivalKind::kPoisson: return "poisson";
    case sim::ArrivalKind::kOneShot: return "one-shot";
    case sim::ArrivalKind::kRamp: return "ramp";
    case sim::ArrivalKind::kTrace: return "trace";
  }
  return "unknown";
}

std::string_view name_of(sim::StopRule rule) {
  switch (rule) {
    case sim::StopRule::kNumber: return "number";
    case sim::StopRule::kDuration: return "duration";
    case sim::StopRule::kStabilisedPool: return "stabilised-pool";
  }
  return "unknown";
}

void add_link(Json& out, const sim::LinkOptions& link, Duration delay) {
  out["up_bits_per_second"] = link.up.bits_per_second;
  out["down_bits_per_second"] = link.down.bits_per_second;
  out["queue_bytes"] = link.queue.bytes;
  out["delay_s"] = delay.seconds();
}

void add_line_events(Json& out, const sim::LineEvents& events) {
  out["up_after_bits_per_second"] = events.up_after.bits_per_second;
  out["down_after_bits_per_second"] = events.down_after.bits_per_second;
  out["change_after_s"] = events.change_after.seconds();
  out["cross_up_bits_per_second"] = events.cross_up.bits_per_second;
  out["cross_packet_bytes"] = events.cross_packet.bytes;
  out["cross_after_s"] = events.cross_after.seconds();
  out["cross_for_s"] = events.cross_for.seconds();
}

template <class T>
void add_if(Json& out, const char* key, const std::optional<T>& value) {
  if (value) out[key] = *value;
}

Json content_json(const sim::ContentSpec& content) {
  Json out = Json::object();
  if (content.site.empty()) {
    Json sizes = Json::array();
    for (const ByteCount size : content.sizes) sizes.push_back(size.bytes);
    out["sizes_bytes"] = std::move(sizes);
  } else {
    out["site"] = content.site;
    out["path"] = content.path;
  }
  out["page"] = content.page;
  return out;
}

// Only what the kind of arrivals uses.
Json arrivals_json(const sim::ArrivalSpec& arrivals) {
  Json out = {{"kind", name_of(arrivals.kind)}};
  using enum sim::ArrivalKind;
  if (arrivals.kind == kTrace) {
    out["trace_visitors"] = arrivals.trace.size();
    out["trace_s"] = arrivals.trace.empty()
                         ? 0.0
                         : (arrivals.trace.back() - arrivals.trace.front()).seconds();
  } else if (arrivals.kind != kOneShot) {
    out["rate_per_second"] = arrivals.rate;
  }
  if (arrivals.kind == kRamp) {
    out["rate_end_per_second"] = arrivals.rate_end;
    out["ramp_s"] = arrivals.ramp.seconds();
  }
  return out;
}

Json faults_json(const sim::FaultSpec& faults) {
  return {{"seeder_down_at_s", faults.seeder_down_at.seconds()},
          {"seeder_down_for_s", faults.seeder_down_for.seconds()},
          {"kill_every_s", faults.kill_every.seconds()},
          {"kill_share", faults.kill_share},
          {"partition_at_s", faults.partition_at.seconds()},
          {"partition_for_s", faults.partition_for.seconds()},
          {"partition_share", faults.partition_share}};
}

Json v2_json(const roulette::V2Config& v) {
  return {{"repair", v.repair},
          {"contacts", v.contacts},
          {"contacts_min", v.contacts_min},
          {"introductions", v.introductions},
          {"seeder_push", v.seeder_push},
          {"window_s", v.window.seconds()},
          {"window_min", v.window_min},
          {"per_neighbour", v.per_neighbour},
          {"any", v.any},
          {"timeout_min_s", v.timeout_min.seconds()},
          {"strikes", v.strikes},
          {"ask_along", v.ask_along},
          {"endgame", v.endgame},
          {"tab_total_bytes", v.tab_total.bytes},
          {"tab_min_bytes", v.tab_min.bytes},
          {"tab_max_bytes", v.tab_max.bytes},
          {"tab_percent", v.tab_percent},
          {"unverified_credit_bytes", v.unverified_credit.bytes},
          {"stranger_tab_bytes", v.stranger_tab.bytes},
          {"push", v.push},
          {"rarest_first", v.rarest_first},
          {"scarce_first", v.scarce_first},
          {"newcomers_first", v.newcomers_first},
          {"complete_first", v.complete_first},
          {"pacing", v.pacing},
          {"backlog_s", v.backlog.seconds()},
          {"referrals", v.referrals},
          {"useful_min", v.useful_min},
          {"stall_s", v.stall.seconds()}};
}

Json roulette_json(const roulette::RouletteConfig& r) {
  return {{"degree_min", r.degree_min},
          {"degree_max", r.degree_max},
          {"seek_interval_s", r.seek_interval.seconds()},
          {"partition_timeout_s", r.partition_timeout.seconds()},
          {"welcome_referrals", r.welcome_referrals},
          {"referral_lifetime_s", r.referral_lifetime.seconds()},
          {"intervals_max", r.intervals_max},
          {"request_tries", r.request_tries},
          {"handshake_timeout_s", r.handshake_timeout.seconds()},
          {"handshake_timeout_min_s", r.handshake_timeout_min.seconds()},
          {"data_timeout_min_s", r.data_timeout_min.seconds()},
          {"empty_backoff_s", r.empty_backoff.seconds()},
          {"poor_backoff_s", r.poor_backoff.seconds()},
          {"empty_limit", r.empty_limit},
          {"avoid_duplicates", r.avoid_duplicates},
          {"relay_unverified", r.relay_unverified},
          {"burst_initial", r.burst_initial},
          {"burst_max", r.burst_max},
          {"tab_bytes", r.tab.bytes},
          {"tab_percent", r.tab_percent},
          {"unverified_credit_bytes", r.unverified_credit.bytes},
          {"stranger_credit_total_bytes", r.stranger_credit_total.bytes},
          {"stranger_credit_address_bytes", r.stranger_credit_address.bytes},
          {"upload_promise_bytes", r.upload_promise.bytes},
          {"join_timeout_s", r.join_timeout.seconds()},
          {"give_up_s", r.give_up.seconds()},
          {"linger_s", r.linger.seconds()},
          {"uplink_bits_per_second", r.uplink.bits_per_second},
          {"uplink_queue_bytes", r.uplink_queue.bytes},
          {"half_open_max", r.half_open_max},
          {"contacts_unanswered_max", r.contacts_unanswered_max},
          {"contact_window_s", r.contact_window.seconds()},
          {"referrals_per_target_max", r.referrals_per_target_max},
          {"pollution_strikes", r.pollution_strikes},
          {"limit_loopback", r.limit_loopback}};
}

Json expect_json(const sim::Expectation& expect) {
  Json out = Json::object();
  add_if(out, "mean_s_max", expect.mean_s_max);
  add_if(out, "p50_s_max", expect.p50_s_max);
  add_if(out, "p95_s_max", expect.p95_s_max);
  add_if(out, "p99_s_max", expect.p99_s_max);
  add_if(out, "max_s_max", expect.max_s_max);
  add_if(out, "ratio_to_limit_max", expect.ratio_to_limit_max);
  add_if(out, "incomplete_max", expect.incomplete_max);
  add_if(out, "completed_min", expect.completed_min);
  add_if(out, "pool_max", expect.pool_max);
  add_if(out, "received_ratio_max", expect.received_ratio_max);
  add_if(out, "upload_download_ratio_max", expect.upload_download_ratio_max);
  add_if(out, "seeder_share_max", expect.seeder_share_max);
  add_if(out, "stabilised", expect.stabilised);
  return out;
}

}  // namespace

std::string_view profile_name(const sim::Scenario& scenario) {
  if (scenario.client == sim::ClientKind::kHttp) return "http";
  return scenario.roulette.profile == wire::Profile::kClassic ? "classic" : "v2";
}

Json class_json(const sim::PeerClass& peers) {
  Json out = {{"name", peers.name}, {"share", peers.share}};
  add_link(out, peers.link, peers.delay);
  add_line_events(out, peers.events);
  out["loss"] = peers.loss;
  out["nat"] = name_of(peers.nat);
  out["behaviour"] = name_of(peers.behaviour);
  out["abandon_after_s"] = peers.abandon_after.seconds();
  out["abandon_uniform"] = peers.abandon_uniform;
  out["linger_s"] = peers.linger.seconds();
  add_if(out, "mean_s_max", peers.mean_s_max);
  add_if(out, "p95_s_max", peers.p95_s_max);
  add_if(out, "incomplete_max", peers.incomplete_max);
  return out;
}

Json scenario_json(const sim::Scenario& scenario) {
  Json seeder = Json::object();
  add_link(seeder, scenario.seeder, scenario.seeder_delay);
  seeder["paced"] = scenario.seeder_paced;
  seeder["shards"] = scenario.seeder_shards;
  const sim::StopSpec& stop = scenario.stop;
  const sim::NetworkSpec& network = scenario.network;
  Json out = {{"content", content_json(scenario.content)},
              {"seeder", std::move(seeder)},
              {"arrivals", arrivals_json(scenario.arrivals)},
              {"stop",
               {{"rule", name_of(stop.rule)},
                {"peers", stop.peers},
                {"duration_s", stop.duration.seconds()},
                {"drain", stop.drain},
                {"limit_s", stop.limit.seconds()}}},
              {"warm_up_s", scenario.warm_up.seconds()},
              {"cool_down_s", scenario.cool_down.seconds()},
              {"peers_know_uplink", scenario.peers_know_uplink},
              {"network",
               {{"access_min_s", network.access_min.seconds()},
                {"access_max_s", network.access_max.seconds()},
                {"plane_s", network.plane.seconds()},
                {"loss", network.loss},
                {"duplicate", network.duplicate},
                {"reorder", network.reorder},
                {"corrupt", network.corrupt}}},
              {"faults", faults_json(scenario.faults)},
              {"roulette", roulette_json(scenario.roulette)}};
  if (scenario.roulette.profile == wire::Profile::kV2) {
    out["roulette_v2"] = v2_json(scenario.roulette.v2);
  }
  out["expect"] = expect_json(scenario.expect);
  return out;
}

}  // namespace fb::cli
