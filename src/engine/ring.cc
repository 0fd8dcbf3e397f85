#include "engine/ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace fb::engine {
namespace {

// Room for the few sends that leave with a wait and for what is armed; a fuller queue is submitted
// in parts.
constexpr unsigned kSubmissions = 16;
// Completions outstanding are at most one a buffer, one a send and the two that are armed, so this
// queue never overflows; and no longer, because it is walked around and should stay in the cache.
constexpr unsigned kCompletions = 256;
static_assert(kCompletions > kSingleBuffers + kSubmissions);
// With many sockets each message is a send of its own, and when the buffers run out the receive of
// each socket may end. What does not fit is kept by the kernel, at a price.
constexpr unsigned kManySubmissions = 256;
constexpr unsigned kManyCompletions = 1024;
constexpr uint16_t kBufferGroup = 0;
constexpr size_t kNameBytes = 32;  // a sockaddr_in6, rounded up to align what follows
constexpr size_t kPageBytes = 4096;
constexpr size_t kHeadBytes = sizeof(io_uring_recvmsg_out) + kNameBytes + kReceiveControlBytes;
static_assert(kNameBytes >= sizeof(sockaddr_in6));
static_assert(kHeadBytes % alignof(std::max_align_t) == 0);

template <typename Type>
std::unique_ptr<Type, decltype(&::free)> allocate_pages(size_t bytes) {
  const size_t whole = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* const memory = std::aligned_alloc(kPageBytes, whole);
  if (memory != nullptr) std::memset(memory, 0, whole);
  return {static_cast<Type*>(memory), &::free};
}

std::string failed(const char* call, int error) {
  return std::string(call) + ": " + error_text(error);
}

}  // namespace

std::expected<std::unique_ptr<Ring>, std::string> Ring::open(std::span<const UdpSocket> sockets,
                                                             int event, const Seam& seam) {
  std::unique_ptr<Ring> ring(new Ring);
  if (auto error = ring->set_up(sockets, event, seam)) {
    return std::unexpected(std::move(*error));
  }
  return ring;
}

std::optional<std::string> Ring::set_up(std::span<const UdpSocket> sockets, int event,
                                        const Seam& seam) {
  if (const int error = set_up_queues(sockets.size(), seam); error != 0) {
    return failed("io_uring_setup", error) +
           (error == EPERM ? " (sysctl kernel.io_uring_disabled or a seccomp filter)" : "");
  }
  ring_open_ = true;
  event_fd_ = event;
  // Only spares a look-up at each call, so its failure does not matter.
  io_uring_register_ring_fd(&ring_);
  // By the number of the socket. Spares a look-up at each send.
  std::vector<int> files;
  files.reserve(sockets.size());
  for (const UdpSocket& socket : sockets) files.push_back(socket.fd.get());
  const int result =
      io_uring_register_files(&ring_, files.data(), static_cast<unsigned>(files.size()));
  if (result < 0) return failed("registering the sockets", -result);
  const UdpSocket& any = sockets.front();
  const size_t trains = sockets.size() > 1 ? kManyTrainBuffers : kTrainBuffers;
  const size_t wanted = any.receives_trains ? trains : kSingleBuffers;
  const size_t count = seam.buffers > 0 ? seam.buffers : wanted;
  if (auto error = provide_buffers(count, receive_buffer_bytes(any, seam))) return error;
  return probe(sockets.size());
}

int Ring::set_up_queues(size_t sockets, const Seam& seam) {
  constexpr unsigned kAlways = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  constexpr std::array<unsigned, 3> kOptional{
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,  // 6.1
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,   // 6.0
      0};
  int error = EINVAL;
  for (const unsigned flags : kOptional) {
    if ((flags & seam.refuse_ring_flags) != 0) continue;
    io_uring_params params{};
    params.flags = kAlways | flags;
    params.cq_entries = sockets > 1 ? kManyCompletions : kCompletions;
    unsigned submissions = sockets > 1 ? kManySubmissions : kSubmissions;
    if (seam.ring_entries > 0) params.cq_entries = submissions = seam.ring_entries;
    error = -io_uring_queue_init_params(submissions, &ring_, &params);
    if (error != EINVAL) break;
  }
  return error;
}

std::optional<std::string> Ring::provide_buffers(size_t count, size_t payload_bytes) {
  buffer_bytes_ = kHeadBytes + payload_bytes;
  layout_.msg_namelen = kNameBytes;
  layout_.msg_controllen = kReceiveControlBytes;
  buffers_ = allocate_pages<uint8_t>(count * buffer_bytes_);
  auto shared = allocate_pages<io_uring_buf_ring>(count * sizeof(io_uring_buf));
  if (!buffers_ || !shared) return failed("receive buffers", ENOMEM);

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(shared.get());
  registration.ring_entries = static_cast<uint32_t>(count);
  registration.bgid = kBufferGroup;
  if (const int result = io_uring_register_buf_ring(&ring_, &registration, 0); result < 0) {
    return failed("registering receive buffers", -result);
  }
  buffer_ring_ = std::move(shared);
  buffer_count_ = count;
  for (size_t i = 0; i < count; ++i) give_back(static_cast<uint16_t>(i));
  return {};
}

std::optional<std::string> Ring::probe(size_t sockets) {
  if (!arm_wake()) return "the submission queue is too small";
  for (uint32_t socket = 0; socket < sockets; ++socket) {
    if (arm_receive(socket)) continue;
    if (const int result = io_uring_submit(&ring_); result < 0) {
      return failed("io_uring_enter", -result);
    }
    if (!arm_receive(socket)) return "the submission queue is too small";
  }
  if (const int result = io_uring_submit_and_get_events(&ring_); result < 0) {
    return failed("io_uring_enter", -result);
  }
  // A kernel without multishot receive answers at once. What may have arrived already is left in
  // the queue for the first poll().
  std::array<io_uring_cqe*, 4> seen{};
  const unsigned count = io_uring_peek_batch_cqe(&ring_, seen.data(), seen.size());
  for (const io_uring_cqe* each : std::span(seen).first(count)) {
    if (each->res == -EINVAL || each->res == -EOPNOTSUPP) {
      return failed("multishot receive", -each->res);
    }
  }
  return {};
}

// Cancels and waits, so that no request holds a socket any more when its owner closes it: else
// its port would stay bound for a moment.
Ring::~Ring() {
  if (!ring_open_) return;
  io_uring_sync_cancel_reg all{};
  all.fd = -1;
  all.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  all.timeout = {.tv_sec = 1, .tv_nsec = 0};
  io_uring_register_sync_cancel(&ring_, &all);
  // Runs the completions, which let go of the sockets. One call does not run them all.
  unsigned ended = 0;
  do {
    io_uring_get_events(&ring_);
    ended = io_uring_cq_ready(&ring_);
    io_uring_cq_advance(&ring_, ended);
  } while (ended > 0);
  io_uring_unregister_files(&ring_);
  if (buffer_ring_) io_uring_unregister_buf_ring(&ring_, kBufferGroup);
  io_uring_queue_exit(&ring_);
}

bool Ring::arm_receive(uint32_t socket) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return false;
  // With MSG_TRUNC the kernel reports the true length of what did not fit.
  io_uring_prep_recvmsg_multishot(entry, static_cast<int>(socket), &layout_, MSG_TRUNC);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry->buf_group = kBufferGroup;
  io_uring_sqe_set_data64(entry,
                          static_cast<uint64_t>(RingEvent::kReceive) | uint64_t{socket} << 8);
  return true;
}

bool Ring::arm_wake() {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return false;
  io_uring_prep_read(entry, event_fd_, &event_value_, sizeof(event_value_), 0);
  io_uring_sqe_set_data64(entry, static_cast<uint64_t>(RingEvent::kWake));
  return true;
}

bool Ring::queue_send(uint32_t socket, const msghdr& message, size_t number) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return false;
  // MSG_DONTWAIT makes the send end within the submission. Without it a full buffer would park
  // the request, silently because of CQE_SKIP_SUCCESS, and its bytes would be read after we had
  // overwritten them.
  io_uring_prep_sendmsg(entry, static_cast<int>(socket), &message, MSG_DONTWAIT);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, static_cast<uint64_t>(RingEvent::kSend) | number << 8);
  return true;
}

std::optional<ReceivedTrain> Ring::train(uint16_t id, size_t bytes) const {
  FB_CHECK(id < buffer_count_);
  if (bytes < kHeadBytes || bytes > buffer_bytes_) return {};
  const std::span<const uint8_t> buffer(buffers_.get() + id * buffer_bytes_, bytes);
  io_uring_recvmsg_out head{};
  std::memcpy(&head, buffer.data(), sizeof(head));
  const auto name = buffer.subspan(sizeof(head), kNameBytes);
  const auto control = buffer.subspan(sizeof(head) + kNameBytes, kReceiveControlBytes);
  const auto payload = buffer.subspan(kHeadBytes);
  ReceivedTrain out;
  out.name = name.first(std::min<size_t>(head.namelen, kNameBytes));
  out.control = control.first(std::min<size_t>(head.controllen, kReceiveControlBytes));
  out.payload = payload;
  out.flags = static_cast<int>(head.flags);
  if (head.payloadlen > payload.size()) out.flags |= MSG_TRUNC;
  return out;
}

void Ring::give_back(uint16_t id) {
  // Not io_uring_buf_ring_add(): in C++ some releases of the header misplace `bufs`.
  auto* const entries = reinterpret_cast<io_uring_buf*>(buffer_ring_.get());
  io_uring_buf& entry = entries[buffer_ring_->tail & (buffer_count_ - 1)];
  entry.addr = reinterpret_cast<uint64_t>(buffers_.get() + id * buffer_bytes_);
  entry.len = static_cast<uint32_t>(buffer_bytes_);
  entry.bid = id;
  io_uring_buf_ring_advance(buffer_ring_.get(), 1);
  ++provided_;
}

}  // namespace fb::engine
