#include "engine_loop.h"

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

class EngineLoop final : public Loop {
 public:
  EngineLoop(const Shape& shape, std::unique_ptr<UdpEngine> sender,
             std::unique_ptr<UdpEngine> receiver)
      : shape_(shape), sender_(std::move(sender)), receiver_(std::move(receiver)) {
    for (size_t i = 0; i < shape_.trains; ++i) {
      to_.push_back(destination(i, receiver_->local().port));
    }
  }

  void pass() override {
    for (size_t i = 0; i < shape_.segments; ++i) {
      for (const Endpoint& to : to_) sender_->send(to, bytes_);
    }
    sender_->flush();
    count_.datagrams = 0;
    while (count_.datagrams < shape_.datagrams()) {
      receiver_->poll(engine::monotonic_now() + seconds(1), count_);
    }
  }

  [[nodiscard]] uint64_t system_calls() const override {
    return sender_->stats().system_calls + receiver_->stats().system_calls;
  }

 private:
  const Shape shape_;
  std::unique_ptr<UdpEngine> sender_;
  std::unique_ptr<UdpEngine> receiver_;
  std::vector<Endpoint> to_;
  const std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kDatagramBytes, 0x5a);
  Count count_;
};

}  // namespace

OpenedLoop open_engine_loop(const Shape& shape, IoBackend backend, bool segmentation) {
  EngineOptions options;
  options.listen = {Address::v4(0, 0, 0, 0), 0};
  options.backend = backend;
  options.segmentation = segmentation;
  auto sender = UdpEngine::open(options);
  auto receiver = UdpEngine::open(options);
  if (!sender || !receiver) return std::unexpected((sender ? receiver : sender).error().detail);
  return std::make_unique<EngineLoop>(shape, std::move(*sender), std::move(*receiver));
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
