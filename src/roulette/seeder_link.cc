#include "roulette/seeder_link.h"

#include <algorithm>
#include <functional>

namespace fb::roulette {
namespace {

// A seeder that restarted does not know our cookie and stays silent; then we join anew.
constexpr uint32_t kCookieTries = 2;
constexpr Duration kCookieTrusted = seconds(45);
constexpr uint32_t kTimeoutDoublings = 3;
constexpr Duration kFirstJitter = milliseconds(100);
constexpr uint32_t kBadManifestsMax = 3;
// Profile v2: contacts have the manifest; without one by then, the seeder is asked.
constexpr Duration kContactsPatience = milliseconds(300);
constexpr size_t kNeighboursAsked = 2;
constexpr Duration kHeardLately = milliseconds(500);
constexpr uint64_t kHoldsNoise = 16;  // chunks; so that not all ask the same
constexpr size_t kManifestsKept = 64;

// The number of a request on the wire; 0 stands for a JOIN.
uint16_t number_of(RequestId id) {
  return static_cast<uint16_t>(static_cast<uint32_t>(id) % 0xffff + 1);
}

}  // namespace

SeederLink::SeederLink(Core& core, const Endpoint& seeder, const content::PublicKey& key,
                       std::vector<PeerEvent>& events)
    : core_(core), seeder_(seeder), key_(key), events_(events), token_(core.new_token()) {}

RequestId SeederLink::find(Instant now, std::string path) {
  const auto id = static_cast<RequestId>(next_request_++);
  Find& find = finds_[id];
  find.id = id;
  find.path = std::move(path);
  find.started = now;
  ask(now, find);
  return id;
}

void SeederLink::rejoin(Instant now, const std::string& path) {
  admitted_ = false;
  // The cookie makes a short message do; when it is not honoured, a whole JOIN follows.
  if (joins_unanswered_ > 0 || now - welcomed_ > kCookieTrusted) cookie_.reset();
  send_join(now, path);
}

void SeederLink::reset() {
  cookie_.reset();
  admitted_ = false;
  join_is_out_ = false;
  joins_unanswered_ = 0;
}

Duration SeederLink::timeout_after(uint32_t tries) {
  const uint32_t doublings = std::min(tries, kTimeoutDoublings);
  const Duration timeout = core_.config.join_timeout * (int64_t{1} << doublings);
  // Those who came at once must not all come back at once, again and again.
  const Duration spread = doublings == 0 ? kFirstJitter : timeout;
  return timeout +
         Duration{static_cast<int64_t>(core_.rng.below(static_cast<uint64_t>(spread.ns)))};
}

void SeederLink::send_join(Instant now, const std::string& path) {
  wire::Join join{core_.config.profile, token_, core_.name, cookie_, path,
                  /*wide=*/!seeder_.address.is_v4()};
  core_.send(now, Lane::kControl, seeder_, 0, join);
  ++core_.stats.joins;
  ++joins_unanswered_;
  join_is_out_ = true;
}

// Those who hold most of what we fetch are likely to have this one too.
bool SeederLink::ask_neighbours(Instant now, Find& find) {
  if (find.neighbours_asked || find.seeder_only) return false;
  struct Candidate {
    const Neighbour* neighbour;
    uint64_t holds;
  };
  std::vector<Candidate> candidates;
  for (const auto& neighbour : core_.neighbours()) {
    if (!neighbour->proven || neighbour->is_seeder || neighbour->token_out == 0) continue;
    if (now - neighbour->heard > kHeardLately) continue;
    uint64_t holds = core_.rng.below(kHoldsNoise);
    for (const View& view : neighbour->partner->views) holds += view.have.count();
    candidates.push_back({neighbour.get(), holds});
  }
  if (candidates.empty()) return false;
  const size_t count = std::min(kNeighboursAsked, candidates.size());
  std::ranges::partial_sort(candidates, candidates.begin() + static_cast<ptrdiff_t>(count),
                            std::ranges::greater{}, &Candidate::holds);
  for (size_t i = 0; i < count; ++i) {
    core_.send(now, Lane::kControl, *candidates[i].neighbour,
               wire::ManifestRequest{token_, {}, number_of(find.id), find.path});
  }
  find.neighbours_asked = true;
  find.deadline = now + kContactsPatience;
  return true;
}

void SeederLink::ask(Instant now, Find& find) {
  if (admitted_ && ask_neighbours(now, find)) return;
  if (cookie_ && (find.tries >= kCookieTries || now - welcomed_ > kCookieTrusted)) cookie_.reset();
  find.deadline = std::min(now + timeout_after(find.tries), find.started + core_.config.give_up);
  if (admitted_ && (ticket_ == 0 || find.tries >= kCookieTries)) admitted_ = false;
  if (admitted_) {
    const Neighbour* seeder = core_.seeder();
    const wire::Token to = seeder != nullptr && seeder->proven ? seeder->token_out : ticket_;
    core_.send(now, Lane::kControl, seeder_, to,
               wire::ManifestRequest{token_, {}, number_of(find.id), find.path});
  } else if (cookie_) {
    core_.send(now, Lane::kControl, seeder_, 0,
               wire::ManifestRequest{token_, *cookie_, number_of(find.id), find.path});
  } else if (!join_is_out_ || find.tries > 0) {
    joined_with_ = find.id;
    send_join(now, find.path);
  }
  // Otherwise somebody else's JOIN is out; its WELCOME lets us ask.
  ++find.tries;
}

bool SeederLink::on_welcome(Instant now, const wire::Welcome& message) {
  ever_heard_ = true;
  if (!join_is_out_) return false;
  join_is_out_ = false;
  joins_unanswered_ = 0;
  cookie_ = message.cookie;
  seeder_name_ = message.seeder_name;
  welcomed_ = now;
  for (auto& [id, find] : finds_) {
    if (id == joined_with_) continue;  // its manifest comes with the WELCOME
    find.tries = 0;
    ask(now, find);
  }
  return true;
}

bool SeederLink::on_admit(Instant now, const wire::Admit& message) {
  ever_heard_ = true;
  if (!join_is_out_) return false;
  join_is_out_ = false;
  joins_unanswered_ = 0;
  admitted_ = true;
  ticket_ = message.ticket;
  welcomed_ = now;
  for (auto& [id, find] : finds_) {
    find.tries = 0;
    if (id == joined_with_) {
      find.deadline = now + kContactsPatience;
    } else {
      ask(now, find);
    }
  }
  return true;
}

std::string SeederLink::wanted_path() const {
  const auto found = finds_.find(joined_with_);
  return found == finds_.end() ? std::string{} : found->second.path;
}

std::vector<wire::ManifestPart> SeederLink::manifest_parts(std::string_view path) const {
  std::vector<wire::ManifestPart> out;
  const auto found = std::ranges::find(manifests_, path, &Manifest::path);
  if (found == manifests_.end()) return out;
  const std::span<const uint8_t> blob = found->blob;
  const size_t parts = (blob.size() + wire::kManifestPartSize - 1) / wire::kManifestPartSize;
  for (size_t part = 0; part < parts; ++part) {
    const size_t offset = part * wire::kManifestPartSize;
    out.push_back({0, static_cast<uint8_t>(part), static_cast<uint8_t>(parts),
                   blob.subspan(offset, std::min(wire::kManifestPartSize, blob.size() - offset))});
  }
  return out;
}

void SeederLink::on_manifest_part(const wire::ManifestPart& message, bool from_seeder) {
  ever_heard_ = ever_heard_ || from_seeder;
  const auto found = message.request == 0 ? finds_.find(joined_with_)
                                          : std::ranges::find_if(finds_, [&](const auto& entry) {
                                              return number_of(entry.first) == message.request;
                                            });
  if (found == finds_.end()) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  Find& find = found->second;
  const bool has_seeders = find.parts_from_seeder && !find.parts.empty();
  if (!from_seeder && (message.parts == 0 || find.seeder_only || has_seeders)) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  if (message.parts == 0) {
    // Not so when the request was spoilt on its way.
    const std::string path(message.bytes.begin(), message.bytes.end());
    if (path != find.path) return core_.drop(Drop::kUnexpected);
    events_.push_back(FileMissing{find.id});
    finds_.erase(found);
    return;
  }
  if (find.parts.size() != message.parts || find.parts_from_seeder != from_seeder) {
    find.parts.assign(message.parts, {});
    find.parts_from_seeder = from_seeder;
  }
  find.parts[message.part].assign(message.bytes.begin(), message.bytes.end());
  const bool whole =
      std::ranges::none_of(find.parts, [](const auto& part) { return part.empty(); });
  if (whole) finish(find);
}

void SeederLink::finish(Find& find) {
  std::vector<uint8_t> blob;
  for (const auto& part : find.parts) blob.insert(blob.end(), part.begin(), part.end());
  auto manifest = content::decode_manifest_blob(blob, key_);
  if (!manifest || manifest->record.path != find.path) {
    // Perhaps parts of two versions of the site: ask again until the time is up. A signature may
    // be spoilt on its way; when it never fits, the link has another key.
    core_.drop(Drop::kBadManifest);
    find.parts.clear();
    if (!find.parts_from_seeder) {
      find.seeder_only = true;
      find.deadline = {};  // it is asked at once
      return;
    }
    if (manifest || manifest.error() != content::ContentError::kBadSignature) return;
    if (++find.bad_manifests < kBadManifestsMax) {
      find.tries = 0;
      find.deadline = {};  // at once
      return;
    }
    events_.push_back(FindFailed{find.id, FetchFailure::kBadManifest});
    finds_.erase(find.id);
    return;
  }
  if (core_.config.profile == wire::Profile::kV2) {
    if (manifests_.size() >= kManifestsKept) manifests_.erase(manifests_.begin());
    manifests_.push_back({find.path, std::move(blob)});
  }
  events_.push_back(FileFound{find.id, std::move(*manifest)});
  finds_.erase(find.id);
}

void SeederLink::on_refused(const wire::Refused& message) {
  ever_heard_ = true;
  if (!join_is_out_) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  if (message.reason == wire::RefusedReason::kBusy) return;  // the next try may be luckier
  join_is_out_ = false;
  for (const auto& [id, find] : finds_) {
    events_.push_back(FindFailed{id, FetchFailure::kRefused});
  }
  finds_.clear();
}

void SeederLink::advance(Instant now) {
  std::vector<RequestId> due;
  for (const auto& [id, find] : finds_) {
    if (find.deadline <= now) due.push_back(id);
  }
  for (const RequestId id : due) {
    Find& find = finds_.at(id);
    if (now - find.started >= core_.config.give_up) {
      events_.push_back(
          FindFailed{id, ever_heard_ ? FetchFailure::kStalled : FetchFailure::kUnreachable});
      finds_.erase(id);
    } else {
      ask(now, find);
    }
  }
}

Instant SeederLink::next_deadline() const {
  Instant next = Instant::never();
  for (const auto& [id, find] : finds_) next = std::min(next, find.deadline);
  return next;
}

}  // namespace fb::roulette
