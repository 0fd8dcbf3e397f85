// What profile v2's seeder costs: CPU time and allocations a join and a visit, memory a peer that
// has joined. In virtual time, on one core, without sockets: JOIN, GREET and BYE go in at
// SeederNode, and what comes out is counted.
//
// The baseline of the ratios is what such a join or visit costs at the least, measured in the same
// run: its messages decoded and encoded, its tickets hashed, its chunks read. Nothing is signed,
// for manifests are signed once.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "content/memory_site.h"
#include "counting_new.h"
#include "roulette/seeder_node.h"
#include "roulette/ticket.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace {

using namespace fb;
using namespace fb::roulette;

constexpr size_t kJoined = 8192;          // as many as SeederConfig::neighbours_max
constexpr size_t kHere = 7900;            // visitors at a time, in the visits
constexpr size_t kBatch = 200;            // datagrams that are timed together
constexpr size_t kBatches = 100;
constexpr int kRounds = 5;                // interleaved with the baseline; the median counts
constexpr uint64_t kUplink = 10'000'000'000;
// So quick, in virtual time, that a visit is over before the seeder may send it unasked chunks to
// fill its line (60 ms): what is measured is what visitors ask for.
constexpr Duration kGap = microseconds(6);
constexpr size_t kFileBytes = 128 * 1024;

double cpu_now_us() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

std::unique_ptr<content::MemorySite> make_site() {
  std::array<uint8_t, 32> seed{};
  std::vector<content::MemoryFile> files{{"f", "text/plain", std::vector<uint8_t>(kFileBytes, 7)}};
  auto site = std::make_unique<content::MemorySite>(std::move(files),
                                                    content::secret_key_from_seed(seed));
  // Computed once, and not in the measurement.
  if (site->repair_bytes(*site->first_object("f")).empty()) std::abort();
  return site;
}

struct Visitor {
  Endpoint endpoint;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  wire::Token ticket = 0;   // to the seeder
  wire::Token seeder = 0;   // the seeder's token, once it was met

  explicit Visitor(uint32_t number)
      : endpoint{Address::v4(10, static_cast<uint8_t>(number >> 16),
                             static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)),
                 4711},
        reply_token(0x10'0000'0000U + number * 0x9e37U),
        name(0x20'0000'0000U + number * 0x79b9U) {}
};

// Keeps what answers it needs of the seeder's, and counts the rest.
struct Sink final : Transport {
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
    ++datagrams;
    const auto type = static_cast<wire::MessageType>(datagram[1]);
    if (type == wire::MessageType::kPiece) ++pieces;
    if (type == wire::MessageType::kManifestPart) ++manifests;
    if (type != wire::MessageType::kAdmit && type != wire::MessageType::kGreeted) return;
    if (kept_count == kept.size()) return;
    Kept& one = kept[kept_count++];
    one.to = to;
    one.size = datagram.size();
    std::copy(datagram.begin(), datagram.end(), one.bytes.begin());
  }
  struct Kept {
    Endpoint to;
    size_t size = 0;
    wire::Buffer bytes;
  };
  std::array<Kept, kBatch> kept;
  size_t kept_count = 0;
  uint64_t datagrams = 0, pieces = 0, manifests = 0;
};

struct Datagram {
  Endpoint from;
  wire::Buffer bytes;
  size_t size = 0;
  void put(const Endpoint& sender, wire::Token to, const wire::Message& message) {
    from = sender;
    size = wire::encode(to, message, bytes).size();
  }
};

struct Cost {
  double cpu_us = 0;
  uint64_t allocations = 0;
  size_t count = 0;
};

class Bench {
 public:
  Bench() : site_(make_site()) {
    SeederOptions options;
    options.config.uplink = {kUplink};
    seeder_ = std::make_unique<SeederNode>(options, *site_, sink_);
  }

  // Datagrams of a batch, timed; virtual time goes on by `gap` with each.
  void feed(size_t count, Duration gap, Cost& cost) {
    sink_.kept_count = 0;
    const uint64_t allocations = test::allocations.load();
    const double before = cpu_now_us();
    for (size_t i = 0; i < count; ++i) {
      now_ = now_ + gap;
      seeder_->receive(now_, batch_[i].from, std::span(batch_[i].bytes).first(batch_[i].size));
    }
    cost.cpu_us += cpu_now_us() - before;
    cost.allocations += test::allocations.load() - allocations;
  }

  void join(std::vector<Visitor>& newcomers, Cost& cost) {
    for (size_t i = 0; i < newcomers.size(); ++i) {
      const Visitor& one = newcomers[i];
      batch_[i].put(one.endpoint, 0,
                    wire::Join{wire::Profile::kV2, one.reply_token, one.name, {}, "f"});
    }
    feed(newcomers.size(), kGap, cost);
    for (size_t i = 0; i < sink_.kept_count; ++i) {
      const auto answer = wire::decode(std::span(sink_.kept[i].bytes).first(sink_.kept[i].size));
      const auto* admit = std::get_if<wire::Admit>(&answer->message);
      if (admit == nullptr) continue;
      contacts_ += admit->contacts.size();
      newcomers[i].ticket = admit->ticket;
    }
    admitted_ += newcomers.size();
  }

  void greet(std::vector<Visitor>& newcomers, Cost& cost) {
    for (size_t i = 0; i < newcomers.size(); ++i) {
      wire::Greet greet;
      greet.reply_token = newcomers[i].reply_token + 1;
      greet.name = newcomers[i].name;
      greet.path = "f";
      greet.state.sequence = 1;
      batch_[i].put(newcomers[i].endpoint, newcomers[i].ticket, greet);
    }
    feed(newcomers.size(), {}, cost);
    size_t at = 0;
    for (size_t i = 0; i < sink_.kept_count; ++i) {
      const auto answer = wire::decode(std::span(sink_.kept[i].bytes).first(sink_.kept[i].size));
      const auto* greeted = std::get_if<wire::Greeted>(&answer->message);
      if (greeted == nullptr || at == newcomers.size()) continue;
      newcomers[at++].seeder = greeted->reply_token;
    }
  }

  void leave(size_t count, Cost& cost) {
    for (size_t i = 0; i < count; ++i) {
      const auto lived = static_cast<uint32_t>(kGap.ns * int64_t{kHere} / 1'000'000);
      batch_[i].put(here_[i].endpoint, here_[i].seeder, wire::Bye{lived, {100}, {100}});
    }
    feed(count, {}, cost);
    here_.erase(here_.begin(), here_.begin() + static_cast<ptrdiff_t>(count));
  }

  [[nodiscard]] std::vector<Visitor> newcomers(size_t count) {
    std::vector<Visitor> out;
    for (size_t i = 0; i < count; ++i) out.emplace_back(++last_);
    return out;
  }

  void visits(size_t count, size_t here_max, Cost& cost) {
    for (size_t done = 0; done < count; done += kBatch) {
      auto group = newcomers(std::min(kBatch, count - done));
      join(group, cost);
      greet(group, cost);
      here_.insert(here_.end(), group.begin(), group.end());
      while (here_.size() > here_max) leave(std::min(kBatch, here_.size() - here_max), cost);
    }
    cost.count += count;
  }
  void joins(size_t count, Cost& cost) {
    for (size_t done = 0; done < count; done += kBatch) {
      auto group = newcomers(std::min(kBatch, count - done));
      join(group, cost);
    }
    cost.count += count;
  }

  [[nodiscard]] const Sink& sink() const { return sink_; }
  [[nodiscard]] NodeStats stats() const { return seeder_->stats(); }
  [[nodiscard]] double contacts_each() const {
    return static_cast<double>(contacts_) / static_cast<double>(std::max<size_t>(admitted_, 1));
  }

 private:
  std::unique_ptr<content::MemorySite> site_;
  Sink sink_;
  std::unique_ptr<SeederNode> seeder_;
  Instant now_{1'000'000'000};
  std::array<Datagram, kBatch> batch_;
  std::deque<Visitor> here_;
  uint32_t last_ = 0;
  size_t contacts_ = 0, admitted_ = 0;
};

// The least: what each join (and visit) decodes, hashes, reads and encodes, and nothing else.
class Least {
 public:
  Least() : site_(make_site()), manifest_(site_->manifest("f")), file_(*site_->first_object("f")) {
    const Visitor visitor(1);
    join_.put(visitor.endpoint, 0,
              wire::Join{wire::Profile::kV2, visitor.reply_token, visitor.name, {}, "f"});
    wire::Greet greet;
    greet.reply_token = 1;
    greet.path = "f";
    greet.state.sequence = 1;
    greet_.put(visitor.endpoint, make_ticket(key_, visitor.endpoint.address, 0, 1), greet);
    bye_.put(visitor.endpoint, 5, wire::Bye{1000, {1}, {1}});
    admit_ = wire::Admit{};
    auto& admit = std::get<wire::Admit>(admit_);
    admit.ticket = 1;
    admit.contacts.resize(10, {visitor.endpoint, 1});
    piece_ = wire::Piece{};
  }
  uint64_t join() {
    uint64_t sum = decoded(join_);
    auto& admit = std::get<wire::Admit>(admit_);
    admit.ticket = make_ticket(key_, join_.from.address, 0, 1);
    for (auto& contact : admit.contacts) {
      contact.ticket = make_ticket(key_, join_.from.address, 0, 1);
    }
    return sum + wire::encode(1, admit_, buffer_).size();
  }
  uint64_t visit(size_t pieces) {
    uint64_t sum = join() + decoded(greet_) + decoded(bye_);
    sum += ticket_valid(key_, greet_.from.address, 0, 1) ? 1U : 0U;
    sum += wire::encode(1, wire::Greeted{}, buffer_).size();
    sum += wire::encode(1, wire::ManifestPart{1, 0, 1, manifest_}, buffer_).size();
    for (size_t i = 0; i < pieces; ++i) {
      auto& piece = std::get<wire::Piece>(piece_);
      const size_t length = site_->read_chunk(file_, static_cast<uint32_t>(i), chunk_);
      piece.bytes = std::span(chunk_).first(length);
      sum += wire::encode(1, piece_, buffer_).size();
    }
    return sum;
  }

 private:
  [[nodiscard]] static uint64_t decoded(const Datagram& datagram) {
    return wire::decode(std::span(datagram.bytes).first(datagram.size))->header.to;
  }
  std::unique_ptr<content::MemorySite> site_;
  std::span<const uint8_t> manifest_;
  content::FileId file_;
  TicketKey key_{1, 2, 3};
  Datagram join_, greet_, bye_;
  wire::Message admit_, piece_;
  wire::Buffer buffer_{};
  std::array<uint8_t, content::kChunkSizeMax> chunk_{};
};

double median(std::vector<double> samples) {
  std::ranges::sort(samples);
  return samples[samples.size() / 2];
}

double each(const Cost& cost) { return cost.cpu_us / static_cast<double>(cost.count); }

double timed(size_t count, const std::function<uint64_t()>& work) {
  uint64_t sum = 0;
  const double before = cpu_now_us();
  for (size_t i = 0; i < count; ++i) sum += work();
  const double us = (cpu_now_us() - before) / static_cast<double>(count);
  if (sum == 0) std::printf("nothing was done\n");
  return us;
}

void print(const char* what, double us, double least_us, const Cost& cost) {
  std::printf("%-28s %8.2f us %9.0f /s on one core   %6.2f of the least   %5.2f allocations\n",
              what, us, 1e6 / us, us / least_us,
              static_cast<double>(cost.allocations) / static_cast<double>(cost.count));
}

}  // namespace

int main() {
  {
    const auto bench = std::make_unique<Bench>();
    const uint64_t before = test::live_bytes.load();
    Cost cost;
    bench->visits(kJoined, kJoined, cost);
    const uint64_t now = bench->stats().neighbours_now;
    const uint64_t bytes = test::live_bytes.load() - before;
    // The bench's own record of who is here is no part of it.
    const uint64_t own = now * sizeof(Visitor);
    std::printf("%-28s %8.0f bytes, with %llu joined\n", "memory a joined peer",
                static_cast<double>(bytes - own) / static_cast<double>(now),
                static_cast<unsigned long long>(now));
  }
  const auto crowd = std::make_unique<Bench>();  // 8,192 who have joined, and then JOIN alone
  const auto visits = std::make_unique<Bench>();
  Cost warm;
  crowd->visits(kJoined, kJoined, warm);
  crowd->joins(kBatch, warm);
  visits->visits(3 * kHere, kHere, warm);
  const auto least = std::make_unique<Least>();
  const uint64_t pieces_before = visits->sink().pieces;
  const uint64_t manifests_before = visits->sink().manifests;
  std::vector<double> join_us, visit_us, least_join_us, least_visit_us;
  Cost joins, all_visits;
  constexpr size_t kEach = kBatch * kBatches / kRounds;
  for (int round = 0; round < kRounds; ++round) {
    Cost cost;
    crowd->joins(kEach, cost);
    join_us.push_back(each(cost));
    joins.allocations += cost.allocations;
    joins.count += cost.count;
    cost = {};
    visits->visits(kEach, kHere, cost);
    visit_us.push_back(each(cost));
    all_visits.allocations += cost.allocations;
    all_visits.count += cost.count;
    const double pieces = static_cast<double>(visits->sink().pieces - pieces_before) /
                          static_cast<double>(all_visits.count);
    least_join_us.push_back(timed(kEach, [&] { return least->join(); }));
    least_visit_us.push_back(
        timed(kEach, [&] { return least->visit(static_cast<size_t>(pieces + 0.5)); }));
  }
  const auto per_visit = [&](uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(all_visits.count);
  };
  const double least_join = median(least_join_us);
  const double least_visit = median(least_visit_us);
  print("JOIN to ADMIT", median(join_us), least_join, joins);
  print("a visit", median(visit_us), least_visit, all_visits);
  std::printf("%-28s %8.2f us for a join, %.2f us for a visit\n", "the least", least_join,
              least_visit);
  std::printf("%-28s %8.1f contacts, %.1f manifests, %.1f chunks; dropped: %llu and %llu\n",
              "a visit gets", visits->contacts_each(),
              per_visit(visits->sink().manifests - manifests_before),
              per_visit(visits->sink().pieces - pieces_before),
              static_cast<unsigned long long>(crowd->stats().drops.total()),
              static_cast<unsigned long long>(visits->stats().drops.total()));
}
