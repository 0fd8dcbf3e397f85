#include "roulette/classic_exchange.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace fb::roulette {

ClassicExchange::ClassicExchange(Core& core, Downloads& downloads, SeederLink& link, Hooks hooks)
    : core_(core),
      send_side_(core, downloads, /*generous=*/false),
      receive_side_(core, downloads,
                    {.on_chunk = std::move(hooks.on_chunk),
                     .on_dead = [this](Instant, Neighbour& n) { overlay_.mark_dead(n); },
                     .cookie = [&link] { return link.cookie(); }}),
      overlay_(core, downloads, send_side_, receive_side_, link) {}

void ClassicExchange::on_admitted(Instant now, const wire::Message& message) {
  overlay_.on_referrals(now, std::get<wire::Welcome>(message).referrals);
}

Neighbour* ClassicExchange::on_stranger(Instant now, const Endpoint& from,
                                        const wire::Datagram& datagram) {
  if (datagram.header.to != core_.name) return overlay_.promote(now, from, datagram.header.to);
  if (const auto* hello = std::get_if<wire::Hello>(&datagram.message)) {
    overlay_.on_hello(now, from, *hello);
  } else {
    core_.drop(Drop::kWrongRole);
  }
  return nullptr;
}

bool ClassicExchange::on_message(Instant now, Neighbour& from, const wire::Message& message) {
  if (const auto* data = std::get_if<wire::Data>(&message)) {
    receive_side_.on_data(now, from, *data);
  } else if (const auto* request = std::get_if<wire::SecondHandshake>(&message)) {
    send_side_.on_second_handshake(now, from, *request);
  } else if (const auto* first = std::get_if<wire::FirstHandshake>(&message)) {
    send_side_.on_first_handshake(now, from, *first);
  } else if (const auto* offer = std::get_if<wire::FirstHandshakeReply>(&message)) {
    receive_side_.on_offer(now, from, offer->file, offer->request, offer->offer);
  } else if (const auto* no_file = std::get_if<wire::NoFile>(&message)) {
    receive_side_.on_no_file(now, from, no_file->file);
  } else if (const auto* not_now = std::get_if<wire::NotNow>(&message)) {
    receive_side_.on_not_now(now, from, *not_now);
  } else if (const auto* reply = std::get_if<wire::HelloReply>(&message)) {
    overlay_.on_hello_reply(now, from, *reply);
  } else if (const auto* ask = std::get_if<wire::RecommendRequest>(&message)) {
    overlay_.on_recommend_request(now, from, *ask);
  } else if (const auto* told = std::get_if<wire::Recommendation>(&message)) {
    overlay_.on_referrals(now, told->referrals);
  } else if (std::holds_alternative<wire::Bye>(message)) {
    overlay_.remove(now, from);
  } else {
    return false;
  }
  return true;
}

void ClassicExchange::on_download_began(Instant now) {
  receive_side_.on_new_download(now);
  overlay_.greet(now);
}

void ClassicExchange::on_object_ended(Instant now, content::FileId object) {
  receive_side_.on_download_ended(now, object);
}

void ClassicExchange::advance(Instant now) {
  std::vector<NeighbourId> due;
  for (size_t i = 0; i < core_.deadlines().size(); ++i) {
    if (core_.deadlines()[i] <= now) due.push_back(core_.neighbours()[i]->id);
  }
  for (const NeighbourId id : due) {
    if (Neighbour* neighbour = core_.find(id)) receive_side_.on_timer(now, *neighbour);
  }
  overlay_.advance(now);
}

Instant ClassicExchange::next_deadline() const {
  Instant next = overlay_.next_deadline();
  for (const Instant deadline : core_.deadlines()) next = std::min(next, deadline);
  return next;
}

}  // namespace fb::roulette
