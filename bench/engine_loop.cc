#include "engine_loop.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace fb::bench {
namespace {

using engine::EngineOptions;
using engine::IoBackend;
using engine::UdpEngine;

struct Count : engine::DatagramHandler {
  void on_datagram(Instant, const Endpoint&, std::span<const uint8_t>) override { ++datagrams; }
  size_t datagrams = 0;
};

// The first poll sends, too.
void receive_all(UdpEngine& engine, size_t datagrams) {
  Count count;
  while (count.datagrams < datagrams) engine.poll(engine::monotonic_now() + seconds(1), count);
}

class EngineLoop final : public Loop {
 public:
  EngineLoop(const Shape& shape, std::unique_ptr<UdpEngine> engine)
      : shape_(shape), engine_(std::move(engine)) {
    for (size_t i = 0; i < shape_.trains; ++i) {
      to_.push_back(destination(i, engine_->local().port));
    }
  }

  void pass() override {
    for (size_t i = 0; i < shape_.segments; ++i) {
      for (const Endpoint& to : to_) engine_->send(to, bytes_);
    }
    receive_all(*engine_, shape_.datagrams());
  }

  [[nodiscard]] uint64_t system_calls() const override { return engine_->stats().system_calls; }

 private:
  const Shape shape_;
  std::unique_ptr<UdpEngine> engine_;
  std::vector<Endpoint> to_;
  const std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kDatagramBytes, 0x5a);
};

class ManyEngineLoop final : public Loop {
 public:
  explicit ManyEngineLoop(std::unique_ptr<UdpEngine> engine) : engine_(std::move(engine)) {
    for (uint32_t i = 0; i < kSockets; ++i) to_.push_back(engine_->local_of((i + 1) % kSockets));
  }

  void pass() override {
    for (size_t i = 0; i < kManySockets.trains; ++i) {
      const size_t from = (first_ + i) % kSockets;
      engine_->send_from(static_cast<uint32_t>(from), to_[from], bytes_);
    }
    first_ = (first_ + kManySockets.trains) % kSockets;
    receive_all(*engine_, kManySockets.datagrams());
  }

  [[nodiscard]] uint64_t system_calls() const override { return engine_->stats().system_calls; }

 private:
  std::unique_ptr<UdpEngine> engine_;
  std::vector<Endpoint> to_;  // of each socket the one beside it
  const std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kDatagramBytes, 0x5a);
  size_t first_ = 0;
};

}  // namespace

OpenedLoop open_engine_loop(const Shape& shape, IoBackend backend, bool segmentation) {
  EngineOptions options;
  options.listen = {Address::v4(0, 0, 0, 0), 0};
  options.backend = backend;
  options.segmentation = segmentation;
  auto engine = UdpEngine::open(options);
  if (!engine) return std::unexpected(engine.error().detail);
  return std::make_unique<EngineLoop>(shape, std::move(*engine));
}

OpenedLoop open_many_engine_loop(IoBackend backend) {
  raise_file_limit();
  EngineOptions options;
  options.listen = {Address::v4(127, 0, 0, 1), 0};
  options.sockets = kSockets;
  options.backend = backend;
  options.segmentation = false;
  auto engine = UdpEngine::open(options);
  if (!engine) return std::unexpected(engine.error().detail);
  return std::make_unique<ManyEngineLoop>(std::move(*engine));
}

void raise_file_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

SocketPair open_sockets(bool segmentation) {
  EngineOptions options;
  options.listen = {Address::v4(0, 0, 0, 0), 0};
  options.segmentation = segmentation;
  auto sender = engine::open_socket(options);
  auto receiver = engine::open_socket(options);
  require(sender && receiver, "opening sockets");
  return {std::move(*sender), std::move(*receiver)};
}

Endpoint destination(size_t index, uint16_t port) {
  return {Address::v4(127, 0, static_cast<uint8_t>(index >> 8), static_cast<uint8_t>(1 + index)),
          port};
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "engine_bench: %s: %s\n", what, engine::error_text(errno).c_str());
  std::exit(1);
}

}  // namespace fb::bench
