#include "roulette/v2_exchange.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fb::roulette {
namespace {

constexpr Duration kTick = milliseconds(10);
constexpr Duration kUnansweredMax = milliseconds(800);  // a greeting
constexpr Duration kPaysWithin = milliseconds(600);     // or it is taken for a free rider
constexpr Duration kIntroduceAfter = milliseconds(250);
constexpr Duration kSilenceMax = seconds(2);            // of a neighbour, while we fetch
constexpr Duration kIdleSilenceMax = seconds(15);       // and else
constexpr Duration kSeekInterval = milliseconds(100);
constexpr uint32_t kSeeksAtFullPace = 6;
constexpr uint32_t kDoublingsMax = 2;
constexpr uint8_t kGrantOnStall = 4;
constexpr Duration kHalfOpenLifetime = seconds(3);
constexpr uint32_t kHalfOpenPerAddress = 8;
constexpr size_t kContactsRemembered = 512;
constexpr size_t kEarlyMax = 64;
constexpr size_t kManifestAsked = 2;  // contacts that are asked for it
constexpr BitRate kRateUnknown{1'000'000};
constexpr uint64_t kPieceOverhead = 77;  // about: headers of IP, UDP and PIECE

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

// --- Meeting

void V2Exchange::on_admitted(Instant now, const wire::Message& message) {
  const auto& admit = std::get<wire::Admit>(message);
  epoch_ = admit.epoch;
  epoch_at_ = now;
  farewell_ = admit.farewell;
  if (!admitted_) {
    admitted_ = true;
    last_progress_ = last_seek_ = last_repair_ = now;
    next_tick_ = now + kTick;
    if (!core_.config.uplink.limited()) {
      uplink_.set_rate(now, admit.up.code != 0 ? admit.up.rate() : kRateUnknown);
      estimate_.begin(now, uplink_.rate(), admit.up.code != 0);
    }
    down_ = core_.config.downlink.limited() ? core_.config.downlink
            : admit.down.code != 0          ? admit.down.rate()
                                            : kRateUnknown;
  }
  contact_seeder(now, admit);
  std::vector<Neighbour*> met;
  for (const wire::Contact& contact : admit.contacts) {
    if (!may_contact(now, contact.endpoint, contact.ticket)) continue;
    if (Neighbour* neighbour = meet(now, contact.endpoint, contact.ticket)) met.push_back(neighbour);
  }
  // No two of them are to send the same: each is asked for another class of positions.
  const auto classes = static_cast<uint8_t>(std::max<size_t>(1, met.size()));
  const uint32_t share = std::max<uint32_t>(1, window() / classes);
  const auto any = static_cast<uint8_t>(std::min({core_.config.v2.any, share, 255U}));
  for (size_t i = 0; i < met.size(); ++i) {
    Partner& partner = *met[i]->partner;
    partner.any_out = any;
    partner.any_asked = now;
    partner.any_class = static_cast<uint8_t>(i);
    partner.any_classes = classes;
    const bool asks = i < kManifestAsked && !admit.ask_manifest;
    greet(now, *met[i], asks ? link_.wanted_path() : std::string{});
  }
  pull(now);
}

void V2Exchange::contact_seeder(Instant now, const wire::Admit& admit) {
  if (admit.ticket == 0) return;
  Neighbour* known = core_.seeder();
  if (known != nullptr && known->proven && now - known->heard < kSilenceMax) return;
  if (known != nullptr) remove(now, *known);
  Neighbour* seeder = meet(now, link_.seeder(), admit.ticket);
  if (seeder == nullptr) return;
  core_.mark_seeder(*seeder);
  seeder->partner->grant = admit.grant;
  seeder->partner->told_us = true;
  // Who knows what it wants asks for that once it is greeted back.
  const bool knows = !downloads_.active().empty();
  const auto any = knows ? 0 : std::min<uint32_t>({admit.grant, window(), 255U});
  seeder->partner->any_out = static_cast<uint8_t>(any);
  seeder->partner->any_asked = now;
  seeder->partner->grant = static_cast<uint8_t>(admit.grant - any);
  greet(now, *seeder, admit.ask_manifest ? link_.wanted_path() : std::string{});
}

Neighbour* V2Exchange::find_contact(const Endpoint& endpoint, wire::Token name) {
  for (const auto& neighbour : core_.neighbours()) {
    if (neighbour->endpoint == endpoint && peer_prefix(neighbour->name) == peer_prefix(name) &&
        !neighbour->is_seeder) {
      return neighbour.get();
    }
  }
  return nullptr;
}

bool V2Exchange::may_contact(Instant now, const Endpoint& endpoint, wire::Token name) {
  if (name == 0 || endpoint.port == 0 || name == core_.name) {
    core_.drop(Drop::kStaleReferral);
    return false;
  }
  if (core_.is_banned(endpoint, name)) {
    core_.drop(Drop::kBanned);
    return false;
  }
  if (find_contact(endpoint, name) != nullptr) return false;
  if (core_.neighbours().size() >= core_.config.degree_max) {
    core_.drop(Drop::kTableFull);
    return false;
  }
  const Address& address = endpoint.address;
  if ((!address.is_loopback() || core_.config.limit_loopback) &&
      !contacts_.admit(now, {address.limit_prefix(), 0}, core_.config.contacts_unanswered_max)) {
    core_.drop(Drop::kContactLimit);
    return false;
  }
  return true;
}

Neighbour* V2Exchange::meet(Instant now, const Endpoint& endpoint, wire::Token name,
                            wire::Token token_in) {
  Neighbour& neighbour = core_.add_neighbour(now, endpoint, name, token_in);
  neighbour.partner = std::make_unique<Partner>();
  neighbour.partner->born = now;
  neighbour.partner->last_data = now;
  neighbour.partner->tab = core_.config.v2.tab_min;
  return &neighbour;
}

void V2Exchange::set_token_out(Neighbour& neighbour, wire::Token token) {
  if (neighbour.token_out != 0 && neighbour.token_out != token) neighbour.partner->begin_anew();
  neighbour.token_out = token;
}

void V2Exchange::greet(Instant now, Neighbour& neighbour, const std::string& path) {
  wire::Greet message;
  message.reply_token = neighbour.token_in;
  message.name = core_.name;
  message.path = path;
  const Partner& partner = *neighbour.partner;
  message.any = partner.any_out;
  message.its_class = partner.any_class;
  message.classes = partner.any_classes;
  const Object* about = current();
  message.state = state_for(now, neighbour, about, 0);
  if (about != nullptr) message.have = maps_of(*about);
  send(now, neighbour, Lane::kControl, message);
}

Neighbour* V2Exchange::on_stranger(Instant now, const Endpoint& from,
                                   const wire::Datagram& datagram) {
  if (const auto* message = std::get_if<wire::Greet>(&datagram.message)) {
    return on_greet(now, from, datagram.header.to, *message);
  }
  return promote(now, from, datagram.header.to);
}

Neighbour* V2Exchange::on_greet(Instant now, const Endpoint& from, wire::Token token,
                                const wire::Greet& message) {
  if (message.profile != core_.config.profile) {
    core_.drop(Drop::kProfile);
    return nullptr;
  }
  if (message.name == core_.name || core_.is_banned(from, message.name)) {
    core_.drop(Drop::kBanned);
    return nullptr;
  }
  const auto epochs = (now - epoch_at_).ns / kTicketEpoch.ns;
  const auto epoch = static_cast<uint8_t>(epoch_ + epochs);
  const bool proven = admitted_ && token != core_.name &&
                      ticket_valid(ticket_key_, from.address, epoch, token);
  if (!proven && token != core_.name) {
    core_.drop(Drop::kUnknownToken);
    return nullptr;
  }
  Neighbour* known = find_contact(from, message.name);
  if (proven && known == nullptr) {
    if (!make_room(now)) {
      core_.drop(Drop::kTableFull);
      return nullptr;
    }
    known = meet(now, from, message.name);
  }
  // Both called, or it calls again. Under our mere name only who was greeted by us is believed, and
  // proves itself by our token in its answer. Who has proved itself already is not to be cut off by
  // somebody who forges its address: with another token it begins anew, as a stranger.
  const bool forged = known != nullptr && !proven && known->proven &&
                      known->token_out != message.reply_token;
  if (known != nullptr && !forged) {
    known->name = message.name;
    set_token_out(*known, message.reply_token);
    if (proven) core_.mark_proven(*known);
    known->heard = now;
    welcome_greeter(now, *known, message);
    return nullptr;
  }
  const auto is_young = [now](const HalfOpen& e) { return now - e.since <= kHalfOpenLifetime; };
  half_open_.erase(half_open_.begin(), std::ranges::find_if(half_open_, is_young));
  auto stranger = std::ranges::find_if(half_open_, [&](const HalfOpen& e) {
    return e.endpoint == from && e.token_out == message.reply_token;
  });
  const auto same = std::ranges::count_if(half_open_, [&](const HalfOpen& e) {
    return e.endpoint.address.limit_prefix() == from.address.limit_prefix();
  });
  const bool limited = !from.address.is_loopback() || core_.config.limit_loopback;
  if (stranger == half_open_.end()) {
    if (half_open_.size() >= core_.config.half_open_max) {
      core_.drop(Drop::kHalfOpenFull);
      return nullptr;
    }
    if (limited && same >= kHalfOpenPerAddress) {
      core_.drop(Drop::kAddressLimit);
      return nullptr;
    }
    half_open_.push_back({from, message.name, core_.new_token(), message.reply_token, message.any,
                          message.its_class, message.classes, now});
    stranger = half_open_.end() - 1;
  }
  Neighbour nobody;  // for an answer on no account at all
  nobody.partner = std::make_unique<Partner>();
  wire::Greeted answer;
  answer.reply_token = stranger->token_in;
  const Object* about = object(message.state.file);
  if (about == nullptr) about = current();
  answer.state = state_for(now, nobody, about, 0);
  answer.state.heard = message.state.sequence;
  if (about != nullptr) {
    answer.have = maps_of(*about);
    answer.have.resize(std::min<size_t>(answer.have.size(), 1));  // not three times its size
  }
  core_.send(now, Lane::kControl, from, message.reply_token, answer);
  return nullptr;
}

// It has proved its address, or answers to our own greeting.
void V2Exchange::welcome_greeter(Instant now, Neighbour& from, const wire::Greet& message) {
  Partner& partner = *from.partner;
  const bool again = partner.any_heard && partner.heard == message.state.sequence;
  read_state(now, from, message.state);
  if (message.any > 0 && !again) {
    partner.any_in = message.any;
    partner.in_class = message.its_class;
    partner.in_classes = message.classes;
    partner.any_since = now;
  }
  if (message.state.file != content::FileId{}) {
    View& view = partner.view(message.state.file);
    for (const wire::BlockMap& map : message.have) view.have.add(map.block, {map.bits});
  }
  partner.told_us = true;
  wire::Greeted answer;
  answer.reply_token = from.token_in;
  Object* about = object(message.state.file);
  if (about == nullptr) about = current();
  answer.state = state_for(now, from, about, 0);
  if (about != nullptr) {
    answer.have = maps_of(*about);
    if (from.proven) {
      answer.whole = whole_of(*about);
      partner.view(about->id).told = about->held;
    } else {
      answer.have.resize(std::min<size_t>(answer.have.size(), 1));  // not three times its size
    }
  }
  send(now, from, Lane::kControl, answer);
  if (from.proven && !message.path.empty()) {
    for (const auto& part : link_.manifest_parts(message.path)) {
      send(now, from, Lane::kControl, part);
    }
  }
  pull(now);
  give(now);
}

Neighbour* V2Exchange::promote(Instant now, const Endpoint& from, wire::Token token) {
  const auto found = std::ranges::find(half_open_, token, &HalfOpen::token_in);
  if (found == half_open_.end()) {
    core_.drop(Drop::kUnknownToken);
    return nullptr;
  }
  if (found->endpoint != from) {
    core_.drop(Drop::kChangedAddress);
    return nullptr;
  }
  const HalfOpen stranger = *found;
  half_open_.erase(found);
  if (Neighbour* before = find_contact(stranger.endpoint, stranger.name)) remove(now, *before);
  if (!make_room(now)) {
    core_.drop(Drop::kTableFull);
    return nullptr;
  }
  Neighbour* neighbour = meet(now, stranger.endpoint, stranger.name, stranger.token_in);
  neighbour->token_out = stranger.token_out;
  core_.mark_proven(*neighbour);
  neighbour->partner->any_in = stranger.any;
  neighbour->partner->in_class = stranger.its_class;
  neighbour->partner->in_classes = stranger.classes;
  neighbour->partner->any_since = now;
  return neighbour;
}

// Who calls may take the place of who never gave anything and has been silent for longest.
bool V2Exchange::make_room(Instant now) {
  const size_t places = core_.config.degree_max + core_.config.degree_max / 2;
  if (core_.neighbours().size() < places) return true;
  Neighbour* victim = nullptr;
  for (const auto& neighbour : core_.neighbours()) {
    if (neighbour->is_seeder || neighbour->partner->got > 0) continue;
    if (now - neighbour->partner->born < kUnansweredMax) continue;
    if (victim == nullptr || neighbour->heard < victim->heard) victim = neighbour.get();
  }
  if (victim == nullptr) return false;
  remove(now, *victim);
  return true;
}

bool V2Exchange::on_message(Instant now, Neighbour& from, const wire::Message& message) {
  // Our token is known to nobody else.
  if (from.token_out != 0) core_.mark_proven(from);
  if (const auto* piece = std::get_if<wire::Piece>(&message)) {
    on_piece(now, from, *piece);
  } else if (const auto* control = std::get_if<wire::Control>(&message)) {
    on_control(now, from, control->state, control->whole, control->have);
  } else if (const auto* greeted = std::get_if<wire::Greeted>(&message)) {
    on_greeted(now, from, *greeted);
  } else if (const auto* told = std::get_if<wire::Recommendation>(&message)) {
    on_recommendation(now, *told);
  } else if (const auto* introduce = std::get_if<wire::Introduce>(&message)) {
    if (!from.is_seeder) return false;
    on_introduce(now, *introduce);
  } else if (const auto* request = std::get_if<wire::ManifestRequest>(&message)) {
    for (auto part : link_.manifest_parts(request->path)) {
      part.request = request->request;
      send(now, from, Lane::kControl, part);
    }
  } else if (std::holds_alternative<wire::Bye>(message)) {
    remove(now, from);
    pull(now);
  } else {
    return false;
  }
  return true;
}

void V2Exchange::on_greeted(Instant now, Neighbour& from, const wire::Greeted& message) {
  Partner& partner = *from.partner;
  const bool first = from.token_out == 0;
  set_token_out(from, message.reply_token);
  core_.mark_proven(from);
  contacts_.forgive({from.endpoint.address.limit_prefix(), 0});
  if (first) partner.service = std::max(milliseconds(30), now - partner.born + milliseconds(20));
  on_control(now, from, message.state, message.whole, message.have);
}

void V2Exchange::on_control(Instant now, Neighbour& from, const wire::TradeState& state,
                            const wire::Intervals& whole,
                            const std::vector<wire::BlockMap>& have) {
  Partner& partner = *from.partner;
  read_state(now, from, state);
  partner.strikes = 0;
  partner.told_us = true;
  if (state.file != content::FileId{}) {
    View& view = partner.view(state.file);
    const Object* known = find_object(state.file);
    for (const nois::Interval& blocks : whole.span()) {
      // Of an object that we know nothing of, nobody can have a say on its length.
      if (known == nullptr) break;
      const auto last = static_cast<uint32_t>(known->blocks.size() - 1);
      if (blocks.first <= last) {
        view.have.add_whole({blocks.first, std::min(blocks.last, last)});
      }
    }
    for (const wire::BlockMap& map : have) view.have.add(map.block, {map.bits});
  }
  if (state.want_referrals) answer_referral_request(now, from);
  pull(now);
  give(now);
}

// What every datagram of a trader tells.
void V2Exchange::read_state(Instant now, Neighbour& from, const wire::TradeState& state) {
  Partner& partner = *from.partner;
  if (!partner.hear(now, state, from.account.sent)) return;
  if (partner.queueing_at == now) estimate_.on_delay(partner.queueing);
  Object* about = object(state.file);
  if (about == nullptr) return;
  std::vector<Wanted> before = std::move(partner.wanted);
  partner.wanted.clear();
  for (const Wanted& old : before) {
    if (old.file != state.file) partner.wanted.push_back(old);
  }
  View& view = partner.view(state.file);
  for (const wire::ChunkName chunk : state.wants.span()) {
    if (chunk.block >= about->blocks.size() || !about->blocks[chunk.block].held.test(chunk.position))
      continue;
    if (partner.on_its_way(state.file, chunk)) continue;
    const auto old = std::ranges::find_if(before, [&](const Wanted& w) {
      return w.file == state.file && w.chunk == chunk;
    });
    partner.wanted.push_back({state.file, chunk, old == before.end() ? now : old->since});
    view.have.remove(chunk);
  }
}

void V2Exchange::on_piece(Instant now, Neighbour& from, const wire::Piece& message) {
  Partner& partner = *from.partner;
  const uint64_t length = message.bytes.size();
  core_.stats.chunk_bytes_received += length;
  if (from.is_seeder) {
    core_.stats.chunk_bytes_from_seeder += length;
    partner.grant = message.grant;
  }
  read_state(now, from, message.state);
  partner.strikes = 0;
  partner.last_data = now;
  count_arrival(now, length + kPieceOverhead);
  View& view = partner.view(message.state.file);
  for (const wire::ChunkName chunk : message.news.span()) view.have.add(chunk);
  view.have.add(message.chunk);
  const Early piece{from.id, message.state.file, message.chunk, message.pushed, message.verified,
                    {message.bytes.begin(), message.bytes.end()}};
  const bool known = downloads_.store_of(message.state.file) != nullptr;
  if (!known && downloads_.active().empty() && link_.busy() && early_.size() < kEarlyMax) {
    partner.got += length;
    settle_arrival(now, from, piece.file, piece.chunk, piece.pushed);
    early_.push_back(piece);
    return;
  }
  const NeighbourId id = from.id;
  take(now, from, piece);
  if (Neighbour* still = core_.find(id); still != nullptr && message.state.want_referrals) {
    answer_referral_request(now, *still);
  }
  pull(now);
  give(now);
}

void V2Exchange::answer_referral_request(Instant now, const Neighbour& from) {
  // Only who has paid is told of others.
  if (from.partner->got == 0 || from.partner->got * 2 + 1024 < from.account.sent) return;
  wire::Recommendation answer;
  for (int i = 0; i < 2; ++i) {
    const auto referral = core_.recommend(now, from.name, content::FileId{});
    if (!referral) break;
    const bool twice = !answer.referrals.empty() && answer.referrals.front() == *referral;
    if (!twice) answer.referrals.push_back(*referral);
  }
  if (!answer.referrals.empty()) core_.send(now, Lane::kControl, from, answer);
}

void V2Exchange::on_recommendation(Instant now, const wire::Recommendation& message) {
  for (const wire::Referral& referral : message.referrals) {
    if (!may_contact(now, referral.endpoint, referral.name)) continue;
    if (Neighbour* neighbour = meet(now, referral.endpoint, referral.name)) greet(now, *neighbour, {});
  }
}

void V2Exchange::on_introduce(Instant now, const wire::Introduce& message) {
  if (!may_contact(now, message.endpoint, message.name)) return;
  if (Neighbour* neighbour = meet(now, message.endpoint, message.name)) greet(now, *neighbour, {});
}

// --- Objects

void V2Exchange::on_download_began(Instant now) {
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
  for (const Early& piece : std::exchange(early_, {})) {
    if (Neighbour* from = core_.find(piece.from)) {
      uint64_t& got = from->partner->got;  // counted again
      got -= std::min<uint64_t>(got, piece.bytes.size());
      take(now, *from, piece);
    }
  }
  pull(now);
  give(now);
}

void V2Exchange::add_object(Download& download) {
  Object& added = objects_.emplace_back();
  added.id = download.current().info().id;
  added.geometry = download.current().geometry();
  added.blocks.resize(added.geometry.block_count());
  added.active = true;
  added.cautious = download.cautious;
  rebuild(added);
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

// Chunks of the block that may be asked for: without repair only the source.
uint32_t V2Exchange::tradeable(const Object& object, uint16_t block) const {
  if (core_.config.v2.repair) return object.geometry.block_size(block);
  return static_cast<uint32_t>(object.geometry.source_chunks_of(block).length());
}

uint32_t V2Exchange::needed(const Object& object, uint16_t block) const {
  const Block& b = object.blocks[block];
  if (b.done) return 0;
  const auto source = static_cast<uint32_t>(object.geometry.source_chunks_of(block).length());
  const uint32_t held = b.held.count();
  return source > held ? source - held : 1;  // all there, and not right: the digests will tell
}

void V2Exchange::sync_block(Object& object, uint16_t block, const content::ChunkStore& store) {
  Block& b = object.blocks[block];
  const content::Geometry& geometry = object.geometry;
  b.held = {};
  const auto& held = object.cautious ? store.checked() : store.held();
  const auto note = [&](nois::Interval ids) {
    for (const nois::Interval& part : held.within(ids)) {
      for (uint64_t id = part.first; id <= part.last; ++id) {
        b.held.set(geometry.position_of(static_cast<uint32_t>(id)));
      }
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
  for (size_t block = 0; block < object.blocks.size(); ++block) {
    sync_block(object, static_cast<uint16_t>(block), *store);
  }
  recount(object);
}

void V2Exchange::recount(Object& object) {
  object.held = object.missing = 0;
  for (size_t block = 0; block < object.blocks.size(); ++block) {
    object.held += object.blocks[block].held.count();
    object.missing += needed(object, static_cast<uint16_t>(block));
  }
}

void V2Exchange::on_object_ended(Instant /*now*/, content::FileId id) {
  if (Object* ended = object(id)) {
    ended->active = downloads_.fetching(id) != nullptr;  // somebody else may want it still
    ended->open.clear();
    for (Block& block : ended->blocks) block.flying = {};
    rebuild(*ended);
  }
  for (const auto& neighbour : core_.neighbours()) {
    std::erase_if(neighbour->partner->out, [&](const Outstanding& o) { return o.file == id; });
  }
  std::erase_if(objects_, [&](const Object& o) { return downloads_.store_of(o.id) == nullptr; });
}

void V2Exchange::on_held_changed(Download& download) {
  if (Object* changed = object(download.current().info().id)) rebuild(*changed);
}

void V2Exchange::on_progress(Instant now) {
  last_progress_ = now;
  repairs_ = 0;
}

// --- Saying

wire::TradeState V2Exchange::state_for(Instant now, Neighbour& neighbour, const Object* object,
                                       size_t wants_max) {
  Partner& partner = *neighbour.partner;
  wire::TradeState state;
  partner.fill(now, state);
  const uint64_t lack = lacking();
  const uint32_t asked = outstanding();
  state.room = static_cast<uint8_t>(std::min<uint64_t>(lack > asked ? lack - asked : 0, 255));
  state.tab = static_cast<uint8_t>(std::min<uint64_t>(tab().bytes / 256, 255));
  state.salt = salt_;
  state.want_referrals = std::exchange(partner.ask_referrals, false);
  if (object == nullptr) return state;
  state.file = object->id;
  for (const Outstanding& o : partner.out) {
    if (o.file != object->id) continue;
    if (state.wants.count >= wants_max || !state.wants.add(o.chunk)) break;
  }
  partner.dirty = false;
  return state;
}

// The blocks that are fetched now, of which others may have and lack parts. Of an object with few
// blocks: all that are not whole.
std::vector<wire::BlockMap> V2Exchange::maps_of(const Object& object) const {
  std::vector<wire::BlockMap> out;
  const auto add = [&](uint16_t block) {
    const Block& b = object.blocks[block];
    if (b.done || !b.held.any() || out.size() >= wire::kBlockMapsMax) return;
    out.push_back({block, b.held.words});
  };
  if (object.blocks.size() <= wire::kBlockMapsMax) {
    for (size_t block = 0; block < object.blocks.size(); ++block) add(static_cast<uint16_t>(block));
  } else {
    for (const uint16_t block : object.open) add(block);
  }
  // A small object, whole: its map says more than "whole", namely which repair chunks.
  if (object.blocks.size() == 1 && object.blocks[0].done) {
    out.push_back({0, object.blocks[0].held.words});
  }
  return out;
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

bool V2Exchange::send(Instant now, Neighbour& neighbour, Lane lane, const wire::Message& message) {
  const wire::Token token = neighbour.token_out != 0 ? neighbour.token_out : neighbour.name;
  const uint64_t before = core_.accepted_bytes();
  const bool sent = core_.send(now, lane, neighbour.endpoint, token, message);
  const uint64_t size = core_.accepted_bytes() - before;
  uplink_.on_sent(now, size);
  estimate_.on_sent(size + kIpUdpHeaderBytes);
  neighbour.partner->last_sent = now;
  return sent;
}

void V2Exchange::send_control(Instant now, Neighbour& neighbour, bool with_holdings) {
  if (neighbour.token_out == 0) return;
  Partner& partner = *neighbour.partner;
  // About each object that it is asked for; the one that is fetched first is told in any case.
  std::vector<content::FileId> files;
  for (const Outstanding& o : partner.out) {
    if (std::ranges::find(files, o.file) == files.end()) files.push_back(o.file);
  }
  if (const Object* first = current(); files.empty() && first != nullptr) files.push_back(first->id);
  if (files.empty()) files.push_back({});
  for (const content::FileId file : files) {
    Object* about = object(file);
    wire::Control message;
    message.state = state_for(now, neighbour, about, wire::kWantsMax);
    const bool grown = about != nullptr && has_grown(*about, partner.view(file));
    if (about != nullptr && !neighbour.is_seeder && (with_holdings || grown)) {
      message.whole = whole_of(*about);
      message.have = maps_of(*about);
      partner.view(file).told = about->held;
    }
    send(now, neighbour, Lane::kControl, message);
  }
}

// --- Time

void V2Exchange::advance(Instant now) {
  if (next_tick_ <= now) tick(now);
  give(now);
}

Instant V2Exchange::next_deadline() const {
  return std::min(next_tick_, next_give_);
}

void V2Exchange::tick(Instant now) {
  if (const auto rate = estimate_.update(now)) uplink_.set_rate(now, *rate);
  const bool busy = !downloads_.active().empty();
  next_tick_ = now + (busy ? kTick : kTick * 5);
  uint32_t riders = 0;
  for (const auto& owned : core_.neighbours()) {
    Neighbour& neighbour = *owned;
    Partner& partner = *neighbour.partner;
    const bool took = neighbour.account.sent > 0 && partner.got == 0;
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
    if (!neighbour.proven && !partner.introduced && now - partner.born > kIntroduceAfter) {
      ask_introduction(now, neighbour);
    }
    const Duration silence = now - neighbour.heard;
    const bool unanswered = !neighbour.proven && now - partner.born > kUnansweredMax;
    const bool dead = partner.strikes >= core_.config.v2.strikes || unanswered ||
                      silence > (busy ? kSilenceMax : kIdleSilenceMax);
    if (dead && !neighbour.is_seeder) dead_.push_back(neighbour.id);
  }
  riders_ = std::max(riders, riders_);
  bury(now);
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

// Its NAT may let in only whom it has called: the seeder can tell it to call us.
void V2Exchange::ask_introduction(Instant now, Neighbour& neighbour) {
  neighbour.partner->introduced = true;
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
  uint32_t useful = 0;
  const Object* first = current();
  for (const auto& n : core_.neighbours()) {
    if (n->is_seeder || first == nullptr || credit_at(*n) < first->geometry.chunk_size) continue;
    const View* view = n->partner->find_view(first->id);
    if (view == nullptr) continue;
    for (const uint16_t block : first->open) {
      const uint32_t size = tradeable(*first, block);
      if ((view->have.bits(block, size) & wanted_of(*first, block)).any()) {
        ++useful;
        break;
      }
    }
  }
  const bool nearly_done = first != nullptr && first->missing * 32 < first->geometry.chunk_count();
  const bool few = neighbours < core_.config.degree_min ||
                   (useful < core_.config.v2.useful_min && !nearly_done);
  if (!few || now - last_seek_ < kSeekInterval * (1 + seeks_ / kSeeksAtFullPace)) return;
  std::vector<Neighbour*> askable;
  for (const auto& n : core_.neighbours()) {
    if (n->proven && !n->is_seeder) askable.push_back(n.get());
  }
  if (askable.empty() || (neighbours < 2 && now - last_progress_ > milliseconds(300))) return;
  last_seek_ = now;
  ++seeks_;
  Neighbour& chosen = *askable[core_.rng.below(askable.size())];
  chosen.partner->ask_referrals = true;
  send_control(now, chosen);
}

// No new data for a while: the seeder knows others, and has a chunk or two itself.
void V2Exchange::repair(Instant now) {
  const Duration stall = core_.config.v2.stall;
  const Duration wait = stall * (int64_t{1} << std::min(repairs_, kDoublingsMax));
  if (now - last_progress_ <= stall || now - last_repair_ <= wait) return;
  last_repair_ = now;
  ++repairs_;
  Neighbour* seeder = core_.seeder();
  const bool silent = seeder == nullptr || !seeder->proven || now - seeder->heard > kSilenceMax;
  if (silent || repairs_ % 4 == 0) {  // it may have started anew, and know us no more
    link_.rejoin(now, downloads_.active().front()->record().path);
    return;
  }
  if (seeder->partner->grant == 0 && seeder->partner->out.empty()) seeder->partner->grant = kGrantOnStall;
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
  const wire::Bye bye{ms, wire::RateCode::of(core_.config.uplink.limited() ? core_.config.uplink : estimate_.proved()), wire::RateCode::of(down_seen_)};
  while (!core_.neighbours().empty()) {
    Neighbour& neighbour = *core_.neighbours().back();
    const bool wanted = !neighbour.is_seeder || core_.rng.below(255) < farewell_;
    if (neighbour.proven && wanted) send(now, neighbour, Lane::kControl, bye);
    remove(now, neighbour);
  }
  half_open_.clear();
  early_.clear();
  dead_.clear();
  admitted_ = false;
  next_tick_ = next_give_ = Instant::never();
  seeks_ = repairs_ = 0;
}

}  // namespace fb::roulette
