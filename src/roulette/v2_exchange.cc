// Profile v2: what is said to neighbours, and what time brings about.
#include "roulette/v2_exchange.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fb::roulette {
namespace {

constexpr Duration kPaysWithin = seconds(1);  // or it is taken for a free rider
constexpr Duration kIdleSilenceMax = seconds(15);  // and else
constexpr uint32_t kEnoughContacts = 6;
constexpr Duration kSeekInterval = milliseconds(100);
constexpr Duration kCalledWithin = milliseconds(500);
constexpr Duration kSeederAskedAgain = milliseconds(500);  // for referrals
constexpr size_t kHoldingsRoom = 600;  // bytes of further objects in one CONTROL
constexpr size_t kHoldingBytes = 11;   // of one, without wants, intervals and maps
constexpr size_t kWantsOfMore = 16;
constexpr uint32_t kSeeksAtFullPace = 6;
constexpr uint32_t kDoublingsMax = 2;
constexpr uint8_t kGrantOnStall = 4;
constexpr size_t kContactsRemembered = 512;

}  // namespace

V2Exchange::V2Exchange(Core& core, Downloads& downloads, SeederLink& link, Hooks hooks)
    : core_(core),
      downloads_(downloads),
      link_(link),
      hooks_(std::move(hooks)),
      contacts_(core.config.contact_window, kContactsRemembered),
      uplink_(core.config.uplink, core.config.v2.backlog),
      ticket_key_(ticket_key(link.token(), core.name)),
      salt_(static_cast<uint8_t>(core.rng.below(256))),
      pushable_(BlockBits::half(salt_)) {
  core_.pacer.set_rate({}, {});  // the exchange keeps to the uplink itself
}

wire::TradeState V2Exchange::state_for(Instant now, Neighbour& neighbour, const Object* object,
                                       size_t wants_max) {
  Partner& partner = *neighbour.partner;
  wire::TradeState state;
  partner.fill(now, state);
  const uint64_t lack = lacking();
  const uint32_t asked = outstanding(now);
  state.room = static_cast<uint8_t>(std::min<uint64_t>(lack > asked ? lack - asked : 0, 255));
  // What it gave and does not count yet would let it ask in vain.
  const uint64_t tab = tab_of(neighbour).bytes;
  const uint64_t grants = tab - std::min(tab, core_.ledger.uncounted(neighbour.account));
  state.tab = static_cast<uint8_t>(std::min<uint64_t>(grants / 256, 255));
  state.salt = salt_;
  state.want_referrals = std::exchange(partner.ask_referrals, false);
  state.reached = reached_;
  if (object == nullptr) return state;
  state.file = object->id;
  partner.view(object->id).named_to_it = true;
  fill_wants(partner, object->id, wants_max, state.wants);
  return state;
}

void V2Exchange::fill_wants(Partner& partner, content::FileId file, size_t most,
                            wire::ChunkNames<wire::kWantsMax>& wants) {
  for (Outstanding& o : partner.out) {
    if (o.file != file) continue;
    if (wants.count >= most || !wants.add(o.chunk)) break;
    o.told = true;
  }
  partner.dirty = std::ranges::any_of(partner.out, [](const Outstanding& o) { return !o.told; });
}

// Of blocks that are begun and not whole; of an object with many, those that have grown most since
// `to` was told of them.
wire::BlockMaps V2Exchange::maps_for(const View& to, const Object& object, size_t most) {
  struct Grown {
    uint32_t by = 0;
    uint16_t block = 0;
  };
  std::vector<Grown> grown;
  for (size_t block = 0; block < object.blocks.size(); ++block) {
    const uint32_t told = block < to.told_of.size() ? to.told_of[block] : 0;
    const uint32_t held = object.blocks[block].held.count();
    if (object.blocks[block].done || held <= told) continue;
    grown.push_back({held - told, static_cast<uint16_t>(block)});
  }
  if (grown.size() > most) {
    std::ranges::sort(grown, [](const Grown& a, const Grown& b) {
      return a.by != b.by ? a.by > b.by : a.block < b.block;
    });
    grown.resize(most);
  }
  wire::BlockMaps out;
  for (const Grown& next : grown) {
    out.push_back({next.block, object.blocks[next.block].held.words});
  }
  // A small object, whole: its map says more than "whole", namely which repair chunks.
  if (object.blocks.size() == 1 && object.blocks[0].done && most > 0) {
    out.push_back({0, object.blocks[0].held.words});
  }
  return out;
}

void V2Exchange::note_told(View& who, const Object& object, const wire::BlockMaps& maps) {
  who.told = object.held;
  if (object.blocks.size() <= wire::kBlockMapsMax) return;  // told of all of them each time
  who.told_of.resize(object.blocks.size());
  for (const wire::BlockMap& map : maps) {
    who.told_of[map.block] = static_cast<uint16_t>(BlockBits{map.bits}.count());
  }
}

wire::Intervals V2Exchange::whole_of(const Object& object) const {
  if (object.blocks.size() == 1) return {};
  nois::IntervalSet whole;
  for (size_t block = 0; block < object.blocks.size(); ++block) {
    const auto number = static_cast<uint32_t>(block);
    if (object.blocks[block].done) whole.insert({number, number});
  }
  return wire::Intervals::of(whole.top_intervals(wire::kIntervalsMax));
}

void V2Exchange::note_sent(Instant now, Neighbour& neighbour, uint64_t bytes) {
  uplink_.on_sent(now, bytes);
  up_.on_sent(bytes + kIpUdpHeaderBytes);
  neighbour.partner->last_sent = now;
}

void V2Exchange::send_control(Instant now, Neighbour& neighbour, bool with_holdings) {
  if (neighbour.token_out == 0) return;
  Partner& partner = *neighbour.partner;
  // About each object of which it is asked something new; what is fetched first, in any case.
  const bool any_new =
      std::ranges::any_of(partner.out, [](const Outstanding& o) { return !o.told; });
  std::vector<content::FileId> files;
  for (const Outstanding& o : partner.out) {
    if (any_new && o.told && !with_holdings) continue;
    if (std::ranges::find(files, o.file) == files.end()) files.push_back(o.file);
  }
  if (const Object* first = current(); files.empty() && first != nullptr)
    files.push_back(first->id);
  if (files.empty()) files.push_back({});
  wire::Control message;
  const Object* about = object(files.front());
  message.state = state_for(now, neighbour, about, wire::kWantsMax);
  const auto tells = [&](const Object& of) {
    return !neighbour.is_seeder && (with_holdings || has_grown(of, partner.view(of.id)));
  };
  if (about != nullptr && tells(*about)) {
    View& view = partner.view(about->id);
    message.whole = whole_of(*about);
    message.have = maps_for(view, *about);
    note_told(view, *about, message.have);
  }
  size_t room = kHoldingsRoom;
  for (const Object& more : objects_) {
    if (&more == about) continue;
    const bool asked = std::ranges::find(files, more.id) != files.end();
    if (!asked && (neighbour.is_seeder || !to_be_told(more, partner))) continue;
    View& view = partner.view(more.id);
    wire::Holding holding{more.id, {}, {}, {}};
    const bool with_maps = !asked || tells(more);
    if (with_maps) {
      holding.whole = whole_of(more);
      holding.have = maps_for(view, more);
    }
    const size_t size = kHoldingBytes + (asked ? kWantsOfMore * 4 : 0) + holding.whole.count * 8U +
                        holding.have.size() * 35;
    // What does not fit is told by the next one.
    if (size > room || message.more.size() == wire::kHoldingsMax) break;
    room -= size;
    fill_wants(partner, more.id, kWantsOfMore, holding.wants);
    view.named_to_it = true;
    if (with_maps) note_told(view, more, holding.have);
    message.more.push_back(std::move(holding));
  }
  send(now, neighbour, Lane::kControl, message);
}

// It has not heard of it, or wants it and has not heard what we hold by now.
bool V2Exchange::to_be_told(const Object& object, const Partner& partner) {
  const View* view = partner.find_view(object.id);
  if (view == nullptr || !view->named_to_it) return object.active;
  return view->named_by_it && has_grown(object, *view);
}

void V2Exchange::advance(Instant now) {
  if (next_tick_ <= now) tick(now);
  if (std::exchange(stirred_, false)) pull(now);
  give(now);
}

Instant V2Exchange::next_deadline() const {
  return stirred_ ? Instant{} : std::min(next_tick_, next_give_);
}

void V2Exchange::tick(Instant now) {
  if (const auto rate = up_.update(now)) uplink_.set_rate(now, *rate);
  const bool busy = !downloads_.active().empty();
  next_tick_ = now + (busy ? kTick : kTick * 5);
  uint32_t riders = 0;
  for (const auto& owned : core_.neighbours()) {
    Neighbour& neighbour = *owned;
    Partner& partner = *neighbour.partner;
    const bool took = partner.acknowledged > 0 && partner.got == 0;
    if (took && now - partner.born > kPaysWithin) ++riders;
    Instant oldest = Instant::never();
    if (!partner.out.empty()) oldest = partner.out.front().asked;
    if (partner.any_out > 0) oldest = std::min(oldest, partner.any_asked);
    const Duration patience =
        std::max(core_.config.v2.timeout_min, partner.service * 2 + milliseconds(50));
    if (oldest != Instant::never() && now - std::max(oldest, partner.last_data) > patience) {
      forget_asked(neighbour);
      ++partner.strikes;
      partner.service = std::min(partner.service * 3 / 2, seconds(1));
      if (neighbour.is_seeder) {
        partner.grant = 0;
      } else if (neighbour.proven) {
        send_control(now, neighbour);
      }
    }
    if (!neighbour.proven && !partner.called_again && now - partner.born > kSilentAfter) {
      // Its answer or our greeting was lost; or its NAT lets in only whom it has called; or it has
      // left, as most have who do not answer. So who has enough others does without, where many
      // come and the seeder is busy.
      partner.called_again = true;
      const bool busy_seeder = seeder_is_busy();
      if (!busy_seeder || (degree() < core_.config.degree_min && seeder_wants_word())) {
        ask_introduction(now, neighbour);
      }
      if (!busy_seeder || degree() < kEnoughContacts) greet(now, neighbour, {});
    }
    const Duration silence = now - neighbour.heard;
    const bool unanswered = !neighbour.proven && now - partner.born > kUnansweredMax;
    const bool dead = partner.strikes >= core_.config.v2.strikes || unanswered ||
                      silence > (busy ? kSilenceMax : kIdleSilenceMax);
    if (dead && !neighbour.is_seeder) dead_.push_back(neighbour.id);
  }
  riders_ = std::max(riders, riders_);
  bury(now);
  if (name_objects_at_ <= now) {
    name_objects_at_ = Instant::never();
    for (const auto& neighbour : core_.neighbours()) {
      const bool news = std::ranges::any_of(
          objects_, [&](const Object& o) { return to_be_told(o, *neighbour->partner); });
      if (neighbour->proven && !neighbour->is_seeder && news) send_control(now, *neighbour);
    }
  }
  if (busy) {
    seek(now);
    repair(now);
    if (core_.config.v2.endgame) endgame(now);
  }
  announce(now);
  pull(now);
  flush(now);
  give(now);
}

// The seeder can tell it to call us.
void V2Exchange::ask_introduction(Instant now, Neighbour& neighbour) {
  Neighbour* seeder = core_.seeder();
  if (!core_.config.v2.introductions || neighbour.is_seeder || seeder == nullptr) return;
  send(now, *seeder, Lane::kControl, wire::Introduce{neighbour.endpoint, neighbour.name});
}

uint32_t V2Exchange::degree() const {
  return static_cast<uint32_t>(std::ranges::count_if(
      core_.neighbours(), [](const auto& n) { return n->proven && !n->is_seeder; }));
}

// Two neighbours more, from somebody who knows some.
void V2Exchange::seek(Instant now) {
  if (!core_.config.v2.referrals) return;
  const uint32_t neighbours = degree();
  if (neighbours >= core_.config.degree_max) return;
  const Object* first = current();
  const auto gives = [&](const Neighbour& neighbour, const Object& object) {
    const View* view = neighbour.partner->find_view(object.id);
    if (view == nullptr || !object.active) return false;
    return std::ranges::any_of(object.open, [&](uint16_t block) {
      const uint32_t sources = object.blocks[block].sources;
      return (view->have.offers(block, sources) & wanted_of(object, block)).any();
    });
  };
  const auto useful =
      static_cast<uint32_t>(std::ranges::count_if(core_.neighbours(), [&](const auto& n) {
        return !n->is_seeder && first != nullptr && credit_at(*n) >= first->geometry.chunk_size &&
               std::ranges::any_of(objects_, [&](const Object& o) { return gives(*n, o); });
      }));
  const bool nearly_done = first != nullptr && first->missing * 32 < first->geometry.chunk_count();
  // Whom nobody calls is behind a NAT, probably: others come and go, and it has to call them.
  const bool uncalled = !reached_ && now - admitted_at_ > kCalledWithin;
  const uint32_t least = core_.config.degree_min * (uncalled ? 2 : 1);
  const bool few = neighbours < least || (useful < core_.config.v2.useful_min && !nearly_done);
  if (!few || now - last_seek_ < kSeekInterval * (1 + seeks_ / kSeeksAtFullPace)) return;
  std::vector<Neighbour*> askable;
  for (const auto& n : core_.neighbours()) {
    if (n->proven && !n->is_seeder) askable.push_back(n.get());
  }
  Neighbour* seeder = core_.seeder();
  if (uncalled && seeder != nullptr && seeder->proven &&
      now - seeder->partner->referrals_asked > kSeederAskedAgain) {
    askable = {seeder};
  }
  if (askable.empty() || (neighbours < 2 && now - last_progress_ > milliseconds(300))) return;
  last_seek_ = now;
  ++seeks_;
  Neighbour& chosen = *askable[core_.rng.below(askable.size())];
  if (chosen.is_seeder) chosen.partner->referrals_asked = now;
  chosen.partner->ask_referrals = true;
  send_control(now, chosen);
}

// No new data for a while: the seeder knows others, and has a chunk or two itself.
void V2Exchange::repair(Instant now) {
  // Sooner, when nothing is on its way from anybody who answers; but again no sooner than ever.
  const bool awaited = std::ranges::any_of(core_.neighbours(), [now](const auto& n) {
    return n->partner->asked() > 0 && (n->proven || now - n->partner->born < kSilentAfter);
  });
  const Duration stall = awaited ? core_.config.v2.stall : core_.config.v2.stall / 4;
  const Duration wait =
      repairs_ == 0 ? stall
                    : core_.config.v2.stall * (int64_t{1} << std::min(repairs_, kDoublingsMax));
  if (now - last_progress_ <= stall || now - last_repair_ <= wait) return;
  last_repair_ = now;
  ++repairs_;
  chunks_since_repair_ = 0;
  Neighbour* seeder = core_.seeder();
  const bool silent = seeder == nullptr || !seeder->proven || now - seeder->heard > kSilenceMax;
  if (silent || repairs_ % 3 == 0) {  // it may have started anew, and know us no more
    link_.rejoin(now, downloads_.active().front()->record().path);
    return;
  }
  if (seeder->partner->grant == 0 && seeder->partner->out.empty())
    seeder->partner->grant = kGrantOnStall;
  seeder->partner->ask_referrals = true;
  pull(now);
  if (seeder->partner->ask_referrals) send_control(now, *seeder);
}

void V2Exchange::remove(Instant now, Neighbour& neighbour) {
  forget_asked(neighbour);
  core_.remove_neighbour(now, neighbour);
}

void V2Exchange::give_up(Neighbour& neighbour) { forget_asked(neighbour); }

void V2Exchange::bury(Instant now) {
  if (dead_.empty()) return;
  for (const NeighbourId id : std::exchange(dead_, {})) {
    Neighbour* neighbour = core_.find(id);
    if (neighbour == nullptr) continue;
    // Should it live, it must not go on to send what nobody takes.
    if (neighbour->proven) send(now, *neighbour, Lane::kControl, wire::Bye{});
    remove(now, *neighbour);
  }
}

void V2Exchange::leave(Instant now, Duration lifetime) {
  const auto ms =
      static_cast<uint32_t>(std::clamp<int64_t>(lifetime.ns / 1'000'000, 0, UINT32_MAX));
  const wire::Bye bye{
      ms,
      wire::RateCode::of(core_.config.uplink.limited() ? core_.config.uplink : up_.proved()),
      wire::RateCode::of(down_.seen())};
  while (!core_.neighbours().empty()) {
    Neighbour& neighbour = *core_.neighbours().back();
    const bool wanted = !neighbour.is_seeder || seeder_wants_word();
    if (neighbour.proven && wanted) send(now, neighbour, Lane::kControl, bye);
    remove(now, neighbour);
  }
  half_open_.clear();
  early_.clear();
  dead_.clear();
  admitted_ = reached_ = stirred_ = false;
  next_tick_ = next_give_ = name_objects_at_ = Instant::never();
  seeks_ = repairs_ = riders_ = 0;
}

}  // namespace fb::roulette
