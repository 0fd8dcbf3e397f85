#include "cli/swarm_client.h"

#include <mutex>
#include <utility>

#include "cli/report.h"

namespace fb::cli {

// The way to the runtime, which files may still hold when it is gone.
// Thread safety: any thread.
class SwarmClient::Line {
 public:
  void connect(PeerRuntime& runtime) {
    const std::lock_guard lock(mutex_);
    runtime_ = &runtime;
  }
  void cut() {
    const std::lock_guard lock(mutex_);
    runtime_ = nullptr;
  }
  bool post(PeerRuntime::Task task) {
    const std::lock_guard lock(mutex_);
    return runtime_ != nullptr && runtime_->post(std::move(task));
  }

 private:
  std::mutex mutex_;
  PeerRuntime* runtime_ = nullptr;
};

class SwarmClient::File final : public web::SwarmFile {
 public:
  File(std::shared_ptr<Line> line, SwarmCore& core, SwarmCore::Opened opened)
      : line_(std::move(line)), core_(core), opened_(std::move(opened)) {}
  ~File() override {
    line_->post([&core = core_, handle = opened_.handle](roulette::PeerNode&, Instant now) {
      core.release(now, handle);
    });
  }

  [[nodiscard]] const content::FileRecord& record() const override { return opened_.record; }

  void read(uint64_t offset, size_t length_max, ReadCallback callback) override {
    // Shared, since the task has to be copyable and the callback is still ours when it is refused.
    auto shared = std::make_shared<ReadCallback>(std::move(callback));
    const bool taken = line_->post([&core = core_, handle = opened_.handle, offset, length_max,
                                    shared](roulette::PeerNode& node, Instant now) {
      core.read(node, now, handle, offset, length_max, std::move(*shared));
    });
    if (!taken) (*shared)(std::unexpected(web::FetchError::kStopped));
  }

 private:
  std::shared_ptr<Line> line_;
  SwarmCore& core_;  // used by tasks only, which run while there is a runtime
  SwarmCore::Opened opened_;
};

std::expected<std::unique_ptr<SwarmClient>, std::string> SwarmClient::start(
    const PeerConfig& config, const Endpoint& seeder, const content::Link& link) {
  std::unique_ptr<SwarmClient> out(new SwarmClient(config, link.to_string()));
  PeerConfig lingering = config;
  lingering.roulette.linger = config.gateway_linger;
  auto runtime = PeerRuntime::start(lingering, seeder, link.key, out->core_);
  if (!runtime) return std::unexpected(runtime.error());
  out->runtime_ = std::move(*runtime);
  out->line_->connect(*out->runtime_);
  return out;
}

SwarmClient::SwarmClient(const PeerConfig& config, std::string link)
    : link_(std::move(link)),
      upload_promise_(config.roulette.upload_promise),
      core_({.memory = config.memory, .disk = config.disk, .temporary = config.temporary}),
      line_(std::make_shared<Line>()) {}

SwarmClient::~SwarmClient() { stop(); }

void SwarmClient::open(std::string path, OpenCallback callback) {
  auto shared = std::make_shared<OpenCallback>(std::move(callback));
  auto answer = [line = line_, &core = core_,
                 shared](std::expected<SwarmCore::Opened, web::FetchError> opened) {
    if (!opened) return (*shared)(std::unexpected(opened.error()));
    (*shared)(std::make_shared<File>(line, core, std::move(*opened)));
  };
  const bool taken = line_->post([&core = core_, path = std::move(path),
                                  answer](roulette::PeerNode& node, Instant now) {
    core.open(node, now, path, answer);
  });
  if (!taken) answer(std::unexpected(web::FetchError::kStopped));
}

void SwarmClient::stop() {
  if (!runtime_) return;
  line_->cut();
  runtime_->stop();
}

std::string SwarmClient::status_json() const {
  const PeerRuntime::Snapshot snapshot = runtime_->snapshot();
  const SwarmCore::Figures figures = core_.figures();
  return to_json(GatewayReport{.link = link_,
                               .in_swarm = snapshot.in_swarm,
                               .files_held = figures.files_held,
                               .files_fetching = figures.files_fetching,
                               .memory_bytes = figures.memory_bytes,
                               .disk_bytes = figures.disk_bytes,
                               .readers_waiting = figures.readers_waiting,
                               .upload_promise = upload_promise_,
                               .node = snapshot.node,
                               .engine = snapshot.engine});
}

}  // namespace fb::cli
