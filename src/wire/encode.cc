#include "wire/encode.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/cursor.h"

namespace fb::wire {
namespace {

void put_address(Writer& out, const Endpoint& endpoint) {
  out.bytes(std::span(endpoint.address.bytes).subspan(endpoint.address.is_v4() ? 12 : 0));
  out.u16(endpoint.port);
}

void put(Writer& out, const Endpoint& endpoint) {
  out.u8(endpoint.address.is_v4() ? 4 : 6);
  put_address(out, endpoint);
}

void put_u24(Writer& out, Token value) {
  out.u8(static_cast<uint8_t>(value >> 16));
  out.u16(static_cast<uint16_t>(value));
}

uint8_t kind_of(const Contact& contact) {
  return static_cast<uint8_t>((contact.endpoint.address.is_v4() ? 0 : kContactWide) |
                              (contact.ticket >> kPrefixShift != 0 ? kContactPrefixed : 0));
}

void put(Writer& out, const std::vector<Contact>& contacts) {
  FB_CHECK(contacts.size() <= kContactsMax);
  out.u8(static_cast<uint8_t>(contacts.size()));
  for (auto run = contacts.begin(); run != contacts.end();) {
    const uint8_t kind = kind_of(*run);
    const auto end = std::find_if(run, contacts.end(),
                                  [&](const Contact& contact) { return kind_of(contact) != kind; });
    out.u8(static_cast<uint8_t>((end - run) << 2 | kind));
    for (; run != end; ++run) {
      FB_CHECK(is_ticket(run->ticket));
      put_address(out, run->endpoint);
      if ((kind & kContactPrefixed) != 0) put_u24(out, run->ticket >> kPrefixShift);
      put_u24(out, run->ticket);
    }
  }
}

void put(Writer& out, const Intervals& intervals) {
  out.u8(intervals.count);
  for (const Interval& interval : intervals.span()) {
    out.u32(interval.first);
    out.u32(interval.last);
  }
}

void put(Writer& out, const std::optional<Cookie>& cookie) {
  out.u8(cookie ? 1 : 0);
  if (cookie) out.bytes(*cookie);
}

void put(Writer& out, const std::vector<Referral>& referrals) {
  FB_CHECK(referrals.size() <= kReferralsMax);
  out.u8(static_cast<uint8_t>(referrals.size()));
  for (const Referral& referral : referrals) {
    put(out, referral.endpoint);
    out.u64(referral.name);
    out.u8(referral.expires_in_s);
  }
}

void put(Writer& out, FileId file) { out.u64(static_cast<uint64_t>(file)); }

void pad_to(Writer& out, size_t size) {
  if (out.used() < size) out.zeros(size - out.used());
}

// Chunks of one block follow each other: block, how many, their positions.
void put(Writer& out, std::span<const ChunkName> names) {
  out.u8(static_cast<uint8_t>(names.size()));
  for (size_t i = 0; i < names.size();) {
    size_t end = i;
    while (end < names.size() && names[end].block == names[i].block) ++end;
    out.u16(names[i].block);
    out.u8(static_cast<uint8_t>(end - i));
    for (; i < end; ++i) out.u8(names[i].position);
  }
}

void put(Writer& out, const BlockMaps& maps) {
  out.u8(static_cast<uint8_t>(maps.size()));
  for (const BlockMap& map : maps) {
    out.u16(map.block);
    size_t bytes = 32;
    const auto byte = [&](size_t i) {
      return static_cast<uint8_t>(map.bits[i / 8] >> (i % 8 * 8));
    };
    while (bytes > 0 && byte(bytes - 1) == 0) --bytes;
    out.u8(static_cast<uint8_t>(bytes));
    for (size_t i = 0; i < bytes; ++i) out.u8(byte(i));
  }
}

void put(Writer& out, const TradeState& state) {
  out.u16(state.sequence);
  out.u16(state.clock);
  out.u16(state.heard);
  out.u16(state.delay);
  out.u8(static_cast<uint8_t>(state.received >> 16));
  out.u16(static_cast<uint16_t>(state.received));
  out.u8(state.room);
  out.u8(state.tab);
  out.u8(state.salt);
  out.u8(static_cast<uint8_t>((state.want_referrals ? 1 : 0) | (state.reached ? 2 : 0)));
  put(out, state.file);
  put(out, state.wants.span());
}

void put_header(Writer& out, MessageType type, Token to) {
  out.u8(kVersionByte);
  out.u8(static_cast<uint8_t>(type));
  out.u64(to);
}

struct Body {
  Writer& out;

  void operator()(const Join& m) const {
    out.u8(static_cast<uint8_t>(m.profile));
    out.u64(m.reply_token);
    out.u64(m.name);
    put(out, m.cookie);
    out.string16(m.path);
    if (!m.cookie) pad_to(out, join_padding(m));
  }
  void operator()(const Welcome& m) const {
    out.bytes(m.cookie);
    out.u64(m.seeder_name);
    put(out, m.observed);
    put(out, m.referrals);
    out.u8(m.polluted ? 1 : 0);
  }
  void operator()(const ManifestRequest& m) const {
    out.u64(m.reply_token);
    out.bytes(m.cookie);
    out.u16(m.request);
    out.string16(m.path);
  }
  void operator()(const ManifestPart& m) const {
    out.u16(m.request);
    out.u8(m.part);
    out.u8(m.parts);
    out.bytes(m.bytes);
  }
  void operator()(const Hello& m) const {
    out.u8(static_cast<uint8_t>(m.profile));
    out.u64(m.reply_token);
    out.u64(m.name);
    put(out, m.cookie);
    put(out, m.file);
    put(out, m.have);
    pad_to(out, kHelloPadded);
  }
  void operator()(const HelloReply& m) const {
    out.u64(m.reply_token);
    put(out, m.observed);
    out.u8(static_cast<uint8_t>(m.status));
    put(out, m.file);
    put(out, m.offer);
  }
  void operator()(const FirstHandshake& m) const {
    put(out, m.file);
    out.u16(m.request);
    put(out, m.have);
  }
  void operator()(const FirstHandshakeReply& m) const {
    put(out, m.file);
    out.u16(m.request);
    put(out, m.offer);
  }
  void operator()(const SecondHandshake& m) const {
    FB_CHECK(!m.chunks.empty() && m.chunks.size() <= kRequestChunksMax);
    put(out, m.file);
    out.u16(m.request);
    out.u8(static_cast<uint8_t>(m.chunks.size()));
    for (const uint32_t chunk : m.chunks) out.u32(chunk);
  }
  void operator()(const Data& m) const {
    put(out, m.file);
    out.u16(m.request);
    out.u32(m.chunk);
    out.u8(m.verified ? 1 : 0);
    out.bytes(m.bytes);
  }
  void operator()(const NoFile& m) const {
    put(out, m.file);
    out.u16(m.request);
  }
  void operator()(const RecommendRequest& m) const { put(out, m.file); }
  void operator()(const Recommendation& m) const { put(out, m.referrals); }
  void operator()(const Bye& m) const {
    out.u32(m.lifetime_ms);
    out.u8(m.up.code);
    out.u8(m.down.code);
  }
  void operator()(const PathChallenge& m) const { out.u64(m.nonce); }
  void operator()(const PathResponse& m) const { out.u64(m.nonce); }
  void operator()(const Refused& m) const {
    out.u8(static_cast<uint8_t>(m.reason));
    out.u8(static_cast<uint8_t>(m.profile));
  }
  void operator()(const NotNow& m) const {
    put(out, m.file);
    out.u16(m.request);
  }
  void operator()(const DigestRequest& m) const {
    put(out, m.file);
    out.u32(m.first);
    out.u8(m.count);
  }
  void operator()(const Digests& m) const {
    FB_CHECK(!m.digests.empty() && m.digests.size() <= kDigestsMax);
    put(out, m.file);
    out.u32(m.first);
    out.u8(static_cast<uint8_t>(m.digests.size()));
    for (const uint64_t digest : m.digests) out.u64(digest);
  }
  void operator()(const Admit& m) const {
    FB_CHECK(m.ticket != 0 || !m.confirm);
    out.u8(m.epoch);
    out.u8(static_cast<uint8_t>(
        (m.polluted ? kAdmitPolluted : 0) | (m.ask_manifest ? kAdmitAskManifest : 0) |
        (m.wary ? kAdmitWary : 0) | (m.ticket != 0 ? kAdmitTicket : 0) |
        (m.confirm ? kAdmitConfirm : 0)));
    out.u8(m.grant);
    out.u8(m.farewell);
    out.u8(m.up.code);
    out.u8(m.down.code);
    if (m.ticket != 0) {
      FB_CHECK(is_ticket(m.ticket) && m.ticket >> kPrefixShift == 0);
      put_u24(out, m.ticket);
    }
    put(out, m.contacts);
  }
  void operator()(const Greet& m) const {
    out.u8(static_cast<uint8_t>(m.profile));
    out.u64(m.reply_token);
    out.u64(m.name);
    out.u8(m.any);
    out.u8(m.its_class);
    out.u8(m.classes);
    out.string16(m.path);
    put(out, m.state);
    put(out, m.have);
  }
  void operator()(const Greeted& m) const {
    out.u64(m.reply_token);
    put(out, m.state);
    put(out, m.whole);
    put(out, m.have);
  }
  void operator()(const Control& m) const {
    FB_CHECK(m.more.size() <= kHoldingsMax);
    put(out, m.state);
    put(out, m.whole);
    put(out, m.have);
    out.u8(static_cast<uint8_t>(m.more.size()));
    for (const Holding& holding : m.more) {
      out.u64(static_cast<uint64_t>(holding.file));
      put(out, holding.wants.span());
      put(out, holding.whole);
      put(out, holding.have);
    }
  }
  void operator()(const Piece& m) const {
    put(out, m.state);
    out.u16(m.chunk.block);
    out.u8(m.chunk.position);
    const bool other = m.other != FileId{};
    out.u8(static_cast<uint8_t>((m.pushed ? 1 : 0) | (m.verified ? 2 : 0) | (other ? 4 : 0)));
    out.u8(m.grant);
    if (other) out.u64(static_cast<uint64_t>(m.other));
    put(out, m.news.span());
    out.bytes(m.bytes);
  }
  void operator()(const Introduce& m) const {
    put(out, m.endpoint);
    out.u64(m.name);
  }
  void operator()(const Confirm& m) const {
    out.u64(m.reply_token);
    out.u64(m.name);
  }
};

}  // namespace

size_t join_padding(const Join& join) {
  if (join.profile != Profile::kV2) return kJoinPadded;
  return join.wide ? kJoinPaddedV2Wide : kJoinPaddedV2;
}

RateCode RateCode::of(BitRate rate) {
  if (!rate.limited()) return {};
  const double steps = std::log2(static_cast<double>(rate.bits_per_second) / 8000.0) * 8;
  return {static_cast<uint8_t>(1 + std::clamp(std::lround(steps), 0L, 254L))};
}

BitRate RateCode::rate() const {
  if (code == 0) return {};
  return {static_cast<uint64_t>(std::lround(8000.0 * std::exp2((code - 1) / 8.0)))};
}

Intervals Intervals::of(std::span<const Interval> from) {
  Intervals out;
  out.count = static_cast<uint8_t>(std::min(from.size(), kIntervalsMax));
  std::copy_n(from.begin(), out.count, out.items.begin());
  return out;
}

bool Intervals::operator==(const Intervals& other) const {
  return std::ranges::equal(span(), other.span());
}

std::span<const uint8_t> encode(Token to, const Message& message, Buffer& buffer) {
  Writer out(buffer);
  // Message lists the types in their order.
  put_header(out, static_cast<MessageType>(message.index() + 1), to);
  std::visit(Body{out}, message);
  FB_CHECK(!out.failed());
  return out.written();
}

std::span<const uint8_t> encode(Token to, const Piece& piece, Buffer& buffer) {
  Writer out(buffer);
  put_header(out, MessageType::kPiece, to);
  Body{out}(piece);
  FB_CHECK(!out.failed());
  return out.written();
}

}  // namespace fb::wire
