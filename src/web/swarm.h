// What the HTTP side asks of the swarm. The real one runs a peer (cli/swarm_client.h); tests use a
// fake in memory.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "content/file_record.h"

namespace fb::web {

enum class FetchError {
  kNotFound,     // the seeder says that the site has no such file
  kTimeout,      // neither seeder nor peers delivered in time
  kUnreachable,  // no answer from the seeder, and nothing held here
  kRefused,      // the seeder or the site's signature refused; see the log
  kStopped,      // the gateway is shutting down
};
[[nodiscard]] const char* to_string(FetchError error);

// One file being fetched, or held. Dropping the last reference ends the interest in it.
class SwarmFile {
 public:
  using ReadCallback = std::function<void(std::expected<std::vector<uint8_t>, FetchError>)>;
  virtual ~SwarmFile() = default;
  [[nodiscard]] virtual const content::FileRecord& record() const = 0;
  // Waits until verified bytes at `offset` exist and gives 1 to `length_max` of them; the swarm
  // prefers chunks from `offset` on. Requires offset < length. The callback is called once, on any
  // thread, also when the file is dropped or the gateway stops.
  virtual void read(uint64_t offset, size_t length_max, ReadCallback callback) = 0;
};

class Swarm {
 public:
  using OpenCallback = std::function<void(std::expected<std::shared_ptr<SwarmFile>, FetchError>)>;
  virtual ~Swarm() = default;
  // Finds a file by its path (no leading '/'). The callback is called once, on any thread.
  virtual void open(std::string path, OpenCallback callback) = 0;
};

}  // namespace fb::web
