#include "engine/send_queue.h"

#include <netinet/udp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace fb::engine {
namespace {

// How long one round waits for room in a full send buffer: the back pressure that a caller feels.
constexpr int kFullWaits = 4;
constexpr int kFullWaitMs = 2;

bool is_full(int error) { return error == EAGAIN || error == ENOBUFS; }

// The kernel's ways of refusing UDP_SEGMENT: no checksum offload or a transformed path (EIO), a
// segment beyond the path's MTU or an option against it (EINVAL, EMSGSIZE), no support at all.
bool refuses_trains(int error) {
  return error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP ||
         error == ENOPROTOOPT;
}

// By copying, because a cmsghdr cannot stand in front of other members.
void write_segment_control(std::span<uint8_t> out, uint16_t segment_bytes) {
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(sizeof(segment_bytes));
  header.cmsg_level = SOL_UDP;
  header.cmsg_type = UDP_SEGMENT;
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), &segment_bytes, sizeof(segment_bytes));
}

}  // namespace

size_t SegmentationMemory::index(const Address& to) { return EndpointHash{}({to, 0}) % kEntries; }

size_t SegmentationMemory::joinable_bytes(const Address& to) const {
  const Entry& entry = entries_[index(to)];
  return entry.used && entry.to == to ? entry.joinable_bytes : kTrainBytesMax;
}

void SegmentationMemory::remember(const Address& to, size_t segment_bytes, int error) {
  Entry& entry = entries_[index(to)];
  const bool first = !entry.used || entry.to != to;
  const bool may_be_mtu = error == EINVAL || error == EMSGSIZE;
  entry = {to, true, first && may_be_mtu ? segment_bytes - 1 : 0};
}

SendQueue::SendQueue(std::span<const UdpSocket> sockets, Counters& counters,
                     std::function<int(size_t)> refuse)
    : sockets_(sockets),
      sends_trains_(sockets.front().sends_trains),
      counters_(counters),
      refuse_(std::move(refuse)),
      trains_(Coalescer::Limits{}),
      slots_(trains_.limits().trains),
      pieces_(trains_.limits().datagrams) {
  messages_.reserve(trains_.limits().trains);
}

bool SendQueue::begin(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) {
  if (bytes.empty() || bytes.size() > kDatagramBytesMax || !reaches(to)) {
    counters_.send_dropped.add(1);
    return true;
  }
  return trains_.begin(socket, to, bytes, sends_trains_ ? memory_.joinable_bytes(to.address) : 0);
}

void SendQueue::prepare() {
  messages_.clear();
  round_ = {.trains = size()};
  const int family = sockets_.front().reaches_v6 ? AF_INET6 : AF_INET;
  std::span<iovec> room = pieces_;
  for (const Train& train : trains_.trains()) {
    Slot& slot = slots_[messages_.size()];
    round_.datagrams += train.segments;
    round_.bytes += train.bytes;
    // Written where it stays, as in Coalescer::begin().
    msghdr& header = messages_.emplace_back().msg_hdr;
    header.msg_namelen = to_sockaddr(train.to, family, slot.name);
    header.msg_name = &slot.name;
    header.msg_iov = room.data();
    header.msg_iovlen = trains_.gather(train, room);
    room = room.subspan(header.msg_iovlen);
    if (train.segments > 1) {
      write_segment_control(slot.control, static_cast<uint16_t>(train.segment_bytes));
      header.msg_control = slot.control.data();
      header.msg_controllen = slot.control.size();
    }
  }
}

void SendQueue::send_all() {
  if (empty()) return;
  prepare();
  for (size_t at = 0; at < messages_.size();) {
    size_t count = run_at(at);
    if (refuse_) {
      count = 1;
      if (const int fault = injected_fault(at); fault != 0) {
        refused(at++, fault);
        continue;
      }
    }
    counters_.system_calls.add(1);
    const int sent = ::sendmmsg(sockets_[socket_of(at)].fd.get(), messages_.data() + at,
                                static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      at += static_cast<size_t>(sent);
    } else {
      refused(at++, sent < 0 ? errno : EIO);
    }
  }
  finish();
}

size_t SendQueue::run_at(size_t index) const {
  if (sockets_.size() == 1) return messages_.size() - index;
  size_t end = index + 1;
  while (end < messages_.size() && socket_of(end) == socket_of(index)) ++end;
  return end - index;
}

int SendQueue::injected_fault(size_t index) const {
  return refuse_ ? refuse_(trains_.trains()[index].segments) : 0;
}

void SendQueue::refused(size_t index, int error) {
  FB_CHECK(index < messages_.size());
  const Train& train = trains_.trains()[index];
  --round_.trains;
  round_.datagrams -= train.segments;
  round_.bytes -= train.bytes;
  if (train.segments > 1 && refuses_trains(error)) {
    send_singles(index, error);
    return;
  }
  // Other errors may be a late ICMP answer to an earlier datagram, so each gets a second try.
  const int socket = sockets_[train.socket].fd.get();
  if (hand_over_patiently(socket, messages_[index].msg_hdr, train.segments, error) == 0) {
    count_sent({1, train.segments, train.bytes});
  } else {
    counters_.send_dropped.add(train.segments);
  }
}

void SendQueue::finish() {
  count_sent(round_);
  messages_.clear();
  trains_.clear();
  congested_ = false;
}

bool SendQueue::reaches(const Endpoint& to) const {
  const UdpSocket& any = sockets_.front();
  return to.port != 0 && (to.address.is_v4() ? any.reaches_v4 : any.reaches_v6);
}

int SendQueue::hand_over(int socket, const msghdr& message, size_t segments) {
  if (refuse_) {
    if (const int fault = refuse_(segments); fault != 0) return fault;
  }
  counters_.system_calls.add(1);
  return ::sendmsg(socket, &message, MSG_DONTWAIT) < 0 ? errno : 0;
}

int SendQueue::hand_over_patiently(int socket, const msghdr& message, size_t segments, int error) {
  for (int wait = 0; wait < kFullWaits; ++wait) {
    if (is_full(error)) {
      if (congested_) return error;
      pollfd ready{socket, POLLOUT, 0};
      counters_.system_calls.add(1);
      ::poll(&ready, 1, kFullWaitMs);
    }
    const int again = hand_over(socket, message, segments);
    if (again == 0 || !(is_full(again) || again == EINTR)) return again;
    error = again;
  }
  congested_ = is_full(error);
  return error;
}

void SendQueue::send_singles(size_t index, int error) {
  const Train& train = trains_.trains()[index];
  const int socket = sockets_[train.socket].fd.get();
  std::array<iovec, kTrainSegmentsMax> pieces{};
  const size_t count = trains_.gather(train, pieces);
  msghdr single{};
  single.msg_name = messages_[index].msg_hdr.msg_name;
  single.msg_namelen = messages_[index].msg_hdr.msg_namelen;
  bool any = false;
  for (iovec piece : std::span(pieces).first(count)) {
    // A piece is one or more whole segments.
    while (piece.iov_len > 0) {
      iovec segment{piece.iov_base, std::min<size_t>(piece.iov_len, train.segment_bytes)};
      single.msg_iov = &segment;
      single.msg_iovlen = 1;
      int result = hand_over(socket, single, 1);
      if (result != 0) result = hand_over_patiently(socket, single, 1, result);
      if (result == 0) {
        any = true;
        count_sent({1, 1, segment.iov_len});
      } else {
        counters_.send_dropped.add(1);
      }
      piece = {static_cast<uint8_t*>(piece.iov_base) + segment.iov_len,
               piece.iov_len - segment.iov_len};
    }
  }
  // When singles fail too, it was the destination that was refused and not the train.
  if (!any) return;
  counters_.segmentation_refused.add(1);
  memory_.remember(train.to.address, train.segment_bytes, error);
}

void SendQueue::count_sent(const Amount& amount) {
  counters_.trains_sent.add(amount.trains);
  counters_.datagrams_sent.add(amount.datagrams);
  counters_.bytes_sent.add(amount.bytes);
}

}  // namespace fb::engine
