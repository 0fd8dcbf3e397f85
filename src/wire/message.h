// The messages of Roulette as structs. encode.h and decode.h alone know where their bytes are;
// docs/protocol.md shows the layouts.
//
// Every datagram starts with version, type and the receiver token: 64 bits that the receiver
// chose. A peer draws one token as its name, by which strangers who hold a referral reach it, and
// one more for each neighbour, by which that neighbour reaches it afterwards. So one lookup finds
// the receiving peer and the sender, a changed source port does no harm, and who was not told the
// token cannot inject. Token 0 reaches a seeder that has not been met yet.
//
// Spans inside messages borrow the datagram (or the caller's buffer, when encoding).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "content/object.h"
#include "nois/interval_set.h"

namespace fb::wire {

// The first byte. RFC 7983 leaves 192 and above to us; the low bits are the version.
inline constexpr uint8_t kVersionByte = 0xC1;
inline constexpr size_t kHeaderSize = 10;
inline constexpr size_t kDatagramMax = 1200;
// A JOIN without a cookie is padded to this, so that three replies of full size may answer it.
inline constexpr size_t kJoinPadded = kDatagramMax;
// A HELLO is padded to this, so that its reply never is three times as long.
inline constexpr size_t kHelloPadded = 64;
inline constexpr size_t kIntervalsMax = 8;     // the paper's bound for one message
inline constexpr size_t kRequestChunksMax = 128;
inline constexpr size_t kReferralsMax = 8;
inline constexpr size_t kDigestsMax = 128;
inline constexpr size_t kManifestPartSize = 1100;
inline constexpr size_t kManifestPartsMax = 4;

using Token = uint64_t;
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
};
inline constexpr size_t kMessageTypes = 21;  // one past the last value

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
  std::optional<Cookie> cookie;       // without one the message is padded to kJoinPadded
  std::string path;                   // the file whose manifest is wanted; may be empty
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
  std::string path;
};
// Seeder to peer: one part of a manifest blob, or of nothing when the site has no such file.
struct ManifestPart {
  uint16_t request = 0;               // 0 answers a JOIN
  uint8_t part = 0;
  uint8_t parts = 0;                  // 0: the site has no such file
  std::span<const uint8_t> bytes;     // kManifestPartSize, but for the last part
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

using Message = std::variant<Join, Welcome, ManifestRequest, ManifestPart, Hello, HelloReply,
                             FirstHandshake, FirstHandshakeReply, SecondHandshake, Data, NoFile,
                             RecommendRequest, Recommendation, Bye, PathChallenge, PathResponse,
                             Refused, NotNow, DigestRequest, Digests>;

}  // namespace fb::wire
