// A small world out of the input: a real seeder, two real peers, and strangers whose messages the
// input composes. Datagrams between the real nodes wait in flight until the input delivers,
// changes, repeats or loses them. Checked throughout:
//
//   1. Amplification (security rule 1): to an address that has not echoed a secret sent to it, a
//      node sends at most three times what came from there. A peer may besides make first contact
//      with addresses that it was referred to, within the bound of security rule 2.
//   2. What leaves a node is a datagram that decodes.
//   3. A request ends at most once, and never after it was forgotten; a complete download has
//      exactly the site's bytes, whatever was sent by whom.
//   4. A node that was advanced to now has nothing due: its shell would spin otherwise.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "content/memory_site.h"
#include "fuzz.h"
#include "roulette/peer_node.h"
#include "roulette/seeder_node.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace {

using namespace fb;
using content::FileId;
using wire::Token;

constexpr wire::Token kTicketBits = 0xffffff;
constexpr size_t kStepsMax = 400;
constexpr size_t kInFlightMax = 512;
constexpr size_t kRoundsMax = 4;
constexpr size_t kRealNodes = 3;  // the seeder, then two peers
constexpr size_t kStrangers = 6;
constexpr size_t kPlaces = kRealNodes + kStrangers;
#ifdef FB_PLANTED_BUG
// The rig must find that a node answers a stranger at all.
constexpr uint64_t kAmplification = 0;
#else
constexpr uint64_t kAmplification = 3;
#endif

// Every place has its own address, so that a proof of one says nothing of another.
Endpoint endpoint_of(size_t place) {
  const auto number = static_cast<uint8_t>(place + 1);
  if (place + 1 < kPlaces) return {Address::v4(198, 51, 100, number), 4000};
  Endpoint v6;
  v6.address.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
  v6.port = 4000;
  return v6;
}

content::MemorySite& site() {
  static content::MemorySite site = [] {
    std::vector<content::MemoryFile> files;
    for (const size_t length : {size_t{0}, size_t{100}, size_t{5000}, size_t{40000}}) {
      std::vector<uint8_t> bytes(length);
      Rng rng(length);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
      files.push_back({std::to_string(length) + ".bin", "application/octet-stream", bytes});
    }
    return content::MemorySite(std::move(files), content::secret_key_from_seed({7}), {256, 4});
  }();
  return site;
}

constexpr std::array<std::string_view, 6> kPaths = {
    "5000.bin", "40000.bin", "100.bin", "0.bin", "missing", ".flashback/index"};

// What an observer of one node's traffic knows of one address.
struct Path {
  uint64_t received = 0;
  uint64_t sent = 0;
  bool proven = false;
  std::set<Token> tokens;  // that the node asked this address to use, and tickets to it
  Token trading = 0;       // by which this address trades with it
  uint16_t heard = 0;      // the sequence of the last datagram that went there
  std::set<uint64_t> nonces;
  std::set<wire::Cookie> cookies;
  // The last message of each type that went there, as bytes: strangers answer them.
  std::map<wire::MessageType, std::vector<uint8_t>> last;
  wire::MessageType last_type{};
};

struct InFlight {
  size_t from = 0;
  size_t to = 0;
  std::vector<uint8_t> bytes;
};

class World;

// A node's way out: judges what it sends, and puts it in flight.
class Observer final : public roulette::Transport {
 public:
  Observer(World& world, size_t place) : world_(world), place_(place) {}
  void send(const Endpoint& to, std::span<const uint8_t> datagram) override;
  void on_delivery(const Endpoint& from, std::span<const uint8_t> datagram);
  // This address was given a ticket to the node, which proves it as the node's own word would.
  void on_ticket(const Endpoint& holder, Token ticket) { paths[holder].tokens.insert(ticket); }

  std::map<Endpoint, Path> paths;

 private:
  void judge(const Endpoint& to, const Path& path) const;

  World& world_;
  size_t place_;
};

// A peer with what it was asked to do.
struct Peer {
  std::unique_ptr<roulette::PeerNode> node;
  std::set<roulette::RequestId> finds;
  std::map<roulette::DownloadId, FileId> downloads;   // running
  std::map<roulette::DownloadId, FileId> complete;
  std::vector<content::FileManifest> found;
};

class World {
 public:
  explicit World(fuzz::Choices& choices)
      : choices_(choices),
        observers_{Observer(*this, 0), Observer(*this, 1), Observer(*this, 2)} {
    const uint8_t flags = choices_.u8();
    roulette::RouletteConfig config;
    if ((flags & 1) != 0) config.uplink = {800'000};
    if ((flags & 2) != 0) config.relay_unverified = false;
    if ((flags & 4) != 0) config.linger = seconds(5);
    config.degree_max = (flags & 8) != 0 ? 4 : 32;
    if ((flags & 32) != 0) config.profile = wire::Profile::kV2;
    profile_ = config.profile;
    contact_window_ = config.contact_window;
    roulette::SeederOptions seeder;
    seeder.config = config;
    seeder.secret = {1};
    seeder.choice_seed = flags;
    if ((flags & 16) != 0) seeder.seeder.neighbours_max = 2;
    seeder_ = std::make_unique<roulette::SeederNode>(seeder, site(), observers_[0]);
    for (uint32_t i = 1; i < kRealNodes; ++i) {
      roulette::PeerOptions peer;
      peer.config = config;
      peer.seeder = endpoint_of(0);
      peer.key = site().public_key();
      peer.secret = {static_cast<uint8_t>(i + 1)};
      peer.choice_seed = i;
      peer.prefix = i;
      // The last one came to the wrong swarm.
      if ((flags & 64) != 0 && i + 1 == kRealNodes) {
        peer.config.profile = profile_ == wire::Profile::kV2 ? wire::Profile::kClassic
                                                             : wire::Profile::kV2;
      }
      peers_[i - 1].node = std::make_unique<roulette::PeerNode>(peer, observers_[i]);
    }
  }

  void run() {
    for (size_t step = 0; step < kStepsMax && !choices_.finished(); ++step) take_step();
    // Whatever state this is, an honest end must be possible.
    for (Peer& peer : peers_) peer.node->leave(now_);
    seeder_->close(now_);
    settle();
  }

  // Called by the observers.
  void launch(size_t from, const Endpoint& to, std::span<const uint8_t> datagram) {
    for (size_t place = 0; place < kRealNodes; ++place) {
      if (endpoint_of(place) == to && place != from && in_flight_.size() < kInFlightMax) {
        in_flight_.push_back({from, place, {datagram.begin(), datagram.end()}});
      }
    }
  }
  // `holder` was told by the seeder how to reach the node at `endpoint`.
  void on_ticket(const Endpoint& holder, const Endpoint& endpoint, Token ticket) {
    for (size_t place = 0; place < kRealNodes; ++place) {
      if (endpoint_of(place) == endpoint) observers_[place].on_ticket(holder, ticket);
    }
  }
  [[nodiscard]] wire::Profile profile() const { return profile_; }
  // First contacts that a peer may have made with one address by now: rule 2, five sendings each
  // (the first and four more) of the longest HELLO or GREET.
  [[nodiscard]] uint64_t contact_allowance() const {
    constexpr uint64_t kHelloMax = 256;
    const auto windows = static_cast<uint64_t>(now_.ns / contact_window_.ns) + 2;
    return windows * 3 * 5 * kHelloMax;
  }

 private:
  void take_step() {
    switch (choices_.u8() % 16) {
      case 0: find(); break;
      case 1: download(); break;
      case 2: deliver_one(); break;
      case 3: deliver_all(); break;
      case 4: lose_one(); break;
      case 5: deliver_changed(); break;
      case 6: pass_time(); break;
      case 7: play_honestly(); break;
      case 8:
      case 9: compose(); break;
      case 10:
      case 11: answer(); break;
      case 12: raw(); break;
      case 13: use_download(); break;
      case 14: leave_or_forget(); break;
      default: seeder_->set_uplink(now_, {choices_.u16() * uint64_t{1000}}); break;
    }
    settle();
  }

  Peer& pick_peer() { return peers_[choices_.below(peers_.size())]; }

  void find() {
    Peer& peer = pick_peer();
    if (peer.finds.size() >= 8) return;
    const auto path = kPaths[choices_.below(kPaths.size())];
    FB_HOLDS(peer.finds.insert(peer.node->find_file(now_, std::string(path))).second);
  }

  void download() {
    Peer& peer = pick_peer();
    if (peer.found.empty() || peer.downloads.size() >= 4) return;
    const auto& record = peer.found[choices_.below(peer.found.size())].record;
    const auto id = peer.node->download(
        now_, record, std::make_unique<content::MemoryStorage>(record.geometry.length));
    FB_HOLDS(peer.downloads.emplace(id, record.id).second);
    FB_HOLDS(!peer.complete.contains(id));
  }

  InFlight take_in_flight() {
    const size_t index = choices_.u8() % in_flight_.size();
    InFlight out = std::move(in_flight_[index]);
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
    return out;
  }
  void deliver_one() {
    if (in_flight_.empty()) return;
    const InFlight one = take_in_flight();
    deliver(one.from, one.to, one.bytes);
  }
  void deliver_all() {
    std::vector<InFlight> all;
    all.swap(in_flight_);
    for (const InFlight& one : all) deliver(one.from, one.to, one.bytes);
  }
  void lose_one() {
    if (!in_flight_.empty()) take_in_flight();
  }
  // Changed, twice, cut, or from another address.
  void deliver_changed() {
    if (in_flight_.empty()) return;
    InFlight one = take_in_flight();
    switch (choices_.below(4)) {
      case 0: one.bytes[choices_.u16() % one.bytes.size()] ^= choices_.u8(); break;
      case 1: deliver(one.from, one.to, one.bytes); break;
      case 2: one.bytes.resize(choices_.u16() % one.bytes.size()); break;
      default: one.from = choices_.below(kPlaces); break;
    }
    deliver(one.from, one.to, one.bytes);
  }

  void pass_time() {
    const uint8_t how = choices_.u8();
    if (how >= 128) {
      now_ = now_ + milliseconds((how - 127) * 40);
      return;
    }
    Instant next = seeder_->next_deadline();
    for (const Peer& peer : peers_) next = std::min(next, peer.node->next_deadline());
    if (next != Instant::never()) now_ = std::max(now_, next);
  }

  void play_honestly() {
    for (size_t rounds = 1 + choices_.below(16); rounds > 0; --rounds) {
      deliver_all();
      settle();
      now_ = now_ + milliseconds(20);
    }
  }

  // A message of the input's making, from any address to any real node.
  void compose() {
    const size_t to = choices_.below(kRealNodes);
    const size_t from = choices_.below(kPlaces);
    if (from == to) return;
    wire::Buffer buffer;
    const Token token = pick_token(to, from);
    const wire::Message message = make_message(to, from);
    deliver(from, to, wire::encode(token, message, buffer));
  }

  // A stranger that does what a good peer would, or nearly.
  void answer() {
    const size_t to = choices_.below(kRealNodes);
    const size_t from = choices_.below(kPlaces);
    if (from == to) return;
    const Path& path = observers_[to].paths[endpoint_of(from)];
    const auto last = path.last.find(path.last_type);
    if (last == path.last.end()) return;
    const std::vector<uint8_t> bytes = last->second;
    const auto asked = wire::decode(bytes);
    if (!asked) return;
    const bool wrong = choices_.u8() >= 192;
    if (const auto* m = std::get_if<wire::Hello>(&asked->message)) {
      reply(from, to, m->reply_token, wire::HelloReply{kStrangerToken + from, endpoint_of(to),
                                                       wire::HandshakeStatus::kOffer, m->file,
                                                       everything(m->file)});
    } else if (const auto* r = std::get_if<wire::HelloReply>(&asked->message)) {
      reply(from, to, r->reply_token, wire::FirstHandshake{r->file, choices_.u8(), {}});
    } else if (const auto* f = std::get_if<wire::FirstHandshake>(&asked->message)) {
      reply(from, to, token_of(path), wire::FirstHandshakeReply{f->file, f->request,
                                                                everything(f->file)});
    } else if (const auto* o = std::get_if<wire::FirstHandshakeReply>(&asked->message)) {
      wire::SecondHandshake request{o->file, choices_.u8(), {}};
      for (const auto& interval : o->offer.span()) request.chunks.push_back(interval.first);
      if (!request.chunks.empty()) reply(from, to, token_of(path), request);
    } else if (const auto* s = std::get_if<wire::SecondHandshake>(&asked->message)) {
      give_chunks(from, to, path, *s, wrong);
    } else if (const auto* c = std::get_if<wire::PathChallenge>(&asked->message)) {
      reply(from, to, token_of(path), wire::PathResponse{c->nonce});
    } else if (const auto* w = std::get_if<wire::Welcome>(&asked->message)) {
      wire::Hello hello;
      hello.reply_token = kStrangerToken + from;
      hello.name = kStrangerName + from;
      hello.cookie = w->cookie;
      hello.file = pick_file();
      reply(from, to, w->seeder_name, hello);
    } else if (std::holds_alternative<wire::RecommendRequest>(asked->message)) {
      reply(from, to, token_of(path), wire::Recommendation{referrals()});
    } else {
      answer_trader(from, to, path, asked->message, wrong);
    }
  }

  // The same under profile v2.
  void answer_trader(size_t from, size_t to, const Path& path, const wire::Message& asked,
                     bool wrong) {
    if (const auto* m = std::get_if<wire::Admit>(&asked)) {
      if (m->confirm) {
        const wire::Greet as = greeting(from);
        reply(from, to, m->ticket, wire::Confirm{as.reply_token, as.name});
      } else {
        reply(from, to, m->ticket, greeting(from));
      }
      for (const wire::Contact& contact : m->contacts) {
        for (size_t place = 1; place < kRealNodes; ++place) {
          if (endpoint_of(place) == contact.endpoint && place != from) {
            reply(from, place, contact.ticket, greeting(from));
          }
        }
      }
    } else if (const auto* g = std::get_if<wire::Greet>(&asked)) {
      wire::Greeted greeted;
      greeted.reply_token = kStrangerToken + from;
      greeted.state = state(path);
      greeted.have = maps();
      reply(from, to, g->reply_token, greeted);
    } else if (const auto* r = std::get_if<wire::Greeted>(&asked)) {
      reply(from, to, r->reply_token, control(path));
    } else if (const auto* c = std::get_if<wire::Control>(&asked)) {
      give_pieces(from, to, path, c->state, wrong);
    } else if (const auto* p = std::get_if<wire::Piece>(&asked)) {
      give_pieces(from, to, path, p->state, wrong);
      reply(from, to, path.trading, control(path));
    }
  }

  void give_pieces(size_t from, size_t to, const Path& path, const wire::TradeState& asked,
                   bool wrong) {
    const auto geometry = site().object(asked.file);
    if (!geometry) return;
    const FileId file = asked.file;
    for (const wire::ChunkName name : asked.wants.span()) {
      if (name.block >= geometry->block_count() ||
          name.position >= geometry->block_size(name.block)) {
        continue;
      }
      const uint32_t id = geometry->id_at(name.block, name.position);
      std::array<uint8_t, content::kChunkSizeMax> bytes{};
      const size_t length = site().read_chunk(file, id, bytes);
      if (length == 0) continue;
      if (wrong) bytes[id % length] ^= 1;
      wire::Piece piece;
      piece.state = state(path);
      piece.state.file = file;
      piece.chunk = name;
      piece.pushed = choices_.u8() >= 192;
      piece.verified = !wrong;
      piece.grant = choices_.u8();
      piece.bytes = std::span(bytes).first(length);
      reply(from, to, path.trading, piece);
    }
  }

  wire::Greet greeting(size_t from) {
    wire::Greet out;
    out.profile = profile_;
    out.reply_token = kStrangerToken + from;
    out.name = kStrangerName + from;
    out.any = choices_.u8();
    if (choices_.u8() < 64) out.path = kPaths[choices_.below(kPaths.size())];
    out.state = state(Path{});
    return out;
  }

  // Mostly a state that fits in with what came before.
  wire::TradeState state(const Path& path) {
    wire::TradeState out;
    out.sequence = choices_.u8() < 240 ? ++sequence_ : choices_.u16();
    out.heard = path.heard;
    out.clock = choices_.u8();
    out.delay = choices_.u8();
    out.received = uint32_t{choices_.u16()} << 4U;
    out.room = choices_.u8();
    out.tab = choices_.u8();
    out.want_referrals = choices_.u8() >= 128;
    out.file = pick_file();
    for (size_t n = choices_.below(8); n > 0; --n) {
      out.wants.add({static_cast<uint16_t>(choices_.u8() % 3), choices_.u8()});
    }
    return out;
  }

  wire::BlockMaps maps() {
    wire::BlockMaps out;
    for (size_t n = choices_.below(wire::kBlockMapsMax + 1); n > 0; --n) {
      const uint8_t block = choices_.u8();
      const uint64_t bits = choices_.u8() < 128 ? ~uint64_t{0} : choices_.u64();
      out.push_back({static_cast<uint16_t>(block < 240 ? block % 3 : block << 8),
                     {bits, choices_.u8(), bits >> 1U, choices_.u8()}});
    }
    return out;
  }

  wire::Control control(const Path& path) {
    wire::Control out;
    out.state = state(path);
    out.whole = intervals();
    out.have = maps();
    if (choices_.u8() < 64) out.more.push_back({pick_file(), out.state.wants, intervals(), maps()});
    return out;
  }

  void give_chunks(size_t from, size_t to, const Path& path, const wire::SecondHandshake& request,
                   bool wrong) {
    const auto token = token_of(path);
    for (const uint32_t chunk : request.chunks) {
      std::array<uint8_t, content::kChunkSizeMax> bytes{};
      const size_t length = site().read_chunk(request.file, chunk, bytes);
      if (length == 0) continue;
      if (wrong) bytes[chunk % length] ^= 1;
      reply(from, to, token, wire::Data{request.file, request.request, chunk, !wrong,
                                        std::span(bytes).first(length)});
    }
  }

  void raw() {
    const size_t to = choices_.below(kRealNodes);
    const size_t from = choices_.below(kPlaces);
    const auto bytes = choices_.take(choices_.u8());
    if (from != to) deliver(from, to, bytes);
  }

  void use_download() {
    Peer& peer = pick_peer();
    if (peer.downloads.empty()) return;
    auto chosen = peer.downloads.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(choices_.below(peer.downloads.size())));
    const auto [id, file] = *chosen;
    const auto truth = site().bytes(file);
    const uint64_t offset = truth.empty() ? 0 : choices_.u16() % truth.size();
    peer.node->prefer(id, offset);
    FB_HOLDS(peer.node->verified_bytes(id) <= truth.size());
    const uint64_t readable = peer.node->readable(id, offset);
    FB_HOLDS(readable <= truth.size() - offset);
    check_bytes(*peer.node, id, truth, offset, readable);
  }

  void leave_or_forget() {
    Peer& peer = pick_peer();
    const bool whole = choices_.u8() >= 128;
    if (whole || peer.downloads.empty()) {
      peer.node->leave(now_);
      return;
    }
    const auto id = peer.downloads.begin()->first;
    peer.node->forget(now_, id);
    peer.downloads.erase(id);
  }

  // --- messages -----------------------------------------------------------------------------

  static constexpr Token kStrangerToken = 0x5100;
  static constexpr Token kStrangerName = 0x5200;

  FileId pick_file() {
    const size_t choice = choices_.below(8);
    if (choice == 7) return static_cast<FileId>(choices_.u64());
    return site().records()[choice % site().records().size()].id;
  }

  Token pick_token(size_t to, size_t from) {
    const size_t choice = choices_.below(6);
    if (choice == 0) return 0;
    if (choice == 1) return choices_.u64();
    if (choice == 2 && !names_.empty()) return names_[choices_.u8() % names_.size()];
    // A secret of this sender's, or one that it has stolen.
    const size_t owner = choice == 3 ? choices_.below(kPlaces) : from;
    const auto& tokens = observers_[to].paths[endpoint_of(owner)].tokens;
    if (tokens.empty()) return 0;
    auto chosen = tokens.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(choices_.u8() % tokens.size()));
    return *chosen;
  }

  std::optional<wire::Cookie> pick_cookie(size_t to, size_t from) {
    const size_t choice = choices_.below(4);
    if (choice == 0) return {};
    wire::Cookie random{};
    const size_t owner = choice == 1 ? choices_.below(kPlaces) : from;
    const auto& cookies = observers_[to].paths[endpoint_of(owner)].cookies;
    if (choice < 3 && !cookies.empty()) return *cookies.rbegin();
    std::ranges::copy(choices_.take(random.size()), random.begin());
    return random;
  }

  wire::Intervals intervals() {
    wire::Intervals out;
    out.count = static_cast<uint8_t>(choices_.below(wire::kIntervalsMax + 1));
    for (uint8_t i = 0; i < out.count; ++i) {
      const uint32_t first = choices_.u8() < 240 ? choices_.u8() : choices_.u32();
      const uint32_t length = choices_.u8();
      out.items[i] = {first, first > UINT32_MAX - length ? UINT32_MAX : first + length};
    }
    return out;
  }

  wire::Intervals everything(FileId file) {
    wire::Intervals out;
    const auto geometry = site().object(file);
    if (!geometry || geometry->chunk_count() == 0) return out;
    out.count = 1;
    out.items[0] = {0, geometry->chunk_count() - 1};
    return out;
  }

  std::vector<wire::Referral> referrals() {
    std::vector<wire::Referral> out;
    for (size_t n = choices_.below(wire::kReferralsMax + 1); n > 0; --n) {
      const size_t place = choices_.below(kPlaces);
      const Token name = !names_.empty() && choices_.u8() < 128
                             ? names_[choices_.u8() % names_.size()]
                             : kStrangerName + place;
      out.push_back({endpoint_of(place), name, choices_.u8()});
    }
    return out;
  }

  wire::Message make_message(size_t to, size_t from) {
    const Token mine = kStrangerToken + from;
    const Token name = kStrangerName + from + (choices_.u8() % 4) * 16;
    const auto other =
        profile_ == wire::Profile::kV2 ? wire::Profile::kClassic : wire::Profile::kV2;
    const auto profile = choices_.u8() < 240 ? profile_ : other;
    const std::string_view path = kPaths[choices_.below(kPaths.size())];
    const uint16_t request = choices_.u8();
    switch (1 + choices_.u8() % (wire::kMessageTypes - 1)) {
      case 1: return wire::Join{profile, mine, name, pick_cookie(to, from), path};
      case 2:
        return wire::Welcome{pick_cookie(to, from).value_or(wire::Cookie{}), choices_.u64(),
                             endpoint_of(to), referrals(), (choices_.u8() & 1) != 0};
      case 3:
        return wire::ManifestRequest{mine, pick_cookie(to, from).value_or(wire::Cookie{}), request,
                                     path};
      case 4: return manifest_part(request, path);
      case 5:
        return wire::Hello{profile, mine, name, pick_cookie(to, from), pick_file(), intervals()};
      case 6:
        return wire::HelloReply{mine, endpoint_of(to),
                                static_cast<wire::HandshakeStatus>(1 + choices_.below(3)),
                                pick_file(), intervals()};
      case 7: return wire::FirstHandshake{pick_file(), request, intervals()};
      case 8: return wire::FirstHandshakeReply{pick_file(), request, intervals()};
      case 9: {
        wire::SecondHandshake message{pick_file(), request, {choices_.u8()}};
        while (message.chunks.size() < choices_.below(128)) message.chunks.push_back(choices_.u8());
        return message;
      }
      case 10: {
        const auto bytes = choices_.take(1 + choices_.u8());
        static constexpr std::array<uint8_t, 1> kByte{};
        return wire::Data{pick_file(), request, choices_.u8(), (choices_.u8() & 1) != 0,
                          bytes.empty() ? std::span<const uint8_t>(kByte) : bytes};
      }
      case 11: return wire::NoFile{pick_file(), request};
      case 12: return wire::RecommendRequest{pick_file()};
      case 13: return wire::Recommendation{referrals()};
      case 14: return wire::Bye{choices_.u32(), {choices_.u8()}, {choices_.u8()}};
      case 15: return wire::PathChallenge{choices_.u64()};
      case 16: {
        const auto& nonces = observers_[to].paths[endpoint_of(from)].nonces;
        return wire::PathResponse{nonces.empty() ? choices_.u64() : *nonces.begin()};
      }
      case 17: return wire::NotNow{pick_file(), request};
      case 18:
        return wire::DigestRequest{pick_file(), choices_.u8(),
                                   static_cast<uint8_t>(1 + choices_.below(wire::kDigestsMax))};
      case 19: {
        wire::Digests message{pick_file(), choices_.u8(), {choices_.u64()}};
        while (message.digests.size() < choices_.below(wire::kDigestsMax)) {
          message.digests.push_back(choices_.u64());
        }
        return message;
      }
      case 20:
        return wire::Refused{static_cast<wire::RefusedReason>(1 + choices_.below(2)), profile};
      default: return make_trading_message(profile, path, mine, name, to, from);
    }
  }

  wire::Message make_trading_message(wire::Profile profile, std::string_view path, Token mine,
                                     Token name, size_t to, size_t from) {
    const Path& between = observers_[to].paths[endpoint_of(from)];
    switch (choices_.below(7)) {
      case 0: {
        wire::Admit out{choices_.u64() & kTicketBits,
                        choices_.u8(),
                        choices_.u8() >= 128,
                        choices_.u8() >= 128,
                        choices_.u8(),
                        choices_.u8(),
                        {choices_.u8()},
                        {choices_.u8()},
                        {}};
        out.confirm = out.ticket != 0 && out.ticket % 2 == 0;
        for (const wire::Referral& each : referrals()) {
          const wire::Token low = std::max<wire::Token>(each.name & kTicketBits, 1);
          out.contacts.push_back({each.endpoint, each.name >> 40 << 40 | low});
        }
        return out;
      }
      case 1: {
        wire::Greet out = greeting(from);
        out.profile = profile;
        out.reply_token = mine;
        out.name = name;
        out.path = path;
        out.classes = static_cast<uint8_t>(1 + choices_.below(12));
        out.its_class = static_cast<uint8_t>(choices_.below(out.classes));
        out.have = maps();
        return out;
      }
      case 2: {
        wire::Greeted out;
        out.reply_token = mine;
        out.state = state(between);
        out.whole = intervals();
        out.have = maps();
        return out;
      }
      case 3: return control(between);
      case 4: {
        static constexpr std::array<uint8_t, 1> kByte{};
        wire::Piece out;
        out.state = state(between);
        out.chunk = {static_cast<uint16_t>(choices_.u8() % 3), choices_.u8()};
        out.pushed = choices_.u8() >= 128;
        out.verified = choices_.u8() >= 128;
        out.grant = choices_.u8();
        while (out.news.count < choices_.below(wire::kNewsMax + 1)) {
          out.news.add({choices_.u8(), choices_.u8()});
        }
        const auto bytes = choices_.take(1 + choices_.u8());
        out.bytes = bytes.empty() ? std::span<const uint8_t>(kByte) : bytes;
        return out;
      }
      case 5:
        return wire::Confirm{mine, name};
      default:
        return wire::Introduce{endpoint_of(choices_.below(kPlaces)),
                               !names_.empty() && choices_.u8() < 128
                                   ? names_[choices_.u8() % names_.size()]
                                   : name};
    }
  }

  // A part of a true manifest, as a forger of the seeder's address might replay it.
  wire::ManifestPart manifest_part(uint16_t request, std::string_view path) {
    const auto blob = site().manifest(path);
    if (blob.empty()) return {request, 0, 0, {}};
    const size_t parts = (blob.size() + wire::kManifestPartSize - 1) / wire::kManifestPartSize;
    const size_t part = choices_.u8() % parts;
    const size_t offset = part * wire::kManifestPartSize;
    return {request, static_cast<uint8_t>(part), static_cast<uint8_t>(parts),
            blob.subspan(offset, std::min(wire::kManifestPartSize, blob.size() - offset))};
  }

  // The secret by which this address reaches the node; 0 when it has none.
  static Token token_of(const Path& path) {
    return path.tokens.empty() ? 0 : *path.tokens.rbegin();
  }

  void reply(size_t from, size_t to, Token token, const wire::Message& message) {
    wire::Buffer buffer;
    deliver(from, to, wire::encode(token, message, buffer));
  }

  // --- nodes --------------------------------------------------------------------------------

  void deliver(size_t from, size_t to, std::span<const uint8_t> bytes) {
    learn_names(bytes);
    const Endpoint source = endpoint_of(from);
    observers_[to].on_delivery(source, bytes);
    if (to == 0) {
      seeder_->receive(now_, source, bytes);
    } else {
      peers_[to - 1].node->receive(now_, source, bytes);
    }
  }

  // Names travel in referrals, so everybody may know them.
  void learn_names(std::span<const uint8_t> bytes) {
    const auto datagram = wire::decode(bytes);
    if (!datagram || names_.size() >= 64) return;
    if (const auto* join = std::get_if<wire::Join>(&datagram->message)) {
      names_.push_back(join->name);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&datagram->message)) {
      names_.push_back(welcome->seeder_name);
    }
  }

  // What a shell does: advances each node and takes its events until nothing is due. A node may
  // wait for its events to be taken (it leaves only when they gave it nothing new to fetch).
  void settle() {
    seeder_->advance(now_);
    FB_HOLDS(seeder_->next_deadline() > now_);
    for (Peer& peer : peers_) {
      for (size_t round = 0; round < kRoundsMax; ++round) {
        peer.node->advance(now_);
        for (const roulette::PeerEvent& event : peer.node->take_events()) {
          std::visit([&](const auto& e) { on_event(peer, e); }, event);
        }
        FB_HOLDS(!peer.node->has_events());
        if (peer.node->next_deadline() > now_) break;
      }
      FB_HOLDS(peer.node->next_deadline() > now_);
    }
  }

  void on_event(Peer& peer, const roulette::FileFound& event) {
    FB_HOLDS(peer.finds.erase(event.request) == 1);
    const auto* record = site().record(event.manifest.record.path);
    FB_HOLDS(record != nullptr && *record == event.manifest.record);
    FB_HOLDS(event.manifest.site == site().root());
    if (peer.found.size() < 8) peer.found.push_back(event.manifest);
  }
  void on_event(Peer& peer, const roulette::FileMissing& event) {
    FB_HOLDS(peer.finds.erase(event.request) == 1);
  }
  void on_event(Peer& peer, const roulette::FindFailed& event) {
    FB_HOLDS(peer.finds.erase(event.request) == 1);
  }
  void on_event(Peer& peer, const roulette::MetachunkReady& event) {
    FB_HOLDS(peer.downloads.contains(event.download) || peer.complete.contains(event.download));
  }
  void on_event(Peer& peer, const roulette::DownloadComplete& event) {
    const auto found = peer.downloads.find(event.download);
    FB_HOLDS(found != peer.downloads.end());
    const auto truth = site().bytes(found->second);
    FB_HOLDS(peer.node->verified_bytes(event.download) == truth.size());
    // It may have been left in the same call; what can be read then must still be right.
    check_bytes(*peer.node, event.download, truth, 0, peer.node->readable(event.download, 0));
    peer.complete.insert(*found);
    peer.downloads.erase(found);
  }
  void on_event(Peer& peer, const roulette::DownloadFailed& event) {
    FB_HOLDS(peer.downloads.erase(event.download) == 1);
  }
  void on_event(Peer&, const roulette::LeftSwarm&) {}

  static void check_bytes(const roulette::PeerNode& node, roulette::DownloadId id,
                          std::span<const uint8_t> truth, uint64_t offset, uint64_t length) {
    if (length == 0) return;
    std::vector<uint8_t> bytes(length);
    FB_HOLDS(node.read(id, offset, bytes));
    FB_HOLDS(std::ranges::equal(bytes, truth.subspan(offset, length)));
  }

  fuzz::Choices& choices_;
  wire::Profile profile_{};
  uint16_t sequence_ = 0;  // of the strangers' datagrams, one count for all
  Instant now_{};
  Duration contact_window_{};
  std::array<Observer, kRealNodes> observers_;
  std::unique_ptr<roulette::SeederNode> seeder_;
  std::array<Peer, kRealNodes - 1> peers_;
  std::vector<InFlight> in_flight_;
  std::vector<Token> names_;
};

void Observer::send(const Endpoint& to, std::span<const uint8_t> datagram) {
  FB_HOLDS(datagram.size() <= wire::kDatagramMax);
  const auto decoded = wire::decode(datagram);
  FB_HOLDS(decoded.has_value());
  Path& path = paths[to];
  path.sent += datagram.size();
  path.last[decoded->header.type].assign(datagram.begin(), datagram.end());
  path.last_type = decoded->header.type;
  if (const auto* m = std::get_if<wire::Join>(&decoded->message)) {
    path.tokens.insert(m->reply_token);
  } else if (const auto* w = std::get_if<wire::Welcome>(&decoded->message)) {
    path.cookies.insert(w->cookie);
  } else if (const auto* q = std::get_if<wire::ManifestRequest>(&decoded->message)) {
    path.tokens.insert(q->reply_token);
  } else if (const auto* h = std::get_if<wire::Hello>(&decoded->message)) {
    path.tokens.insert(h->reply_token);
  } else if (const auto* r = std::get_if<wire::HelloReply>(&decoded->message)) {
    path.tokens.insert(r->reply_token);
  } else if (const auto* c = std::get_if<wire::PathChallenge>(&decoded->message)) {
    path.nonces.insert(c->nonce);
  } else if (const auto* g = std::get_if<wire::Greet>(&decoded->message)) {
    path.tokens.insert(g->reply_token);
    path.trading = g->reply_token;
    path.heard = g->state.sequence;
  } else if (const auto* d = std::get_if<wire::Greeted>(&decoded->message)) {
    path.tokens.insert(d->reply_token);
    path.trading = d->reply_token;
    path.heard = d->state.sequence;
  } else if (const auto* k = std::get_if<wire::Control>(&decoded->message)) {
    path.heard = k->state.sequence;
  } else if (const auto* p = std::get_if<wire::Piece>(&decoded->message)) {
    path.heard = p->state.sequence;
  } else if (const auto* a = std::get_if<wire::Admit>(&decoded->message)) {
    if (a->ticket != 0) path.tokens.insert(a->ticket);
    for (const wire::Contact& one : a->contacts) world_.on_ticket(to, one.endpoint, one.ticket);
  } else if (const auto* e = std::get_if<wire::Recommendation>(&decoded->message)) {
    // Peers tell names, which are no secret; the seeder of profile v2 tells tickets.
    if (place_ == 0 && world_.profile() == wire::Profile::kV2) {
      for (const wire::Referral& one : e->referrals) world_.on_ticket(to, one.endpoint, one.name);
    }
  }
  judge(to, path);
  world_.launch(place_, to, datagram);
}

void Observer::on_delivery(const Endpoint& from, std::span<const uint8_t> datagram) {
  Path& path = paths[from];
  path.received += datagram.size();
  const auto decoded = wire::decode(datagram);
  if (!decoded) return;
  if (path.tokens.contains(decoded->header.to)) path.proven = true;
  const auto cookie_proves = [&](const wire::Cookie& cookie) {
    if (path.cookies.contains(cookie)) path.proven = true;
  };
  if (const auto* m = std::get_if<wire::Join>(&decoded->message)) {
    if (m->cookie) cookie_proves(*m->cookie);
  } else if (const auto* q = std::get_if<wire::ManifestRequest>(&decoded->message)) {
    cookie_proves(q->cookie);
  } else if (const auto* h = std::get_if<wire::Hello>(&decoded->message)) {
    if (h->cookie) cookie_proves(*h->cookie);
  } else if (const auto* r = std::get_if<wire::PathResponse>(&decoded->message)) {
    if (path.nonces.contains(r->nonce)) path.proven = true;
  }
}

void Observer::judge(const Endpoint& to, const Path& path) const {
  if (path.proven) return;
  const bool is_seeder = place_ == 0;
  if (!is_seeder && to == endpoint_of(0)) return;  // its user chose to talk to the seeder
  const uint64_t allowance = is_seeder ? 0 : world_.contact_allowance();
  FB_HOLDS(path.sent <= kAmplification * path.received + allowance);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices({data, size});
  World(choices).run();
  return 0;
}
