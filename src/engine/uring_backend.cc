// A datagram's way in: poll() -> enter() -> reap() -> deliver_waiting() -> EngineBase::deliver().
// A datagram's way out: send() -> SendQueue -> queue_sends() -> enter() -> finish_sends().
#include "engine/uring_backend.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"
#include "engine/batch_wait.h"

namespace fb::engine {
namespace {

// So many messages leave with the system call that also receives; for more, a sendmmsg costs less
// than as many requests.
constexpr size_t kRingSendsMax = 4;
// What a wait gathers at most while traffic is dense: few enough for the buffers.
constexpr unsigned kGatherTrains = kTrainBuffers / 2;
constexpr unsigned kGatherSingles = 32;

class UringBackend final : public EngineBase {
 public:
  UringBackend(UdpSocket socket, FileDescriptor event, std::unique_ptr<Ring> ring,
               const Seam& seam);
  ~UringBackend() override { check_thread(); }

  Instant poll(Instant until, DatagramHandler& handler) override;
  void flush() override;
  [[nodiscard]] IoBackend backend() const override { return IoBackend::kIoUring; }

 private:
  // A receive that completed and whose buffer we hold until it is delivered.
  struct Waiting {
    uint16_t buffer = 0;
    uint32_t bytes = 0;
  };

  void arm();
  void queue_sends();
  // Submits, and waits for `count` completions when `time` is positive.
  void enter(Duration time, unsigned count = 1);
  bool submit_all();
  void reap();
  void on_receive(const io_uring_cqe& completion);
  void finish_sends();
  void deliver_waiting(Instant now, DatagramHandler& handler);

  std::unique_ptr<Ring> ring_;
  // Both are armed by Ring::open.
  bool receive_armed_ = true;
  bool wake_armed_ = true;
  bool woken_ = false;
  bool sends_queued_ = false;  // messages of queue_ are in the submission queue, or were
  BatchWait batch_wait_;
  int receive_errors_ = 0;        // in this poll
  std::vector<Waiting> waiting_;  // a circle with room for every buffer
  size_t waiting_first_ = 0;
  size_t waiting_count_ = 0;
};

UringBackend::UringBackend(UdpSocket socket, FileDescriptor event, std::unique_ptr<Ring> ring,
                           const Seam& seam)
    : EngineBase(std::move(socket), std::move(event), seam),
      ring_(std::move(ring)),
      batch_wait_(socket_.receives_trains ? kGatherTrains : kGatherSingles),
      waiting_(ring_->buffer_count()) {}

Instant UringBackend::poll(Instant until, DatagramHandler& handler) {
  check_thread();
  receive_errors_ = 0;
  for (;;) {
    arm();
    queue_sends();
    const Instant before = monotonic_now();
    const size_t held = waiting_count_;
    const bool wait = held == 0 && before < until;
    const unsigned asked = wait && until - before > BatchWait::kBound ? batch_wait_.gather() : 1;
    const Duration limit = asked > 1 ? BatchWait::kBound : kWaitMax;
    enter(wait ? std::min(until - before, limit) : Duration{}, asked);
    reap();
    finish_sends();
    const Instant now = monotonic_now();
    batch_wait_.arrived(now, waiting_count_ - held, woken_ ? 1 : asked);
    const bool done = waiting_count_ > 0 || woken_ || now >= until;
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

// The receive ends when the buffers run out, the completion queue overflows, an ICMP error comes
// or an empty datagram does. Armed without a buffer it would end at once.
void UringBackend::arm() {
  if (!receive_armed_ && ring_->has_buffers() && ring_->arm_receive()) {
    receive_armed_ = true;
    counters_.receive_rearmed.add(1);
  }
  if (!wake_armed_) wake_armed_ = ring_->arm_wake();
}

void UringBackend::queue_sends() {
  if (queue_.empty() || sends_queued_) return;
  if (queue_.size() > kRingSendsMax) {
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
    if (ring_->queue_send(messages[i].msg_hdr, i)) continue;
    if (!submit_all() || !ring_->queue_send(messages[i].msg_hdr, i)) queue_.refused(i, EAGAIN);
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
  std::array<io_uring_cqe*, 64> completions{};
  for (;;) {
    const unsigned count = io_uring_peek_batch_cqe(&ring_->raw(), completions.data(),
                                                   static_cast<unsigned>(completions.size()));
    if (count == 0) return;
    for (const io_uring_cqe* each : std::span(completions).first(count)) {
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
  if ((completion.flags & IORING_CQE_F_MORE) == 0) receive_armed_ = false;
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    ring_->taken();
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    if (completion.res < 0) {
      ring_->give_back(buffer);
      return;
    }
    FB_CHECK(waiting_count_ < waiting_.size());
    waiting_[(waiting_first_ + waiting_count_++) % waiting_.size()] = {
        buffer, static_cast<uint32_t>(completion.res)};
  } else if (completion.res < 0 && completion.res != -ENOBUFS) {
    ++receive_errors_;
    drain_error_queue(socket_.fd.get());
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
  const size_t count = std::min(waiting_count_, batch());
  for (size_t i = 0; i < count; ++i) {
    const Waiting next = waiting_[waiting_first_];
    const auto train = ring_->train(next.buffer, next.bytes);
    if (train) deliver(now, *train, handler);
    // Only now is its place free: the handler may send, and that may reap more.
    waiting_first_ = (waiting_first_ + 1) % waiting_.size();
    --waiting_count_;
    ring_->give_back(next.buffer);
  }
}

}  // namespace

std::unique_ptr<UdpEngine> open_uring(UdpSocket socket, FileDescriptor event,
                                      std::unique_ptr<Ring> ring, const Seam& seam) {
  return std::make_unique<UringBackend>(std::move(socket), std::move(event), std::move(ring), seam);
}

}  // namespace fb::engine
