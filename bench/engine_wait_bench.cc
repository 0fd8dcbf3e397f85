// What waiting for more than one datagram costs and brings: a second thread sends single datagrams
// at rising rates, and the receiver counts its wake-ups and how old each datagram is when it is
// given out. The baseline, in the same rounds, is a plain epoll loop with recvmmsg.
//
//   engine_wait_bench [ROUNDS]
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "engine_loop.h"
#include "engine_raw.h"

namespace {

using namespace fb;
using namespace fb::bench;
using engine::IoBackend;
using engine::monotonic_now;

constexpr std::array<int64_t, 6> kRates{1'000, 10'000, 50'000, 100'000, 200'000, 300'000};
constexpr Duration kSendTime = milliseconds(100);
constexpr Duration kPatience = milliseconds(200);  // for what is on its way when sending ends
constexpr int kRounds = 9;

// Keeps the age of what is received; every datagram begins with the time of its sending.
struct Ages {
  void add(Instant now, const uint8_t* bytes) {
    Instant sent;
    std::memcpy(&sent.ns, bytes, sizeof(sent.ns));
    ns.push_back((now - sent).ns);
  }
  std::vector<int64_t> ns;
};

struct Outcome {
  double wakes = 0;  // voluntary context switches, a datagram
  double median_us = 0;
  double p99_us = 0;
  double lost = 0;  // of those sent
};

// Receives into `ages` until it holds `count` or `until` is reached.
using Receiver = std::function<void(Ages& ages, size_t count, Instant until)>;

void send_at_rate(const Endpoint& to, int64_t rate, size_t count) {
  const engine::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in name = raw_name(to);
  std::vector<uint8_t> bytes(kDatagramBytes);
  const Instant start = monotonic_now();
  for (size_t i = 0; i < count; ++i) {
    const Instant due = start + seconds(1) * static_cast<int64_t>(i) / rate;
    Instant now = monotonic_now();
    while (now < due) now = monotonic_now();
    std::memcpy(bytes.data(), &now.ns, sizeof(now.ns));
    ::sendto(socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&name),
             sizeof(name));
  }
}

Outcome measure(const Endpoint& to, const Receiver& receive, int64_t rate) {
  const auto count = static_cast<size_t>(rate * kSendTime.ns / seconds(1).ns);
  Ages ages;
  ages.ns.reserve(count);
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &before);
  {
    const std::jthread sender([&] { send_at_rate(to, rate, count); });
    receive(ages, count, monotonic_now() + kSendTime + kPatience);
  }
  ::getrusage(RUSAGE_THREAD, &after);
  std::sort(ages.ns.begin(), ages.ns.end());
  if (ages.ns.empty()) return {.lost = 1};
  const auto got = static_cast<double>(ages.ns.size());
  return {.wakes = static_cast<double>(after.ru_nvcsw - before.ru_nvcsw) / got,
          .median_us = static_cast<double>(ages.ns[ages.ns.size() / 2]) / 1000,
          .p99_us = static_cast<double>(ages.ns[ages.ns.size() * 99 / 100]) / 1000,
          .lost = 1 - got / static_cast<double>(count)};
}

// epoll_wait, recvmmsg, and again.
class PlainLoop {
 public:
  PlainLoop() {
    epoll_event interest{};
    interest.events = EPOLLIN;
    require(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket().fd.get(), &interest) == 0,
            "epoll_ctl");
    for (size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {storage_.data() + i * kRoomBytes, kRoomBytes};
      messages_[i].msg_hdr = {.msg_iov = &pieces_[i], .msg_iovlen = 1};
    }
  }
  [[nodiscard]] const engine::UdpSocket& socket() const { return sockets_.receiver; }

  void receive(Ages& ages, size_t count, Instant until) {
    while (ages.ns.size() < count && monotonic_now() < until) {
      epoll_event event{};
      constexpr int kWaitMs = 10;
      if (::epoll_wait(epoll_.get(), &event, 1, kWaitMs) <= 0) continue;
      const int got =
          ::recvmmsg(socket().fd.get(), messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      const Instant now = monotonic_now();
      for (int i = 0; i < got; ++i) {
        ages.add(now, storage_.data() + static_cast<size_t>(i) * kRoomBytes);
      }
    }
  }

 private:
  static constexpr size_t kRoomBytes = 2048;
  SocketPair sockets_ = open_sockets(false);
  engine::FileDescriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<uint8_t> storage_ = std::vector<uint8_t>(kBatch * kRoomBytes);
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> messages_{};
};

struct AgeHandler : engine::DatagramHandler {
  void on_datagram(Instant now, const Endpoint&, std::span<const uint8_t> bytes) override {
    ages->add(now, bytes.data());
  }
  Ages* ages = nullptr;
};

struct Subject {
  std::string name;
  Endpoint to;
  Receiver receive;
  std::vector<Outcome> outcomes;  // of the rounds at one rate
};

double median(const std::vector<Outcome>& outcomes, double Outcome::*part) {
  std::vector<double> values;
  for (const Outcome& each : outcomes) values.push_back(each.*part);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const Subject& subject, const Subject& baseline) {
  const double age_us = median(subject.outcomes, &Outcome::median_us);
  const double p99_us = median(subject.outcomes, &Outcome::p99_us);
  std::printf("  %-22s %7.3f wake-ups a datagram, age %6.1f us, p99 %7.1f us", subject.name.c_str(),
              median(subject.outcomes, &Outcome::wakes), age_us, p99_us);
  if (&subject != &baseline) {
    std::printf("  added %+6.1f us, p99 %+7.1f us",
                age_us - median(baseline.outcomes, &Outcome::median_us),
                p99_us - median(baseline.outcomes, &Outcome::p99_us));
  }
  const double lost = median(subject.outcomes, &Outcome::lost);
  if (lost > 0) std::printf("  lost %.2f", lost);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : kRounds;
  PlainLoop plain;
  std::vector<Subject> subjects;
  const Endpoint loopback = destination(0, plain.socket().local.port);
  subjects.push_back(
      {"plain epoll loop",
       loopback,
       [&](Ages& ages, size_t count, Instant until) { plain.receive(ages, count, until); },
       {}});
  std::vector<std::unique_ptr<engine::UdpEngine>> engines;
  for (const IoBackend backend : {IoBackend::kEpoll, IoBackend::kIoUring}) {
    engine::EngineOptions options;
    options.listen = {Address::v4(127, 0, 0, 1), 0};
    options.backend = backend;
    options.segmentation = false;
    auto opened = engine::UdpEngine::open(options);
    if (!opened) {
      std::printf("skipped: %s\n", opened.error().detail.c_str());
      continue;
    }
    engine::UdpEngine& each = **opened;
    subjects.push_back({backend == IoBackend::kEpoll ? "engine on epoll" : "engine on io_uring",
                        each.local(),
                        [&each](Ages& ages, size_t count, Instant until) {
                          AgeHandler handler;
                          handler.ages = &ages;
                          while (ages.ns.size() < count && each.poll(until, handler) < until) {
                          }
                        },
                        {}});
    engines.push_back(std::move(*opened));
  }
  std::printf("Single datagrams from a second thread, medians of %d rounds of %.0f ms\n", rounds,
              kSendTime.milliseconds());
  for (const int64_t rate : kRates) {
    for (Subject& each : subjects) each.outcomes.clear();
    for (int round = 0; round < rounds; ++round) {
      for (Subject& each : subjects) {
        each.outcomes.push_back(measure(each.to, each.receive, rate));
      }
    }
    std::printf("%lld a second\n", static_cast<long long>(rate));
    for (const Subject& each : subjects) print(each, subjects.front());
  }
}
