// What is refused, and what strangers can draw out of a node by size alone.
#include "wire/decode.h"

#include <algorithm>
#include <functional>

#include "base/rng.h"
#include "content/file_record.h"
#include "wire/support.h"

namespace fb::wire {
namespace {

constexpr FileId kFile = static_cast<FileId>(0x4142434445464748);
constexpr Token kToken = 0x0102030405060708;

DecodeError error_of(std::span<const uint8_t> datagram) {
  const auto out = decode(datagram);
  REQUIRE_FALSE(out.has_value());
  return out.error();
}

bool malformed(std::span<const uint8_t> datagram) {
  const auto out = decode(datagram);
  return !out.has_value() && out.error() == DecodeError::kMalformed;
}

// `message`, with one byte of its datagram set to `value`. Offsets are those of docs/protocol.md.
Bytes changed(const Message& message, size_t offset, uint8_t value) {
  Bytes out = encoded(kToken, message);
  out.at(offset) = value;
  return out;
}

Intervals some_intervals(uint8_t count) {
  Intervals out;
  out.count = count;
  for (uint32_t i = 0; i < count; ++i) out.items.at(i) = {i * 10, i * 10 + 5};
  return out;
}

Endpoint v4() { return {Address::v4(192, 0, 2, 1), 4711}; }

Endpoint v6() { return Endpoint::parse("[2001:db8::1]:4711").value(); }

// Ends in a string of bytes whose length is not told: a byte more is a byte of it.
bool ends_in_bytes(const std::string& type) {
  return type == "data" || type == "manifest_part" || type == "piece";
}

TEST_CASE("every truncation of every vector is refused") {
  for (const Vector& vector : datagram_vectors()) {
    for (size_t length = 0; length < vector.datagram.size(); ++length) {
      const auto out = decode(std::span(vector.datagram).first(length));
      if (!out.has_value()) continue;
      INFO(vector.name << " cut to " << length);
      // A JOIN may be cut from one padding to the other.
      if (vector.fields.contains("wide") && length == kJoinPaddedV2) continue;
      // Only the string of bytes at the end may have become shorter.
      REQUIRE(ends_in_bytes(vector.type));
      Json expected = vector.fields;
      const size_t whole = vector.fields.at("bytes").get<std::string>().size() / 2;
      const Bytes rest(vector.datagram.end() - static_cast<std::ptrdiff_t>(whole),
                       vector.datagram.begin() + static_cast<std::ptrdiff_t>(length));
      expected["bytes"] = to_hex(rest);
      REQUIRE(fields_of(out->message) == expected);
    }
  }
}

TEST_CASE("one byte more than a vector is refused, or belongs to its bytes") {
  for (const Vector& vector : datagram_vectors()) {
    for (const uint8_t extra : {uint8_t{0}, uint8_t{1}, uint8_t{255}}) {
      INFO(vector.name << " and " << int{extra});
      Bytes longer = vector.datagram;
      longer.push_back(extra);
      const auto out = decode(longer);
      if (!out.has_value()) {
        REQUIRE(out.error() == DecodeError::kMalformed);
        continue;
      }
      REQUIRE(ends_in_bytes(vector.type));
      Json expected = vector.fields;
      expected["bytes"] = expected.at("bytes").get<std::string>() + to_hex({&extra, 1});
      REQUIRE(fields_of(out->message) == expected);
    }
  }
}

TEST_CASE("header: length, version and type are told apart") {
  REQUIRE(error_of({}) == DecodeError::kTooShort);
  const Bytes bye = encoded(kToken, Bye{1});
  for (size_t length = 1; length < kHeaderSize; ++length) {
    REQUIRE(error_of(std::span(bye).first(length)) == DecodeError::kTooShort);
    REQUIRE(decode_header(std::span(bye).first(length)).error() == DecodeError::kTooShort);
  }
  for (int first = 0; first < 256; ++first) {
    if (first == kVersionByte) continue;
    REQUIRE(error_of(changed(Bye{1}, 0, static_cast<uint8_t>(first))) == DecodeError::kVersion);
  }
  // The version is judged before the length: STUN and DTLS are no truncated Roulette.
  REQUIRE(error_of(Bytes{0}) == DecodeError::kVersion);
  for (int type = 0; type < 256; ++type) {
    const bool known = type >= 1 && type <= 27;
    const auto out = decode_header(changed(Bye{1}, 1, static_cast<uint8_t>(type)));
    REQUIRE(out.has_value() == known);
    if (!known) REQUIRE(out.error() == DecodeError::kUnknownType);
  }
  // A header alone is no message of any type.
  for (uint8_t type = 1; type < kMessageTypes; ++type) {
    Bytes header(kHeaderSize);
    header[0] = kVersionByte;
    header[1] = type;
    INFO(int{type});
    REQUIRE(malformed(header));
  }
}

TEST_CASE("a datagram of more than 1,200 bytes is refused") {
  Bytes join = encoded(0, Join{Profile::kClassic, 1, 2, {}, {}});
  REQUIRE(join.size() == kDatagramMax);
  REQUIRE(decode(join).has_value());
  join.push_back(0);
  REQUIRE(malformed(join));
  join.resize(65'507);
  REQUIRE(malformed(join));
}

TEST_CASE("JOIN: padding, flag and path") {
  const Join bare{Profile::kClassic, 1, 2, {}, "a"};
  const Bytes padded = encoded(0, bare);
  REQUIRE(decode(padded).has_value());
  // Unpadded, or padded by one byte too few, it is too cheap.
  REQUIRE(malformed(std::span(padded).first(31)));
  REQUIRE(malformed(std::span(padded).first(kJoinPadded - 1)));
  for (size_t offset = 31; offset < kJoinPadded; ++offset) {
    REQUIRE(malformed(changed(bare, offset, 1)));
  }
  const Join proven{Profile::kClassic, 1, 2, Cookie{1}, "a"};
  REQUIRE(encoded(0, proven).size() == 51);
  REQUIRE(malformed(changed(proven, 27, 2)));
  Bytes tail = encoded(0, proven);
  tail.resize(kJoinPadded);
  REQUIRE(malformed(tail));  // with a cookie there is no padding
  Join longest = proven;
  const std::string longer(content::kPathLengthMax + 1, 'p');
  longest.path = std::string_view(longer).substr(1);
  const Bytes good = encoded(0, longest);
  REQUIRE(decode(good).has_value());
  longest.path = longer;
  REQUIRE(malformed(encoded(0, longest)));
  REQUIRE(malformed(encoded(0, ManifestRequest{1, {}, 1, longest.path})));
  // Any profile is let through, so that it can be answered.
  REQUIRE(decode(changed(proven, 10, 77)).has_value());
  // But for v2 each is padded like a classic one.
  REQUIRE(decode(changed(bare, 10, 77)).has_value());
  REQUIRE(malformed(changed(bare, 10, 2)));
}

TEST_CASE("HELLO: padding and flag") {
  const Hello bare{Profile::kClassic, 1, 2, {}, kFile, {}};
  const Bytes padded = encoded(kToken, bare);
  REQUIRE(padded.size() == kHelloPadded);
  for (size_t length = 37; length < kHelloPadded; ++length) {
    REQUIRE(malformed(std::span(padded).first(length)));
  }
  for (size_t offset = 37; offset < kHelloPadded; ++offset) {
    REQUIRE(malformed(changed(bare, offset, 1)));
  }
  REQUIRE(malformed(changed(bare, 27, 2)));
  Bytes more = padded;
  more.push_back(0);
  REQUIRE(malformed(more));
  // Three intervals and more need no padding and take none.
  Hello longer = bare;
  longer.have = some_intervals(4);
  more = encoded(kToken, longer);
  REQUIRE(more.size() == 69);
  more.push_back(0);
  REQUIRE(malformed(more));
}

TEST_CASE("intervals: count and order of ends") {
  for (const Message& message :
       {Message{FirstHandshake{kFile, 1, some_intervals(2)}},
        Message{FirstHandshakeReply{kFile, 1, some_intervals(2)}}}) {
    REQUIRE(malformed(changed(message, 20, kIntervalsMax + 1)));
    REQUIRE(malformed(changed(message, 20, 255)));
    REQUIRE(malformed(changed(message, 20, 1)));
    REQUIRE(malformed(changed(message, 20, 3)));
    REQUIRE(malformed(changed(message, 24, 6)));  // first 6, last 5
  }
  const Bytes nine = [] {
    Bytes out = encoded(kToken, FirstHandshake{kFile, 1, some_intervals(8)});
    out[20] = 9;
    out.resize(out.size() + 8);
    return out;
  }();
  REQUIRE(malformed(nine));
  REQUIRE(malformed(changed(Hello{Profile::kClassic, 1, 2, {}, kFile, some_intervals(1)}, 36, 9)));
  // Any order, and intervals that overlap, are a matter of the receiver.
  Intervals any;
  any.count = 2;
  any.items[0] = {7, UINT32_MAX};
  any.items[1] = {0, 7};
  REQUIRE(decode(encoded(kToken, FirstHandshake{kFile, 1, any})).has_value());
}

TEST_CASE("endpoints: family, and one form for each address") {
  const HelloReply reply{1, v4(), HandshakeStatus::kOffer, kFile, {}};
  for (int family = 0; family < 256; ++family) {
    if (family == 4) continue;
    REQUIRE(malformed(changed(reply, 18, static_cast<uint8_t>(family))));
  }
  HelloReply six = reply;
  six.observed = v6();
  Bytes mapped = encoded(kToken, six);
  REQUIRE(decode(mapped).has_value());
  const Address v4_mapped = v4().address;
  std::ranges::copy(v4_mapped.bytes, mapped.begin() + 19);
  REQUIRE(malformed(mapped));
}

TEST_CASE("HELLO REPLY, REFUSED: values of their enumerations") {
  const HelloReply reply{1, v4(), HandshakeStatus::kOffer, kFile, {}};
  for (int status = 0; status < 256; ++status) {
    const bool known = status >= 1 && status <= 3;
    REQUIRE(decode(changed(reply, 25, static_cast<uint8_t>(status))).has_value() == known);
  }
  for (int reason = 0; reason < 256; ++reason) {
    const bool known = reason == 1 || reason == 2;
    const Bytes datagram = changed(Refused{}, 10, static_cast<uint8_t>(reason));
    REQUIRE(decode(datagram).has_value() == known);
  }
}

TEST_CASE("referrals: at most eight") {
  const std::vector<Referral> eight(kReferralsMax, Referral{v6(), 1, 10});
  Bytes nine = encoded(kToken, Recommendation{eight});
  REQUIRE(decode(nine).has_value());
  const Bytes one_more = encoded(kToken, Recommendation{{eight.front()}});
  nine.insert(nine.end(), one_more.begin() + 11, one_more.end());
  REQUIRE(malformed(nine));
  nine[10] = 9;
  REQUIRE(malformed(nine));
  Bytes welcome = encoded(kToken, Welcome{{}, 1, v4(), eight});
  REQUIRE(welcome.at(45) == 8);
  welcome.insert(welcome.end() - 1, one_more.begin() + 11, one_more.end());
  welcome[45] = 9;
  REQUIRE(malformed(welcome));
  REQUIRE(decode(changed(Welcome{{}, 1, v4(), {}}, 46, 1)).has_value());
  REQUIRE(malformed(changed(Welcome{{}, 1, v4(), {}}, 46, 2)));
}

TEST_CASE("MANIFEST PART: numbers and lengths agree") {
  const Bytes full(kManifestPartSize, 7);
  const auto part = [&](uint8_t number, uint8_t parts, size_t length) {
    const Bytes bytes(length, 7);
    return encoded(kToken, ManifestPart{1, number, parts, bytes});
  };
  REQUIRE(decode(part(0, 1, 1)).has_value());
  REQUIRE(decode(part(3, 4, kManifestPartSize)).has_value());
  REQUIRE(decode(part(0, 0, 0)).has_value());
  REQUIRE_FALSE(malformed(part(0, 0, content::kPathLengthMax)));
  REQUIRE(malformed(part(0, 0, content::kPathLengthMax + 1)));
  REQUIRE(malformed(part(1, 0, 0)));
  REQUIRE(malformed(part(0, 1, 0)));                        // one, and yet no bytes
  REQUIRE(malformed(part(1, 1, 5)));                        // beyond the last
  REQUIRE(malformed(part(255, 0, 5)));
  REQUIRE(malformed(part(0, 5, kManifestPartSize)));        // more than four
  REQUIRE(malformed(part(4, 5, 5)));
  REQUIRE(malformed(part(254, 255, 5)));
  REQUIRE(malformed(part(0, 2, kManifestPartSize - 1)));    // all but the last are full
  REQUIRE(malformed(part(1, 2, kManifestPartSize + 1)));
  REQUIRE(malformed(part(0, 2, kManifestPartSize + 1)));
}

TEST_CASE("SECOND HANDSHAKE: one to 128 chunks") {
  const auto request = [](uint8_t told, size_t there) {
    Bytes out = encoded(kToken, SecondHandshake{kFile, 1, {0}});
    out[20] = told;
    out.resize(21 + there * 4);
    return out;
  };
  REQUIRE(decode(request(1, 1)).has_value());
  REQUIRE(decode(request(128, 128)).has_value());
  REQUIRE(malformed(request(0, 0)));
  REQUIRE(malformed(request(0, 1)));
  REQUIRE(malformed(request(2, 1)));
  REQUIRE(malformed(request(1, 2)));
  REQUIRE(malformed(request(129, 129)));
  REQUIRE(malformed(request(255, 255)));
}

TEST_CASE("DIGEST REQUEST, DIGESTS: one to 128") {
  const DigestRequest request{kFile, 0, 1};
  for (int count = 0; count < 256; ++count) {
    const bool fits = count >= 1 && count <= 128;
    REQUIRE(decode(changed(request, 22, static_cast<uint8_t>(count))).has_value() == fits);
  }
  const auto digests = [](uint8_t told, size_t there) {
    Bytes out = encoded(kToken, Digests{kFile, 0, {0}});
    out[22] = told;
    out.resize(23 + there * 8);
    return out;
  };
  REQUIRE(decode(digests(1, 1)).has_value());
  REQUIRE(decode(digests(128, 128)).has_value());
  REQUIRE(malformed(digests(0, 0)));
  REQUIRE(malformed(digests(0, 1)));
  REQUIRE(malformed(digests(2, 1)));
  REQUIRE(malformed(digests(1, 2)));
  REQUIRE(malformed(digests(129, 129)));
}

TEST_CASE("DATA: flag, and one to 1,150 bytes") {
  const Bytes bytes(content::kChunkSizeMax, 7);
  const Data data{kFile, 1, 2, true, bytes};
  REQUIRE(decode(encoded(kToken, data)).has_value());
  REQUIRE(malformed(changed(data, 24, 2)));
  Bytes longer = encoded(kToken, data);
  longer.push_back(0);
  REQUIRE(longer.size() <= kDatagramMax);
  REQUIRE(malformed(longer));
  REQUIRE(malformed(std::span(longer).first(25)));
}

TEST_CASE("random changes never crash, and what is decoded has one form") {
  const std::vector<Vector> vectors = datagram_vectors();
  size_t accepted = 0;
  for (const uint64_t seed : seeds(20'000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Bytes bytes = vectors[rng.below(vectors.size())].datagram;
    for (uint64_t i = 1 + rng.below(4); i > 0; --i) {
      // Most changes near the front, where the fields are.
      const size_t reach = rng.below(2) == 0 ? std::min<size_t>(48, bytes.size()) : bytes.size();
      bytes[rng.below(reach)] = static_cast<uint8_t>(rng.next());
    }
    if (rng.below(8) == 0) bytes.resize(rng.below(bytes.size() + 1));
    if (rng.below(8) == 0) bytes.resize(bytes.size() + rng.below(40));
    const auto out = decode(bytes);
    if (!out.has_value()) continue;
    ++accepted;
    REQUIRE(encoded(out->header.to, out->message) == bytes);
  }
  if (std::getenv("FLASHBACK_SEED") == nullptr) REQUIRE(accepted > 1000);
}

TEST_CASE("random bytes never crash, and what is decoded has one form") {
  for (const uint64_t seed : seeds(20'000)) {
    FB_REPLAY(seed);
    Rng rng(seed);
    Bytes bytes(rng.below(kDatagramMax + 2));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
    if (!bytes.empty()) bytes[0] = kVersionByte;
    if (bytes.size() > 1) bytes[1] = static_cast<uint8_t>(rng.below(kMessageTypes));
    const auto out = decode(bytes);
    if (out.has_value()) REQUIRE(encoded(out->header.to, out->message) == bytes);
  }
}

// The numbers of the table "Amplification" in docs/protocol.md.
TEST_CASE("no answer to an unproven message is three times as long") {
  const size_t hello = encoded(kToken, Hello{}).size();
  const HelloReply longest{1, v6(), HandshakeStatus::kOffer, kFile, some_intervals(8)};
  const size_t hello_reply = encoded(kToken, longest).size();
  REQUIRE(hello == 64);
  REQUIRE(hello_reply == 111);
  REQUIRE(hello_reply <= 3 * hello);

  const size_t join = encoded(0, Join{}).size();
  const auto welcome = [](size_t referrals, const Endpoint& endpoint) {
    return encoded(kToken, Welcome{{}, 1, endpoint,
                                   std::vector<Referral>(referrals, Referral{endpoint, 1, 10}),
                                   false})
        .size();
  };
  const Bytes payload(kManifestPartSize);
  const size_t part = encoded(kToken, ManifestPart{0, 0, 4, payload}).size();
  REQUIRE(join == 1200);
  REQUIRE(welcome(4, v4()) == 111);
  REQUIRE(welcome(4, v6()) == 171);
  REQUIRE(welcome(8, v6()) == 283);
  REQUIRE(part == 1114);
  // With the usual four referrals three whole parts fit; with eight the seeder has to count.
  REQUIRE(welcome(4, v6()) + 3 * part == 3513);
  REQUIRE(welcome(4, v6()) + 3 * part <= 3 * join);
  REQUIRE(welcome(8, v6()) + 3 * part == 3625);
  REQUIRE(welcome(8, v6()) + 3 * part > 3 * join);

  // A neighbour's token from another address draws a challenge.
  const size_t challenge = encoded(kToken, PathChallenge{1}).size();
  const size_t shortest = encoded(kToken, Recommendation{}).size();
  REQUIRE(challenge == 18);
  REQUIRE(shortest == 11);
  REQUIRE(challenge <= 3 * shortest);
  REQUIRE(encoded(kToken, PathResponse{1}).size() == challenge);
  REQUIRE(encoded(kToken, Refused{}).size() == 12);
}

// Likewise, of profile v2.
TEST_CASE("no answer to an unproven message of profile v2 is three times as long") {
  const size_t join = encoded(0, Join{Profile::kV2, 1, 2, {}, {}}).size();
  const size_t wide = encoded(0, Join{Profile::kV2, 1, 2, {}, {}, true}).size();
  REQUIRE(join == 40);
  REQUIRE(wide == 80);
  const auto admit = [](size_t contacts, const Endpoint& endpoint) {
    Admit message;
    message.ticket = 1;
    message.contacts.assign(contacts, Contact{endpoint, 1});
    return encoded(kToken, message).size();
  };
  REQUIRE(admit(0, v4()) == 20);
  // So many fit into the answer to the shortest JOIN; the seeder has to count.
  REQUIRE(admit(1, v4()) == kAdmitSize + kContactSize);
  REQUIRE(admit(10, v4()) == 111);
  REQUIRE(admit(12, v4()) == 129);
  REQUIRE(admit(4, v6()) == 105);
  REQUIRE(admit(10, v6()) == 231);
  REQUIRE(admit(10, v4()) <= 3 * join);
  REQUIRE(admit(12, v4()) > 3 * join);
  REQUIRE(admit(4, v6()) <= 3 * join);
  REQUIRE(admit(10, v6()) <= 3 * wide);
  REQUIRE(encoded(kToken, Refused{}).size() <= 3 * join);

  // A stranger's greeting is answered with the map of one block; four would be too long.
  const size_t greet = encoded(kToken, Greet{Profile::kV2, 1, 2, {}, 0, 0, 1, {}, {}}).size();
  const BlockMap full{0, {~0ULL, ~0ULL, ~0ULL, ~0ULL}};
  const auto greeted = [&](size_t maps) {
    return encoded(kToken, Greeted{1, {}, {}, BlockMaps(maps, full)}).size();
  };
  REQUIRE(greet == 57);
  REQUIRE(greeted(1) == 79);
  REQUIRE(greeted(1) <= 3 * greet);
  REQUIRE(greeted(4) == 184);
  REQUIRE(greeted(4) > 3 * greet);
}

}  // namespace
}  // namespace fb::wire
