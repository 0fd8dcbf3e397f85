// A datagram's way through a peer:
//   1. receive(): header, then whom it is for: the seeder link, our name (HELLO), or a neighbour;
//   2. admit(): a stranger that proves its address becomes a neighbour; a known one must come from
//      its address;
//   3. dispatch(): the message goes to the profile's exchange, or to the seeder link;
//   4. on_chunk(): what a chunk means for credit, pollution and the download;
//   5. settle(): who is dead is buried; advance(): who has all leaves.
#include "roulette/peer_node.h"

#include <algorithm>
#include <utility>

#include "base/probe.h"
#include "base/unfilled.h"
#include "roulette/classic_exchange.h"
#include "roulette/core.h"
#include "roulette/downloads.h"
#include "roulette/seeder_link.h"
#include "roulette/v2_exchange.h"

namespace fb::roulette {

namespace {

// Digests that do not come are asked for again, each time after twice as long: under attack all
// ask, and a busy seeder is not to be asked yet more.
constexpr Duration kDigestWaitMin = milliseconds(800);
constexpr Duration kDigestWaitMax = seconds(4);
// Between two requests for different ones; the seeder answers no more often than each 50 ms.
constexpr Duration kDigestPause = milliseconds(60);

}  // namespace

struct PeerNode::Impl {
  Impl(const PeerOptions& options, Transport& transport)
      : core(options.config, options.secret, options.choice_seed, options.prefix, transport),
        link(core, options.seeder, options.key, events),
        exchange(make_exchange()) {
    downloads.relay_unverified = options.config.relay_unverified;
    if (options.config.profile == wire::Profile::kV2) downloads.coding = content::Coding::kRepair;
  }

  std::unique_ptr<Exchange> make_exchange();
  void receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram);
  void from_seeder(Instant now, const Endpoint& from, const wire::Message& message);
  Neighbour* admit(Instant now, const Endpoint& from, const wire::Datagram& datagram);
  void dispatch(Instant now, Neighbour& from, const wire::Message& message);
  void on_chunk(Instant now, Download& download, const content::ChunkStore::Result& result);
  void on_senders(Instant now, const content::ChunkStore::Result& result);
  void on_digests(Instant now, const Neighbour& from, const wire::Digests& message);
  void be_cautious(Instant now, Download& download);
  void ask_for_digests(Instant now);
  void on_object_complete(Instant now, Download& download);
  void fail(Instant now, Download& download, FetchFailure why);
  void settle(Instant now);
  void leave(Instant now);
  void give_up_stalled(Instant now);
  void advance(Instant now);
  [[nodiscard]] Instant next_deadline() const;
  [[nodiscard]] bool in_swarm() const { return joined_at != Instant::never(); }

  std::vector<PeerEvent> events;
  Core core;
  Downloads downloads;
  SeederLink link;
  std::unique_ptr<Exchange> exchange;
  Instant joined_at = Instant::never();
  Instant idle_since = Instant::never();  // nothing to fetch since then
  bool polluted = false;                  // the seeder says so
  Instant digests_paused_until{};
};

std::unique_ptr<Exchange> PeerNode::Impl::make_exchange() {
  Exchange::Hooks hooks{.on_chunk = [this](Instant now, Download& download,
                                           const content::ChunkStore::Result& result) {
    on_chunk(now, download, result);
  }};
  if (core.config.profile == wire::Profile::kV2) {
    return std::make_unique<V2Exchange>(core, downloads, link, std::move(hooks));
  }
  return std::make_unique<ClassicExchange>(core, downloads, link, std::move(hooks));
}

void PeerNode::Impl::receive(Instant now, const Endpoint& from,
                             std::span<const uint8_t> bytes) {
  ++core.stats.datagrams_in;
  core.stats.bytes_in += bytes.size();
  FB_UNFILLED const auto datagram = wire::decode(bytes);
  if (!datagram) {
    core.drop(datagram.error());
    return;
  }
  if (datagram->header.to == link.token()) {
    from_seeder(now, from, datagram->message);
  } else if (Neighbour* neighbour = admit(now, from, *datagram)) {
    neighbour->heard = now;
    dispatch(now, *neighbour, datagram->message);
  }
  settle(now);
}

void PeerNode::Impl::from_seeder(Instant now, const Endpoint& from, const wire::Message& message) {
  if (from != link.seeder()) return core.drop(Drop::kChangedAddress);
  const auto* welcome = std::get_if<wire::Welcome>(&message);
  const auto* admit = std::get_if<wire::Admit>(&message);
  if (welcome != nullptr || admit != nullptr) {
    const bool ours = (welcome != nullptr) == (core.config.profile == wire::Profile::kClassic);
    if (!ours) return core.drop(Drop::kProfile);
    const bool awaited =
        welcome != nullptr ? link.on_welcome(now, *welcome) : link.on_admit(now, *admit);
    if (!awaited) return core.drop(Drop::kUnexpected);
    if (!in_swarm()) joined_at = now;
    if (welcome != nullptr ? welcome->polluted : admit->polluted) {
      polluted = true;
      for (Download* download : downloads.active()) be_cautious(now, *download);
    }
    exchange->on_admitted(now, message);
  } else if (const auto* part = std::get_if<wire::ManifestPart>(&message)) {
    link.on_manifest_part(*part, /*from_seeder=*/true);
  } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
    link.on_refused(*refused);
  } else {
    core.drop(Drop::kWrongRole);
  }
}

Neighbour* PeerNode::Impl::admit(Instant now, const Endpoint& from,
                                 const wire::Datagram& datagram) {
  Neighbour* neighbour = core.find_by_token(datagram.header.to);
  if (neighbour == nullptr) return exchange->on_stranger(now, from, datagram);
  // The path messages are what decides whether an address is right.
  if (const auto* challenge = std::get_if<wire::PathChallenge>(&datagram.message)) {
    core.on_path_challenge(now, neighbour->token_out, from, *challenge);
    return nullptr;
  }
  if (const auto* response = std::get_if<wire::PathResponse>(&datagram.message)) {
    core.on_path_response(*neighbour, from, *response);
    return nullptr;
  }
  if (!core.accept_path(now, *neighbour, from)) return nullptr;
  if (!neighbour->proven && !std::holds_alternative<wire::HelloReply>(datagram.message) &&
      core.config.profile == wire::Profile::kClassic) {
    // Both called at once and this one was quicker: it has our token, so it is there.
    if (neighbour->token_out == 0) {
      core.drop(Drop::kUnproven);
      return nullptr;
    }
    core.mark_proven(*neighbour);
  }
  return neighbour;
}

void PeerNode::Impl::dispatch(Instant now, Neighbour& from, const wire::Message& message) {
  if (const auto* digests = std::get_if<wire::Digests>(&message)) {
    on_digests(now, from, *digests);
  } else if (const auto* part = std::get_if<wire::ManifestPart>(&message);
             part != nullptr && core.config.profile == wire::Profile::kV2) {
    link.on_manifest_part(*part, from.is_seeder);
  } else if (!exchange->on_message(now, from, message)) {
    core.drop(Drop::kWrongRole);
  }
}

void PeerNode::Impl::on_chunk(Instant now, Download& download,
                              const content::ChunkStore::Result& result) {
  using Outcome = content::ChunkStore::Outcome;
  if (result.outcome == Outcome::kBadDigest) return on_senders(now, result);
  download.last_progress = now;
  if (core.config.profile == wire::Profile::kV2) {
    // One object is fetched after the other: who waits for its turn is not stalled.
    for (Download* waiting : downloads.active()) waiting->last_progress = now;
  }
  exchange->on_progress(now);
  if (result.outcome == Outcome::kStorageFailed) return fail(now, download, FetchFailure::kStorage);
  if (result.outcome == Outcome::kStored) return on_senders(now, result);
  const bool of_file = download.file() != nullptr;
  const DownloadId id = download.id();
  const bool failed =
      result.outcome == Outcome::kMetachunkDiscarded || result.outcome == Outcome::kBlockSpoilt;
  if (download.current().coding() == content::Coding::kRepair) {
    core.stats.metachunks_verified += result.verified.size();
    for (const uint32_t metachunk : result.verified) {
      if (of_file) events.push_back(MetachunkReady{id, metachunk});
    }
  } else if (!failed) {
    ++core.stats.metachunks_verified;
    if (of_file) events.push_back(MetachunkReady{id, result.metachunk});
  }
  FB_PROBE(peer_checked, of_file, failed, result.metachunk);
  if (failed) {
    ++core.stats.metachunks_discarded;
    be_cautious(now, download);
  }
  on_senders(now, result);
  if (download.current().complete()) on_object_complete(now, download);
}

// Credit becomes firm, or is taken back; who sent bad bytes is noted, or cut off.
void PeerNode::Impl::on_senders(Instant now, const content::ChunkStore::Result& result) {
  using Outcome = content::ChunkStore::Outcome;
  const bool verified = result.outcome == Outcome::kMetachunkVerified ||
                        result.outcome == Outcome::kBlockDecoded ||
                        result.outcome == Outcome::kBlockSpoilt;
  for (const auto& gone : result.revoked) {
    if (Neighbour* sender = core.find(neighbour_of(gone.sender))) {
      core.ledger.on_discarded(sender->account, gone.bytes);
    }
  }
  for (const auto& contribution : result.contributions) {
    Neighbour* sender = core.find(neighbour_of(contribution.sender));
    if (sender == nullptr) continue;
    if (verified) {
      core.ledger.on_verified(sender->account, contribution.bytes);
      ++sender->good_metachunks;
    } else {
      core.ledger.on_discarded(sender->account, contribution.bytes);
    }
  }
  for (const content::SenderId polluter : result.polluters) {
    Neighbour* sender = core.find(neighbour_of(polluter));
    if (sender == nullptr) continue;
    ++sender->bad_chunks;
    // Who vouched for a bad chunk lied. Who merely passed one on may be a victim, as long as it
    // gives more good than bad.
    const bool suspicious = sender->bad_chunks >= core.config.pollution_strikes &&
                            sender->bad_chunks > sender->good_metachunks;
    if (!vouched(polluter) && !suspicious) continue;
    exchange->give_up(*sender);
    core.ban(now, *sender);
  }
}

// From the first sign of pollution on, the seeder's digests tell good chunks from bad ones when
// they arrive, and nothing unchecked is passed on: or one polluter would spoil a whole swarm.
void PeerNode::Impl::be_cautious(Instant now, Download& download) {
  download.cautious = true;
  exchange->on_held_changed(download);
  download.next_digest_request = std::min(download.next_digest_request, now);
}

void PeerNode::Impl::ask_for_digests(Instant now) {
  for (Download* download : downloads.active()) {
    if (download->next_digest_request > now) continue;
    if (digests_paused_until > now) {
      download->next_digest_request = digests_paused_until;
      continue;
    }
    const auto wanted = download->digests_wanted();
    if (!wanted) {
      download->next_digest_request = Instant::never();
      continue;
    }
    const Neighbour* seeder = core.seeder();
    if (seeder == nullptr || !seeder->proven) {
      download->next_digest_request = now + kDigestPause;
      continue;
    }
    core.send(now, Lane::kControl, *seeder, *wanted);
    digests_paused_until = now + kDigestPause;
    download->digest_wait = std::clamp(download->digest_wait * 2, kDigestWaitMin, kDigestWaitMax);
    download->next_digest_request = now + download->digest_wait;
  }
}

void PeerNode::Impl::on_digests(Instant now, const Neighbour& from, const wire::Digests& message) {
  Download* download = downloads.fetching(message.file);
  if (!from.is_seeder || download == nullptr || !download->cautious) {
    core.drop(Drop::kUnexpected);
    return;
  }
  download->digest_wait = {};
  const auto result = download->current().set_digests(message.first, message.digests);
  download->next_digest_request = now;
  exchange->on_held_changed(*download);
  on_chunk(now, *download, result);
}

void PeerNode::Impl::on_object_complete(Instant now, Download& download) {
  const DownloadId id = download.id();
  if (download.complete()) {
    const content::FileId object = download.current().info().id;
    downloads.retire(id);
    exchange->on_object_ended(now, object);
    events.push_back(DownloadComplete{id});
    return;
  }
  const content::FileId list = download.current().info().id;
  if (!download.advance_level()) return fail(now, download, FetchFailure::kBadManifest);
  if (download.cautious) be_cautious(now, download);
  exchange->on_object_ended(now, list);
  exchange->on_download_began(now);
}

void PeerNode::Impl::fail(Instant now, Download& download, FetchFailure why) {
  const DownloadId id = download.id();
  const content::FileId object = download.current().info().id;
  downloads.retire(id);
  exchange->on_object_ended(now, object);
  events.push_back(DownloadFailed{id, why});
}

void PeerNode::Impl::settle(Instant now) {
  exchange->bury(now);
  if (!downloads.active().empty() || link.busy()) {
    idle_since = Instant::never();
  } else if (idle_since == Instant::never()) {
    idle_since = now;
  }
}

void PeerNode::Impl::leave(Instant now) {
  if (!in_swarm()) return;
  exchange->leave(now, now - joined_at);
  link.reset();
  polluted = false;
  joined_at = Instant::never();
  events.push_back(LeftSwarm{});
}

void PeerNode::Impl::give_up_stalled(Instant now) {
  std::vector<Download*> stalled;
  for (Download* download : downloads.active()) {
    if (now - download->last_progress >= core.config.give_up) stalled.push_back(download);
  }
  for (Download* download : stalled) fail(now, *download, FetchFailure::kStalled);
}

void PeerNode::Impl::advance(Instant now) {
  core.pacer.advance(now);
  ask_for_digests(now);
  link.advance(now);
  exchange->advance(now);
  give_up_stalled(now);
  settle(now);
  // Only here: between two calls the shell may have found a new file to fetch in the events.
  if (in_swarm() && idle_since != Instant::never() && events.empty() &&
      now - idle_since >= core.config.linger) {
    leave(now);
  }
}

Instant PeerNode::Impl::next_deadline() const {
  Instant next = std::min({core.pacer.next_deadline(), link.next_deadline(),
                           exchange->next_deadline()});
  for (const Download* download : downloads.active()) {
    next = std::min({next, download->last_progress + core.config.give_up,
                     download->next_digest_request});
  }
  if (in_swarm() && idle_since != Instant::never()) {
    next = std::min(next, idle_since + core.config.linger);
  }
  return next;
}

PeerNode::PeerNode(const PeerOptions& options, Transport& transport)
    : impl_(std::make_unique<Impl>(options, transport)) {}
PeerNode::~PeerNode() = default;

RequestId PeerNode::find_file(Instant now, std::string path) {
  impl_->idle_since = Instant::never();
  return impl_->link.find(now, std::move(path));
}

DownloadId PeerNode::download(Instant now, const content::FileRecord& record,
                              std::unique_ptr<content::Storage> storage,
                              std::unique_ptr<content::Storage> repair) {
  Impl& impl = *impl_;
  Download& download = impl.downloads.add(now, record, std::move(storage), std::move(repair));
  const DownloadId id = download.id();
  if (download.current().complete()) {
    impl.on_object_complete(now, download);  // an empty file
  } else {
    impl.idle_since = Instant::never();
    if (impl.polluted) impl.be_cautious(now, download);
    const bool v2 = impl.core.config.profile == wire::Profile::kV2;
    if (!impl.link.joined()) impl.link.rejoin(now, v2 ? record.path : std::string{});
    impl.exchange->on_download_began(now);
  }
  impl.settle(now);
  return id;
}

void PeerNode::prefer(DownloadId id, uint64_t offset) {
  if (Download* download = impl_->downloads.find(id)) download->prefer(offset);
}

bool PeerNode::read(DownloadId id, uint64_t offset, std::span<uint8_t> out) const {
  const Download* download = impl_->downloads.find(id);
  return download != nullptr && download->file() != nullptr &&
         download->file()->read_verified(offset, out);
}

uint64_t PeerNode::readable(DownloadId id, uint64_t offset) const {
  const Download* download = impl_->downloads.find(id);
  if (download == nullptr || download->file() == nullptr) return 0;
  const content::Geometry& geometry = download->file()->geometry();
  if (offset >= geometry.length) return 0;
  const auto first = static_cast<uint32_t>(offset / geometry.chunk_size);
  const uint32_t last = geometry.chunk_count() - 1;
  const auto missing = download->file()->verified().missing_within({first, last});
  const uint64_t end =
      missing.empty() ? geometry.length : geometry.chunk_offset(missing.front().first);
  return end > offset ? end - offset : 0;
}

uint64_t PeerNode::verified_bytes(DownloadId id) const {
  const Download* download = impl_->downloads.find(id);
  if (download == nullptr || download->file() == nullptr) return 0;
  const content::ChunkStore& file = *download->file();
  if (file.complete()) return file.geometry().length;
  // The last chunk may be short; that is made up for only when it is the last to come.
  return std::min(file.geometry().length, file.verified().count() * file.geometry().chunk_size);
}

void PeerNode::forget(Instant now, DownloadId id) {
  Impl& impl = *impl_;
  Download* download = impl.downloads.find(id);
  if (download == nullptr) return;
  const content::FileId object = download->current().info().id;
  impl.downloads.remove(id);
  impl.exchange->on_object_ended(now, object);
  impl.settle(now);
}

void PeerNode::leave(Instant now) { impl_->leave(now); }

void PeerNode::receive(Instant now, const Endpoint& from, std::span<const uint8_t> datagram) {
  impl_->receive(now, from, datagram);
}

void PeerNode::advance(Instant now) { impl_->advance(now); }
Instant PeerNode::next_deadline() const { return impl_->next_deadline(); }
std::vector<PeerEvent> PeerNode::take_events() { return std::exchange(impl_->events, {}); }
bool PeerNode::has_events() const { return !impl_->events.empty(); }

Footprint PeerNode::footprint() const {
  return {impl_->core.neighbours().size(), impl_->exchange->strangers(),
          impl_->core.pacer.queued().bytes};
}

NodeStats PeerNode::stats() const {
  return impl_->core.counted();
}

uint32_t PeerNode::degree() const { return impl_->core.degree(); }
bool PeerNode::in_swarm() const { return impl_->in_swarm(); }

std::string_view to_string(FetchFailure failure) {
  switch (failure) {
    case FetchFailure::kUnreachable: return "the seeder does not answer";
    case FetchFailure::kStalled: return "neither the seeder nor any peer delivered in time";
    case FetchFailure::kRefused: return "the seeder refused us: its swarm speaks another profile";
    case FetchFailure::kBadManifest:
      return "what the seeder sent is not signed by the key in the link";
    case FetchFailure::kStorage: return "the downloaded data could not be stored";
  }
  return "unknown failure";
}

}  // namespace fb::roulette
