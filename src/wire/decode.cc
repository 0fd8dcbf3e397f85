#include "wire/decode.h"

#include <algorithm>

#include "base/cursor.h"
#include "base/unfilled.h"
#include "content/file_record.h"
#include "wire/encode.h"

namespace fb::wire {
namespace {

constexpr uint8_t kPieceOfOther = 4;  // a flag of PIECE

Endpoint get_endpoint(Reader& in, uint8_t family) {
  Endpoint out;
  if (family == 4) {
    const auto bytes = in.take(4);
    if (bytes.size() == 4) out.address = Address::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
  } else if (family == 6) {
    in.copy_to(out.address.bytes);
    if (out.address.is_v4()) in.fail();  // one form for each address
  } else {
    in.fail();
  }
  out.port = in.u16();
  return out;
}
Endpoint get_endpoint(Reader& in) { return get_endpoint(in, in.u8()); }

Intervals get_intervals(Reader& in) {
  Intervals out;
  const uint8_t count = in.u8();
  if (count > kIntervalsMax) in.fail();
  for (uint8_t i = 0; i < count && !in.failed(); ++i) {
    const uint32_t first = in.u32();
    const uint32_t last = in.u32();
    if (first > last) in.fail();
    out.items[i] = {first, last};
  }
  if (!in.failed()) out.count = count;
  return out;
}

bool get_flag(Reader& in) {
  const uint8_t value = in.u8();
  if (value > 1) in.fail();
  return value == 1;
}

std::optional<Cookie> get_optional_cookie(Reader& in) {
  if (!get_flag(in)) return {};
  Cookie cookie{};
  in.copy_to(cookie);
  return cookie;
}

std::vector<Referral> get_referrals(Reader& in) {
  const uint8_t count = in.u8();
  if (count > kReferralsMax) in.fail();
  std::vector<Referral> out;
  for (uint8_t i = 0; i < count && !in.failed(); ++i) {
    Referral referral;
    referral.endpoint = get_endpoint(in);
    referral.name = in.u64();
    referral.expires_in_s = in.u8();
    out.push_back(referral);
  }
  return out;
}

// 0 is everybody's token at a seeder, so nobody can be reached by it.
Token get_reply_token(Reader& in) {
  const Token token = in.u64();
  if (token == 0) in.fail();
  return token;
}

FileId get_file(Reader& in) { return static_cast<FileId>(in.u64()); }

Profile get_profile(Reader& in) {
  // Any value is let through: a receiver that does not speak it answers REFUSED.
  return static_cast<Profile>(in.u8());
}

std::string_view get_path(Reader& in) {
  const std::string_view path = in.view16();
  if (path.size() > content::kPathLengthMax) in.fail();
  return path;
}

// Padding is zeros up to exactly `size` bytes of datagram.
void get_padding(Reader& in, size_t datagram_size, size_t size) {
  if (datagram_size > size && in.remaining() > 0) in.fail();
  for (const uint8_t byte : in.take(in.remaining())) {
    if (byte != 0) in.fail();
  }
  if (datagram_size < size) in.fail();
}

Join get_join(Reader& in, size_t size) {
  Join m;
  m.profile = get_profile(in);
  m.reply_token = get_reply_token(in);
  m.name = in.u64();
  m.cookie = get_optional_cookie(in);
  m.path = get_path(in);
  if (m.cookie) return m;
  const size_t unpadded = size - in.remaining();
  m.wide = m.profile == Profile::kV2 && unpadded < kJoinPaddedV2Wide && size == kJoinPaddedV2Wide;
  get_padding(in, size, join_padding(m));
  return m;
}

Welcome get_welcome(Reader& in) {
  Welcome m;
  in.copy_to(m.cookie);
  m.seeder_name = in.u64();
  m.observed = get_endpoint(in);
  m.referrals = get_referrals(in);
  m.polluted = get_flag(in);
  return m;
}

ManifestRequest get_manifest_request(Reader& in) {
  ManifestRequest m;
  m.reply_token = get_reply_token(in);
  in.copy_to(m.cookie);
  m.request = in.u16();
  m.path = get_path(in);
  return m;
}

ManifestPart get_manifest_part(Reader& in) {
  ManifestPart m;
  m.request = in.u16();
  m.part = in.u8();
  m.parts = in.u8();
  m.bytes = in.take(in.remaining());
  const bool none = m.parts == 0 && m.part == 0 && m.bytes.size() <= content::kPathLengthMax;
  const bool last = m.part + 1 == m.parts;
  const bool some = m.parts <= kManifestPartsMax && m.part < m.parts && !m.bytes.empty() &&
                    (last ? m.bytes.size() <= kManifestPartSize
                          : m.bytes.size() == kManifestPartSize);
  if (!none && !some) in.fail();
  return m;
}

Hello get_hello(Reader& in, size_t size) {
  Hello m;
  m.profile = get_profile(in);
  m.reply_token = get_reply_token(in);
  m.name = in.u64();
  m.cookie = get_optional_cookie(in);
  m.file = get_file(in);
  m.have = get_intervals(in);
  get_padding(in, size, kHelloPadded);
  return m;
}

HelloReply get_hello_reply(Reader& in) {
  HelloReply m;
  m.reply_token = get_reply_token(in);
  m.observed = get_endpoint(in);
  const uint8_t status = in.u8();
  if (status < 1 || status > 3) in.fail();
  m.status = static_cast<HandshakeStatus>(status);
  m.file = get_file(in);
  m.offer = get_intervals(in);
  return m;
}

SecondHandshake get_second_handshake(Reader& in) {
  SecondHandshake m;
  m.file = get_file(in);
  m.request = in.u16();
  const uint8_t count = in.u8();
  if (count == 0 || count > kRequestChunksMax || in.remaining() != size_t{count} * 4) in.fail();
  if (in.failed()) return m;
  m.chunks.reserve(count);
  for (uint8_t i = 0; i < count; ++i) m.chunks.push_back(in.u32());
  return m;
}

Data get_data(Reader& in) {
  Data m;
  m.file = get_file(in);
  m.request = in.u16();
  m.chunk = in.u32();
  m.verified = get_flag(in);
  m.bytes = in.take(in.remaining());
  if (m.bytes.empty() || m.bytes.size() > content::kChunkSizeMax) in.fail();
  return m;
}

Refused get_refused(Reader& in) {
  Refused m;
  const uint8_t reason = in.u8();
  if (reason < 1 || reason > 2) in.fail();
  m.reason = static_cast<RefusedReason>(reason);
  m.profile = get_profile(in);
  return m;
}

DigestRequest get_digest_request(Reader& in) {
  DigestRequest m{get_file(in), in.u32(), in.u8()};
  if (m.count == 0 || m.count > kDigestsMax) in.fail();
  return m;
}

Digests get_digests(Reader& in) {
  Digests m;
  m.file = get_file(in);
  m.first = in.u32();
  const uint8_t count = in.u8();
  if (count == 0 || count > kDigestsMax || in.remaining() != size_t{count} * 8) in.fail();
  if (in.failed()) return m;
  m.digests.reserve(count);
  for (uint8_t i = 0; i < count; ++i) m.digests.push_back(in.u64());
  return m;
}

template <size_t Max>
void get_names(Reader& in, ChunkNames<Max>& out) {
  const uint8_t count = in.u8();
  if (count > Max) in.fail();
  std::optional<uint16_t> before;
  while (out.count < count && !in.failed()) {
    const uint16_t block = in.u16();
    const uint8_t run = in.u8();
    if (run == 0 || run > count - out.count) in.fail();
    if (block == before) in.fail();  // one form for each list: it belongs to the run before
    before = block;
    for (uint8_t i = 0; i < run && !in.failed(); ++i) out.add({block, in.u8()});
  }
}

BlockMaps get_block_maps(Reader& in) {
  const uint8_t count = in.u8();
  if (count > kBlockMapsMax) in.fail();
  BlockMaps out;
  for (uint8_t i = 0; i < count && !in.failed(); ++i) {
    BlockMap map;
    map.block = in.u16();
    const uint8_t length = in.u8();
    const auto bytes = in.take(length);
    if (length > 32 || in.failed()) {
      in.fail();
      break;
    }
    for (size_t k = 0; k < bytes.size(); ++k) map.bits[k / 8] |= uint64_t{bytes[k]} << (k % 8 * 8);
    if (length > 0 && bytes.back() == 0) in.fail();  // one form for each map
    out.push_back(map);
  }
  return out;
}

void get_state(Reader& in, TradeState& m) {
  m.sequence = in.u16();
  m.clock = in.u16();
  m.heard = in.u16();
  m.delay = in.u16();
  m.received = uint32_t{in.u8()} << 16;
  m.received |= in.u16();
  m.room = in.u8();
  m.tab = in.u8();
  m.salt = in.u8();
  const uint8_t flags = in.u8();
  if (flags > 3) in.fail();
  m.want_referrals = (flags & 1) != 0;
  m.reached = (flags & 2) != 0;
  m.file = get_file(in);
  get_names(in, m.wants);
}

uint32_t get_u24(Reader& in) {
  const uint32_t high = in.u8();
  return high << 16 | in.u16();
}

// 0 is everybody's token at a seeder.
uint32_t get_ticket(Reader& in) {
  const uint32_t ticket = get_u24(in);
  if (ticket == 0) in.fail();
  return ticket;
}

// So many in runs, each of contacts of one kind.
std::vector<Contact> get_contacts(Reader& in) {
  std::vector<Contact> out;
  std::optional<uint8_t> before;
  const uint8_t all = in.u8();
  if (all > kContactsMax) in.fail();
  while (out.size() < all && !in.failed()) {
    const uint8_t head = in.u8();
    const uint8_t kind = head & (kContactWide | kContactPrefixed);
    const uint8_t count = head >> 2;
    if (count == 0 || out.size() + count > all) in.fail();
    if (kind == before) in.fail();  // one form for each list: it belongs to the run before
    before = kind;
    for (uint8_t i = 0; i < count && !in.failed(); ++i) {
      Contact contact;
      contact.endpoint = get_endpoint(in, (kind & kContactWide) != 0 ? 6 : 4);
      if ((kind & kContactPrefixed) != 0) {
        contact.ticket = Token{get_u24(in)} << kPrefixShift;
        if (contact.ticket == 0) in.fail();
      }
      contact.ticket |= get_ticket(in);
      out.push_back(contact);
    }
  }
  return out;
}

Admit get_admit(Reader& in) {
  Admit m;
  m.epoch = in.u8();
  const uint8_t flags = in.u8();
  if (flags >= 2 * kAdmitConfirm) in.fail();
  m.polluted = (flags & kAdmitPolluted) != 0;
  m.ask_manifest = (flags & kAdmitAskManifest) != 0;
  m.wary = (flags & kAdmitWary) != 0;
  m.confirm = (flags & kAdmitConfirm) != 0;
  m.grant = in.u8();
  m.farewell = in.u8();
  m.up = {in.u8()};
  m.down = {in.u8()};
  if ((flags & kAdmitTicket) != 0) m.ticket = get_ticket(in);
  if (m.confirm && m.ticket == 0) in.fail();
  m.contacts = get_contacts(in);
  return m;
}

Greet get_greet(Reader& in) {
  Greet m;
  m.profile = get_profile(in);
  m.reply_token = get_reply_token(in);
  m.name = in.u64();
  m.any = in.u8();
  m.its_class = in.u8();
  m.classes = in.u8();
  if (m.classes == 0 || m.its_class >= m.classes) in.fail();
  m.path = get_path(in);
  get_state(in, m.state);
  m.have = get_block_maps(in);
  return m;
}

Confirm get_confirm(Reader& in) {
  Confirm m;
  m.reply_token = get_reply_token(in);
  m.name = in.u64();
  return m;
}

Greeted get_greeted(Reader& in) {
  Greeted m;
  m.reply_token = get_reply_token(in);
  get_state(in, m.state);
  m.whole = get_intervals(in);
  m.have = get_block_maps(in);
  return m;
}

void get_control(Reader& in, Control& m) {
  get_state(in, m.state);
  m.whole = get_intervals(in);
  m.have = get_block_maps(in);
  const uint8_t count = in.u8();
  if (count > kHoldingsMax) in.fail();
  for (uint8_t i = 0; i < count && !in.failed(); ++i) {
    Holding holding;
    holding.file = FileId{in.u64()};
    if (holding.file == FileId{}) in.fail();
    get_names(in, holding.wants);
    holding.whole = get_intervals(in);
    holding.have = get_block_maps(in);
    m.more.push_back(std::move(holding));
  }
}

void get_piece(Reader& in, Piece& m) {
  get_state(in, m.state);
  m.chunk.block = in.u16();
  m.chunk.position = in.u8();
  const uint8_t flags = in.u8();
  if (flags > 7) in.fail();
  m.pushed = (flags & 1) != 0;
  m.verified = (flags & 2) != 0;
  m.grant = in.u8();
  if ((flags & kPieceOfOther) != 0) {
    m.other = FileId{in.u64()};
    if (m.other == FileId{} || m.other == m.state.file) in.fail();
  }
  get_names(in, m.news);
  m.bytes = in.take(in.remaining());
  if (m.bytes.empty() || m.bytes.size() > content::kChunkSizeMax) in.fail();
}

// Those of which nearly all datagrams are, where they stay: they are some hundred bytes.
bool get_frequent(MessageType type, Reader& in, Message& out) {
  if (type == MessageType::kPiece) {
    get_piece(in, out.emplace<Piece>());
  } else if (type == MessageType::kControl) {
    get_control(in, out.emplace<Control>());
  } else {
    return false;
  }
  return true;
}

Message get_rare(MessageType type, Reader& in, size_t size) {
  switch (type) {
    case MessageType::kJoin: return get_join(in, size);
    case MessageType::kWelcome: return get_welcome(in);
    case MessageType::kManifestRequest: return get_manifest_request(in);
    case MessageType::kManifestPart: return get_manifest_part(in);
    case MessageType::kHello: return get_hello(in, size);
    case MessageType::kHelloReply: return get_hello_reply(in);
    case MessageType::kFirstHandshake:
      return FirstHandshake{get_file(in), in.u16(), get_intervals(in)};
    case MessageType::kFirstHandshakeReply:
      return FirstHandshakeReply{get_file(in), in.u16(), get_intervals(in)};
    case MessageType::kSecondHandshake: return get_second_handshake(in);
    case MessageType::kData: return get_data(in);
    case MessageType::kNoFile: return NoFile{get_file(in), in.u16()};
    case MessageType::kRecommendRequest: return RecommendRequest{get_file(in)};
    case MessageType::kRecommendation: return Recommendation{get_referrals(in)};
    case MessageType::kBye: return Bye{in.u32(), {in.u8()}, {in.u8()}};
    case MessageType::kPathChallenge: return PathChallenge{in.u64()};
    case MessageType::kPathResponse: return PathResponse{in.u64()};
    case MessageType::kRefused: return get_refused(in);
    case MessageType::kNotNow: return NotNow{get_file(in), in.u16()};
    case MessageType::kDigestRequest: return get_digest_request(in);
    case MessageType::kDigests: return get_digests(in);
    case MessageType::kAdmit: return get_admit(in);
    case MessageType::kGreet: return get_greet(in);
    case MessageType::kConfirm: return get_confirm(in);
    case MessageType::kGreeted: return get_greeted(in);
    case MessageType::kIntroduce: return Introduce{get_endpoint(in), in.u64()};
    case MessageType::kControl:
    case MessageType::kPiece: break;
  }
  in.fail();
  return Bye{};
}

}  // namespace

std::expected<Header, DecodeError> decode_header(std::span<const uint8_t> datagram) {
  if (datagram.empty()) return std::unexpected(DecodeError::kTooShort);
  if (datagram[0] != kVersionByte) return std::unexpected(DecodeError::kVersion);
  if (datagram.size() < kHeaderSize) return std::unexpected(DecodeError::kTooShort);
  Reader in(datagram.subspan(1));
  const uint8_t type = in.u8();
  if (type == 0 || type >= kMessageTypes) return std::unexpected(DecodeError::kUnknownType);
  return Header{static_cast<MessageType>(type), in.u64()};
}

std::expected<Datagram, DecodeError> decode(std::span<const uint8_t> datagram) {
  const auto header = decode_header(datagram);
  if (!header) return std::unexpected(header.error());
  if (datagram.size() > kDatagramMax) return std::unexpected(DecodeError::kMalformed);
  Reader in(datagram.subspan(kHeaderSize));
  FB_UNFILLED std::expected<Datagram, DecodeError> out(std::in_place, *header);
  if (!get_frequent(header->type, in, out->message)) {
    out->message = get_rare(header->type, in, datagram.size());
  }
  if (!in.finished()) out = std::unexpected(DecodeError::kMalformed);
  return out;
}

std::optional<size_t> chunk_bytes_at(std::span<const uint8_t> datagram) {
  const auto header = decode_header(datagram);
  if (!header) return {};
  Reader in(datagram.subspan(kHeaderSize));
  if (header->type == MessageType::kData) {
    in.take(15);
  } else if (header->type == MessageType::kPiece) {
    TradeState state;
    get_state(in, state);
    in.take(3);
    const bool other = (in.u8() & kPieceOfOther) != 0;
    in.take(other ? 9 : 1);
    ChunkNames<kNewsMax> news;
    get_names(in, news);
  } else {
    return {};
  }
  if (in.failed() || in.remaining() == 0) return {};
  return datagram.size() - in.remaining();
}

}  // namespace fb::wire
