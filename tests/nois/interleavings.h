// Runs a few threads in every order in which they can meet, one access to shared memory at a time.
//
// Each thread stops before every access of a SteppedAtomic and goes on when it is chosen. All
// choices are tried that switch from a thread that could go on at most `switches_max` times: most
// faults of concurrent code need one or two. Memory is sequentially consistent here; what weaker
// orders allow is the thread sanitizer's to find.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fb::nois::test {

class Interleavings {
 public:
  explicit Interleavings(uint32_t switches_max) : switches_max_(switches_max) {}

  // Calls `begin` for each order: it makes what is shared anew and returns the threads' bodies;
  // then runs them, and calls `end`. Returns how many orders there were.
  size_t run(const std::function<std::vector<std::function<void()>>()>& begin,
             const std::function<void()>& end) {
    size_t orders = 0;
    choices_.clear();
    do {
      run_once(begin());
      end();
      ++orders;
    } while (next_order());
    return orders;
  }

  // To be called by a thread before it touches what is shared; elsewhere it does nothing.
  static void stop() {
    if (current == nullptr) return;
    std::unique_lock lock(current->mutex_);
    const int mine = self;
    current->turn_ = kNobody;
    current->changed_.notify_all();
    current->changed_.wait(lock, [&] { return current->turn_ == mine; });
  }

 private:
  static constexpr int kNobody = -1;
  struct Choice {
    size_t taken = 0, options = 0;
  };
  static inline thread_local Interleavings* current = nullptr;
  static inline thread_local int self = kNobody;

  void run_once(const std::vector<std::function<void()>>& bodies) {
    finished_.assign(bodies.size(), false);
    turn_ = kNobody;
    depth_ = switches_ = 0;
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < bodies.size(); ++i) {
      threads.emplace_back([this, &bodies, i] {
        current = this;
        self = static_cast<int>(i);
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return turn_ == self; });
        }
        bodies[i]();
        const std::lock_guard lock(mutex_);
        finished_[i] = true;
        turn_ = kNobody;
        changed_.notify_all();
      });
    }
    std::unique_lock lock(mutex_);
    for (int last = kNobody;;) {
      const int chosen = choose(last);
      if (chosen == kNobody) return;
      last = turn_ = chosen;
      changed_.notify_all();
      changed_.wait(lock, [&] { return turn_ == kNobody; });
    }
  }
  // Who goes on: the first option is who went last, if it can.
  int choose(int last) {
    std::vector<int> options;
    const bool goes_on = last != kNobody && !finished_[static_cast<size_t>(last)];
    if (goes_on) options.push_back(last);
    if (!goes_on || switches_ < switches_max_) {
      for (size_t i = 0; i < finished_.size(); ++i) {
        if (!finished_[i] && static_cast<int>(i) != last) options.push_back(static_cast<int>(i));
      }
    }
    if (options.empty()) return kNobody;
    if (depth_ == choices_.size()) choices_.push_back({0, options.size()});
    const int chosen = options[choices_[depth_++].taken];
    if (goes_on && chosen != last) ++switches_;
    return chosen;
  }
  bool next_order() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().options) {
      choices_.pop_back();
    }
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  const uint32_t switches_max_;
  std::vector<Choice> choices_;  // of this order
  size_t depth_ = 0;
  uint32_t switches_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int turn_ = kNobody;
  std::vector<bool> finished_;
};

// As std::atomic, and stops before every access.
template <typename T>
class SteppedAtomic {
 public:
  SteppedAtomic() = default;
  explicit SteppedAtomic(T value) : value_(value) {}
  [[nodiscard]] T load(std::memory_order = {}) const { return stopped().load(); }
  void store(T value, std::memory_order = {}) { stopped().store(value); }
  T exchange(T value, std::memory_order) { return stopped().exchange(value); }
  T fetch_or(T bits, std::memory_order) { return stopped().fetch_or(bits); }
  T fetch_and(T bits, std::memory_order) { return stopped().fetch_and(bits); }
  T fetch_add(T value, std::memory_order) { return stopped().fetch_add(value); }
  T fetch_sub(T value, std::memory_order) { return stopped().fetch_sub(value); }
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order) {
    return stopped().compare_exchange_strong(expected, value);
  }

 private:
  [[nodiscard]] const std::atomic<T>& stopped() const {
    Interleavings::stop();
    return value_;
  }
  std::atomic<T>& stopped() {
    Interleavings::stop();
    return value_;
  }
  std::atomic<T> value_{};
};

}  // namespace fb::nois::test
