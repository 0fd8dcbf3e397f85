#include "fake_swarm.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace fb::web::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

struct Entry {
  bool exists = false;
  content::FileRecord record;
  std::string content;
  std::optional<FetchError> open_error;
  bool held = false;
  uint64_t available = std::numeric_limits<uint64_t>::max();
  std::optional<std::pair<uint64_t, FetchError>> failure;
  size_t step = std::numeric_limits<size_t>::max();
  FakeSwarm::Fault fault = FakeSwarm::Fault::kNone;
  uint64_t given = 0;
};

struct WaitingOpen {
  std::string path;
  Swarm::OpenCallback callback;
};

struct WaitingRead {
  const SwarmFile* file = nullptr;
  std::string path;
  uint64_t offset = 0;
  size_t length_max = 0;
  SwarmFile::ReadCallback callback;
};

using Task = std::move_only_function<void()>;

}  // namespace

struct FakeSwarm::State : std::enable_shared_from_this<State> {
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  const Callbacks callbacks;
  std::map<std::string, Entry> entries;
  std::vector<WaitingOpen> opens;
  std::vector<WaitingRead> reads;
  std::map<const SwarmFile*, size_t> reads_of;
  std::deque<Task> tasks;
  bool ending = false;
  size_t files_open = 0;
  size_t read_size_max = 0;
  size_t reads_at_once_max = 0;
  bool misused = false;
  std::thread thread;

  explicit State(Callbacks mode) : callbacks(mode) {}

  void run();
  void settle(std::unique_lock<std::mutex>& lock);
  std::optional<Task> settle_open(WaitingOpen& open);
  std::optional<Task> settle_read(WaitingRead& read);
  template <typename Condition>
  bool wait(Condition condition) const {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, condition);
  }
};

namespace {

class FakeFile final : public SwarmFile {
 public:
  FakeFile(std::shared_ptr<FakeSwarm::State> state, std::string path, content::FileRecord record)
      : state_(std::move(state)), path_(std::move(path)), record_(std::move(record)) {}
  ~FakeFile() override {
    std::vector<WaitingRead> dropped;
    {
      const std::lock_guard lock(state_->mutex);
      --state_->files_open;
      const auto mine = std::ranges::partition(
          state_->reads, [this](const WaitingRead& read) { return read.file != this; });
      std::ranges::move(mine, std::back_inserter(dropped));
      state_->reads.erase(mine.begin(), mine.end());
      state_->reads_of.erase(this);
      state_->changed.notify_all();
    }
    // "Called once, also when the file is dropped".
    for (WaitingRead& read : dropped) read.callback(std::unexpected(FetchError::kStopped));
  }
  const content::FileRecord& record() const override { return record_; }
  void read(uint64_t offset, size_t length_max, ReadCallback callback) override {
    std::unique_lock lock(state_->mutex);
    if (offset >= record_.geometry.length || length_max == 0) state_->misused = true;
    state_->read_size_max = std::max(state_->read_size_max, length_max);
    state_->reads_at_once_max = std::max(state_->reads_at_once_max, ++state_->reads_of[this]);
    state_->reads.push_back({this, path_, offset, length_max, std::move(callback)});
    state_->settle(lock);
  }

 private:
  std::shared_ptr<FakeSwarm::State> state_;
  std::string path_;
  content::FileRecord record_;
};

}  // namespace

void FakeSwarm::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ending || !tasks.empty(); });
    if (tasks.empty()) return;
    {
      Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
}

// Completes all that can be completed now; the lock is free while callbacks run.
void FakeSwarm::State::settle(std::unique_lock<std::mutex>& lock) {
  std::vector<Task> ready;
  const auto take = [&ready](auto& list, auto complete) {
    for (auto it = list.begin(); it != list.end();) {
      auto task = complete(*it);
      if (!task) {
        ++it;
        continue;
      }
      ready.push_back(std::move(*task));
      it = list.erase(it);
    }
  };
  take(opens, [this](WaitingOpen& open) { return settle_open(open); });
  take(reads, [this](WaitingRead& read) { return settle_read(read); });
  if (callbacks == Callbacks::kOnThread) {
    std::ranges::move(ready, std::back_inserter(tasks));
    ready.clear();
  }
  changed.notify_all();
  lock.unlock();
  for (Task& task : ready) task();
}

std::optional<Task> FakeSwarm::State::settle_open(WaitingOpen& open) {
  const auto found = entries.find(open.path);
  if (found != entries.end() && found->second.held) return {};
  std::expected<std::shared_ptr<SwarmFile>, FetchError> result =
      std::unexpected(FetchError::kNotFound);
  Fault fault = Fault::kNone;
  if (found != entries.end()) {
    const Entry& entry = found->second;
    fault = entry.fault;
    if (entry.open_error) {
      result = std::unexpected(*entry.open_error);
    } else if (fault == Fault::kNullFile) {
      result = nullptr;
    } else if (entry.exists) {
      ++files_open;
      result = std::make_shared<FakeFile>(shared_from_this(), open.path, entry.record);
    }
  }
  return [callback = std::move(open.callback), result = std::move(result), fault]() mutable {
    if (fault == Fault::kCalledTwice) callback(result);
    callback(std::move(result));
  };
}

std::optional<Task> FakeSwarm::State::settle_read(WaitingRead& read) {
  Entry& entry = entries[read.path];
  std::expected<std::vector<uint8_t>, FetchError> result;
  if (entry.failure && read.offset >= entry.failure->first) {
    result = std::unexpected(entry.failure->second);
  } else {
    uint64_t end = std::min<uint64_t>(entry.content.size(), entry.available);
    if (entry.failure) end = std::min(end, entry.failure->first);
    if (read.offset >= end) return {};
    const auto there = static_cast<size_t>(end - read.offset);
    const size_t size = std::min({read.length_max, entry.step, there});
    const auto first = entry.content.begin() + static_cast<ptrdiff_t>(read.offset);
    result->assign(first, first + static_cast<ptrdiff_t>(size));
    if (entry.fault == Fault::kEmptyRead) result->clear();
    if (entry.fault == Fault::kLongRead) result->resize(read.length_max + 1);
    entry.given += result->size();
  }
  --reads_of[read.file];
  return [callback = std::move(read.callback), result = std::move(result),
          fault = entry.fault]() mutable {
    if (fault == Fault::kCalledTwice) callback(result);
    callback(std::move(result));
  };
}

FakeSwarm::FakeSwarm(Callbacks callbacks) : state_(std::make_shared<State>(callbacks)) {
  // The thread is joined in the destructor, so the plain pointer is good.
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

FakeSwarm::~FakeSwarm() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
}

void FakeSwarm::open(std::string path, OpenCallback callback) {
  std::unique_lock lock(state_->mutex);
  state_->opens.push_back({std::move(path), std::move(callback)});
  state_->settle(lock);
}

void FakeSwarm::add(const std::string& path, std::string content, std::string type) {
  std::unique_lock lock(state_->mutex);
  Entry& entry = state_->entries[path];
  entry.exists = true;
  entry.record.path = path;
  entry.record.content_type = std::move(type);
  entry.record.geometry.length = content.size();
  uint64_t mixed = 0xcbf29ce484222325U;
  for (size_t i = 0; i < content.size() + 32; ++i) {
    const char c = i < content.size() ? content[i] : 'x';
    mixed = (mixed ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
    entry.record.sha256[i % 32] = static_cast<uint8_t>(mixed >> 32);
  }
  entry.content = std::move(content);
  state_->settle(lock);
}

void FakeSwarm::fail_open(const std::string& path, FetchError error) {
  std::unique_lock lock(state_->mutex);
  state_->entries[path].open_error = error;
  state_->settle(lock);
}

void FakeSwarm::hold_open(const std::string& path, bool held) {
  std::unique_lock lock(state_->mutex);
  state_->entries[path].held = held;
  state_->settle(lock);
}

void FakeSwarm::set_available(const std::string& path, uint64_t bytes) {
  std::unique_lock lock(state_->mutex);
  state_->entries[path].available = bytes;
  state_->settle(lock);
}

void FakeSwarm::fail_from(const std::string& path, uint64_t offset, FetchError error) {
  std::unique_lock lock(state_->mutex);
  state_->entries[path].failure = {offset, error};
  state_->settle(lock);
}

void FakeSwarm::set_step(const std::string& path, size_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->entries[path].step = bytes;
}

void FakeSwarm::set_fault(const std::string& path, Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->entries[path].fault = fault;
}

bool FakeSwarm::wait_files_open(size_t count) const {
  return state_->wait([this, count] { return state_->files_open == count; });
}
bool FakeSwarm::wait_opens_waiting(size_t count) const {
  return state_->wait([this, count] { return state_->opens.size() == count; });
}
bool FakeSwarm::wait_reads_waiting(size_t count) const {
  return state_->wait([this, count] { return state_->reads.size() == count; });
}

uint64_t FakeSwarm::bytes_given(const std::string& path) const {
  const std::lock_guard lock(state_->mutex);
  return state_->entries[path].given;
}
size_t FakeSwarm::read_size_max() const {
  const std::lock_guard lock(state_->mutex);
  return state_->read_size_max;
}
size_t FakeSwarm::reads_at_once_max() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reads_at_once_max;
}
bool FakeSwarm::misused() const {
  const std::lock_guard lock(state_->mutex);
  return state_->misused;
}

}  // namespace fb::web::test
