// What single rows of a scenario cannot see.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/quantity.h"
#include "cli/scenario_file.h"

namespace fb::cli {
namespace {

constexpr double kShareSlack = 1e-9;          // thirds written as 33.333333333%
constexpr uint32_t kUnbounded = 10'000'000;   // visitors, where something else ends the arrivals

class Check {
 public:
  Check(ScenarioSettings& settings, ContentFrom content)
      : config_(settings.config), scenario_(settings.config.scenario), table_(settings.table),
        content_(content) {}

  std::vector<Complaint> run() {
    check_classes();
    check_lines();
    check_shards();
    check_shares();
    check_content();
    check_client();
    check_target();
    check_arrivals();
    check_stop();
    check_counted();
    check_network();
    check_faults();
    return std::move(found_);
  }

 private:
  const Setting& at(std::string_view key) const { return *table_.find(key); }
  Layer layer(std::string_view key) const { return at(key).origin.layer; }
  bool given(std::string_view key) const { return layer(key) != Layer::kDefault; }

  void complain(const Setting& row, std::string what) {
    std::string where = row.origin.text;
    if (row.origin.layer == Layer::kDefault) where = table_.program();
    found_.push_back({row.origin.layer, std::move(where), std::move(what)});
  }
  void complain(std::string_view key, std::string what) { complain(at(key), std::move(what)); }

  // `key` says something that `ruler` makes meaningless. Who changes the ruler on top of a
  // scenario means that, so what is below it is forgotten; all else is a slip.
  void pointless(std::string_view key, std::string_view ruler, std::string_view wanted) {
    Setting& row = *table_.find(key);
    if (text_of(row) == row.default_text) return;
    if (layer(key) < layer(ruler)) {
      if (set_from_text(row, row.default_text)) row.origin = {};
      return;
    }
    complain(key, fmt::format("{} has no effect, because {} is {}; it needs {}", key, ruler,
                              text_of(at(ruler)), wanted));
  }

  std::string class_key(size_t i, const char* leaf) const {
    return fmt::format("class.{}.{}", scenario_.classes[i].name, leaf);
  }
  // Whatever of this class was given last: where its name stands.
  const Setting& class_row(size_t i) const {
    const std::string prefix = class_key(i, "");
    const Setting* out = &at(prefix + "share");
    for (const Setting& row : table_.rows()) {
      if (row.key.starts_with(prefix) && row.origin.layer > out->origin.layer) out = &row;
    }
    return *out;
  }

  void check_classes() {
    if (scenario_.classes.size() > kClassesMax) {
      complain(class_row(kClassesMax), fmt::format("there are {} classes; the most is {}",
                                                   scenario_.classes.size(), kClassesMax));
    }
    const auto free = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    for (size_t i = 0; i < scenario_.classes.size(); ++i) {
      const std::string& name = scenario_.classes[i].name;
      if (name.size() > 40 || name.empty() || !std::ranges::all_of(name, free)) {
        complain(class_row(i), fmt::format("\"{}\" is no name for a class: up to 40 of a to z, 0 "
                                           "to 9, _ and -",
                                           name));
      }
    }
  }

  // What a class says of a thing that it does not have.
  void check_shards() {
    if (scenario_.seeder_shards > 1 && scenario_.roulette.profile != wire::Profile::kV2) {
      complain("seeder.shards", "several shards need roulette.profile = \"v2\"");
    }
  }

  void check_lines() {
    for (size_t i = 0; i < scenario_.classes.size(); ++i) {
      if (scenario_.classes[i].abandon_after <= Duration{}) {
        pointless(class_key(i, "abandon_uniform"), class_key(i, "abandon_after"), "a duration");
      }
      const sim::LineEvents& events = scenario_.classes[i].events;
      if (!events.up_after.limited() && !events.down_after.limited()) {
        pointless(class_key(i, "change_after"), class_key(i, "up_after"), "a bit rate");
      }
      if (events.cross_up.limited()) continue;
      for (const char* leaf : {"cross_packet", "cross_after", "cross_for"}) {
        pointless(class_key(i, leaf), class_key(i, "cross_up"), "a bit rate");
      }
    }
  }

  void check_shares() {
    double sum = 0;
    size_t unset = 0;
    const Setting* last = nullptr;  // the share that was given last
    for (size_t i = 0; i < config_.shares.size(); ++i) {
      const Setting& row = at(class_key(i, "share"));
      if (!config_.shares[i]) ++unset;
      sum += config_.shares[i].value_or(0);
      if (config_.shares[i] && (last == nullptr || row.origin.layer >= last->origin.layer)) {
        last = &row;
      }
    }
    if (unset == 0 && std::abs(sum - 1) > kShareSlack) {
      complain(*last, fmt::format("the classes' shares make {}, not 100%", percent(sum)));
      return;
    }
    if (unset > 0 && sum > 1 - kShareSlack) {
      complain(*last,
               fmt::format("the classes' shares make {}, and nothing is left for the other{}",
                           percent(sum), unset == 1 ? "" : fmt::format(" {}", unset)));
      return;
    }
    for (size_t i = 0; i < config_.shares.size(); ++i) {
      // Rounded, so that the rest of 80 % is 20 % in a report and not 19.999999999999996 %.
      const double rest = (1 - sum) / static_cast<double>(std::max<size_t>(unset, 1));
      scenario_.classes[i].share = config_.shares[i].value_or(std::round(rest * 1e12) / 1e12);
    }
  }
  static std::string percent(double fraction) {
    return real_text(std::round(fraction * 1e8) / 1e6) + "%";
  }

  void check_content() {
    sim::ContentSpec& c = scenario_.content;
    if (!c.site.empty() && given("content.sizes") && !c.sizes.empty()) {
      if (layer("content.sizes") == layer("content.site")) {
        complain("content.sizes",
                 "content.sizes and content.site are both given; a site's files have their sizes");
        return;
      }
      // The later layer replaces the other's content.
      if (layer("content.sizes") > layer("content.site")) c.site.clear();
    }
    if (!c.site.empty()) c.sizes.clear();
    if (c.site.empty() && c.sizes.empty()) {
      complain("content.sizes", "there is nothing to fetch: give content.sizes or content.site");
    }
    if (content_ == ContentFrom::kScenario && !c.path.empty() && c.site.empty()) {
      complain("content.path", "content.path needs content.site: generated files have no names");
    }
    if (c.page && content_ == ContentFrom::kTarget) {
      complain("content.page", "content.page has no effect on a foreign seeder (--target), whose "
                               "pages are not known");
    } else if (c.page && !c.site.empty() && c.path.empty()) {
      complain("content.page", "content.page of a site needs content.path, the page's HTML file");
    }
  }

  void check_client() {
    if (scenario_.client != sim::ClientKind::kHttp) return;
    for (const char* key :
         {"peers_know_uplink", "network.loss", "network.duplicate", "network.reorder",
          "network.corrupt", "faults.kill_share", "faults.kill_every", "faults.seeder_down_at",
          "faults.seeder_down_for", "faults.partition_at", "faults.partition_share",
          "faults.partition_for"}) {
      pointless(key, "client", "flashback");
    }
    for (size_t i = 0; i < scenario_.classes.size(); ++i) {
      for (const char* leaf : {"loss", "nat", "behaviour", "linger", "up_after", "down_after",
                               "change_after", "cross_up", "cross_packet", "cross_after",
                               "cross_for"}) {
        pointless(class_key(i, leaf), "client", "flashback");
      }
    }
  }

  // A foreign seeder has its own content, and is not ours to crash.
  void check_target() {
    if (content_ != ContentFrom::kTarget) return;
    for (const char* key :
         {"content.sizes", "content.site", "faults.seeder_down_at", "faults.seeder_down_for"}) {
      if (layer(key) >= Layer::kEnvironment) {
        complain(key, fmt::format("{} has no effect on a foreign seeder (--target)", key));
      }
    }
    scenario_.content.sizes.clear();
    scenario_.faults.seeder_down_for = {};
  }

  void check_arrivals() {
    const sim::ArrivalSpec& a = scenario_.arrivals;
    if (a.kind == sim::ArrivalKind::kRamp) {
      if (a.ramp <= Duration{} || a.rate_end <= 0) {
        complain("arrivals.kind", "a ramp needs arrivals.rate_end and arrivals.ramp");
      }
    } else {
      pointless("arrivals.ramp", "arrivals.kind", "ramp");
      pointless("arrivals.rate_end", "arrivals.kind", "ramp");
    }
    if (a.kind == sim::ArrivalKind::kTrace) {
      if (config_.trace_file.empty()) {
        complain("arrivals.kind", "a trace needs arrivals.trace, the file of arrivals");
      }
    } else {
      pointless("arrivals.trace", "arrivals.kind", "trace");
    }
    const bool even =
        a.kind == sim::ArrivalKind::kConstant || a.kind == sim::ArrivalKind::kPoisson;
    if (even && a.rate <= 0) complain("arrivals.rate", "arrivals.rate must be more than 0/s");
    if (a.kind == sim::ArrivalKind::kOneShot || a.kind == sim::ArrivalKind::kTrace) {
      pointless("arrivals.rate", "arrivals.kind", "constant, poisson or ramp");
    }
  }

  void check_stop() {
    sim::StopSpec& s = scenario_.stop;
    const sim::ArrivalSpec& a = scenario_.arrivals;
    if (s.rule == sim::StopRule::kNumber) {
      pointless("stop.duration", "stop.rule", "duration or stabilised-pool");
    } else if (s.duration > s.limit) {
      complain("stop.limit", fmt::format("stop.limit ({}) is before the end of the arrivals, "
                                         "stop.duration ({})",
                                         to_text(s.limit), to_text(s.duration)));
    }
    // Its default is that of the rule number alone.
    if (!given("stop.peers")) {
      if (a.kind == sim::ArrivalKind::kTrace && !a.trace.empty()) {
        s.peers = static_cast<uint32_t>(std::min<size_t>(a.trace.size(), kUnbounded));
      } else if (s.rule != sim::StopRule::kNumber && a.kind != sim::ArrivalKind::kOneShot) {
        s.peers = kUnbounded;
      }
    }
  }

  // When the last visitor arrives, as far as the rule number and the trace tell.
  [[nodiscard]] double last_arrival() const {
    const sim::ArrivalSpec& a = scenario_.arrivals;
    const sim::StopSpec& s = scenario_.stop;
    const double count = s.peers - 1;
    double at = 0;
    switch (a.kind) {
      case sim::ArrivalKind::kConstant:
      case sim::ArrivalKind::kPoisson:
        at = count / a.rate;
        break;
      case sim::ArrivalKind::kOneShot:
        break;
      case sim::ArrivalKind::kRamp: {
        // rate t + (rate_end - rate) t² / 2 ramp visitors arrive until t.
        const double ramp = a.ramp.seconds();
        const double within = ramp * (a.rate + a.rate_end) / 2;
        const double slope = (a.rate_end - a.rate) / ramp;
        if (count >= within) {
          at = ramp + (count - within) / a.rate_end;
        } else if (slope == 0) {
          at = count / a.rate;
        } else {
          at = (std::sqrt(a.rate * a.rate + 2 * slope * count) - a.rate) / slope;
        }
        break;
      }
      case sim::ArrivalKind::kTrace:
        at = (a.trace[std::min<size_t>(a.trace.size(), s.peers) - 1] - Instant{}).seconds();
        break;
    }
    return s.rule == sim::StopRule::kNumber ? at : std::min(at, s.duration.seconds());
  }

  void check_counted() {
    if (!found_.empty()) return;
    const double last = last_arrival();
    const Duration both = scenario_.warm_up + scenario_.cool_down;
    if (scenario_.cool_down > Duration{} && both.seconds() > last) {
      complain("cool_down", fmt::format("warm_up and cool_down together ({}) are longer than "
                                        "visitors arrive ({:.3g} s), so that nobody would be "
                                        "counted",
                                        to_text(both), last));
      return;
    }
    if (scenario_.warm_up <= Duration{}) return;
    if (scenario_.warm_up.seconds() > last) {
      complain("warm_up", fmt::format("warm_up ({}) is longer than visitors arrive ({:.3g} s), so "
                                      "that nobody would be counted",
                                      to_text(scenario_.warm_up), last));
    }
  }

  void check_network() {
    const sim::NetworkSpec& n = scenario_.network;
    if (n.access_min <= n.access_max) return;
    const bool minimum = layer("network.access_min") >= layer("network.access_max");
    complain(minimum ? "network.access_min" : "network.access_max",
             fmt::format("network.access_min ({}) must not be more than network.access_max ({})",
                         to_text(n.access_min), to_text(n.access_max)));
  }

  void check_faults() {
    const sim::FaultSpec& f = scenario_.faults;
    if (f.seeder_down_for <= Duration{}) {
      pointless("faults.seeder_down_at", "faults.seeder_down_for", "a duration");
    }
    if (f.partition_for <= Duration{}) {
      pointless("faults.partition_at", "faults.partition_for", "a duration");
      pointless("faults.partition_share", "faults.partition_for", "a duration");
    }
    if (f.kill_every <= Duration{}) {
      pointless("faults.kill_share", "faults.kill_every", "a duration");
    }
  }

  ScenarioConfig& config_;
  sim::Scenario& scenario_;
  SettingTable& table_;
  ContentFrom content_;
  std::vector<Complaint> found_;
};

}  // namespace

std::vector<Complaint> check_scenario(ScenarioSettings& settings, ContentFrom content) {
  return Check(settings, content).run();
}

}  // namespace fb::cli
