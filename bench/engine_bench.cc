// What a datagram costs: CPU time for send and receive together, over loopback, in one thread.
//
//   engine_bench [ROUNDS [NAME]]      NAME: only the loops whose names contain it, and no ratios
//
// Every judged line is a ratio to a named baseline of the same run, and never an absolute figure.
// Rounds are interleaved and a ratio is taken within a round, so that a disturbance meets both; the
// median of the rounds counts. "short" is what falls short of what is asked.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "engine_loop.h"

namespace {

using namespace fb;
using namespace fb::bench;
using engine::IoBackend;

// A loaded sender has something for several peers in a pass, and theirs come in turn.
constexpr Shape kFull{4, 54};
constexpr Shape kLone{1, 54};
constexpr Shape kShort{4, 16};
constexpr Shape kSingles{1, 64};
constexpr size_t kRoundDatagrams = 16'384;
constexpr int kRounds = 61;

struct Subject {
  std::string name;
  Shape shape;
  std::unique_ptr<Loop> loop;
  // One of each round, a datagram.
  std::vector<double> cpu_ns;
  std::vector<double> wall_ns;
  std::vector<double> calls;
};

double now_ns(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void run_round(Subject& subject) {
  const size_t passes = kRoundDatagrams / subject.shape.datagrams();
  // Warms the caches that the loop before has filled.
  subject.loop->pass();
  subject.loop->pass();
  const uint64_t calls = subject.loop->system_calls();
  const double wall = now_ns(CLOCK_MONOTONIC);
  const double cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (size_t i = 0; i < passes; ++i) subject.loop->pass();
  const auto datagrams = static_cast<double>(passes * subject.shape.datagrams());
  subject.cpu_ns.push_back((now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / datagrams);
  subject.wall_ns.push_back((now_ns(CLOCK_MONOTONIC) - wall) / datagrams);
  subject.calls.push_back(static_cast<double>(subject.loop->system_calls() - calls) / datagrams);
}

class Bench {
 public:
  explicit Bench(std::string only) : only_(std::move(only)) {}

  void add(std::string name, const Shape& shape, OpenedLoop opened) {
    if (name.find(only_) == std::string::npos) return;
    if (opened) {
      subjects_.push_back({std::move(name), shape, std::move(*opened), {}, {}, {}});
    } else {
      std::printf("%-36s skipped: %s\n", name.c_str(), opened.error().c_str());
    }
  }

  void run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (Subject& subject : subjects_) run_round(subject);
    }
    std::printf("A datagram of %zu bytes, sent and received; median of %d rounds\n\n",
                kDatagramBytes, rounds);
    std::printf("%-36s %8s %12s %16s\n", "", "CPU-ns", "datagrams/s", "system calls");
    for (const Subject& each : subjects_) {
      std::printf("%-36s %8.0f %12.0f %16.4f\n", each.name.c_str(), median(each.cpu_ns),
                  1e9 / median(each.wall_ns), median(each.calls));
    }
    std::printf("\n");
  }

  // CPU-ns of the baseline by CPU-ns of the subject, asked to be `least` or more.
  void judge_gain(const char* name, const char* baseline, double least) const {
    const double value = ratio(baseline, name);
    print(name, value, "times fewer CPU-ns than", baseline, ">=", least, value >= least);
  }
  // The other way round, asked to be `most` or less.
  void judge_cost(const char* name, const char* baseline, double most) const {
    const double value = ratio(name, baseline);
    print(name, value, "of the CPU-ns of", baseline, "<=", most, value > 0 && value <= most);
  }

 private:
  [[nodiscard]] const Subject* find(const std::string& name) const {
    for (const Subject& each : subjects_) {
      if (each.name == name) return &each;
    }
    return nullptr;
  }

  // The median of the rounds' ratios; zero when either was not measured.
  [[nodiscard]] double ratio(const char* above, const char* below) const {
    const Subject* const a = find(above);
    const Subject* const b = find(below);
    if (a == nullptr || b == nullptr) return 0;
    std::vector<double> each;
    for (size_t i = 0; i < a->cpu_ns.size(); ++i) each.push_back(a->cpu_ns[i] / b->cpu_ns[i]);
    return median(each);
  }

  static void print(const char* name, double value, const char* relation, const char* baseline,
                    const char* sign, double bar, bool good) {
    if (value == 0) return;
    std::printf("%-36s %6.2f %s %s (asked: %s %.2f)  %s\n", name, value, relation, baseline, sign,
                bar, good ? "good" : "short");
  }

  const std::string only_;
  std::vector<Subject> subjects_;
};

void add_all(Bench& bench) {
  bench.add("epoll+mmsg", kSingles, open_mmsg_loop(kSingles));
  const auto add_trains = [&](const std::string& what, const Shape& shape) {
    bench.add("raw epoll, " + what, shape, open_raw_epoll_loop(shape));
    bench.add("raw io_uring, " + what, shape, open_raw_uring_loop(shape));
    bench.add("engine on epoll, " + what, shape, open_engine_loop(shape, IoBackend::kEpoll, true));
    bench.add("engine on io_uring, " + what, shape,
              open_engine_loop(shape, IoBackend::kIoUring, true));
  };
  add_trains("4 full trains", kFull);
  add_trains("1 full train", kLone);
  add_trains("4 trains of 16", kShort);
  bench.add("engine on epoll, singles", kSingles,
            open_engine_loop(kSingles, IoBackend::kEpoll, false));
  bench.add("engine on io_uring, singles", kSingles,
            open_engine_loop(kSingles, IoBackend::kIoUring, false));
  bench.add("4096 sockets, epoll+mmsg", kManySockets, open_many_mmsg_loop());
  bench.add("4096 sockets, raw io_uring", kManySockets, open_many_uring_loop());
  bench.add("4096 sockets, engine on epoll", kManySockets,
            open_many_engine_loop(IoBackend::kEpoll));
  bench.add("4096 sockets, engine on io_uring", kManySockets,
            open_many_engine_loop(IoBackend::kIoUring));
}

void judge_all(const Bench& bench) {
  constexpr const char* kMmsg = "epoll+mmsg";
  bench.judge_gain("engine on io_uring, 4 full trains", kMmsg, 12);
  bench.judge_gain("engine on epoll, 4 full trains", kMmsg, 12);
  bench.judge_gain("engine on io_uring, 1 full train", kMmsg, 12);
  bench.judge_gain("engine on epoll, 1 full train", kMmsg, 12);
  bench.judge_gain("raw io_uring, 4 full trains", kMmsg, 12);
  bench.judge_gain("engine on io_uring, 4 full trains", "raw io_uring, 4 full trains", 0.65);
  bench.judge_gain("engine on epoll, 4 full trains", "raw epoll, 4 full trains", 0.65);
  bench.judge_gain("engine on io_uring, 1 full train", "raw io_uring, 1 full train", 0.65);
  bench.judge_gain("engine on io_uring, 4 trains of 16", kMmsg, 7);
  bench.judge_gain("engine on epoll, 4 trains of 16", kMmsg, 7);
  bench.judge_cost("engine on io_uring, singles", kMmsg, 1.05);
  bench.judge_cost("engine on epoll, singles", kMmsg, 1.05);
  constexpr const char* kMany = "4096 sockets, epoll+mmsg";
  bench.judge_cost("4096 sockets, raw io_uring", kMany, 0.95);
  bench.judge_cost("4096 sockets, engine on io_uring", kMany, 0.95);
  bench.judge_cost("4096 sockets, engine on epoll", kMany, 1.05);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : kRounds;
  Bench bench(argc > 2 ? argv[2] : "");
  add_all(bench);
  bench.run(rounds);
  if (argc <= 2) judge_all(bench);
}
