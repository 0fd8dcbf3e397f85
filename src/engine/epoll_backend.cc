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

// Beside the numbers of sockets.
constexpr uint32_t kWakeEvent = UINT32_MAX;

class EpollBackend final : public EngineBase {
 public:
  EpollBackend(std::vector<UdpSocket> sockets, FileDescriptor event, FileDescriptor epoll,
               const Seam& seam);

  Instant poll(Instant until, DatagramHandler& handler) override;
  void flush() override;
  [[nodiscard]] IoBackend backend() const override { return IoBackend::kEpoll; }

 private:
  struct Buffer {
    sockaddr_in6 name;
    alignas(cmsghdr) std::array<uint8_t, kReceiveControlBytes> control;
    iovec payload;
  };

  // How many messages were received on `socket`, at most `most`; zero when there was none.
  size_t receive(uint32_t socket, size_t most);
  // Makes ready_ the sockets that have something; true when wake() was called.
  bool wait(Duration time);
  int wait_system(Duration time);
  // One turn for each of ready_, of which there are some; true when something was delivered.
  bool take_turns(Instant now, DatagramHandler& handler);
  void deliver_all(Instant now, uint32_t socket, size_t count, DatagramHandler& handler);

  FileDescriptor epoll_;
  bool precise_wait_ = true;  // the kernel has epoll_pwait2
  int receive_errors_ = 0;    // in this poll
  std::unique_ptr<uint8_t[]> storage_;
  std::vector<Buffer> buffers_;
  std::vector<mmsghdr> received_;
  std::vector<epoll_event> events_;
  std::vector<uint32_t> ready_;  // sockets, of the last wait
  size_t ready_count_ = 0;
};

EpollBackend::EpollBackend(std::vector<UdpSocket> sockets, FileDescriptor event,
                           FileDescriptor epoll, const Seam& seam)
    : EngineBase(std::move(sockets), std::move(event), seam),
      epoll_(std::move(epoll)),
      buffers_(batch()),
      received_(batch()),
      events_(std::min(sockets_.size(), batch()) + 1),
      ready_(events_.size()) {
  const size_t bytes = receive_buffer_bytes(sockets_.front(), seam);
  storage_ = std::make_unique_for_overwrite<uint8_t[]>(bytes * buffers_.size());
  for (size_t i = 0; i < buffers_.size(); ++i) {
    Buffer& buffer = buffers_[i];
    buffer.payload = {storage_.get() + i * bytes, bytes};
    received_[i].msg_hdr = {.msg_name = &buffer.name,
                            .msg_namelen = sizeof(buffer.name),
                            .msg_iov = &buffer.payload,
                            .msg_iovlen = 1,
                            .msg_control = buffer.control.data(),
                            .msg_controllen = buffer.control.size()};
  }
}

Instant EpollBackend::poll(Instant until, DatagramHandler& handler) {
  check_thread();
  flush();
  receive_errors_ = 0;
  const bool many = sockets_.size() > 1;
  for (;;) {
    // A lone socket is looked at first: under load that spares the wait.
    const size_t count = many ? 0 : receive(0, batch());
    const Instant before = monotonic_now();
    if (count > 0) {
      deliver_all(before, 0, count, handler);
      return before;
    }
    if (receive_errors_ >= kReceiveErrorsMax) return before;
    // Also without time to wait: a pending wake must be consumed.
    const Duration time = before < until ? std::min(until - before, kWaitMax) : Duration{};
    const bool woken = wait(time);
    if (many && ready_count_ > 0) {
      const Instant now = monotonic_now();
      if (take_turns(now, handler)) return now;
    }
    if (woken || before >= until) return monotonic_now();
  }
}

size_t EpollBackend::receive(uint32_t socket, size_t most) {
  const int fd = sockets_[socket].fd.get();
  counters_.system_calls.add(1);
  const int count =
      ::recvmmsg(fd, received_.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    ++receive_errors_;
    drain_error_queue(fd);
  }
  return 0;
}

bool EpollBackend::wait(Duration time) {
  const int count = wait_system(time);
  bool woken = false;
  ready_count_ = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    if (event.data.u32 == kWakeEvent) {
      uint64_t value = 0;
      counters_.system_calls.add(1);
      [[maybe_unused]] const ssize_t length = ::read(event_.get(), &value, sizeof(value));
      wake_consumed();
      woken = true;
      continue;
    }
    if ((event.events & EPOLLERR) != 0) drain_error_queue(sockets_[event.data.u32].fd.get());
    if ((event.events & EPOLLIN) != 0) ready_[ready_count_++] = event.data.u32;
  }
  return woken;
}

int EpollBackend::wait_system(Duration time) {
  const int capacity = static_cast<int>(events_.size());
  constexpr int64_t kSecond = 1'000'000'000;
  counters_.system_calls.add(1);
  if (precise_wait_) {
    const timespec limit{time.ns / kSecond, time.ns % kSecond};
    const int count = ::epoll_pwait2(epoll_.get(), events_.data(), capacity, &limit, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    precise_wait_ = false;
  }
  // Rounded up: never back before the deadline.
  const int64_t whole_ms = time.ns / 1'000'000 + (time.ns % 1'000'000 != 0 ? 1 : 0);
  const int64_t limit_ms = std::min<int64_t>(whole_ms, std::numeric_limits<int>::max());
  return ::epoll_wait(epoll_.get(), events_.data(), capacity, static_cast<int>(limit_ms));
}

// The kernel moves a socket that stays ready to the end of its list, so who is not in this wait is
// in one of the next.
bool EpollBackend::take_turns(Instant now, DatagramHandler& handler) {
  bool delivered = false;
  const size_t share = std::max<size_t>(1, batch() / ready_count_);
  for (size_t i = 0; i < ready_count_; ++i) {
    const size_t count = receive(ready_[i], share);
    if (count == 0) continue;
    deliver_all(now, ready_[i], count, handler);
    delivered = true;
  }
  return delivered;
}

void EpollBackend::deliver_all(Instant now, uint32_t socket, size_t count,
                               DatagramHandler& handler) {
  for (size_t i = 0; i < count; ++i) {
    msghdr& header = received_[i].msg_hdr;
    const Buffer& buffer = buffers_[i];
    const size_t length = std::min<size_t>(received_[i].msg_len, buffer.payload.iov_len);
    deliver(now,
            {.socket = socket,
             .name = {reinterpret_cast<const uint8_t*>(&buffer.name), header.msg_namelen},
             .control = {buffer.control.data(), header.msg_controllen},
             .payload = {static_cast<const uint8_t*>(buffer.payload.iov_base), length},
             .flags = header.msg_flags},
            handler);
    // The kernel has written over them.
    header.msg_namelen = sizeof(buffer.name);
    header.msg_controllen = buffer.control.size();
  }
}

void EpollBackend::flush() {
  check_thread();
  queue_.send_all();
}

}  // namespace

std::expected<std::unique_ptr<UdpEngine>, EngineError> open_epoll(std::vector<UdpSocket> sockets,
                                                                  FileDescriptor event,
                                                                  const Seam& seam) {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  bool ready = epoll.valid();
  const auto watch = [&](int fd, uint32_t number) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u32 = number;
    ready = ready && ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &interest) == 0;
  };
  watch(event.get(), kWakeEvent);
  for (uint32_t i = 0; i < sockets.size(); ++i) watch(sockets[i].fd.get(), i);
  if (!ready) {
    return std::unexpected(
        EngineError{EngineError::Code::kSystem, "cannot set up epoll: " + error_text(errno)});
  }
  return std::make_unique<EpollBackend>(std::move(sockets), std::move(event), std::move(epoll),
                                        seam);
}

}  // namespace fb::engine
