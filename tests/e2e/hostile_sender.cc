// hostile_sender seeder LINK SEED PROFILE, or hostile_sender peer HOST:PORT SEED PROFILE:
// everything that a stranger can throw at a node of that profile, v2 or classic. Prints one line
// for each kind of attack, for a script to judge:
//
//   NAME sent=DATAGRAMS bytes=SENT reply_bytes=RECEIVED
//
// Each attack has a socket, and so a source port, of its own: none has proved its address, but for
// those whose name starts with "proven". The same seed sends the same bytes.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/rng.h"
#include "content/link.h"
#include "content/site_manifest.h"
#include "engine/socket.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace {

using namespace fb;
using Bytes = std::vector<uint8_t>;

constexpr int kQuietMs = 300;           // no answer for this long: no more will come
constexpr int kAnswerTries = 20;        // times kQuietMs: patience with a busy machine
constexpr size_t kBatch = 64;           // datagrams between two looks for answers
constexpr useconds_t kBatchPauseUs = 3000;
constexpr wire::Token kOurToken = 0x0123456789abcdefU;
constexpr wire::Token kOurName = 0xfedcba9876543210U;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "hostile_sender: %s\n", what.c_str());
  std::exit(1);
}

// One source port that counts what it sends and what comes back.
class Attacker {
 public:
  // From another address of this machine, when `from` is given.
  Attacker(std::string name, const Endpoint& target, const Endpoint& from = {})
      : name_(std::move(name)), fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in6 address{};
    socklen_t length = engine::to_sockaddr(from, AF_INET, address);
    if (from != Endpoint{} &&
        ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      die("no socket at " + from.to_string());
    }
    length = engine::to_sockaddr(target, AF_INET, address);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
      die("no socket to " + target.to_string());
    }
  }
  ~Attacker() {
    drain(kQuietMs);
    std::printf("%s sent=%zu bytes=%zu reply_bytes=%zu\n", name_.c_str(), sent_, sent_bytes_,
                reply_bytes_);
    ::close(fd_);
  }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;

  void send(std::span<const uint8_t> bytes) {
    // A report that nobody listens (of an earlier datagram) is not this one's failure.
    if (::send(fd_, bytes.data(), bytes.size(), 0) < 0 &&
        ::send(fd_, bytes.data(), bytes.size(), 0) < 0) {
      die(name_ + ": nobody listens any more");
    }
    ++sent_;
    sent_bytes_ += bytes.size();
    if (sent_ % kBatch == 0) {
      ::usleep(kBatchPauseUs);
      drain(0);
    }
  }
  void send(wire::Token to, const wire::Message& message) { send(wire::encode(to, message, out_)); }

  // The next datagram, when one comes within `patience_ms`.
  std::optional<Bytes> receive(int patience_ms) {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, patience_ms) <= 0) return {};
    Bytes bytes(2048);
    const ssize_t length = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (length < 0) return {};
    bytes.resize(static_cast<size_t>(length));
    reply_bytes_ += bytes.size();
    return bytes;
  }
  void drain(int patience_ms) {
    while (receive(patience_ms)) {
    }
  }

  // Sends until an answer of the wanted type comes.
  template <typename Answer>
  Answer ask(wire::Token to, const wire::Message& message) {
    for (int i = 0; i < kAnswerTries; ++i) {
      send(to, message);
      while (const auto bytes = receive(kQuietMs)) {
        const auto datagram = wire::decode(*bytes);
        if (!datagram) die(name_ + ": an answer that is no message");
        if (const auto* answer = std::get_if<Answer>(&datagram->message)) return *answer;
      }
    }
    die(name_ + ": no answer");
  }

 private:
  std::string name_;
  int fd_;
  size_t sent_ = 0, sent_bytes_ = 0, reply_bytes_ = 0;
  wire::Buffer out_{};
};

// What the attacks need to know.
struct Stage {
  Endpoint target;
  content::Link link;  // of a seeder
  wire::Profile profile = wire::Profile::kV2;
  Rng rng{0};
  wire::Token seeder_name = 0;  // 0 when the target is a peer
  content::FileId file{};
};

constexpr content::FileId kSomeFile = static_cast<content::FileId>(4711);

Bytes encoded(wire::Token to, const wire::Message& message) {
  wire::Buffer buffer{};
  const auto bytes = wire::encode(to, message, buffer);
  return {bytes.begin(), bytes.end()};
}

wire::Cookie random_cookie(Rng& rng) {
  wire::Cookie cookie{};
  for (uint8_t& byte : cookie) byte = static_cast<uint8_t>(rng.next());
  return cookie;
}

wire::Join join(const Stage& stage) {
  return {.profile = stage.profile,
          .reply_token = kOurToken,
          .name = kOurName,
          .cookie = {},
          .path = stage.link.path};
}

wire::Greet greet(const Stage& stage) {
  wire::Greet out{.reply_token = kOurToken, .name = kOurName, .path = stage.link.path, .any = 255};
  out.state.sequence = 1;
  return out;
}

wire::Control control(content::FileId file, uint16_t sequence) {
  wire::Control out;
  out.state.sequence = sequence;
  out.state.want_referrals = true;
  out.state.file = file;
  for (uint8_t position = 0; position < 64; ++position) out.state.wants.add({0, position});
  return out;
}

wire::Hello hello(const std::optional<wire::Cookie>& cookie, content::FileId file) {
  return {.profile = wire::Profile::kClassic,
          .reply_token = kOurToken,
          .name = kOurName,
          .cookie = cookie,
          .file = file,
          .have = {}};
}

// One of each message, for the holder of `to`.
std::vector<Bytes> samples(Stage& stage, wire::Token to) {
  static constexpr std::array<uint8_t, 1000> kContent{1, 2, 3};
  const wire::Referral referral{{Address::v4(127, 0, 0, 1), 9}, 77, 9};
  wire::Join with_cookie = join(stage);
  with_cookie.cookie = random_cookie(stage.rng);
  const std::vector<wire::Message> all{
      join(stage),
      with_cookie,
      wire::Welcome{random_cookie(stage.rng), 5, stage.target, {referral}},
      wire::ManifestRequest{kOurToken, random_cookie(stage.rng), 3, stage.link.path},
      wire::ManifestPart{0, 0, 1, std::span(kContent).first(50)},
      hello(random_cookie(stage.rng), kSomeFile),
      hello({}, kSomeFile),
      wire::HelloReply{kOurToken, stage.target, wire::HandshakeStatus::kOffer, kSomeFile, {}},
      wire::FirstHandshake{kSomeFile, 4, {}},
      wire::FirstHandshakeReply{kSomeFile, 4, {}},
      wire::SecondHandshake{kSomeFile, 4, {0, 1, 2, 3}},
      wire::Data{kSomeFile, 4, 0, true, kContent},
      wire::NoFile{kSomeFile, 4},
      wire::RecommendRequest{kSomeFile},
      wire::Recommendation{{referral}},
      wire::Bye{5},
      wire::PathChallenge{6},
      wire::PathResponse{6},
      wire::Refused{wire::RefusedReason::kBusy, wire::Profile::kClassic},
      wire::NotNow{kSomeFile, 4},
      wire::DigestRequest{kSomeFile, 0, 5},
      wire::Admit{.ticket = 5, .contacts = {{stage.target, 77}}},
      greet(stage),
      wire::Greeted{.reply_token = kOurToken},
      control(kSomeFile, 9),
      wire::Piece{.state = {.sequence = 3, .file = kSomeFile}, .bytes = kContent},
      wire::Introduce{stage.target, 77},
      wire::Confirm{kOurToken, 77}};
  std::vector<Bytes> out;
  for (const wire::Message& message : all) out.push_back(encoded(to, message));
  return out;
}

wire::Token random_token(Rng& rng) { return rng.next() | 1U; }

// --- at any node

void attack_random(Stage& stage) {
  Attacker attacker("random", stage.target);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(stage.rng.below(1500));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(stage.rng.next());
    // Half of them get past the first look.
    if (!bytes.empty() && i % 2 == 0) bytes[0] = wire::kVersionByte;
    attacker.send(bytes);
  }
}

void attack_short(Stage& stage) {
  Attacker attacker("short", stage.target);
  const Bytes whole = samples(stage, 0).front();
  for (int i = 0; i < 10; ++i) {
    for (size_t size = 0; size < wire::kHeaderSize; ++size) {
      attacker.send(std::span(whole).first(size));
    }
  }
}

void attack_version(Stage& stage) {
  Attacker attacker("version", stage.target);
  for (Bytes bytes : samples(stage, 0)) {
    for (int version = 0; version < 256; version += 5) {
      bytes[0] = static_cast<uint8_t>(version);
      if (bytes[0] != wire::kVersionByte) attacker.send(bytes);
    }
  }
}

void attack_type(Stage& stage) {
  Attacker attacker("type", stage.target);
  Bytes bytes = samples(stage, 0).front();
  for (size_t type = 0; type < 256; ++type) {
    if (type >= 1 && type < wire::kMessageTypes) continue;
    bytes[1] = static_cast<uint8_t>(type);
    attacker.send(bytes);
  }
}

void attack_truncated(Stage& stage) {
  Attacker attacker("truncated", stage.target);
  for (const Bytes& bytes : samples(stage, random_token(stage.rng))) {
    // These end with as many bytes as there are.
    const auto type = static_cast<wire::MessageType>(bytes[1]);
    if (type == wire::MessageType::kData || type == wire::MessageType::kManifestPart ||
        type == wire::MessageType::kPiece) {
      continue;
    }
    // Padding makes the long ones many; a few hundred of each do.
    const size_t step = std::max<size_t>(1, bytes.size() / 100);
    for (size_t size = wire::kHeaderSize; size < bytes.size(); size += step) {
      attacker.send(std::span(bytes).first(size));
    }
  }
}

void attack_long(Stage& stage) {
  Attacker attacker("too_long", stage.target);
  for (Bytes bytes : samples(stage, 0)) {
    bytes.resize(bytes.size() + 200, 0xee);
    attacker.send(bytes);
  }
  attacker.send(Bytes(60000, wire::kVersionByte));
}

void attack_corrupted(Stage& stage) {
  Attacker attacker("corrupted", stage.target);
  for (const wire::Token to : {wire::Token{0}, stage.seeder_name, random_token(stage.rng)}) {
    for (const Bytes& bytes : samples(stage, to)) {
      for (int i = 0; i < 40; ++i) {
        Bytes changed = bytes;
        for (uint64_t flips = 1 + stage.rng.below(4); flips > 0; --flips) {
          // The front is where the fields are.
          const size_t reach = std::min<size_t>(changed.size(), 120);
          changed[stage.rng.below(reach)] ^= static_cast<uint8_t>(1 + stage.rng.below(255));
        }
        attacker.send(changed);
      }
    }
  }
}

void attack_token(Stage& stage) {
  Attacker attacker("token", stage.target);
  for (int i = 0; i < 20; ++i) {
    for (const Bytes& bytes : samples(stage, random_token(stage.rng))) attacker.send(bytes);
  }
}

// --- at a seeder

// Everything that a seeder never gets, to token 0.
void attack_role(Stage& stage) {
  Attacker attacker("role", stage.target);
  for (const Bytes& bytes : samples(stage, 0)) {
    const auto type = static_cast<wire::MessageType>(bytes[1]);
    if (type == wire::MessageType::kJoin || type == wire::MessageType::kManifestRequest) continue;
    attacker.send(bytes);
  }
}

void attack_cookie(Stage& stage) {
  Attacker attacker("cookie", stage.target);
  for (int i = 0; i < 100; ++i) {
    wire::Join with_cookie = join(stage);
    with_cookie.cookie = random_cookie(stage.rng);
    attacker.send(0, with_cookie);
    attacker.send(
        0, wire::ManifestRequest{kOurToken, random_cookie(stage.rng), 3, stage.link.path});
    attacker.send(stage.seeder_name, hello(random_cookie(stage.rng), stage.file));
    attacker.send(stage.seeder_name, hello({}, stage.file));
  }
}

void attack_profile(Stage& stage) {
  Attacker attacker("profile", stage.target);
  for (int i = 0; i < 50; ++i) {
    wire::Join other = join(stage);
    other.profile = stage.profile == wire::Profile::kV2 ? wire::Profile::kClassic
                                                        : wire::Profile::kV2;
    attacker.send(0, other);
  }
}

// What needs a ticket, with one that nobody made.
void attack_ticket(Stage& stage) {
  Attacker attacker("ticket", stage.target);
  for (int i = 0; i < 100; ++i) {
    // Of the seeder's own kind: its tickets begin with 40 zero bits.
    const wire::Token guess = stage.rng.next() >> 40 | 1U;
    attacker.send(guess, greet(stage));
    attacker.send(guess, wire::Confirm{kOurToken, kOurToken});
    attacker.send(guess, wire::ManifestRequest{kOurToken, {}, 3, stage.link.path});
    attacker.send(guess, wire::Introduce{stage.target, 77});
  }
}

// Takes what it can get without ever echoing a cookie or a ticket: the most that an open port gives
// away.
void attack_join(Stage& stage) {
  Attacker attacker("join", stage.target);
  for (int i = 0; i < 500; ++i) {
    wire::Join one = join(stage);
    one.name = stage.rng.next();
    if (stage.profile == wire::Profile::kV2) one.reply_token = stage.rng.next();
    attacker.send(0, one);
  }
}

void attack_one_join(Stage& stage) {
  Attacker attacker("one_join", stage.target);
  attacker.send(0, join(stage));
}

// An honest visitor first, whose datagrams are then sent again: from its own address, and from
// another, which has heard them pass.
void attack_replay(Stage& stage) {
  Attacker honest("proven_replay", stage.target);
  const auto welcome = honest.ask<wire::Welcome>(0, join(stage));
  const auto first = honest.ask<wire::HelloReply>(
      welcome.seeder_name, hello(welcome.cookie, stage.file));
  const Bytes again_hello = encoded(welcome.seeder_name, hello(welcome.cookie, stage.file));
  honest.drain(kQuietMs);
  const auto second = honest.ask<wire::HelloReply>(
      welcome.seeder_name, hello(welcome.cookie, stage.file));
  if (second.reply_token != first.reply_token) {
    die("a HELLO that was sent twice made two neighbours");
  }
  const wire::SecondHandshake request{stage.file, 9, {0, 1, 2, 3}};
  const Bytes again_request = encoded(first.reply_token, request);
  for (int i = 0; i < 5; ++i) honest.send(again_request);
  honest.drain(kQuietMs);
  {
    // The cookie is another's; the neighbour's token too.
    Attacker thief("stolen", stage.target);
    for (int i = 0; i < 50; ++i) {
      thief.send(again_hello);
      wire::Join stolen = join(stage);
      stolen.cookie = welcome.cookie;
      thief.send(0, stolen);
      thief.send(0, wire::ManifestRequest{kOurToken, welcome.cookie, 3, stage.link.path});
      thief.send(again_request);
      thief.send(first.reply_token, wire::FirstHandshake{stage.file, 4, {}});
      thief.send(first.reply_token, wire::RecommendRequest{stage.file});
      thief.send(first.reply_token, wire::PathResponse{stage.rng.next()});
      thief.send(first.reply_token, wire::Bye{0});
    }
  }
  // The thief could not say goodbye in the visitor's name.
  (void)honest.ask<wire::FirstHandshakeReply>(first.reply_token,
                                               wire::FirstHandshake{stage.file, 11, {}});
  honest.drain(kQuietMs);
  for (int i = 0; i < 5; ++i) honest.send(first.reply_token, wire::Bye{0});
}

// The same under v2. The thief is at another address: a ticket is for an address, whatever port.
void attack_replay_v2(Stage& stage) {
  Attacker honest("proven_replay", stage.target);
  const auto admit = honest.ask<wire::Admit>(0, join(stage));
  const auto first = honest.ask<wire::Greeted>(admit.ticket, greet(stage));
  honest.drain(kQuietMs);
  const auto second = honest.ask<wire::Greeted>(admit.ticket, greet(stage));
  if (second.reply_token != first.reply_token) {
    die("a GREET that was sent twice made two neighbours");
  }
  const wire::Token token = first.reply_token;
  for (int i = 0; i < 5; ++i) honest.send(token, control(stage.file, 2));
  honest.drain(kQuietMs);
  {
    Attacker thief("stolen", stage.target, {Address::v4(127, 0, 0, 2), 0});
    for (int i = 0; i < 50; ++i) {
      thief.send(admit.ticket, greet(stage));
      thief.send(admit.ticket, wire::Confirm{kOurToken, kOurToken});
      thief.send(admit.ticket, wire::ManifestRequest{kOurToken, {}, 3, stage.link.path});
      thief.send(admit.ticket, wire::Introduce{stage.target, 77});
      thief.send(token, control(stage.file, 2));
      thief.send(token, control(stage.file, static_cast<uint16_t>(100 + i)));
      thief.send(token, wire::ManifestRequest{kOurToken, {}, 3, stage.link.path});
      thief.send(token, wire::DigestRequest{stage.file, 0, 60});
      thief.send(token, wire::PathResponse{stage.rng.next()});
      thief.send(token, wire::Bye{1000});
    }
  }
  // The thief could not say goodbye in the visitor's name.
  (void)honest.ask<wire::ManifestPart>(
      token, wire::ManifestRequest{kOurToken, {}, 11, stage.link.path});
  honest.drain(kQuietMs);
  for (int i = 0; i < 5; ++i) honest.send(token, wire::Bye{0});
}

// The seeder's name and the file's id, as any visitor learns them.
void look_around(Stage& stage) {
  Attacker scout("proven_scout", stage.target);
  wire::Token to = 0;
  wire::Cookie cookie{};
  if (stage.profile == wire::Profile::kV2) {
    to = scout.ask<wire::Admit>(0, join(stage)).ticket;
  } else {
    const auto welcome = scout.ask<wire::Welcome>(0, join(stage));
    stage.seeder_name = welcome.seeder_name;
    cookie = welcome.cookie;
  }
  scout.drain(kQuietMs);
  // Only a file whose manifest fits one part is used.
  wire::Buffer buffer{};
  const wire::ManifestRequest request{kOurToken, cookie, 7, stage.link.path};
  for (int i = 0; i < kAnswerTries; ++i) {
    scout.send(wire::encode(to, request, buffer));
    const auto bytes = scout.receive(kQuietMs);
    if (!bytes) continue;
    const auto datagram = wire::decode(*bytes);
    const auto* part = datagram ? std::get_if<wire::ManifestPart>(&datagram->message) : nullptr;
    if (part == nullptr) continue;
    const auto manifest = content::decode_manifest_blob(part->bytes, stage.link.key);
    if (!manifest) die("the manifest is refused");
    stage.file = manifest->record.id;
    return;
  }
  die("no manifest");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) die("usage: hostile_sender seeder LINK | peer HOST:PORT, SEED v2|classic");
  const bool seeder = std::string_view(argv[1]) == "seeder";
  Stage stage;
  std::string address = argv[2];
  if (seeder) {
    const auto link = content::Link::parse(address);
    if (!link) die(link.error());
    stage.link = *link;
    address = link->host + ":" + std::to_string(link->port);
  }
  const auto target = Endpoint::parse(address);
  if (!target) die(target.error());
  stage.target = *target;
  const std::string_view number = argv[3];
  uint64_t seed = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), seed).ec != std::errc{}) {
    die("the seed is no number");
  }
  stage.rng = Rng(seed);
  const bool v2 = std::string_view(argv[4]) == "v2";
  stage.profile = v2 ? wire::Profile::kV2 : wire::Profile::kClassic;
  if (seeder) look_around(stage);
  std::vector<void (*)(Stage&)> attacks{attack_random, attack_short,     attack_version,
                                        attack_type,   attack_truncated, attack_long,
                                        attack_token,  attack_corrupted};
  if (seeder) {
    attacks.insert(attacks.end(), {attack_role, v2 ? attack_ticket : attack_cookie, attack_profile,
                                   attack_one_join, attack_join,
                                   v2 ? attack_replay_v2 : attack_replay});
  }
  for (const auto attack : attacks) attack(stage);
  return 0;
}
