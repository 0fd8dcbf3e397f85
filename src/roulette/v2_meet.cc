// Profile v2, meeting: contacts, greetings, strangers.
#include <algorithm>
#include <utility>

#include "roulette/v2_exchange.h"

namespace fb::roulette {
namespace {

constexpr Duration kHalfOpenLifetime = seconds(3);
constexpr uint32_t kHalfOpenPerAddress = 8;
constexpr uint8_t kAnyContacts = 6;  // fewer are asked for more
constexpr BitRate kRateUnknown{500'000};

}  // namespace

void V2Exchange::on_admitted(Instant now, const wire::Message& message) {
  const auto& admit = std::get<wire::Admit>(message);
  epoch_ = admit.epoch;
  epoch_at_ = now;
  farewell_ = admit.farewell;
  wary_ = admit.wary;
  if (!admitted_) {
    admitted_ = true;
    admitted_at_ = now;
    last_progress_ = last_seek_ = last_repair_ = now;
    next_tick_ = now + kTick;
    if (!core_.config.uplink.limited()) {
      uplink_.set_rate(now, admit.up.code != 0 ? admit.up.rate() : kRateUnknown);
      up_.begin(now, uplink_.rate(), admit.up.code != 0);
    }
    const bool certain = core_.config.downlink.limited();
    down_.begin(certain                ? core_.config.downlink
                : admit.down.code != 0 ? admit.down.rate()
                                       : kRateUnknown,
                certain);
  }
  contact_seeder(now, admit);
  make_way(now, admit.contacts.size());
  std::vector<Neighbour*> met;
  for (const wire::Contact& contact : admit.contacts) {
    if (!may_contact(now, contact.endpoint, contact.ticket)) continue;
    if (Neighbour* neighbour = meet(now, contact.endpoint, contact.ticket))
      met.push_back(neighbour);
  }
  // No two of them are to send the same: each is asked for another class of positions.
  const auto classes = static_cast<uint8_t>(std::max<size_t>(1, met.size()));
  const uint32_t share = std::max<uint32_t>(1, window() / classes);
  const uint32_t asked = core_.config.v2.any * std::max(classes, kAnyContacts) / classes;
  const auto any = static_cast<uint8_t>(std::min({asked, share, 255U}));
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

// Admitted again, because too little came: new contacts take the place of who brought nothing
// lately.
void V2Exchange::make_way(Instant now, size_t count) {
  while (core_.neighbours().size() + count > core_.config.degree_max) {
    Neighbour* idle = nullptr;
    for (const auto& neighbour : core_.neighbours()) {
      if (neighbour->is_seeder || now - neighbour->partner->last_data < kUnansweredMax) continue;
      if (idle == nullptr || neighbour->partner->last_data < idle->partner->last_data) {
        idle = neighbour.get();
      }
    }
    if (idle == nullptr) return;
    if (idle->proven) send(now, *idle, Lane::kControl, wire::Bye{});
    remove(now, *idle);
  }
}

void V2Exchange::contact_seeder(Instant now, const wire::Admit& admit) {
  if (admit.ticket == 0) return;
  Neighbour* known = core_.seeder();
  if (known != nullptr && known->proven && now - known->heard < kSilenceMax) return;
  if (known != nullptr) remove(now, *known);
  Neighbour* seeder = meet(now, link_.seeder(), admit.ticket);
  if (seeder == nullptr) return;
  core_.mark_seeder(*seeder);
  if (admit.confirm) {
    seeder->partner->called_again = true;  // no answer will come
    send(now, *seeder, Lane::kControl, wire::Confirm{seeder->token_in, core_.name});
    return;
  }
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
  if (about != nullptr) message.have = maps_for({}, *about);
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
  const bool proven =
      admitted_ && token != core_.name && ticket_valid(ticket_key_, from.address, epoch, token);
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
    known->partner->newcomer = true;
    reached_ = true;
  }
  // Both called, or it calls again. Under our mere name only who was greeted by us is believed, and
  // proves itself by our token in its answer. Who has proved itself already is not to be cut off by
  // somebody who forges its address: with another token it begins anew, as a stranger.
  const bool forged =
      known != nullptr && !proven && known->proven && known->token_out != message.reply_token;
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
    answer.have = maps_for({}, *about, 1);  // not three times its size
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
    note_holding(partner, message.state.file, {}, message.have);
  }
  partner.told_us = true;
  wire::Greeted answer;
  answer.reply_token = from.token_in;
  Object* about = object(message.state.file);
  if (about == nullptr) about = current();
  answer.state = state_for(now, from, about, 0);
  if (about != nullptr) {
    View& view = partner.view(about->id);
    view.told_of.clear();  // an answer to the same greeting may have been lost
    answer.have = maps_for(view, *about, from.proven ? wire::kBlockMapsMax : 1);  // not 3 times
    if (from.proven) {
      answer.whole = whole_of(*about);
      note_told(view, *about, answer.have);
    }
  }
  send(now, from, Lane::kControl, answer);
  if (from.proven && !message.path.empty()) answer_manifest_request(now, from, 0, message.path);
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

}  // namespace fb::roulette
