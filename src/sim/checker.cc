#include "sim/checker.h"

#include <algorithm>

namespace fb::sim {

// How much may have been sent. Each session has a tab of its own: a neighbour that comes back under
// another token is another one to who serves it.
uint64_t Checker::allowed(const PairAccount& account) const {
  const uint64_t got = account.received;
  switch (rules_.profile) {
    case wire::Profile::kClassic: {
      const uint64_t tab = rules_.tab.bytes;
      const uint64_t share = got * rules_.tab_percent / 100;
      return got + (account.sessions == 1 ? std::max(tab, share) : share + tab * account.sessions);
    }
    case wire::Profile::kV2: {
      const uint64_t share = got * rules_.v2.tab_percent / 100;
      return got + share + rules_.v2.tab_max.bytes * account.sessions;
    }
  }
  return 0;
}

void Checker::on_pair_sent(Duration at, uint32_t peer, PairAccount& account, wire::Token token,
                           uint64_t bytes) {
  if (account.session != token) {
    account.session = token;
    ++account.sessions;
  }
  account.sent += bytes;
  if (account.sent > allowed(account)) {
    fail("tit_for_tat", at,
         "visitor " + std::to_string(peer) + " has sent visitor " +
             std::to_string(account.other - 1) + " " + std::to_string(account.sent) +
             " bytes and got " + std::to_string(account.received));
  }
}

void Checker::on_total_sent(Duration at, uint32_t peer, uint64_t sent, uint64_t received) {
  if (sent <= received + rules_.upload_promise.bytes) return;
  fail("promise", at,
       "visitor " + std::to_string(peer) + " has sent " + std::to_string(sent) +
           " bytes and got " + std::to_string(received));
}

void Checker::on_footprint(Duration at, const std::string& who, const roulette::Footprint& has,
                           size_t places, BitRate uplink) {
  const auto within = [&](uint64_t count, uint64_t bound, const char* what) {
    if (count <= bound) return;
    fail("memory", at,
         who + " has " + std::to_string(count) + what + ", " + std::to_string(bound) +
             " are allowed");
  };
  within(has.neighbours, places, " neighbours");
  within(has.strangers, rules_.half_open_max, " strangers");
  // A fast line's queue holds 100 ms, and control may use a quarter more (pacer.h). In profile v2
  // what waits is not a datagram yet.
  const uint64_t queue =
      uplink.limited() && rules_.profile == wire::Profile::kClassic
          ? std::max(rules_.uplink_queue, uplink.bytes_in(milliseconds(100))).bytes * 5 / 4
          : 0;
  within(has.queued, queue, " bytes waiting to be sent");
}

void Checker::fail(const char* check, Duration at, std::string what) {
  // One rule's violations must not hide another's.
  const auto same = std::ranges::count(violations_, check, &Violation::check);
  if (same < kListedMax) {
    violations_.push_back({check, at, std::move(what)});
  } else {
    ++more_;
  }
}

Duration Checker::patience() const {
  // After the last try's time-out, eight times join_timeout at most, and a second to say BYE.
  return rules_.give_up + rules_.join_timeout * 9 + seconds(1);
}

void Checker::move_to(RunResult& result) {
  result.violations.insert(result.violations.end(), violations_.begin(), violations_.end());
  result.violations_more += more_;
}

}  // namespace fb::sim
