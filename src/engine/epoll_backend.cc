// A datagram's way in: poll() -> receive() -> EngineBase::deliver() -> the handler.
// A datagram's way out: send() -> SendQueue -> flush().
#include "engine/epoll_backend.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace fb::engine {
namespace {

class EpollBackend final : public EngineBase {
 public:
  EpollBackend(UdpSocket socket, FileDescriptor event, FileDescriptor epoll, const Seam& seam);

  Instant poll(Instant until, DatagramHandler& handler) override;
  void flush() override;
  [[nodiscard]] IoBackend backend() const override { return IoBackend::kEpoll; }

 private:
  struct Buffer {
    sockaddr_in6 name;
    alignas(cmsghdr) std::array<uint8_t, kReceiveControlBytes> control;
    iovec payload;
  };

  // How many messages were received; zero when there was none.
  size_t receive();
  // True when wake() was called.
  bool wait(Duration time);
  int wait_system(std::span<epoll_event> events, Duration time);
  void deliver_all(Instant now, size_t count, DatagramHandler& handler);

  FileDescriptor epoll_;
  bool precise_wait_ = true;  // the kernel has epoll_pwait2
  int receive_errors_ = 0;    // in this poll
  std::unique_ptr<uint8_t[]> storage_;
  std::vector<Buffer> buffers_;
  std::vector<mmsghdr> received_;
  size_t used_;  // of received_, whose lengths must be set before the next receive
};

EpollBackend::EpollBackend(UdpSocket socket, FileDescriptor event, FileDescriptor epoll,
                           const Seam& seam)
    : EngineBase(std::move(socket), std::move(event), seam),
      epoll_(std::move(epoll)),
      buffers_(batch()),
      received_(batch()),
      used_(batch()) {
  const size_t bytes = receive_buffer_bytes(socket_, seam);
  storage_ = std::make_unique_for_overwrite<uint8_t[]>(bytes * buffers_.size());
  for (size_t i = 0; i < buffers_.size(); ++i) {
    Buffer& buffer = buffers_[i];
    buffer.payload = {storage_.get() + i * bytes, bytes};
    received_[i].msg_hdr = {.msg_name = &buffer.name,
                            .msg_iov = &buffer.payload,
                            .msg_iovlen = 1,
                            .msg_control = buffer.control.data()};
  }
}

Instant EpollBackend::poll(Instant until, DatagramHandler& handler) {
  check_thread();
  flush();
  receive_errors_ = 0;
  for (;;) {
    const size_t count = receive();
    const Instant now = monotonic_now();
    if (count > 0) {
      deliver_all(now, count, handler);
      return now;
    }
    if (receive_errors_ >= kReceiveErrorsMax) return now;
    // Also without time to wait: a pending wake must be consumed.
    const Duration time = now < until ? std::min(until - now, kWaitMax) : Duration{};
    const bool woken = wait(time);
    if (woken || now >= until) return monotonic_now();
  }
}

size_t EpollBackend::receive() {
  // What the kernel has written over since the last time.
  for (mmsghdr& used : std::span(received_).first(used_)) {
    used.msg_hdr.msg_namelen = sizeof(Buffer::name);
    used.msg_hdr.msg_controllen = sizeof(Buffer::control);
  }
  used_ = 0;
  counters_.system_calls.add(1);
  const int count = ::recvmmsg(socket_.fd.get(), received_.data(),
                               static_cast<unsigned>(received_.size()), MSG_DONTWAIT, nullptr);
  if (count > 0) return used_ = static_cast<size_t>(count);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    ++receive_errors_;
    drain_error_queue(socket_.fd.get());
  }
  return 0;
}

bool EpollBackend::wait(Duration time) {
  std::array<epoll_event, 2> events{};
  const int count = wait_system(events, time);
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.fd == event_.get()) {
      uint64_t value = 0;
      counters_.system_calls.add(1);
      [[maybe_unused]] const ssize_t length = ::read(event_.get(), &value, sizeof(value));
      wake_consumed();
      woken = true;
    } else if ((event.events & EPOLLERR) != 0) {
      drain_error_queue(socket_.fd.get());
    }
  }
  return woken;
}

int EpollBackend::wait_system(std::span<epoll_event> events, Duration time) {
  const int capacity = static_cast<int>(events.size());
  constexpr int64_t kSecond = 1'000'000'000;
  counters_.system_calls.add(1);
  if (precise_wait_) {
    const timespec limit{time.ns / kSecond, time.ns % kSecond};
    const int count = ::epoll_pwait2(epoll_.get(), events.data(), capacity, &limit, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    precise_wait_ = false;
  }
  // Rounded up: never back before the deadline.
  const int64_t whole_ms = time.ns / 1'000'000 + (time.ns % 1'000'000 != 0 ? 1 : 0);
  const int64_t limit_ms = std::min<int64_t>(whole_ms, std::numeric_limits<int>::max());
  return ::epoll_wait(epoll_.get(), events.data(), capacity, static_cast<int>(limit_ms));
}

void EpollBackend::deliver_all(Instant now, size_t count, DatagramHandler& handler) {
  for (size_t i = 0; i < count; ++i) {
    const msghdr& header = received_[i].msg_hdr;
    const Buffer& buffer = buffers_[i];
    const size_t length = std::min<size_t>(received_[i].msg_len, buffer.payload.iov_len);
    deliver(now,
            {.name = {reinterpret_cast<const uint8_t*>(&buffer.name), header.msg_namelen},
             .control = {buffer.control.data(), header.msg_controllen},
             .payload = {static_cast<const uint8_t*>(buffer.payload.iov_base), length},
             .flags = header.msg_flags},
            handler);
  }
}

void EpollBackend::flush() {
  check_thread();
  queue_.send_all();
}

}  // namespace

std::expected<std::unique_ptr<UdpEngine>, EngineError> open_epoll(UdpSocket socket,
                                                                  FileDescriptor event,
                                                                  const Seam& seam) {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  bool ready = epoll.valid();
  for (const int fd : {socket.fd.get(), event.get()}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = fd;
    ready = ready && ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &interest) == 0;
  }
  if (!ready) {
    return std::unexpected(
        EngineError{EngineError::Code::kSystem, "cannot set up epoll: " + error_text(errno)});
  }
  return std::make_unique<EpollBackend>(std::move(socket), std::move(event), std::move(epoll),
                                        seam);
}

}  // namespace fb::engine
