#include "engine/engine_base.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace fb::engine {

EngineBase::EngineBase(std::vector<UdpSocket> sockets, FileDescriptor event, const Seam& seam)
    : sockets_(std::move(sockets)),
      event_(std::move(event)),
      queue_(sockets_, counters_, seam.refuse_send),
      owner_(std::this_thread::get_id()),
      drops_(sockets_.size()) {}

EngineBase::~EngineBase() { check_thread(); }

void EngineBase::send_from(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) {
  FB_CHECK(socket < socket_count_);
  if (queue_.append(socket, to, bytes)) return;
  flush();
  if (!queue_.append(socket, to, bytes)) counters_.send_dropped.add(1);
}

Endpoint EngineBase::local_of(uint32_t socket) const {
  FB_CHECK(socket < sockets_.size());
  return sockets_[socket].local;
}

void EngineBase::wake() {
  // Releases what the caller wrote before to wake_consumed(). When a wake is pending already, that
  // one serves for both.
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  const int saved = errno;  // a signal handler must leave errno as it was
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
  errno = saved;
}

void EngineBase::check_thread() const { FB_CHECK(std::this_thread::get_id() == owner_); }

void EngineBase::wake_consumed() {
  // Acquires from every wake() since the last time, also from one that found the flag set.
  wake_pending_.exchange(false, std::memory_order_acq_rel);
}

void EngineBase::deliver(Instant now, const ReceivedTrain& train, DatagramHandler& handler) {
  counters_.trains_received.add(1);
  const ReceiveControl control =
      train.control.empty() ? ReceiveControl{} : parse_control(train.control);
  if (control.drops) count_drops(train.socket, *control.drops);
  if ((train.flags & MSG_TRUNC) != 0) {
    counters_.receive_truncated.add(1);
    return;
  }
  const auto from = from_sockaddr(train.name);
  if (!from) return;  // the kernel names every sender; nothing to count
  receiving_ = train.socket;
  uint64_t datagrams = 0;
  split_train(train.payload, control.segment_bytes, [&](std::span<const uint8_t> bytes) {
    ++datagrams;
    handler.on_datagram(now, *from, bytes);
  });
  counters_.datagrams_received.add(datagrams);
  counters_.bytes_received.add(train.payload.size());
}

void EngineBase::count_drops(uint32_t socket, uint32_t total) {
  // Modulo 2^32, and unsigned: a wrapped counter still gives the right difference.
  counters_.kernel_receive_drops.add(total - drops_[socket]);
  drops_[socket] = total;
}

size_t receive_buffer_bytes(const UdpSocket& socket, const Seam& seam) {
  if (seam.buffer_bytes > 0) return seam.buffer_bytes;
  return socket.receives_trains ? kTrainBufferBytes : kSingleBufferBytes;
}

std::expected<FileDescriptor, EngineError> open_event() {
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC));
  if (event.valid()) return event;
  return std::unexpected(
      EngineError{EngineError::Code::kSystem, "cannot create an event file: " + error_text(errno)});
}

}  // namespace fb::engine
