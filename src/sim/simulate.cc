#include "sim/simulate.h"

#include "base/rng.h"
#include "content/keys.h"
#include "content/site_build.h"
#include "sim/http_baseline.h"
#include "sim/run_by_seconds.h"
#include "sim/world.h"

namespace fb::sim {
namespace {

constexpr uint64_t kContentStream = 0x636f6e74;  // "cont"

RunResult simulate_swarm(const Scenario& scenario, uint64_t seed, const WorldContent& content,
                         const OnSecond& on_second) {
  World world(scenario, seed, content);
  world.start();
  return run_by_seconds(scenario, seed, world, on_second);
}

}  // namespace

WorldContent generated_content(const ContentSpec& spec, uint64_t seed) {
  Rng rng(seed ^ kContentStream);
  std::vector<content::MemoryFile> files;
  std::vector<std::string> paths;
  for (const ByteCount size : spec.sizes) {
    std::vector<uint8_t> bytes(size.bytes);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next() >> 32);
    paths.push_back("file-" + std::to_string(paths.size()));
    files.push_back({paths.back(), "application/octet-stream", std::move(bytes)});
  }
  auto site =
      std::make_shared<content::MemorySite>(std::move(files), content::secret_key_from_seed({}));
  std::vector<std::string> page;
  if (spec.page) page.assign(paths.begin() + 1, paths.end());
  if (spec.page) paths.resize(1);
  return {std::move(site), std::move(paths), std::move(page)};
}

RunResult simulate(const Scenario& scenario, uint64_t seed, const WorldContent& content,
                   const OnSecond& on_second) {
  return scenario.client == ClientKind::kHttp
             ? simulate_http(scenario, seed, content, on_second)
             : simulate_swarm(scenario, seed, content, on_second);
}

}  // namespace fb::sim
