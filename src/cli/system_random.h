// Randomness from the system, for the seeds that the core is given.
// Thread safety: any thread.
#pragma once

#include <cstdint>

#include "base/rng.h"

namespace fb::cli {

[[nodiscard]] SecretRng::Seed random_secret();
[[nodiscard]] uint64_t random_number();

}  // namespace fb::cli
