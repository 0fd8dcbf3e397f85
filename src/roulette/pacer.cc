#include "roulette/pacer.h"

#include <algorithm>

namespace fb::roulette {
namespace {

constexpr size_t kSpareMax = 128;

ByteCount on_the_wire(size_t datagram_size) { return {datagram_size + kIpUdpHeaderBytes}; }

}  // namespace

bool Pacer::send(Instant now, Lane lane, const Endpoint& to, std::span<const uint8_t> datagram) {
  if (!rate_.limited()) {
    transmit(to, datagram);
    return true;
  }
  const bool idle = control_.empty() && data_.empty() && free_at_ <= now;
  if (idle) {
    free_at_ = now + rate_.time_for(on_the_wire(datagram.size()));
    transmit(to, datagram);
    return true;
  }
  const ByteCount size = on_the_wire(datagram.size());
  const ByteCount reserve{lane == Lane::kControl ? limit().bytes / 4 : 0};
  if (queued_ + size > limit() + reserve) return false;
  Item item{to, {}};
  if (!spare_.empty()) {
    item.bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  item.bytes.assign(datagram.begin(), datagram.end());
  (lane == Lane::kControl ? control_ : data_).push_back(std::move(item));
  queued_ += size;
  return true;
}

ByteCount Pacer::limit() const {
  return std::max(queue_limit_, rate_.bytes_in(milliseconds(100)));
}

void Pacer::transmit(const Endpoint& to, std::span<const uint8_t> datagram) {
  ++sent_datagrams_;
  sent_bytes_ += datagram.size();
  transport_.send(to, datagram);
}

void Pacer::advance(Instant now) {
  while (free_at_ <= now || !rate_.limited()) {
    auto& lane = control_.empty() ? data_ : control_;
    if (lane.empty()) return;
    Item item = std::move(lane.front());
    lane.pop_front();
    queued_ = queued_ - on_the_wire(item.bytes.size());
    // A late call catches up, so that lateness of timers does not lower the rate: the next
    // datagram is due from the previous one's end. Idle time was already cut off by send().
    free_at_ = free_at_ + rate_.time_for(on_the_wire(item.bytes.size()));
    transmit(item.to, item.bytes);
    if (spare_.size() < kSpareMax) spare_.push_back(std::move(item.bytes));
  }
}

Instant Pacer::next_deadline() const {
  return control_.empty() && data_.empty() ? Instant::never() : free_at_;
}

void Pacer::set_rate(Instant now, BitRate rate) {
  rate_ = rate;
  free_at_ = std::min(free_at_, now + milliseconds(100));
}

}  // namespace fb::roulette
