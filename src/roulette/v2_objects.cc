// Profile v2: what is fetched and kept, block by block, as the chunk stores have it.
#include <algorithm>
#include <utility>

#include "roulette/v2_exchange.h"

namespace fb::roulette {
namespace {

constexpr uint32_t kChunksForHealth = 8;  // so many in a row, and a stall is over
constexpr std::ptrdiff_t kKeptMax = 64;   // objects
// A page's manifests come one after the other, and neighbours are told of several at once.
constexpr Duration kNameTogether = milliseconds(30);

}  // namespace

void V2Exchange::on_download_began(Instant now) {
  hand_on_manifests(now);
  for (Download* download : downloads_.active()) {
    Object* known = object(download->current().info().id);
    if (known == nullptr) {
      add_object(*download);
    } else if (!known->active) {  // fetched before, and once more
      known->active = true;
      rebuild(*known);
    }
  }
  if (next_tick_ == Instant::never() && admitted_) next_tick_ = now + kTick;
  last_progress_ = now;
  name_objects_at_ = std::min(name_objects_at_, now + kNameTogether);
  for (Early& early : std::exchange(early_, {})) {
    if (downloads_.store_of(early.piece.file) == nullptr && link_.busy()) {
      early_.push_back(std::move(early));
      continue;
    }
    if (Neighbour* from = core_.find(early.from)) take(now, *from, early.piece);
  }
  pull(now);
  give(now);
}

void V2Exchange::add_object(Download& download) {
  Object& added = objects_.emplace_back();
  added.id = download.current().info().id;
  added.set_geometry(download.current().geometry());
  added.active = true;
  added.cautious = download.cautious;
  rebuild(added);
}

void V2Exchange::Object::set_geometry(const content::Geometry& cut) {
  geometry = cut;
  blocks.resize(geometry.block_count());
  for (uint32_t i = 0; i < blocks.size(); ++i) {
    blocks[i].sources = static_cast<uint16_t>(geometry.source_chunks_of(i).length());
    blocks[i].size = static_cast<uint16_t>(geometry.block_size(i));
  }
}

V2Exchange::Object* V2Exchange::object(content::FileId id) {
  return const_cast<Object*>(find_object(id));
}

const V2Exchange::Object* V2Exchange::find_object(content::FileId id) const {
  for (const Object& known : objects_) {
    if (known.id == id) return &known;
  }
  return nullptr;
}

V2Exchange::Object* V2Exchange::current() {
  for (Object& known : objects_) {
    if (known.active) return &known;
  }
  return objects_.empty() ? nullptr : &objects_.back();
}

// What it lacks most of, so that little is sent twice. Who has named nothing yet knows no manifest:
// it was sent here for what we came for ourselves.
V2Exchange::Object* V2Exchange::lacked_by(const Partner& partner, uint64_t least) {
  bool named = false;
  Object* most = nullptr;
  uint64_t most_lack = 0;
  for (Object& known : objects_) {
    const View* view = partner.find_view(known.id);
    if (view == nullptr || !view->named_by_it) continue;
    named = true;
    const uint64_t count = known.geometry.chunk_count();
    const uint64_t lack = count - std::min(count, view->have.count());
    if (known.held == 0 || lack <= most_lack || lack < least) continue;
    most = &known;
    most_lack = lack;
  }
  return named || objects_.empty() ? most : &objects_.front();
}

// Chunks of the block that may be asked for: without repair only the source.
uint32_t V2Exchange::tradeable(const Object& object, uint16_t block) const {
  const Block& b = object.blocks[block];
  return core_.config.v2.repair ? b.size : b.sources;
}

void V2Exchange::sync_block(Object& object, uint16_t block, const content::ChunkStore& store) {
  Block& b = object.blocks[block];
  const content::Geometry& geometry = object.geometry;
  b.held = {};
  const auto& held = object.cautious ? store.checked() : store.held();
  const auto note = [&](nois::Interval ids) {
    for (const nois::Interval& part : held.within(ids)) {
      const uint32_t first = geometry.position_of(part.first);
      b.held.set(first, first + (part.last - part.first));
    }
  };
  const nois::Interval source = geometry.source_chunks_of(block);
  note(source);
  if (geometry.block_size(block) > source.length()) note(geometry.repair_chunks_of(block));
  b.done = store.verified().count_in(source) == source.length();
}

void V2Exchange::rebuild(Object& object) {
  const Download* download = downloads_.fetching(object.id);
  const content::ChunkStore* store =
      download != nullptr ? &download->current() : downloads_.store_of(object.id);
  if (store == nullptr) return;
  object.cautious = download != nullptr ? download->cautious : downloads_.cautious(object.id);
  object.held = object.missing = 0;
  for (size_t i = 0; i < object.blocks.size(); ++i) {
    const auto block = static_cast<uint16_t>(i);
    sync_block(object, block, *store);
    object.held += object.blocks[block].held.count();
    object.missing += object.blocks[block].needed();
  }
}

// One block, and the object's sums with it.
void V2Exchange::resync_block(Object& object, uint16_t block, const content::ChunkStore& store) {
  object.held -= object.blocks[block].held.count();
  object.missing -= object.blocks[block].needed();
  sync_block(object, block, store);
  object.held += object.blocks[block].held.count();
  object.missing += object.blocks[block].needed();
}

// Of what is whole only so much is traded; more is taken in again when somebody asks for it.
void V2Exchange::forget_kept() {
  const auto kept = std::ranges::count_if(objects_, [](const Object& o) { return !o.active; });
  if (kept <= kKeptMax) return;
  objects_.erase(std::ranges::find_if(objects_, [](const Object& o) { return !o.active; }));
}

V2Exchange::Object* V2Exchange::object_kept(content::FileId id) {
  if (Object* known = object(id)) return known;
  const content::ChunkStore* store = downloads_.store_of(id);
  if (store == nullptr) return nullptr;
  forget_kept();
  Object& added = objects_.emplace_back();
  added.id = id;
  added.set_geometry(store->geometry());
  rebuild(added);
  return &added;
}

void V2Exchange::on_object_ended(Instant now, content::FileId id) {
  name_objects_at_ = now;  // whole now, so that nobody sends more of it
  if (Object* ended = object(id)) {
    ended->active = downloads_.fetching(id) != nullptr;  // somebody else may want it still
    ended->open.clear();
    for (Block& block : ended->blocks) block.flying = {};
    rebuild(*ended);
  }
  for (const auto& neighbour : core_.neighbours()) {
    std::erase_if(neighbour->partner->out, [&](const Outstanding& o) { return o.file == id; });
  }
  if (downloads_.store_of(id) == nullptr) {
    std::erase_if(objects_, [&](const Object& o) { return o.id == id; });
  }
  forget_kept();
}

void V2Exchange::on_held_changed(Download& download) {
  if (Object* changed = object(download.current().info().id)) rebuild(*changed);
}

void V2Exchange::on_progress(Instant now) {
  last_progress_ = now;
  if (++chunks_since_repair_ >= kChunksForHealth) repairs_ = 0;
}

// What each neighbour that is a peer has told that it holds of the block.
template <typename Function>
void V2Exchange::each_offer(const Object& object, uint16_t block, const Function& function) const {
  for (const auto& neighbour : core_.neighbours()) {
    if (neighbour->is_seeder) continue;
    const View* view = neighbour->partner->find_view(object.id);
    if (view != nullptr) function(view->have.offers(block, object.blocks[block].sources));
  }
}

BlockBits V2Exchange::known_elsewhere(const Object& object, uint16_t block) const {
  BlockBits out;
  each_offer(object, block, [&](const BlockBits& held) { out = out | held; });
  return out;
}

Holders V2Exchange::holders_of(const Object& object, uint16_t block) const {
  Holders out;
  each_offer(object, block, [&](const BlockBits& held) { out.add(held); });
  return out;
}

}  // namespace fb::roulette
