#include "web/swarm.h"

namespace fb::web {

const char* to_string(FetchError error) {
  switch (error) {
    case FetchError::kNotFound: return "the site has no such file";
    case FetchError::kTimeout: return "not delivered in time";
    case FetchError::kUnreachable: return "the seeder cannot be reached";
    case FetchError::kRefused: return "refused by the seeder or for the site's signature";
    case FetchError::kStopped: return "stopped";
  }
  return "unknown";
}

}  // namespace fb::web
