// A datagram's way in: poll() -> enter() -> reap() -> deliver_waiting() -> EngineBase::deliver().
// A datagram's way out: send() -> SendQueue -> queue_sends() -> enter() -> finish_sends().
#include "engine/uring_backend.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "engine/batch_wait.h"
#include "engine/circle.h"

namespace fb::engine {
namespace {

// So many messages of one socket leave with the system call that also receives; for more, a
// sendmmsg costs less than as many requests.
constexpr size_t kRingSendsMax = 4;
// What a wait gathers at most while traffic is dense: few enough for the buffers.
constexpr unsigned kGatherTrains = kTrainBuffers / 2;
constexpr unsigned kGatherSingles = 32;
// A wait while some sockets are not armed yet, for want of buffers.
constexpr Duration kUnarmedWait = microseconds(100);

// The kernel ends a wait after some twenty sockets anyway.
unsigned gather_max(std::span<const UdpSocket> sockets) {
  if (sockets.size() > 1) return 1;
  return sockets.front().receives_trains ? kGatherTrains : kGatherSingles;
}

class UringBackend final : public EngineBase {
 public:
  UringBackend(std::vector<UdpSocket> sockets, FileDescriptor event, std::unique_ptr<Ring> ring,
               const Seam& seam);
  ~UringBackend() override { check_thread(); }

  Instant poll(Instant until, DatagramHandler& handler) override;
  void flush() override;
  [[nodiscard]] IoBackend backend() const override { return IoBackend::kIoUring; }

 private:
  // A receive that completed and whose buffer we hold until it is delivered.
  struct Waiting {
    uint32_t socket = 0;
    uint32_t bytes = 0;
    uint16_t buffer = 0;
  };

  void arm();
  bool arm_next(Circle<uint32_t>& sockets);
  [[nodiscard]] size_t unarmed() const { return hungry_.size() + fed_.size(); }
  void queue_sends();
  // Submits, and waits for `count` completions when `time` is positive.
  void enter(Duration time, unsigned count = 1);
  bool submit_all();
  void reap();
  void on_receive(const io_uring_cqe& completion);
  void finish_sends();
  void deliver_waiting(Instant now, DatagramHandler& handler);

  std::unique_ptr<Ring> ring_;
  // All is armed by Ring::open. Sockets whose receive has ended: those that got nothing since it
  // was armed come first, so that a hot socket, which may take every buffer, cannot starve them.
  Circle<uint32_t> hungry_;
  Circle<uint32_t> fed_;
  std::vector<bool> got_;  // each socket, since it was armed
  bool wake_armed_ = true;
  bool woken_ = false;
  bool sends_queued_ = false;  // messages of queue_ are in the submission queue, or were
  BatchWait batch_wait_;
  int receive_errors_ = 0;                       // in this poll
  Circle<Waiting> waiting_;                      // with room for every buffer
  std::array<io_uring_cqe*, 64> completions_{};  // of reap(), which would have to zero it each time
};

UringBackend::UringBackend(std::vector<UdpSocket> sockets, FileDescriptor event,
                           std::unique_ptr<Ring> ring, const Seam& seam)
    : EngineBase(std::move(sockets), std::move(event), seam),
      ring_(std::move(ring)),
      hungry_(sockets_.size()),
      fed_(sockets_.size()),
      got_(sockets_.size()),
      batch_wait_(gather_max(sockets_)),
      waiting_(ring_->buffer_count()) {}

Instant UringBackend::poll(Instant until, DatagramHandler& handler) {
  check_thread();
  receive_errors_ = 0;
  for (;;) {
    arm();
    queue_sends();
    const Instant before = monotonic_now();
    const size_t held = waiting_.size();
    const bool wait = held == 0 && !woken_ && before < until;  // flush() may have reaped a wake
    const unsigned asked = wait && until - before > BatchWait::kBound ? batch_wait_.gather() : 1;
    const Duration limit =
        asked > 1 ? BatchWait::kBound : (unarmed() > 0 ? kUnarmedWait : kWaitMax);
    enter(wait ? std::min(until - before, limit) : Duration{}, asked);
    reap();
    finish_sends();
    const Instant now = monotonic_now();
    batch_wait_.arrived(now, waiting_.size() - held, woken_ ? 1 : asked);
    const bool done = !waiting_.empty() || woken_ || now >= until;
    if (!done && receive_errors_ < kReceiveErrorsMax) continue;
    woken_ = false;
    deliver_waiting(now, handler);
    return now;
  }
}

void UringBackend::flush() {
  check_thread();
  if (queue_.empty()) return;
  queue_sends();
  enter({});
  reap();
  finish_sends();
}

// A receive ends when the buffers run out, the completion queue overflows, an ICMP error comes or
// an empty datagram does. Armed without a buffer it would end at once; so no more are armed than
// there are buffers, as each probably finds a datagram.
void UringBackend::arm() {
  for (size_t i = std::min(unarmed(), ring_->buffers_left()); i > 0; --i) {
    if (!arm_next(hungry_.empty() ? fed_ : hungry_)) break;
  }
  if (!wake_armed_) wake_armed_ = ring_->arm_wake() || (submit_all() && ring_->arm_wake());
}

bool UringBackend::arm_next(Circle<uint32_t>& sockets) {
  const uint32_t socket = sockets.front();
  if (!ring_->arm_receive(socket) && (!submit_all() || !ring_->arm_receive(socket))) return false;
  sockets.pop();
  got_[socket] = false;
  counters_.receive_rearmed.add(1);
  return true;
}

void UringBackend::queue_sends() {
  if (queue_.empty() || sends_queued_) return;
  if (sockets_.size() == 1 && queue_.size() > kRingSendsMax) {
    queue_.send_all();
    return;
  }
  queue_.prepare();
  sends_queued_ = true;
  const std::span<mmsghdr> messages = queue_.messages();
  for (size_t i = 0; i < messages.size(); ++i) {
    if (const int fault = queue_.injected_fault(i); fault != 0) {
      queue_.refused(i, fault);
      continue;
    }
    const uint32_t socket = queue_.socket_of(i);
    if (ring_->queue_send(socket, messages[i].msg_hdr, i)) continue;
    if (submit_all() && ring_->queue_send(socket, messages[i].msg_hdr, i)) continue;
    queue_.refused(i, EAGAIN);
  }
}

void UringBackend::enter(Duration time, unsigned count) {
  constexpr int64_t kSecond = 1'000'000'000;
  counters_.system_calls.add(1);
  if (time <= Duration{}) {
    io_uring_submit_and_get_events(&ring_->raw());
  } else {
    __kernel_timespec timeout{.tv_sec = time.ns / kSecond, .tv_nsec = time.ns % kSecond};
    io_uring_cqe* first = nullptr;
    // Its result tells nothing that the queue does not: ETIME, EINTR, or completions.
    io_uring_submit_and_wait_timeout(&ring_->raw(), &first, count, &timeout, nullptr);
  }
  submit_all();
}

// A kernel without SUBMIT_ALL stops behind a request that fails at once. False when some request
// could not be submitted.
bool UringBackend::submit_all() {
  while (io_uring_sq_ready(&ring_->raw()) > 0) {
    counters_.system_calls.add(1);
    if (io_uring_submit(&ring_->raw()) <= 0) return false;
  }
  return true;
}

void UringBackend::reap() {
  for (;;) {
    const unsigned count = io_uring_peek_batch_cqe(&ring_->raw(), completions_.data(),
                                                   static_cast<unsigned>(completions_.size()));
    if (count == 0) return;
    for (const io_uring_cqe* each : std::span(completions_).first(count)) {
      switch (static_cast<RingEvent>(each->user_data & 0xff)) {
        case RingEvent::kReceive:
          on_receive(*each);
          break;
        case RingEvent::kWake:
          wake_armed_ = false;
          woken_ = true;
          wake_consumed();
          break;
        case RingEvent::kSend:  // successes make no completion
          if (each->res < 0) queue_.refused(each->user_data >> 8, -each->res);
          break;
      }
    }
    io_uring_cq_advance(&ring_->raw(), count);
  }
}

void UringBackend::on_receive(const io_uring_cqe& completion) {
  const auto socket = static_cast<uint32_t>(completion.user_data >> 8);
  const bool has_data = (completion.flags & IORING_CQE_F_BUFFER) != 0 && completion.res >= 0;
  if (has_data) got_[socket] = true;
  if ((completion.flags & IORING_CQE_F_MORE) == 0) (got_[socket] ? fed_ : hungry_).push(socket);
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    ring_->taken();
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    if (!has_data) {
      ring_->give_back(buffer);
      return;
    }
    waiting_.push({socket, static_cast<uint32_t>(completion.res), buffer});
  } else if (completion.res < 0 && completion.res != -ENOBUFS) {
    ++receive_errors_;
    drain_error_queue(sockets_[socket].fd.get());
  }
}

// Sends end within their submission, so once all were submitted and the failures reaped, the
// queued bytes are free.
void UringBackend::finish_sends() {
  if (!sends_queued_ || io_uring_sq_ready(&ring_->raw()) > 0) return;
  sends_queued_ = false;
  queue_.finish();
}

void UringBackend::deliver_waiting(Instant now, DatagramHandler& handler) {
  const size_t count = std::min(waiting_.size(), batch());
  for (size_t i = 0; i < count; ++i) {
    const Waiting next = waiting_.front();
    auto train = ring_->train(next.buffer, next.bytes);
    if (train) {
      train->socket = next.socket;
      deliver(now, *train, handler);
    }
    // Only now is its place free: the handler may send, and that may reap more.
    waiting_.pop();
    ring_->give_back(next.buffer);
  }
}

}  // namespace

std::unique_ptr<UdpEngine> open_uring(std::vector<UdpSocket> sockets, FileDescriptor event,
                                      std::unique_ptr<Ring> ring, const Seam& seam) {
  return std::make_unique<UringBackend>(std::move(sockets), std::move(event), std::move(ring),
                                        seam);
}

}  // namespace fb::engine
