#include "cli/system_random.h"

#include <sys/random.h>

#include <cerrno>
#include <span>

#include "base/check.h"

namespace fb::cli {
namespace {

// Up to 256 bytes come whole once the system's generator is ready (getrandom(2)).
void fill(void* out, size_t size) {
  ssize_t got = 0;
  do {
    got = ::getrandom(out, size, 0);
  } while (got < 0 && errno == EINTR);
  FB_CHECK(got == static_cast<ssize_t>(size));
}

}  // namespace

SecretRng::Seed random_secret() {
  SecretRng::Seed seed{};
  fill(seed.data(), seed.size());
  return seed;
}

uint64_t random_number() {
  uint64_t number = 0;
  fill(&number, sizeof(number));
  return number;
}

}  // namespace fb::cli
