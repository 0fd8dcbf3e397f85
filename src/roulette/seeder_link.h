// A peer's dealings with the seeder as such: joining, manifests, joining again when the swarm ran
// dry. (As a holder of chunks the seeder is a neighbour like others.) Under profile v2 neighbours
// are asked for a manifest first: it proves itself, whoever gives it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "content/site_manifest.h"
#include "roulette/core.h"
#include "roulette/peer_node.h"

namespace fb::roulette {

class SeederLink {
 public:
  SeederLink(Core& core, const Endpoint& seeder, const content::PublicKey& key,
             std::vector<PeerEvent>& events);

  RequestId find(Instant now, std::string path);
  // JOIN for new referrals, a new cookie. Bounded by the caller's patience. Under profile v2 `path`
  // says whose others are to be named; it brings no manifest.
  void rejoin(Instant now, const std::string& path = {});
  // Forgets the membership; requests stay and will join again.
  void reset();

  // The token that the seeder's answers carry.
  [[nodiscard]] wire::Token token() const { return token_; }
  [[nodiscard]] const Endpoint& seeder() const { return seeder_; }
  [[nodiscard]] std::optional<wire::Cookie> cookie() const { return cookie_; }
  [[nodiscard]] wire::Token seeder_name() const { return seeder_name_; }
  [[nodiscard]] bool joined() const { return cookie_.has_value() || admitted_; }
  // Profile v2: the file whose manifest the last JOIN asked for; empty when it has come.
  [[nodiscard]] std::string wanted_path() const;
  // The parts of a manifest that we have, for somebody who asks; none when we have not.
  [[nodiscard]] std::vector<wire::ManifestPart> manifest_parts(std::string_view path) const;
  [[nodiscard]] bool busy() const { return !finds_.empty(); }
  [[nodiscard]] bool ever_heard() const { return ever_heard_; }

  // False when the message was not awaited.
  bool on_welcome(Instant now, const wire::Welcome& message);
  bool on_admit(Instant now, const wire::Admit& message);
  // Of the seeder's word anything is believed; of a neighbour's only a manifest that proves itself,
  // and only until one did not.
  void on_manifest_part(const wire::ManifestPart& message, bool from_seeder);
  void on_refused(const wire::Refused& message);

  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;

 private:
  struct Find {
    RequestId id{};
    std::string path;
    Instant started{};
    Instant deadline{};
    uint32_t tries = 0;
    bool neighbours_asked = false;  // profile v2
    uint32_t bad_manifests = 0;
    bool parts_from_seeder = false;
    bool seeder_only = false;                 // a neighbour has sent a bad manifest
    std::vector<std::vector<uint8_t>> parts;  // empty: that part is missing
  };
  void ask(Instant now, Find& find);
  bool ask_neighbours(Instant now, Find& find);
  void send_join(Instant now, const std::string& path);
  void finish(Find& find);
  [[nodiscard]] Duration timeout_after(uint32_t tries);

  Core& core_;
  Endpoint seeder_;
  content::PublicKey key_;
  std::vector<PeerEvent>& events_;
  wire::Token token_;
  std::optional<wire::Cookie> cookie_;
  bool admitted_ = false;   // profile v2
  wire::Token ticket_ = 0;  // likewise: reaches the seeder
  wire::Token seeder_name_ = 0;
  Instant welcomed_{};
  bool ever_heard_ = false;
  bool join_is_out_ = false;
  uint32_t joins_unanswered_ = 0;
  uint32_t next_request_ = 1;
  // The find whose path the last JOIN carried.
  RequestId joined_with_{};
  std::map<RequestId, Find> finds_;
  // Profile v2: manifests that came, for others; latest last.
  struct Manifest {
    std::string path;
    std::vector<uint8_t> blob;
  };
  std::vector<Manifest> manifests_;
};

}  // namespace fb::roulette
