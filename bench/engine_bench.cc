// What a datagram costs: CPU time for send and receive together, over loopback, in one thread.
// The baseline of the ratios is epoll without trains, measured in the same run.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "engine/udp_engine.h"

namespace {

using namespace fb;
using namespace fb::engine;

constexpr size_t kDatagramBytes = 1200;
constexpr int kPassDatagrams = 54;  // one full train
constexpr int kPasses = 4000;
constexpr int kRounds = 5;  // interleaved, so that a disturbance meets all; the median counts

struct Count : DatagramHandler {
  void on_datagram(Instant, const Endpoint&, std::span<const uint8_t>) override { ++datagrams; }
  int datagrams = 0;
};

struct Subject {
  std::string name;
  IoBackend backend;
  bool segmentation;
  std::vector<double> cpu_ns;

  [[nodiscard]] double median_ns() {
    std::sort(cpu_ns.begin(), cpu_ns.end());
    return cpu_ns.empty() ? 0 : cpu_ns[cpu_ns.size() / 2];
  }
};

double cpu_now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// False when the backend is refused here.
bool measure(Subject& subject) {
  EngineOptions options;
  options.listen = {Address::v4(127, 0, 0, 1), 0};
  options.backend = subject.backend;
  options.segmentation = subject.segmentation;
  const auto sender = UdpEngine::open(options);
  const auto receiver = UdpEngine::open(options);
  if (!sender || !receiver) {
    const EngineError& error = sender ? receiver.error() : sender.error();
    std::printf("%-16s skipped: %s\n", subject.name.c_str(), error.detail.c_str());
    return false;
  }
  const std::vector<uint8_t> bytes(kDatagramBytes, 0x5a);
  const Endpoint to = (*receiver)->local();
  Count count;
  const double before = cpu_now_ns();
  for (int pass = 0; pass < kPasses; ++pass) {
    for (int i = 0; i < kPassDatagrams; ++i) (*sender)->send(to, bytes);
    (*sender)->flush();
    // Loopback loses nothing while the receive buffer holds a pass.
    const int due = (pass + 1) * kPassDatagrams;
    while (count.datagrams < due) (*receiver)->poll(monotonic_now() + seconds(1), count);
  }
  subject.cpu_ns.push_back((cpu_now_ns() - before) / (kPasses * kPassDatagrams));
  return true;
}

}  // namespace

int main() {
  std::vector<Subject> subjects{{"epoll singles", IoBackend::kEpoll, false, {}},
                                {"epoll trains", IoBackend::kEpoll, true, {}},
                                {"io_uring singles", IoBackend::kIoUring, false, {}},
                                {"io_uring trains", IoBackend::kIoUring, true, {}}};
  for (int round = 0; round < kRounds; ++round) {
    std::erase_if(subjects, [](Subject& subject) { return !measure(subject); });
  }
  if (subjects.empty()) return 1;
  const double baseline = subjects.front().median_ns();
  std::printf("CPU time a datagram of %zu bytes, send and receive, median of %d\n", kDatagramBytes,
              kRounds);
  for (Subject& subject : subjects) {
    const double ns = subject.median_ns();
    std::printf("%-16s %8.0f ns   %6.3f of %s\n", subject.name.c_str(), ns, ns / baseline,
                subjects.front().name.c_str());
  }
}
