// Profile classic: the paper's receive side, send side and overlay, put together.
#pragma once

#include "roulette/exchange.h"
#include "roulette/overlay.h"
#include "roulette/receive_side.h"
#include "roulette/seeder_link.h"
#include "roulette/send_side.h"

namespace fb::roulette {

class ClassicExchange final : public Exchange {
 public:
  ClassicExchange(Core& core, Downloads& downloads, SeederLink& link, Hooks hooks);

  void on_admitted(Instant now, const wire::Message& message) override;
  [[nodiscard]] Neighbour* on_stranger(Instant now, const Endpoint& from,
                                       const wire::Datagram& datagram) override;
  bool on_message(Instant now, Neighbour& from, const wire::Message& message) override;
  void on_progress(Instant now) override { overlay_.on_progress(now); }
  void on_download_began(Instant now) override;
  void on_object_ended(Instant now, content::FileId object) override;
  void on_held_changed(Download& /*download*/) override {}
  void give_up(Neighbour& neighbour) override { receive_side_.give_up(neighbour, true); }
  void bury(Instant now) override { overlay_.bury(now); }
  void leave(Instant now, Duration lifetime) override { overlay_.leave(now, lifetime); }
  void advance(Instant now) override;
  [[nodiscard]] Instant next_deadline() const override;
  [[nodiscard]] size_t strangers() const override { return overlay_.strangers(); }

 private:
  Core& core_;
  SendSide send_side_;
  ReceiveSide receive_side_;
  Overlay overlay_;
};

}  // namespace fb::roulette
