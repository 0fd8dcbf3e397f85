#include "roulette/receive_side.h"

#include <algorithm>

namespace fb::roulette {
namespace {

constexpr Duration kSeederBackoff = milliseconds(500);
constexpr uint32_t kSeederBurstAfterSilence = 4;

}  // namespace

void ReceiveSide::start(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  give_up(neighbour);
  rx.state = ReceiveState::kInit;
  rx.passed.clear();
  rx.tries = 0;
  rx.had_data = false;
  next_file(now, neighbour);
}

// INIT. Chooses at random among the files not yet passed over in this round.
void ReceiveSide::next_file(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  const auto& active = downloads_.active();
  if (active.empty()) {
    rx.state = ReceiveState::kIdle;
    core_.set_deadline(neighbour, Instant::never());
    return;
  }
  std::vector<Download*> left;
  for (Download* download : active) {
    if (std::ranges::find(rx.passed, download->current().info().id) == rx.passed.end()) {
      left.push_back(download);
    }
  }
  if (left.empty()) {
    ++rx.empties;
    if (rx.empties >= core_.config.empty_limit && !neighbour.is_seeder) {
      rx.state = ReceiveState::kSevered;
      core_.set_deadline(neighbour, Instant::never());
      return;
    }
    backoff(now, neighbour,
            rx.had_data ? core_.config.empty_backoff : core_.config.poor_backoff);
    return;
  }
  Download& chosen = *left[core_.rng.below(left.size())];
  rx.file = chosen.current().info().id;
  rx.tries = 0;
  if (neighbour.is_seeder && neighbour.token_out != 0) {
    const uint32_t chunks = chosen.current().geometry().chunk_count();
    rx.offer.assign(1, {0, chunks - 1});
    rx.had_data = true;
    second_handshake(now, neighbour);
    return;
  }
  first_handshake(now, neighbour);
}

// FIRST HANDSHAKE.
void ReceiveSide::first_handshake(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  Download* download = downloads_.fetching(rx.file);
  if (download == nullptr) {
    start(now, neighbour);
    return;
  }
  rx.state = ReceiveState::kFirstHandshake;
  ++rx.request;
  rx.asked_at = now;
  const auto have = wire::Intervals::of(top_intervals(download->current().held().intervals(),
                                                      core_.config.intervals_max, core_.rng));
  if (neighbour.token_out == 0) {
    const auto cookie = neighbour.is_seeder ? hooks_.cookie() : std::nullopt;
    core_.send(now, Lane::kControl, neighbour.endpoint, neighbour.name,
               wire::Hello{core_.config.profile, neighbour.token_in, core_.name, cookie, rx.file,
                           have});
  } else {
    core_.send(now, Lane::kControl, neighbour, wire::FirstHandshake{rx.file, rx.request, have});
  }
  core_.set_deadline(neighbour, now + neighbour.estimator.handshake_timeout(core_.config));
}

// SECOND HANDSHAKE, and on to WAIT FOR DATA.
void ReceiveSide::second_handshake(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  rx.state = ReceiveState::kSecondHandshake;
  release(neighbour);
  Download* download = downloads_.fetching(rx.file);
  if (download == nullptr) {
    start(now, neighbour);
    return;
  }
  rx.pending = download->choose(rx.offer, std::min(rx.burst, core_.config.burst_max),
                                asked_of(neighbour), core_.rng);
  if (rx.pending.empty()) {
    give_up(neighbour);
    if (neighbour.is_seeder) {
      rx.passed.push_back(rx.file);  // all that is missing is on its way from others
      next_file(now, neighbour);
    } else {
      rx.tries = 0;
      first_handshake(now, neighbour);
    }
    return;
  }
  for (const uint32_t chunk : rx.pending) download->in_flight.insert({chunk, chunk});
  rx.asked = static_cast<uint32_t>(rx.pending.size());
  ++rx.request;
  rx.asked_at = now;
  rx.state = ReceiveState::kWaitForData;
  core_.send(now, Lane::kControl, neighbour,
             wire::SecondHandshake{rx.file, rx.request, rx.pending});
  core_.set_deadline(neighbour,
                     now + neighbour.estimator.data_timeout(core_.config, rx.asked));
}

// The seeder's chunks are true, so where it is at hand it is the judge of what failed.
Download::Asked ReceiveSide::asked_of(const Neighbour& neighbour) const {
  const Neighbour* seeder = core_.seeder();
  const bool seeder_at_hand = seeder != nullptr && seeder->proven;
  return {neighbour.id, core_.config.avoid_duplicates, neighbour.is_seeder || !seeder_at_hand,
          neighbour.is_seeder};
}

void ReceiveSide::backoff(Instant now, Neighbour& neighbour, Duration wait) {
  neighbour.receiving.state = ReceiveState::kBackoff;
  core_.set_deadline(neighbour, now + wait);
}

void ReceiveSide::release(Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  if (Download* download = downloads_.fetching(rx.file)) {
    for (const uint32_t chunk : rx.pending) download->in_flight.erase({chunk, chunk});
  }
  rx.pending.clear();
}

void ReceiveSide::give_up(Neighbour& neighbour, bool for_good) {
  release(neighbour);
  Download* download = downloads_.fetching(neighbour.receiving.file);
  if (download == nullptr) return;
  // The seeder's chunks are true and need not be fetched again as long as it can bring the rest.
  const bool keep = neighbour.is_seeder && !for_good;
  for (const auto& lost : download->release_claims(neighbour.id, keep)) {
    if (Neighbour* sender = core_.find(neighbour_of(lost.sender))) {
      core_.ledger.on_discarded(sender->account, lost.bytes);
    }
  }
}

void ReceiveSide::on_new_download(Instant now) {
  for (const auto& neighbour : core_.neighbours()) {
    const ReceiveState state = neighbour->receiving.state;
    if (state == ReceiveState::kIdle || state == ReceiveState::kSevered ||
        state == ReceiveState::kBackoff) {
      neighbour->receiving.empties = 0;
      // Not at once: start() sends, and a burst of new files would greet everybody each time.
      backoff(now, *neighbour, Duration{});
    }
  }
}

void ReceiveSide::on_download_ended(Instant now, content::FileId object) {
  for (const auto& neighbour : core_.neighbours()) {
    Receiving& rx = neighbour->receiving;
    if (rx.file != object || rx.state == ReceiveState::kSevered) continue;
    rx.pending.clear();
    rx.file = {};
    if (neighbour->token_out != 0) backoff(now, *neighbour, Duration{});
  }
}

void ReceiveSide::on_offer(Instant now, Neighbour& from, content::FileId file, uint16_t request,
                           const wire::Intervals& offer) {
  Receiving& rx = from.receiving;
  if (rx.state != ReceiveState::kFirstHandshake || file != rx.file) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  if (request == rx.request && rx.tries == 0) from.estimator.on_round_trip(now - rx.asked_at);
  rx.tries = 0;
  if (offer.count > 0) rx.had_data = true;
  rx.offer.assign(offer.span().begin(), offer.span().end());
  Download* download = downloads_.fetching(file);
  if (download == nullptr) {
    start(now, from);
    return;
  }
  const bool useful = download->wants_any(rx.offer);
  if (useful) rx.empties = 0;
  const auto free = download->choose(rx.offer, 1, asked_of(from), core_.rng);
  if (free.empty()) {
    rx.passed.push_back(file);
    next_file(now, from);
    return;
  }
  second_handshake(now, from);
}

void ReceiveSide::on_no_file(Instant now, Neighbour& from, content::FileId file) {
  Receiving& rx = from.receiving;
  const bool awaited =
      rx.state == ReceiveState::kFirstHandshake || rx.state == ReceiveState::kWaitForData;
  if (!awaited || file != rx.file) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  give_up(from);
  rx.passed.push_back(file);
  next_file(now, from);
}

void ReceiveSide::on_not_now(Instant now, Neighbour& from, const wire::NotNow& message) {
  Receiving& rx = from.receiving;
  const bool awaited =
      rx.state == ReceiveState::kFirstHandshake || rx.state == ReceiveState::kWaitForData;
  if (!awaited || message.file != rx.file || message.request != rx.request) {
    core_.drop(Drop::kUnexpected);
    return;
  }
  // It is alive and has data: neither a try nor an empty round is counted against it.
  rx.had_data = true;
  rx.empties = 0;
  give_up(from);
  rx.passed.push_back(message.file);
  next_file(now, from);
}

void ReceiveSide::on_data(Instant now, Neighbour& from, const wire::Data& message) {
  const uint64_t length = message.bytes.size();
  core_.stats.chunk_bytes_received += length;
  if (from.is_seeder) core_.stats.chunk_bytes_from_seeder += length;
  Download* download = downloads_.fetching(message.file);
  if (download == nullptr) {
    core_.ledger.on_received(from.account, from.endpoint.address, length, false);
    core_.drop(Drop::kUnknownFile);
    return;
  }
  Receiving& rx = from.receiving;
  // The answered request first, so that a discarded MetaChunk can be asked for again at once.
  const auto waiting = std::ranges::find(rx.pending, message.chunk);
  const bool asked = message.file == rx.file && waiting != rx.pending.end();
  if (asked) {
    rx.pending.erase(waiting);
    download->in_flight.erase({message.chunk, message.chunk});
    rx.tries = 0;
  }
  using Outcome = content::ChunkStore::Outcome;
  const content::SenderId sender = sender_of(from.id, message.verified);
  content::ChunkStore& store = download->current();
  auto result = store.add(message.chunk, message.bytes, sender);
  if (result.outcome == Outcome::kBadDigest && from.is_seeder) {
    // The seeder told both: one of them was spoilt on its way, and refusing the chunk for ever
    // would end the download.
    store.forget_digest(message.chunk);
    result = store.add(message.chunk, message.bytes, sender);
  }
  const bool is_new = result.outcome != Outcome::kDuplicate &&
                      result.outcome != Outcome::kOutOfRange &&
                      result.outcome != Outcome::kBadDigest;
  core_.ledger.on_received(from.account, from.endpoint.address, length, is_new);
  if (result.outcome == Outcome::kDuplicate) {
    core_.stats.chunk_bytes_duplicate += length;
    core_.drop(Drop::kDuplicateChunk);
  } else if (result.outcome == Outcome::kOutOfRange) {
    core_.drop(Drop::kBadChunk);
  } else if (result.outcome == Outcome::kBadDigest) {
    core_.drop(Drop::kPolluted);
  } else {
    core_.remember_trade(from, message.file);
  }
  const bool burst_done =
      asked && rx.state == ReceiveState::kWaitForData && rx.pending.empty();
  if (burst_done) {
    from.estimator.on_burst(now - rx.asked_at, rx.asked);
    rx.burst = std::min(rx.burst + 1, core_.config.burst_max);
  }
  const NeighbourId id = from.id;
  const bool told = is_new || result.outcome == Outcome::kBadDigest;
  if (told) hooks_.on_chunk(now, *download, result);  // may end the download or remove `from`
  if (!burst_done) return;
  Neighbour* still = core_.find(id);
  if (still != nullptr && still->receiving.state == ReceiveState::kWaitForData) {
    second_handshake(now, *still);
  }
}

void ReceiveSide::on_timer(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  core_.set_deadline(neighbour, Instant::never());
  switch (rx.state) {
    case ReceiveState::kBackoff:
      start(now, neighbour);
      return;
    case ReceiveState::kWaitForData:
      if (rx.pending.size() < rx.asked) {  // precise decrease: what made it is what fits
        rx.burst = std::max<uint32_t>(1, rx.asked - static_cast<uint32_t>(rx.pending.size()));
        rx.tries = 0;
        second_handshake(now, neighbour);
        return;
      }
      rx.burst = std::max<uint32_t>(1, rx.burst / 2);
      give_up(neighbour);
      retry(now, neighbour);
      return;
    case ReceiveState::kFirstHandshake:
      retry(now, neighbour);
      return;
    case ReceiveState::kInit:
    case ReceiveState::kSecondHandshake:
    case ReceiveState::kIdle:
    case ReceiveState::kSevered:
      return;
  }
}

void ReceiveSide::retry(Instant now, Neighbour& neighbour) {
  Receiving& rx = neighbour.receiving;
  if (++rx.tries > core_.config.request_tries) {
    give_up(neighbour);
    if (neighbour.is_seeder && neighbour.token_out != 0) {
      // The seeder is busy rather than gone; whether it is gone, the overlay's repair finds out.
      rx.tries = 0;
      rx.burst = kSeederBurstAfterSilence;
      backoff(now, neighbour, kSeederBackoff);
    } else {
      rx.state = ReceiveState::kIdle;
      hooks_.on_dead(now, neighbour);
    }
    return;
  }
  const uint32_t tries = rx.tries;
  if (rx.state == ReceiveState::kFirstHandshake) {
    first_handshake(now, neighbour);
  } else {
    second_handshake(now, neighbour);
  }
  rx.tries = tries;  // the new attempt is not a first one
}

}  // namespace fb::roulette
