// Profile v2 (docs/protocol.md, "Profile v2"): greet the contacts that the seeder names, ask them
// for any chunks at once, pull with an absolute want list that every datagram carries, push to who
// shows room when the uplink is idle, and leave.
//
// In several files: v2_meet.cc makes neighbours, v2_listen.cc reads what they say, v2_objects.cc
// keeps what is held, v2_pull.cc asks, v2_give.cc gives, and v2_exchange.cc speaks and keeps time.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "roulette/downlink_estimate.h"
#include "roulette/exchange.h"
#include "roulette/holders.h"
#include "roulette/seeder_link.h"
#include "roulette/ticket.h"
#include "roulette/uplink.h"
#include "roulette/uplink_estimate.h"

namespace fb::roulette {

class V2Exchange final : public Exchange {
 public:
  V2Exchange(Core& core, Downloads& downloads, SeederLink& link, Hooks hooks);

  void on_admitted(Instant now, const wire::Message& message) override;
  [[nodiscard]] Neighbour* on_stranger(Instant now, const Endpoint& from,
                                       const wire::Datagram& datagram) override;
  bool on_message(Instant now, Neighbour& from, const wire::Message& message) override;
  void on_progress(Instant now) override;
  void on_download_began(Instant now) override;
  void on_object_ended(Instant now, content::FileId object) override;
  void on_held_changed(Download& download) override;
  void give_up(Neighbour& neighbour) override;
  void bury(Instant now) override;
  void leave(Instant now, Duration lifetime) override;
  void advance(Instant now) override;
  [[nodiscard]] Instant next_deadline() const override;
  [[nodiscard]] size_t strangers() const override { return half_open_.size(); }

 private:
  // Who has not answered at all for so long has left, probably.
  static constexpr Duration kSilentAfter = milliseconds(250);

  static constexpr uint64_t kPieceOverhead = 77;  // about: headers of IP, UDP and PIECE
  static constexpr size_t kManifestAsked = 2;  // contacts that are asked for it
  static constexpr Duration kTick = milliseconds(10);
  static constexpr size_t kOpenBlocksMax = 8;
  static constexpr Duration kUnansweredMax = milliseconds(800);  // a greeting
  static constexpr Duration kSilenceMax = seconds(2);            // of a neighbour, while we fetch

  // One object that is fetched or kept.
  struct Block {
    BlockBits held;    // not to be asked for
    BlockBits flying;  // asked of somebody
    uint16_t sources = 0;  // source chunks, and
    uint16_t size = 0;     // all chunks that are to be had
    bool done = false;

    // So many more have to come.
    [[nodiscard]] uint32_t needed() const {
      if (done) return 0;
      const uint32_t here = held.count();
      // All there, and not right: the digests will tell.
      return sources > here ? sources - here : 1;
    }
  };
  struct Object {
    content::FileId id{};
    content::Geometry geometry;
    bool active = false;
    bool cautious = false;
    std::vector<Block> blocks;
    std::vector<uint16_t> open;         // blocks that are fetched now
    uint64_t held = 0;                  // chunks
    uint64_t missing = 0;               // chunks that are needed still
    std::vector<wire::ChunkName> news;  // that came last, latest last

    void set_geometry(const content::Geometry& cut);
  };
  // A stranger that knows our name by a referral, until it has proved its address.
  struct HalfOpen {
    Endpoint endpoint;
    wire::Token name = 0;
    wire::Token token_in = 0;
    wire::Token token_out = 0;
    uint8_t any = 0, its_class = 0, classes = 1;
    Instant since{};
  };
  // A chunk that has come.
  struct Arrived {
    content::FileId file{};
    wire::ChunkName chunk;
    bool pushed = false;
    bool verified = false;
    std::span<const uint8_t> bytes;
  };
  // One of a file whose manifest has not come yet.
  struct Early {
    NeighbourId from{};
    Arrived piece;               // its bytes are these:
    std::vector<uint8_t> bytes;  // they stay where they are when it is moved
  };

  // Meeting and listening (v2_meet.cc, v2_listen.cc).
  Neighbour* meet(Instant now, const Endpoint& endpoint, wire::Token name,
                  wire::Token token_in = 0);
  static void set_token_out(Neighbour& neighbour, wire::Token token);
  [[nodiscard]] Neighbour* find_contact(const Endpoint& endpoint, wire::Token name);
  bool may_contact(Instant now, const Endpoint& endpoint, wire::Token name);
  void make_way(Instant now, size_t count);
  void contact_seeder(Instant now, const wire::Admit& admit);
  void greet(Instant now, Neighbour& neighbour, const std::string& path);
  Neighbour* on_greet(Instant now, const Endpoint& from, wire::Token token,
                      const wire::Greet& message);
  void welcome_greeter(Instant now, Neighbour& from, const wire::Greet& message);
  void answer_manifest_request(Instant now, Neighbour& from, uint16_t request,
                               std::string_view path);
  void hand_on_manifests(Instant now);
  Neighbour* promote(Instant now, const Endpoint& from, wire::Token token);
  void on_greeted(Instant now, Neighbour& from, const wire::Greeted& message);
  void on_control(Instant now, Neighbour& from, const wire::TradeState& state,
                  const wire::Intervals& whole, const wire::BlockMaps& have,
                  const std::vector<wire::Holding>& more);
  void note_holding(Partner& partner, content::FileId file, const wire::Intervals& whole,
                    const wire::BlockMaps& have);
  void on_piece(Instant now, Neighbour& from, const wire::Piece& message);
  void on_recommendation(Instant now, const wire::Recommendation& message);
  void on_introduce(Instant now, const wire::Introduce& message);
  bool read_state(Instant now, Neighbour& from, const wire::TradeState& state);
  void read_wants(Instant now, Partner& partner, content::FileId file,
                  const wire::ChunkNames<wire::kWantsMax>& wants);
  void answer_referral_request(Instant now, const Neighbour& from);
  void tick(Instant now);
  void ask_introduction(Instant now, Neighbour& neighbour);
  void seek(Instant now);
  void repair(Instant now);
  void remove(Instant now, Neighbour& neighbour);
  [[nodiscard]] bool make_room(Instant now);
  [[nodiscard]] uint32_t degree() const;
  // So many join that it wants a farewell of some only.
  [[nodiscard]] bool seeder_is_busy() const { return farewell_ < 255; }
  // Where many come it hears enough from some of them. Drawn anew each time.
  [[nodiscard]] bool seeder_wants_word() { return core_.rng.below(255) < farewell_; }

  // State of our own in a datagram; about `object` (null: none), with at most `wants_max` wants.
  [[nodiscard]] wire::TradeState state_for(Instant now, Neighbour& neighbour, const Object* object,
                                           size_t wants_max);
  [[nodiscard]] static wire::BlockMaps maps_for(const View& to, const Object& object,
                                                size_t most = wire::kBlockMapsMax);
  static void note_told(View& who, const Object& object, const wire::BlockMaps& maps);
  [[nodiscard]] wire::Intervals whole_of(const Object& object) const;
  void send_control(Instant now, Neighbour& neighbour, bool with_holdings = true);
  static void fill_wants(Partner& partner, content::FileId file, size_t most,
                         wire::ChunkNames<wire::kWantsMax>& wants);
  [[nodiscard]] static bool to_be_told(const Object& object, const Partner& partner);
  template <typename Message>
  bool send(Instant now, Neighbour& neighbour, Lane lane, const Message& message) {
    const uint64_t before = core_.accepted_bytes();
    const wire::Token token = neighbour.token_out != 0 ? neighbour.token_out : neighbour.name;
    const bool sent = core_.send(now, lane, neighbour.endpoint, token, message);
    note_sent(now, neighbour, core_.accepted_bytes() - before);
    return sent;
  }
  void note_sent(Instant now, Neighbour& neighbour, uint64_t bytes);

  // Objects (v2_objects.cc).
  Object* object(content::FileId id);
  [[nodiscard]] const Object* find_object(content::FileId id) const;
  Object* current();  // the one that is fetched first; else any that is kept
  Object* lacked_by(const Partner& partner, uint64_t least);  // of what it is here for
  Object* object_kept(content::FileId id);                    // also one that was whole long ago
  void forget_kept();
  void add_object(Download& download);
  void rebuild(Object& object);
  void resync_block(Object& object, uint16_t block, const content::ChunkStore& store);
  void sync_block(Object& object, uint16_t block, const content::ChunkStore& store);
  [[nodiscard]] uint32_t tradeable(const Object& object, uint16_t block) const;

  // Asking (v2_pull.cc).
  void pull(Instant now);
  bool ask_one(Instant now, int64_t& room, bool also_pushable, const Neighbour* only = nullptr);
  void ask_along(Instant now, const Neighbour& receiver);
  [[nodiscard]] BlockBits wanted_of(const Object& object, uint16_t block) const;
  [[nodiscard]] int64_t credit_at(const Neighbour& neighbour) const;
  [[nodiscard]] double cost_of(Instant now, const Neighbour& neighbour);
  bool open_block(Object& object);
  void flush(Instant now);
  void forget_asked(Neighbour& neighbour);
  void cancel(Object& object, uint16_t block);
  void settle_arrival(Instant now, Neighbour& from, content::FileId file, wire::ChunkName chunk,
                      bool pushed);
  void take(Instant now, Neighbour& from, const Arrived& piece);
  [[nodiscard]] bool is_true_copy(const Object& object, const Arrived& piece);
  void endgame(Instant now);
  [[nodiscard]] uint32_t window() const;
  [[nodiscard]] size_t most_asked(const Neighbour& of) const;
  template <typename Function>
  void each_offer(const Object& object, uint16_t block, const Function& function) const;
  [[nodiscard]] Holders holders_of(const Object& object, uint16_t block) const;
  [[nodiscard]] BlockBits known_elsewhere(const Object& object, uint16_t block) const;
  [[nodiscard]] uint64_t lacking() const;
  [[nodiscard]] uint64_t to_be_paid() const;
  [[nodiscard]] uint32_t outstanding(Instant now) const;

  // Giving (v2_give.cc).
  void give(Instant now);
  bool give_one(Instant now, bool scarce);
  bool give_wanted(Instant now);
  enum class Push : uint8_t { kScarce, kAny };
  class Counted;
  bool push_one(Instant now, Push what);
  [[nodiscard]] bool any_scarce() const;
  [[nodiscard]] static bool is_scarce(const Block& block, const BlockBits& elsewhere);
  bool send_piece(Instant now, Neighbour& neighbour, Object& object, wire::ChunkName chunk,
                  bool pushed);
  [[nodiscard]] bool may_give(Instant now, const Neighbour& neighbour, uint64_t bytes);
  [[nodiscard]] ByteCount tab() const;
  [[nodiscard]] ByteCount tab_of(const Neighbour& neighbour) const;
  [[nodiscard]] std::optional<wire::ChunkName> any_chunk(const Object& object,
                                                         const Partner& partner,
                                                         const BlockBits& among,
                                                         bool push, Counted& counted);
  [[nodiscard]] std::optional<uint8_t> pick_to_give(const BlockBits& among,
                                                    const Holders& holders);
  [[nodiscard]] BlockBits rare_of_scarce(const Object& object, uint16_t block,
                                         Counted& counted) const;
  [[nodiscard]] std::optional<wire::ChunkName> scarce_chunk(const Object& object,
                                                            const Partner& partner,
                                                            Counted& counted);
  [[nodiscard]] static bool has_grown(const Object& object, const View& told);
  void announce(Instant now);

  Core& core_;
  Downloads& downloads_;
  SeederLink& link_;
  Hooks hooks_;
  WindowCounter contacts_;
  std::vector<Object> objects_;
  std::vector<HalfOpen> half_open_;
  std::vector<Early> early_;
  std::vector<NeighbourId> dead_;
  Uplink uplink_;
  UplinkEstimate up_;
  DownlinkEstimate down_;
  TicketKey ticket_key_;
  uint8_t epoch_ = 0;
  Instant epoch_at_{};
  uint8_t farewell_ = 255;
  bool wary_ = false;  // the seeder has seen many who do not give
  uint8_t salt_;
  BlockBits pushable_;  // positions that are left to who pushes
  bool admitted_ = false;
  Instant admitted_at_{};  // for the first time
  bool reached_ = false;   // by somebody whom we had not called
  bool stirred_ = false;   // something has come: asks and gives once for all that came at a time
  Instant next_tick_ = Instant::never();
  Instant next_give_ = Instant::never();
  Instant name_objects_at_ = Instant::never();  // new ones, to all neighbours
  Instant last_progress_{};
  Instant last_seek_{};
  Instant last_repair_{};
  uint32_t seeks_ = 0;
  uint32_t riders_ = 0;  // neighbours that took and did not give, the most at a time
  uint32_t repairs_ = 0;
  uint32_t chunks_since_repair_ = 0;
};

}  // namespace fb::roulette
