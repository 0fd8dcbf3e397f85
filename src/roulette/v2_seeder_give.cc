// Profile v2's seeder, giving: to whom the next chunk goes, and which.
#include "roulette/v2_seeder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/probe.h"
#include "base/unfilled.h"

namespace fb::roulette {
namespace {

constexpr double kLineForGrant = 667;    // bytes an arrival; with less, nobody asks us
constexpr double kLineForFirst = 5000;   // likewise; with less, who asks is before newcomers
constexpr uint32_t kTurnsForFirsts = 4;  // one in so many even then
constexpr size_t kAskersMin = 4;         // the queue has room for so many
constexpr size_t kQueueMin = 16;         // chunks that may wait; of a fast line,
constexpr double kQueueSeconds = 0.16;   // what it carries in so long
constexpr size_t kQueueMax = 1024;
constexpr double kPieceBytes = 1100;  // about, on the line
constexpr size_t kGrantMax = 255;
constexpr Duration kIdle = milliseconds(20);
constexpr Duration kYield = microseconds(200);  // to what is more urgent, and it is looked again
constexpr Duration kTurn = milliseconds(1);     // of the line, at least
constexpr Duration kInjectGap = milliseconds(60);  // between two unasked chunks to one peer
// Of what else is sent, goes to manifests that wait.
constexpr double kManifestShareOfJoins = 0.15;
constexpr double kManifestShareOfData = 1;
constexpr size_t kSwarmNone = 3;             // neighbours; with fewer it begins anew
constexpr size_t kSwarmSmall = 8;            // neighbours; with more, what we send is not enough
constexpr double kInjectAge = 0.6;           // of a lifetime

}  // namespace

size_t V2Seeder::queue_max() const {
  const double chunks = own_bytes_per_second() * (kQueueSeconds / kPieceBytes);
  return static_cast<size_t>(std::clamp(chunks, double{kQueueMin}, double{kQueueMax}));
}

uint32_t V2Seeder::grant(double rate) const {
  const size_t most = queue_max();
  if (rate > line_for(kLineForGrant) || queue_.size() >= most) return 0;
  return static_cast<uint32_t>(std::min({kGrantMax, most, (most - queue_.size()) / 2}));
}

// Where many come, who asks has given much and lacks little, mostly, and others give to newcomers.
// But where many do not give, it is they who ask; and in a cold start, or where the line has
// nothing to spare, a first chunk goes further.
bool V2Seeder::favours_askers(double rate) const {
  return !wary_ && !is_cold() && rate > line_for(kLineForFirst) && rate <= line_for(kLineForCrowd);
}

// What it has come for; nothing when that was long ago.
std::optional<content::FileId> V2Seeder::wanted_by(const Visitor& visitor) {
  const Admitted* admitted =
      admitted_.find(kByNameAlone, hash_.of(visitor.name),
                     [&](const Admitted& a) { return a.name == visitor.name; });
  if (admitted == nullptr) return {};
  return catalog_.first_object(paths_.text(admitted->path));
}

// A chunk that it is not known to hold.
std::optional<wire::ChunkName> V2Seeder::fresh_for(Visitor& to, content::FileId object) {
  const auto chunk = fresh_.next(
      object, [&](wire::ChunkName name) { return visitors_.holds(to, object, name); });
  if (chunk) visitors_.note_held(to, object, *chunk);
  return chunk;
}

void V2Seeder::ask_for(Visitor& to, content::FileId file, wire::ChunkName chunk, bool pushed) {
  ++to.asked_waiting;
  queue_.emplace_back(to.id, file, chunk, pushed);
}

void V2Seeder::push(Instant now, Visitor& to, uint32_t count, bool first) {
  const auto object = wanted_by(to);
  if (!object) return;
  for (uint32_t i = 0; i < count; ++i) {
    const auto chunk = fresh_for(to, *object);
    if (!chunk) return;
    if (!first) {
      ask_for(to, *object, *chunk, false);
      continue;
    }
    pushes_.add(now);
    ++to.firsts_waiting;
    firsts_.push_front({to.id, *object, *chunk, false});
    if (firsts_.size() <= queue_max()) continue;
    // Who has waited longest has gone on.
    Visitor* last = visitors_.find(firsts_.back().to);
    if (last != nullptr) --last->firsts_waiting;
    firsts_.pop_back();
  }
  if (count > 0) to.served = true;
}

// With nothing to do: to the newest that got nothing yet, else to somebody young.
bool V2Seeder::inject(Instant now) {
  Visitor* chosen = nullptr;
  while (chosen == nullptr && !unserved_.empty()) {
    Visitor* newest = visitors_.find(unserved_.back());
    unserved_.pop_back();
    if (newest == nullptr || newest->served) continue;
    if (now - newest->born < scale(lifetime_, 0.4)) chosen = newest;
  }
  for (int tries = 0; chosen == nullptr && tries < 6 && !listed_.empty(); ++tries) {
    Visitor* candidate = visitors_.find(listed_[core_.rng.below(listed_.size())]);
    if (candidate == nullptr) continue;
    const content::Geometry* latest = fresh_.latest();
    const bool spread =
        latest != nullptr && shards_.chunks_sent() * 10 > uint64_t{latest->chunk_count()} * 13;
    if (spread && now - candidate->born > scale(lifetime_, kInjectAge)) continue;
    if (now - candidate->last_sent < kInjectGap) continue;
    chosen = candidate;
  }
  if (chosen == nullptr) return false;
  const auto object = wanted_by(*chosen);
  if (!object) return false;
  const auto chunk = fresh_for(*chosen, *object);
  if (!chunk) return false;
  ask_for(*chosen, *object, *chunk, true);
  return true;
}

bool V2Seeder::send_piece(Instant now, Visitor& to, const QueuedChunk& queued) {
  const auto geometry = catalog_.object(queued.file);
  if (!geometry) return false;
  FB_UNFILLED std::array<uint8_t, content::kChunkSizeMax> bytes;
  const uint32_t id = geometry->id_at(queued.chunk.block, queued.chunk.position);
  const size_t length = catalog_.read_chunk(queued.file, id, bytes);
  if (length == 0) {
    core_.drop(Drop::kSourceGone);
    to.last_sent = now;  // or it would be tried with chunk after chunk, without a pause
    return false;
  }
  wire::Piece message;
  to.counts.fill(now, message.state);
  message.state.file = queued.file;
  message.chunk = queued.chunk;
  message.pushed = queued.pushed;
  message.verified = true;
  message.grant = static_cast<uint8_t>(grant(load(now)));
  message.bytes = std::span(bytes).first(length);
  if (!send(now, to, Lane::kData, message)) return false;
  visitors_.note_given(now, to, message.state.sequence, queued.file, queued.chunk);
  to.last_sent = now;
  core_.stats.chunk_bytes_sent += length;
  shards_.add_chunk();
  FB_PROBE(seeder_piece, to.endpoint.port, queued.chunk.block, queued.chunk.position,
           chunks_waiting());
  return true;
}

SentSoFar V2Seeder::sent_so_far() const {
  return {shards_.chunks_sent(), core_.stats.chunk_bytes_sent, core_.accepted_bytes()};
}

// A swarm has begun from nothing and has not got the object once: nobody can finish before it has.
bool V2Seeder::is_cold() const {
  const content::Geometry* latest = fresh_.latest();
  if (latest == nullptr || visitors_.size() <= kSwarmSmall) return false;
  const uint64_t sent = shards_.chunks_sent() - sent_when_empty_.chunks;
  return sent * 10 < uint64_t{latest->chunk_count()} * 13;
}

// Chunks have had less of the line than all else.
bool V2Seeder::owes_chunks() const {
  const SentSoFar now = sent_so_far();
  const uint64_t chunks = now.chunk_bytes - sent_when_empty_.chunk_bytes;
  return now.bytes - sent_when_empty_.bytes > 2 * chunks;
}

void V2Seeder::serve(Instant now) {
  if (visitors_.size() < kSwarmNone) sent_when_empty_ = sent_so_far();
  while (uplink_.ready(now) && !is_others_turn(now)) {
    const uint64_t before = core_.accepted_bytes();
    if (manifest_is_next()) {
      send_manifest(now);
    } else {
      const double share = joins_waiting() == 0 ? kManifestShareOfData : kManifestShareOfJoins;
      if (!serve_one(now)) {
        if (any_waiting()) give_turn(now, kYield);
        break;
      }
      const auto size = static_cast<double>(core_.accepted_bytes() - before);
      shards_.add_manifest_credit(size * share, -kManifestDebtMax, kManifestCreditMax);
    }
    take_turn(now, core_.accepted_bytes() - before);
  }
  next_idle_ = visitors_.empty() ? Instant::never() : now + kIdle;
  shards_.set_waiting(shard_, waiting());
  shards_.set_joins_waiting(shard_, static_cast<uint32_t>(joins_waiting()));
}

// Where what waits at another shard is as urgent, each has the line for a while; else who looks
// more often would have it for itself.
void V2Seeder::take_turn(Instant now, uint64_t bytes) {
  const auto others = shards_.waiting_at_others(shard_);
  if (others == SeederShards::Waiting::kNothing || others < waiting()) {
    turn_ = {};
    return;
  }
  turn_ += uplink_.rate().time_for({bytes});
  if (turn_ >= kTurn) give_turn(now, std::exchange(turn_, {}));
}

void V2Seeder::give_turn(Instant now, Duration how_long) {
  yielded_until_ = now + how_long;
  yielded_ = waiting();
}

bool V2Seeder::is_others_turn(Instant now) const {
  return now < yielded_until_ && waiting() <= yielded_;
}

SeederShards::Waiting V2Seeder::waiting() const {
  // A manifest that waits for chunks to be sent first is no more urgent than they are.
  if (joins_waiting() > 0 || manifest_is_next()) return SeederShards::Waiting::kAnswers;
  if (chunks_waiting() > 0) return SeederShards::Waiting::kChunks;
  return SeederShards::Waiting::kNothing;
}

bool V2Seeder::serve_one(Instant now) {
  const bool chunks_first = is_cold() && owes_chunks() && (chunks_waiting() > 0 || inject(now));
  if (joins_waiting() > 0 && !chunks_first) {
    admit(now);
    return true;
  }
  // The line is the other shards' too.
  const auto others = shards_.waiting_at_others(shard_);
  if (others == SeederShards::Waiting::kAnswers && !chunks_first) return false;
  if (chunks_waiting() == 0 && (others > SeederShards::Waiting::kNothing || !inject(now))) {
    return false;
  }
  const bool askers = favours_askers(load(now)) && ++turns_asked_ % kTurnsForFirsts != 0;
  const bool asked = firsts_.empty() || (!queue_.empty() && askers);
  Ring<QueuedChunk>& queue = asked ? queue_ : firsts_;
  const QueuedChunk next = queue.front();
  queue.pop_front();
  Visitor* to = visitors_.find(next.to);
  if (to == nullptr) return true;
  --(asked ? to->asked_waiting : to->firsts_waiting);
  send_piece(now, *to, next);
  return true;
}

// Its want list is absolute: what is on it, not on its way and not queued yet, is queued.
void V2Seeder::queue_wanted(Instant now, Visitor& from, content::FileId file,
                            const wire::ChunkNames<wire::kWantsMax>& wants) {
  if (file == content::FileId{}) return;
  const auto geometry = catalog_.object(file);
  if (!geometry) return core_.drop(Drop::kUnknownFile);
  // Nobody who asks keeps all others from the line.
  const size_t all = queue_max();
  const size_t most = favours_askers(load(now)) ? all / kAskersMin : all;
  FB_UNFILLED ChunkMarks known(wants.span());  // on their way, or queued
  visitors_.mark_on_its_way(now, from, file, known);
  for (size_t i = 0; from.asked_waiting > 0 && i < queue_.size(); ++i) {
    if (queue_[i].to == from.id && queue_[i].file == file) known.mark(queue_[i].chunk);
  }
  for (const wire::ChunkName chunk : wants.span()) {
    if (chunk.block >= geometry->block_count() ||
        chunk.position >= geometry->block_size(chunk.block)) {
      core_.drop(Drop::kBadChunk);
      continue;
    }
    if (known.marked(chunk) || queue_.size() >= all) continue;
    if (from.asked_waiting >= most) return;
    if (from.firsts_waiting > 0) {
      const size_t before = firsts_.size();
      firsts_.erase_if([&](const QueuedChunk& q) {
        return q.to == from.id && q.file == file && q.chunk == chunk;
      });
      from.firsts_waiting -= static_cast<uint16_t>(before - firsts_.size());
    }
    ask_for(from, file, chunk, false);
    known.mark(chunk);
  }
}

}  // namespace fb::roulette
