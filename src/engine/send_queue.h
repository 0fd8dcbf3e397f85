// The send side that both backends share: queued trains as kernel messages, and what to do when
// the kernel refuses one.
//
// A round: append() until done; then send_all(), which makes one system call of them. Or else
// prepare(); the backend hands messages() over and tells refused() for each that failed, in any
// order; finish() counts the rest as sent and empties the queue.
// Ownership: messages() points into the queue and is valid until finish(). Thread: the engine's.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/coalescer.h"
#include "engine/counters.h"
#include "engine/socket.h"

namespace fb::engine {

// Remembers on which destinations the kernel refuses trains, so that each refusal is paid once.
// A direct-mapped table: a newcomer may push an entry out, which costs one more refusal.
class SegmentationMemory {
 public:
  // The longest segment that may go to `to` in a train; zero when none may.
  [[nodiscard]] size_t joinable_bytes(const Address& to) const;
  // EINVAL may mean only that the segment passes the path's MTU, so shorter ones get another
  // chance; a second refusal, or any other error, is final.
  void remember(const Address& to, size_t segment_bytes, int error);

 private:
  struct Entry {
    Address to;
    bool used = false;
    size_t joinable_bytes = 0;
  };
  static constexpr size_t kEntries = 256;
  static size_t index(const Address& to);

  std::array<Entry, kEntries> entries_{};
};

class SendQueue {
 public:
  // All `sockets` are of one kind. `refuse` is Seam::refuse_send. What is borrowed must outlive the
  // queue.
  SendQueue(std::span<const UdpSocket> sockets, Counters& counters,
            std::function<int(size_t)> refuse);

  // False when full, or between prepare() and finish(): finish a round first. A datagram that
  // cannot be sent from its socket is counted as dropped and true is returned.
  [[nodiscard]] bool append(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes) {
    if (!messages_.empty()) return false;
    // Nothing needs to be asked about a destination that has a train already.
    if (sends_trains_ && !bytes.empty() && trains_.join(socket, to, bytes)) return true;
    return begin(socket, to, bytes);
  }
  [[nodiscard]] bool empty() const { return trains_.empty(); }
  // How many messages a round begun now would have.
  [[nodiscard]] size_t size() const { return trains_.trains().size(); }

  void send_all();

  void prepare();
  // One a train.
  [[nodiscard]] std::span<mmsghdr> messages() { return messages_; }
  // Which socket is to send message `index`.
  [[nodiscard]] uint32_t socket_of(size_t index) const { return trains_.trains()[index].socket; }
  // The fault that a test wants for this message, or 0.
  [[nodiscard]] int injected_fault(size_t index) const;
  // The kernel answered message `index` with errno `error`: sends it again in another way, or
  // counts it as dropped.
  void refused(size_t index, int error);
  void finish();

 private:
  // A control message of one uint16_t (cmsg(3)): a cmsghdr, its data and padding.
  using SegmentControl = std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))>;
  struct Slot {
    sockaddr_in6 name;
    alignas(cmsghdr) SegmentControl control;
  };
  struct Amount {
    size_t trains = 0;
    size_t datagrams = 0;
    size_t bytes = 0;
  };

  bool begin(uint32_t socket, const Endpoint& to, std::span<const uint8_t> bytes);
  [[nodiscard]] bool reaches(const Endpoint& to) const;
  // How many messages from `index` on leave by the same socket.
  [[nodiscard]] size_t run_at(size_t index) const;
  int hand_over(int socket, const msghdr& message, size_t segments);
  // Tries again while the socket's buffer is full, for a bounded time.
  int hand_over_patiently(int socket, const msghdr& message, size_t segments, int error);
  void send_singles(size_t index, int error);
  void count_sent(const Amount& amount);

  const std::span<const UdpSocket> sockets_;
  const bool sends_trains_;
  Counters& counters_;
  std::function<int(size_t)> refuse_;
  Coalescer trains_;
  SegmentationMemory memory_;
  std::vector<Slot> slots_;  // beside messages_, which point into it
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> messages_;
  Amount round_;            // in messages_, without those that were refused
  bool congested_ = false;  // this round found the buffer full to the end of our patience
};

}  // namespace fb::engine
