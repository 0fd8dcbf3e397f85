// A swarm in memory whose files arrive when and how a test says.
//
// Thread safety: every member from any thread. Callbacks come on a thread of the fake, or in place
// when so asked.
// Reclamation: files may outlive the fake; what is still waiting for bytes then is never called.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "web/swarm.h"

namespace fb::web::test {

class FakeSwarm final : public Swarm {
 public:
  enum class Callbacks { kOnThread, kInPlace };
  explicit FakeSwarm(Callbacks callbacks = Callbacks::kOnThread);
  ~FakeSwarm() override;

  void open(std::string path, OpenCallback callback) override;

  // The hash in the record is made of the content, but it is not SHA-256.
  void add(const std::string& path, std::string content, std::string type = "text/plain");

  // How a file behaves; each may be changed at any time and acts on what is waiting.
  void fail_open(const std::string& path, FetchError error);
  void hold_open(const std::string& path, bool held);
  void set_available(const std::string& path, uint64_t bytes);  // all, at first
  void fail_from(const std::string& path, uint64_t offset, FetchError error);
  // Reads give at most this much at once.
  void set_step(const std::string& path, size_t bytes);

  // Faults of a swarm itself, which a gateway must survive.
  enum class Fault { kNone, kEmptyRead, kLongRead, kNullFile, kCalledTwice };
  void set_fault(const std::string& path, Fault fault);

  // These wait until it is so, and give up after a generous while.
  [[nodiscard]] bool wait_files_open(size_t count) const;
  [[nodiscard]] bool wait_opens_waiting(size_t count) const;
  [[nodiscard]] bool wait_reads_waiting(size_t count) const;

  [[nodiscard]] uint64_t bytes_given(const std::string& path) const;
  [[nodiscard]] size_t read_size_max() const;       // the largest length_max seen
  [[nodiscard]] size_t reads_at_once_max() const;   // of one file
  [[nodiscard]] bool misused() const;               // a read outside the file

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace fb::web::test
