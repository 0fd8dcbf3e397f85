// What SeederNode asks of a profile (seeder_node.h has the rules of its members).
#pragma once

#include <memory>

#include "roulette/seeder_node.h"

namespace fb::roulette {

class SeederProfile {
 public:
  virtual ~SeederProfile() = default;
  virtual void receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram) = 0;
  virtual void advance(Instant now) = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;
  virtual void hear(Instant now, const ShardNews& news) = 0;
  virtual void set_uplink(Instant now, BitRate uplink) = 0;
  virtual void close(Instant now) = 0;
  [[nodiscard]] virtual NodeStats stats() const = 0;
  [[nodiscard]] virtual Footprint footprint() const = 0;
};

[[nodiscard]] std::unique_ptr<SeederProfile> make_classic_seeder(const SeederOptions& options,
                                                                 content::SiteCatalog& catalog,
                                                                 Transport& transport);
[[nodiscard]] std::unique_ptr<SeederProfile> make_v2_seeder(const SeederOptions& options,
                                                            content::SiteCatalog& catalog,
                                                            Transport& transport);

}  // namespace fb::roulette
