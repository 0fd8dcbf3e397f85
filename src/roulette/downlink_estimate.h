// What the downlink carries: how much is asked for at a time depends on it. It begins with what
// others of late had (ADMIT), is raised by what single datagrams prove (LineProof), and is what
// came at best once enough has come to tell. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "base/units.h"
#include "roulette/line_proof.h"

namespace fb::roulette {

class DownlinkEstimate {
 public:
  // `certain`: the configuration says so, and nothing else counts.
  void begin(BitRate rate, bool certain) {
    rate_ = rate;
    certain_ = certain;
  }
  // With headers of IP and UDP.
  void on_arrival(Instant now, uint64_t bytes) {
    if (now - since_ > kWindow) next_window(now);
    bytes_ += bytes;
  }
  // As LineProof::add.
  void on_full(uint64_t size, Duration beyond) { proof_.add(size, beyond); }

  [[nodiscard]] BitRate rate() const { return rate_; }
  // The most that came within a window; 0: none has passed.
  [[nodiscard]] BitRate seen() const { return seen_; }

 private:
  static constexpr Duration kWindow = milliseconds(200);
  static constexpr uint32_t kWindowsMin = 4;
  // What is proved counts when it is so much more than what was taken for it, and is not believed
  // at once when it is more still.
  static constexpr double kClearlyMore = 1.5;
  static constexpr double kRaiseMost = 4;

  void next_window(Instant now) {
    const auto took = static_cast<uint64_t>((now - since_).ns);
    if (since_ != Instant{}) seen_ = std::max(seen_, BitRate{bytes_ * 8'000'000'000U / took});
    ++windows_;
    since_ = now;
    bytes_ = 0;
    proved_ = std::max(proved_, proof_.take().value_or(BitRate{}));
    if (certain_) return;
    if (windows_ > kWindowsMin) rate_ = seen_;
    const auto before = static_cast<double>(rate_.bits_per_second);
    const auto proved = static_cast<double>(proved_.bits_per_second);
    if (proved > before * kClearlyMore) {
      rate_ = {static_cast<uint64_t>(std::min(proved, before * kRaiseMost))};
    }
  }

  bool certain_ = false;
  BitRate rate_{}, seen_{}, proved_{};
  uint32_t windows_ = 0;
  Instant since_{};
  uint64_t bytes_ = 0;
  LineProof proof_;
};

}  // namespace fb::roulette
