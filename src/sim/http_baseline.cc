#include "sim/http_baseline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

#include "sim/population.h"
#include "sim/run_by_seconds.h"

namespace fb::sim {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
constexpr uint64_t kSegment = 1460;       // TCP payload of an Ethernet frame
constexpr uint64_t kSegmentHeaders = 40;  // IPv4 and TCP
constexpr uint64_t kRequestBytes = 400;   // a browser's GET with its headers
constexpr uint64_t kResponseHeaderBytes = 300;

uint64_t on_the_wire(uint64_t payload) {
  return payload + (payload + kSegment - 1) / kSegment * kSegmentHeaders;
}

// All transfers over lines of one rate. Each gets the same rate, so one running total tells how far
// every one is: a transfer ends when the total has grown by its size since it began.
struct Line {
  struct Transfer {
    double ends_at = 0;  // of `served`
    uint32_t peer = 0;
    bool operator>(const Transfer& o) const {
      return ends_at != o.ends_at ? ends_at > o.ends_at : peer > o.peer;
    }
  };
  double cap = 0;     // bytes a second; infinite when the line is not limited
  double served = 0;  // bytes to each transfer since the start
  double rate = 0;
  size_t active = 0;  // without those that were abandoned
  std::priority_queue<Transfer, std::vector<Transfer>, std::greater<>> transfers;
};

double bytes_a_second(BitRate rate) {
  return rate.limited() ? static_cast<double>(rate.bits_per_second) / 8 : kForever;
}

// Max-min fair: lines whose cap is below the common share take their cap, the others share the
// rest evenly.
void share(std::vector<Line>& lines, double uplink) {
  std::vector<Line*> open;
  double transfers = 0;
  for (Line& line : lines) {
    if (line.active == 0) continue;
    open.push_back(&line);
    transfers += static_cast<double>(line.active);
  }
  std::ranges::sort(open, [](const Line* a, const Line* b) {
    return a->cap != b->cap ? a->cap < b->cap : a < b;  // of one array, so this repeats
  });
  for (Line* line : open) {
    line->rate = std::min(line->cap, uplink / transfers);
    uplink -= line->rate * static_cast<double>(line->active);
    transfers -= static_cast<double>(line->active);
  }
}

struct Waiting {
  enum class Kind : uint8_t { kArrive, kStart, kEnd, kAbandon };
  double at = 0;
  uint64_t sequence = 0;
  Kind kind{};
  uint32_t peer = 0;
  bool operator>(const Waiting& o) const {
    return at != o.at ? at > o.at : sequence > o.sequence;
  }
};

class Server {
 public:
  Server(const Scenario& scenario, uint64_t seed, const WorldContent& content)
      : scenario_(scenario),
        content_(content),
        population_(scenario, seed, content.paths.size()),
        uplink_(bytes_a_second(scenario.seeder.up)),
        lines_(scenario.classes.size()) {
    for (size_t i = 0; i < lines_.size(); ++i) {
      lines_[i].cap = bytes_a_second(scenario.classes[i].link.down);
    }
    schedule_next_arrival();
  }

  void run_until(Instant end);
  void stop_arrivals() { arriving_ = false; }
  [[nodiscard]] bool arriving() const { return arriving_; }
  [[nodiscard]] bool idle() const { return !arriving_ && sample_.pool == 0; }
  [[nodiscard]] uint32_t expected() const { return population_.expected(); }
  [[nodiscard]] uint64_t events() const { return events_; }
  Sample sample();
  void report(RunResult& result);

 private:
  void schedule(double at, Waiting::Kind kind, uint32_t peer) {
    waiting_.push({at, sequence_++, kind, peer});
  }
  void schedule_next_arrival();
  void handle(const Waiting& event);
  void serve(double until);
  [[nodiscard]] double next_finish() const;
  [[nodiscard]] double delay_s(uint32_t peer) {
    return delay_between(scenario_.network, population_.seeder().place,
                         population_.plan(peer)->place)
        .seconds();
  }
  void end_transfer(uint32_t peer);
  [[nodiscard]] ByteCount length_of(const std::string& path) const {
    return {content_.site->record(path)->geometry.length};
  }
  // Of one visitor.
  [[nodiscard]] uint64_t answers() const { return 1 + content_.page.size(); }

  const Scenario& scenario_;
  const WorldContent& content_;
  Population population_;
  double uplink_;
  std::vector<Line> lines_;  // by class
  double now_ = 0;
  uint64_t sequence_ = 0;
  uint64_t events_ = 0;
  uint32_t next_arrival_ = 0;
  bool arriving_ = true;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  std::vector<PeerRecord> records_;
  std::vector<bool> transferring_;
  Sample sample_;
  double sent_ = 0, sent_before_ = 0;
};

void Server::schedule_next_arrival() {
  const PeerPlan* plan = population_.plan(next_arrival_);
  if (plan == nullptr) {
    arriving_ = false;
    return;
  }
  schedule(plan->arrives.seconds(), Waiting::Kind::kArrive, next_arrival_++);
}

// Brings every transfer up to `until`; no transfer ends before.
void Server::serve(double until) {
  const double step = until - now_;
  for (Line& line : lines_) {
    if (line.active == 0) continue;
    line.served += line.rate * step;
    sent_ += line.rate * step * static_cast<double>(line.active);
  }
  now_ = until;
}

double Server::next_finish() const {
  double next = kForever;
  for (const Line& line : lines_) {
    if (line.active == 0 || line.rate <= 0) continue;
    const double left = std::max(0.0, line.transfers.top().ends_at - line.served);
    next = std::min(next, now_ + left / line.rate);
  }
  return next;
}

void Server::run_until(Instant end_instant) {
  const double end = (end_instant - Instant{}).seconds();
  for (;;) {
    // Who was abandoned in the meantime is at the top of nothing.
    for (Line& line : lines_) {
      while (!line.transfers.empty() && !transferring_[line.transfers.top().peer]) {
        line.transfers.pop();
      }
    }
    const double finish = next_finish();
    const double event = waiting_.empty() ? kForever : waiting_.top().at;
    if (std::min(finish, event) > end) break;
    if (finish <= event) {
      serve(finish);
      for (Line& line : lines_) {
        // The one that is due, and rounding must not let it live on.
        if (line.active == 0) continue;
        const double left = line.transfers.top().ends_at - line.served;
        if (left > line.rate * 1e-9) continue;
        const uint32_t peer = line.transfers.top().peer;
        line.transfers.pop();
        end_transfer(peer);
        schedule(now_ + delay_s(peer), Waiting::Kind::kEnd, peer);
      }
    } else {
      serve(event);
      const Waiting due = waiting_.top();
      waiting_.pop();
      handle(due);
    }
    ++events_;
    share(lines_, uplink_);
  }
  serve(end);
}

void Server::end_transfer(uint32_t peer) {
  transferring_[peer] = false;
  --lines_[records_[peer].peer_class].active;
}

void Server::handle(const Waiting& event) {
  if (event.kind == Waiting::Kind::kArrive) {
    if (!arriving_) return;
    const PeerPlan plan = *population_.plan(event.peer);
    schedule_next_arrival();
    PeerRecord record;
    record.number = event.peer;
    record.peer_class = plan.peer_class;
    record.arrived = plan.arrives;
    record.counted = plan.arrives >= scenario_.warm_up;
    record.file = length_of(content_.paths[plan.path]);
    for (const std::string& path : content_.page) record.file += length_of(path);
    record.sent = {on_the_wire(kRequestBytes) * answers()};
    records_.push_back(record);
    transferring_.push_back(false);
    ++sample_.arrived;
    ++sample_.pool;
    // SYN, its answer, the request: then the first byte leaves.
    schedule(now_ + 3 * delay_s(event.peer), Waiting::Kind::kStart, event.peer);
    const Duration patience = patience_of(scenario_.classes[plan.peer_class], plan);
    if (patience > Duration{}) {
      schedule(now_ + patience.seconds(), Waiting::Kind::kAbandon, event.peer);
    }
    return;
  }
  PeerRecord& record = records_[event.peer];
  if (record.end != PeerEnd::kNotYet) return;
  if (event.kind == Waiting::Kind::kStart) {
    Line& line = lines_[record.peer_class];
    record.received = {on_the_wire(record.file.bytes + kResponseHeaderBytes * answers())};
    record.first_byte = Duration{static_cast<int64_t>((now_ + delay_s(event.peer)) * 1e9)} -
                        record.arrived;
    line.transfers.push({line.served + static_cast<double>(record.received.bytes), event.peer});
    ++line.active;
    transferring_[event.peer] = true;
  } else if (event.kind == Waiting::Kind::kEnd) {
    record.end = PeerEnd::kComplete;
    record.took = Duration{static_cast<int64_t>(now_ * 1e9)} - record.arrived;
    if (content_.page.empty()) record.first_file = record.took;
    record.chunks_received = record.chunks_from_seeder = record.file;
    ++sample_.completed;
    --sample_.pool;
  } else {
    if (transferring_[event.peer]) end_transfer(event.peer);
    record.end = PeerEnd::kAbandoned;
    ++sample_.abandoned;
    --sample_.pool;
  }
}

Sample Server::sample() {
  Sample out = sample_;
  out.at = Duration{static_cast<int64_t>(now_ * 1e9)};
  const double sent = sent_ - sent_before_;
  sent_before_ = sent_;
  out.seeder_sent = {static_cast<uint64_t>(sent)};
  out.useful = {static_cast<uint64_t>(sent * kSegment / (kSegment + kSegmentHeaders))};
  return out;
}

void Server::report(RunResult& result) {
  result.peers = records_;
  result.elapsed = Duration{static_cast<int64_t>(now_ * 1e9)};
  result.seeder_sent = {static_cast<uint64_t>(sent_)};
  result.events = events_;
}

}  // namespace

RunResult simulate_http(const Scenario& scenario, uint64_t seed, const WorldContent& content,
                        const OnSecond& on_second) {
  Server server(scenario, seed, content);
  return run_by_seconds(scenario, seed, server, on_second);
}

}  // namespace fb::sim
