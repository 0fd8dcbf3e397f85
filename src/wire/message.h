// The messages of Roulette as structs. encode.h and decode.h alone know where their bytes are;
// docs/protocol.md shows the layouts.
//
// Every datagram starts with version, type and the receiver token: 64 bits that the receiver
// chose. A peer draws one token as its name, by which strangers who hold a referral reach it, and
// one more for each neighbour, by which that neighbour reaches it afterwards. So one lookup finds
// the receiving peer and the sender, a changed source port does no harm, and who was not told the
// token cannot inject. Token 0 reaches a seeder that has not been met yet.
//
// Spans and paths inside messages borrow the datagram (or the caller's buffer, when encoding).
#pragma once

#include <array>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "base/units.h"
#include "content/object.h"
#include "nois/interval_set.h"

namespace fb::wire {

// The first byte. RFC 7983 leaves 192 and above to us; the low bits are the version.
inline constexpr uint8_t kVersionByte = 0xC1;
inline constexpr size_t kHeaderSize = 10;
inline constexpr size_t kDatagramMax = 1200;
// A JOIN without a cookie is padded to this, so that three replies of full size may answer it.
inline constexpr size_t kJoinPadded = kDatagramMax;
// A JOIN of profile v2: a third of an answer with ten contacts. Where joins come by the thousand a
// second, each byte of them counts. Over IPv6 contacts are longer.
inline constexpr size_t kJoinPaddedV2 = 40;
inline constexpr size_t kJoinPaddedV2Wide = 80;
// A HELLO is padded to this, so that its reply never is three times as long.
inline constexpr size_t kHelloPadded = 64;
inline constexpr size_t kIntervalsMax = 8;     // the paper's bound for one message
inline constexpr size_t kRequestChunksMax = 128;
inline constexpr size_t kReferralsMax = 8;
inline constexpr size_t kDigestsMax = 128;
// Of an ADMIT with a ticket and contacts of one kind; and of one of these, over IPv4 and without a
// prefix.
inline constexpr size_t kAdmitSize = kHeaderSize + 11;
inline constexpr size_t kContactSize = 9;
inline constexpr size_t kConfirmSize = kHeaderSize + 16;
inline constexpr size_t kContactsMax = 16;     // in one ADMIT
inline constexpr size_t kWantsMax = 64;        // chunks in one want list
inline constexpr size_t kNewsMax = 8;          // chunks in one piece's news
inline constexpr size_t kBlockMapsMax = 4;     // blocks in one CONTROL
inline constexpr size_t kHoldingsMax = 8;      // further objects in one CONTROL
inline constexpr size_t kManifestPartSize = 1100;
inline constexpr size_t kManifestPartsMax = 4;

// The high 24 bits, the prefix, are the same in all tokens of a node; at a seeder its shard.
using Token = uint64_t;
inline constexpr int kPrefixShift = 40;
// A ticket has 16 zero bits after the prefix; no other token has.
constexpr bool is_ticket(Token token) { return (token >> 24 & 0xffff) == 0; }
using Cookie = std::array<uint8_t, 20>;  // 4 bytes of time, 16 of keyed hash
using content::FileId;
using nois::Interval;

enum class Profile : uint8_t { kClassic = 1, kV2 = 2 };

enum class MessageType : uint8_t {
  kJoin = 1,
  kWelcome = 2,
  kManifestRequest = 3,
  kManifestPart = 4,
  kHello = 5,
  kHelloReply = 6,
  kFirstHandshake = 7,
  kFirstHandshakeReply = 8,
  kSecondHandshake = 9,
  kData = 10,
  kNoFile = 11,
  kRecommendRequest = 12,
  kRecommendation = 13,
  kBye = 14,
  kPathChallenge = 15,
  kPathResponse = 16,
  kRefused = 17,
  kNotNow = 18,
  kDigestRequest = 19,
  kDigests = 20,
  // Profile v2; 1, 3, 4, 13 to 17, 19 and 20 are common to both.
  kAdmit = 21,
  kGreet = 22,
  kGreeted = 23,
  kControl = 24,
  kPiece = 25,
  kIntroduce = 26,
  kConfirm = 27,
};
inline constexpr size_t kMessageTypes = 28;  // one past the last value

// A bit rate in one byte: 0 is unknown, n stands for 8 kbit/s * 2^((n - 1) / 8), so that a step is
// 9 %, and the largest 30 Tbit/s.
struct RateCode {
  uint8_t code = 0;

  [[nodiscard]] static RateCode of(BitRate rate);  // the nearest; 0 for an unlimited one
  [[nodiscard]] BitRate rate() const;              // unlimited for 0
  bool operator==(const RateCode&) const = default;
};

// Intervals in a message, at most kIntervalsMax, in any order.
struct Intervals {
  std::array<Interval, kIntervalsMax> items{};
  uint8_t count = 0;

  [[nodiscard]] std::span<const Interval> span() const { return {items.data(), count}; }
  // Takes the first kIntervalsMax of `from`.
  static Intervals of(std::span<const Interval> from);
  bool operator==(const Intervals& other) const;
};

// "This peer trades in your file": who, and for how long the word holds.
struct Referral {
  Endpoint endpoint;
  Token name = 0;
  uint8_t expires_in_s = 0;
  bool operator==(const Referral&) const = default;
};

// Peer to seeder, token 0.
struct Join {
  Profile profile = Profile::kClassic;
  Token reply_token = 0;              // put into the answers
  Token name = 0;                     // the joiner's name
  std::optional<Cookie> cookie;       // without one the message is padded
  std::string_view path;              // the file whose manifest is wanted; may be empty
  bool wide = false;                  // profile v2: padded for contacts with IPv6 addresses
};
// Seeder to joiner.
struct Welcome {
  Cookie cookie{};                    // proves the joiner's address for a while
  Token seeder_name = 0;              // where HELLO goes
  Endpoint observed;                  // the joiner's address as the seeder sees it
  std::vector<Referral> referrals;    // at most kReferralsMax
  bool polluted = false;              // somebody pollutes: ask for digests from the start
};
// Peer to seeder, token 0. Stateless at the seeder: the cookie proves the address.
struct ManifestRequest {
  Token reply_token = 0;
  Cookie cookie{};
  uint16_t request = 0;
  std::string_view path;
};
// Seeder to peer: one part of a manifest blob, or that the site has no such file.
struct ManifestPart {
  uint16_t request = 0;               // 0 answers a JOIN
  uint8_t part = 0;
  uint8_t parts = 0;                  // 0: the site has no such file
  // kManifestPartSize, but for the last part. With no parts the path that was asked for.
  std::span<const uint8_t> bytes;
};
// To a name learned by referral (or to a seeder's, with the cookie): makes contact, and is the
// first FIRST HANDSHAKE.
struct Hello {
  Profile profile = Profile::kClassic;
  Token reply_token = 0;              // the sender is reached by this from now on
  Token name = 0;
  std::optional<Cookie> cookie;
  FileId file{};
  Intervals have;                     // top intervals
};
enum class HandshakeStatus : uint8_t {
  kOffer = 1,     // intervals follow (none: nothing that you lack)
  kNoFile = 2,    // not a file of mine
  kContact = 3,   // contact only: the file part was not answered (tit-for-tat)
};
struct HelloReply {
  Token reply_token = 0;
  Endpoint observed;
  HandshakeStatus status = HandshakeStatus::kOffer;
  FileId file{};
  Intervals offer;
};
struct FirstHandshake {
  FileId file{};
  uint16_t request = 0;
  Intervals have;
};
struct FirstHandshakeReply {
  FileId file{};
  uint16_t request = 0;
  Intervals offer;
};
struct SecondHandshake {
  FileId file{};
  uint16_t request = 0;
  std::vector<uint32_t> chunks;       // 1 to kRequestChunksMax
};
struct Data {
  FileId file{};
  uint16_t request = 0;
  uint32_t chunk = 0;
  bool verified = false;              // the sender has verified its MetaChunk
  std::span<const uint8_t> bytes;     // 1 to kChunkSizeMax
};
struct NoFile {
  FileId file{};
  uint16_t request = 0;
};
struct RecommendRequest {
  FileId file{};
};
struct Recommendation {
  std::vector<Referral> referrals;    // at most kReferralsMax
};
struct Bye {
  uint32_t lifetime_ms = 0;
  // What the line gave each way, as far as known: the seeder tells newcomers the lower quartile.
  RateCode up{}, down{};
};
struct PathChallenge {
  uint64_t nonce = 0;
};
struct PathResponse {
  uint64_t nonce = 0;
};
enum class RefusedReason : uint8_t {
  kProfile = 1,   // this swarm speaks another profile
  kBusy = 2,      // every place is taken; try later
};
struct Refused {
  RefusedReason reason = RefusedReason::kProfile;
  Profile profile = Profile::kClassic;  // the one this swarm speaks
};

// "I have it, and you are within your tab, but I have sent all that I promised my visitor to send:
// ask again later." Unlike tit-for-tat's silence it is no fault of the receiver's.
struct NotNow {
  FileId file{};
  uint16_t request = 0;
};

// Neighbour to seeder: "somebody pollutes; how do I know these chunks?"
struct DigestRequest {
  FileId file{};
  uint32_t first = 0;                 // chunk
  uint8_t count = 0;                  // 1 to kDigestsMax
};
// Seeder to neighbour: for each chunk the first 8 bytes of its SHA-256. They tell a bad chunk from
// a good one on arrival; the MetaChunk's hash remains the judge.
struct Digests {
  FileId file{};
  uint32_t first = 0;
  std::vector<uint64_t> digests;      // 1 to kDigestsMax
};

// Seeder to newcomer, profile v2.
struct Contact {
  Endpoint endpoint;
  Token ticket = 0;                   // reaches that peer, from the newcomer's address only
  bool operator==(const Contact&) const = default;
};
// The low bits at the head of a run of contacts.
inline constexpr uint8_t kContactWide = 1;      // IPv6
inline constexpr uint8_t kContactPrefixed = 2;  // the tickets' high bits are given
// ADMIT's flags.
inline constexpr uint8_t kAdmitPolluted = 1;
inline constexpr uint8_t kAdmitAskManifest = 2;
inline constexpr uint8_t kAdmitWary = 4;
inline constexpr uint8_t kAdmitTicket = 8;
inline constexpr uint8_t kAdmitConfirm = 16;
struct Admit {
  Token ticket = 0;                   // reaches the seeder, from the newcomer's address; 0: none
  uint8_t epoch = 0;                  // the seeder's count of kTicketEpoch, for checking tickets
  bool polluted = false;
  bool ask_manifest = false;          // of the seeder; otherwise the contacts have it
  uint8_t grant = 0;                  // chunks that may be asked of the seeder
  uint8_t farewell = 255;             // BYE to the seeder is wanted from farewell / 255 of all
  RateCode up{}, down{};                  // lower quartile of those who left lately
  std::vector<Contact> contacts;      // at most kContactsMax
  bool wary = false;                  // many take and do not give: lend little to strangers
  bool confirm = false;               // the ticket is for CONFIRM and not for GREET
};

// Chunks of one object by block and position (content/object.h), in any order.
struct ChunkName {
  uint16_t block = 0;
  uint8_t position = 0;
  auto operator<=>(const ChunkName&) const = default;
};
template <size_t Max>
struct ChunkNames {
  std::array<ChunkName, Max> items{};
  uint8_t count = 0;

  [[nodiscard]] std::span<const ChunkName> span() const { return {items.data(), count}; }
  bool add(ChunkName name) {
    if (count == Max) return false;
    items[count++] = name;
    return true;
  }
};
// What is held of one block, a bit a position.
struct BlockMap {
  uint16_t block = 0;
  std::array<uint64_t, 4> bits{};
  bool operator==(const BlockMap&) const = default;
};
using BlockMaps = boost::container::static_vector<BlockMap, kBlockMapsMax>;

// What every datagram between two traders of profile v2 says. All of it is absolute: a lost one is
// made good by the next.
struct TradeState {
  uint16_t sequence = 0;              // of this datagram, a count a neighbour
  uint16_t clock = 0;                 // when it left, in quarter milliseconds
  uint16_t heard = 0;                 // the latest sequence that came from the receiver
  uint16_t delay = 0;                 // of that one: own clock at its arrival less its clock
  uint32_t received = 0;              // bytes of chunks from the receiver so far, modulo 2^24
  uint8_t room = 0;                   // chunks that are neither held nor asked of anybody
  uint8_t tab = 0;                    // the receiver may owe this much, in units of 256 bytes
  uint8_t salt = 0;                   // of the sender: which positions are for pushing to it
  bool want_referrals = false;
  bool reached = false;               // strangers have reached the sender: no NAT keeps them out
  FileId file{};                      // what follows is about it; 0: no file
  ChunkNames<kWantsMax> wants;        // all that the receiver is asked for
};
// To a contact, by its ticket: makes contact, and asks for some chunks at once.
struct Greet {
  Profile profile = Profile::kV2;
  Token reply_token = 0;
  Token name = 0;
  std::string_view path;              // its manifest is wanted; or empty
  // "Any" chunks: of those whose position modulo `classes` is `its_class`, so that several
  // neighbours do not send the same.
  uint8_t any = 0, its_class = 0, classes = 1;
  TradeState state;
  BlockMaps have;
};
struct Greeted {
  Token reply_token = 0;
  TradeState state;
  Intervals whole;                    // blocks held whole
  BlockMaps have;
};
// One more object: what is asked for, and what is held. Naming one of which nothing is held says
// that it is wanted.
struct Holding {
  FileId file{};                      // never 0
  ChunkNames<kWantsMax> wants;        // all that the receiver is asked for
  Intervals whole;
  BlockMaps have;
};
struct Control {
  TradeState state;
  Intervals whole;
  BlockMaps have;
  std::vector<Holding> more;          // of other objects, at most kHoldingsMax
};
struct Piece {
  TradeState state;
  FileId other{};                     // the chunk's object when it is not the state's; else 0
  ChunkName chunk;
  bool pushed = false;                // not asked for
  bool verified = false;              // the sender has verified its MetaChunk or block
  ChunkNames<kNewsMax> news;          // chunks that the sender got lately
  uint8_t grant = 0;                  // of a seeder: so many more may be asked of it
  std::span<const uint8_t> bytes;
  // What the chunk and the news are of.
  [[nodiscard]] FileId file() const { return other != FileId{} ? other : state.file; }
};
// Seeder to peer: this newcomer was told of you; greet it, so that both NATs open.
struct Introduce {
  Endpoint endpoint;
  Token name = 0;
};

// Newcomer to seeder, by its ticket: "I have your answer at this address". It asks for nothing.
struct Confirm {
  Token reply_token = 0;              // the sender is reached by this from now on
  Token name = 0;                     // as in its JOIN
};

using Message = std::variant<Join, Welcome, ManifestRequest, ManifestPart, Hello, HelloReply,
                             FirstHandshake, FirstHandshakeReply, SecondHandshake, Data, NoFile,
                             RecommendRequest, Recommendation, Bye, PathChallenge, PathResponse,
                             Refused, NotNow, DigestRequest, Digests, Admit, Greet, Greeted,
                             Control, Piece, Introduce, Confirm>;

}  // namespace fb::wire
