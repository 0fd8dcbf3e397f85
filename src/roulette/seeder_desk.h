// What a seeder of any profile hands out besides chunks: manifests, and digests where somebody
// pollutes. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "content/site_catalog.h"
#include "roulette/core.h"

namespace fb::roulette {

// Who asks the desk for digests, and what it is answered by.
struct DigestAsker {
  const Endpoint& endpoint;
  wire::Token token_out = 0;
  bool warned = false;  // of pollution, when it came
  Instant& asked;       // when it did so last
};

class SeederDesk {
 public:
  SeederDesk(Core& core, content::SiteCatalog& catalog) : core_(core), catalog_(catalog) {}

  // As many parts as `bytes_max` allows; the rest is asked for again.
  void send_manifest(Instant now, const Endpoint& to, wire::Token token, uint16_t request,
                     std::string_view path, uint64_t bytes_max);
  void on_digest_request(Instant now, const DigestAsker& from, const wire::DigestRequest& message);
  // Somebody has asked for digests lately: newcomers are told to be cautious from the start.
  [[nodiscard]] bool polluted(Instant now) const { return now < polluted_until_; }
  [[nodiscard]] Instant polluted_until() const { return polluted_until_; }

 private:
  [[nodiscard]] std::optional<uint64_t> digest_of(content::FileId file, uint32_t chunk);

  Core& core_;
  content::SiteCatalog& catalog_;
  Instant polluted_until_{};
  // An id names one version, so these never go stale.
  std::map<std::pair<content::FileId, uint32_t>, uint64_t> digest_cache_;
};

}  // namespace fb::roulette
