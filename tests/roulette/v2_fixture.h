// What the tests of profile v2's peer share: a peer, and the test in the part of everybody else.
#pragma once

#include "catch.h"
#include "roulette/ticket.h"
#include "support.h"

namespace fb::roulette::v2_test {

using test::datagram;
using test::host;

inline constexpr Instant kStart{1'000'000'000};
inline constexpr wire::Token kTicket = 0x5eed;
inline constexpr wire::Token kSeederToken = 0x5eed5eed;
inline constexpr uint8_t kEpoch = 17;

// A peer, and the test in the part of everybody else.
struct Fixture {
  explicit Fixture(size_t size = 20 * 1024, RouletteConfig config = {})
      : Fixture(test::one_file_site(size), config) {}
  // A site with a file "f".
  Fixture(std::unique_ptr<content::MemorySite> with, RouletteConfig config)
      : site(std::move(with)) {
    PeerOptions options;
    options.config = config;
    options.config.profile = wire::Profile::kV2;
    options.seeder = host(1);
    options.key = site->public_key();
    options.prefix = 77;
    peer = std::make_unique<PeerNode>(options, out);
  }
  const content::FileRecord& record() const { return *site->record("f"); }
  content::FileId file() const { return record().id; }
  uint64_t drops(Drop reason) const { return peer->stats().drops.count(reason); }
  void receive(const Endpoint& from, wire::Token to, const wire::Message& message) {
    peer->receive(now, from, datagram(to, message));
  }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end;) {
      now = std::min(end, now + milliseconds(5));
      peer->advance(now);
    }
  }

  void start(std::vector<wire::Contact> contacts = {}) {
    wire::Admit admit;
    admit.ask_manifest = true;
    admit.grant = 8;
    admit.contacts = std::move(contacts);
    start("f", std::move(admit));
  }
  // JOIN, and its answer, to which the ticket is added.
  void start(const std::string& path, wire::Admit admit) {
    peer->find_file(now, path);
    const auto join = out.last<wire::Join>(host(1)).value();
    reply_token = join.reply_token;
    name = join.name;
    admit.ticket = kTicket;
    admit.epoch = kEpoch;
    receive(host(1), reply_token, admit);
  }
  void load() {
    const auto blob = site->manifest("f");
    receive(host(1), reply_token, wire::ManifestPart{0, 0, 1, blob});
    for (const auto& event : peer->take_events()) {
      if (const auto* found = std::get_if<FileFound>(&event)) {
        auto storage = std::make_unique<content::MemoryStorage>(site->bytes(file()).size());
        download = peer->download(now, found->manifest.record, std::move(storage));
      }
    }
    REQUIRE(download);
  }
  // JOIN, ADMIT, manifest, download, and the seeder's GREETED.
  void join(std::vector<wire::Contact> contacts = {}) {
    start(std::move(contacts));
    load();
    seeder_token = answer_greet(host(1), kSeederToken);
  }
  // The neighbour at `where` that the peer has greeted answers that it holds these maps.
  wire::Token answer_greet(const Endpoint& where, wire::Token its_token,
                           wire::BlockMaps have = {}) {
    const auto greet = out.last<wire::Greet>(where).value();
    wire::Greeted answer;
    answer.reply_token = its_token;
    answer.state = state(20);
    answer.have = std::move(have);
    receive(where, greet.reply_token, answer);
    return greet.reply_token;
  }
  wire::TradeState state(uint8_t tab) {
    wire::TradeState out_state;
    out_state.sequence = ++sequence;
    out_state.tab = tab;
    out_state.room = 100;
    out_state.file = file();
    return out_state;
  }
  wire::Token ticket_for(const Endpoint& newcomer) const {
    return make_ticket(ticket_key(reply_token, name), newcomer.address, kEpoch, name);
  }
  wire::Greet greet(wire::Token its_token, wire::Token its_name, uint8_t any = 0) {
    wire::Greet out_greet;
    out_greet.reply_token = its_token;
    out_greet.name = its_name;
    out_greet.any = any;
    out_greet.state = state(20);
    return out_greet;
  }
  // A piece of the file, of the seeder's.
  void give(uint8_t position, uint8_t grant = 0) {
    give_from(host(1), seeder_token, position, grant);
  }
  void give_from(const Endpoint& from, wire::Token to, uint8_t position, uint8_t grant = 0) {
    give_from(from, to, file(), {0, position}, grant);
  }
  void give_from(const Endpoint& from, wire::Token to, content::FileId object,
                 wire::ChunkName chunk, uint8_t grant) {
    std::vector<uint8_t> bytes(1024);
    const auto geometry = site->object(object).value();
    bytes.resize(site->read_chunk(object, geometry.id_at(chunk.block, chunk.position), bytes));
    wire::Piece piece;
    piece.state = state(20);
    piece.state.file = object;
    piece.chunk = chunk;
    piece.verified = true;
    piece.bytes = bytes;
    piece.grant = grant;
    receive(from, to, piece);
  }
  size_t pieces_to(const Endpoint& to) const {
    return static_cast<size_t>(std::ranges::count_if(out.sent, [&](const auto& sent) {
      return sent.to == to && std::holds_alternative<wire::Piece>(sent.decoded().message);
    }));
  }

  std::unique_ptr<content::MemorySite> site;
  test::Recorder out;
  std::unique_ptr<PeerNode> peer;
  Instant now = kStart;
  wire::Token reply_token = 0;
  wire::Token name = 0;
  wire::Token seeder_token = 0;
  uint16_t sequence = 0;
  std::optional<DownloadId> download;
};

template <typename Event>
size_t count_events(const std::vector<PeerEvent>& events) {
  return static_cast<size_t>(std::ranges::count_if(
      events, [](const auto& event) { return std::holds_alternative<Event>(event); }));
}

}  // namespace fb::roulette::v2_test
