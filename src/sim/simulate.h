// A scenario in virtual time, from the first arrival to the end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "content/memory_site.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace fb::sim {

// What the visitors fetch: a site, and the paths that they choose from.
struct WorldContent {
  std::shared_ptr<content::MemorySite> site;
  std::vector<std::string> paths;
  std::vector<std::string> page;  // what else everybody fetches, once it knows its path's manifest
};
// Files of random bytes, one for each of ContentSpec::sizes, that depend on the seed.
[[nodiscard]] WorldContent generated_content(const ContentSpec& spec, uint64_t seed);

// How far a run is, at the end of a second of its own time.
struct Progress {
  Sample sample;
  uint32_t expected = 0;   // visitors that will come; 0: not known
  bool arriving = true;    // false: everybody came, the rest is finishing
  uint64_t events = 0;     // handled so far
};
// False ends the run; what was measured so far is reported.
using OnSecond = std::function<bool(const Progress&)>;

// Scenario::client decides what is simulated. The result depends on nothing but the arguments.
// Requires: classes whose shares make 1; content with at least one path.
[[nodiscard]] RunResult simulate(const Scenario& scenario, uint64_t seed,
                                 const WorldContent& content, const OnSecond& on_second);

}  // namespace fb::sim
