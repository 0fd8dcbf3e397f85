#include "wire/encode.h"

#include <algorithm>

#include "base/check.h"
#include "base/cursor.h"

namespace fb::wire {
namespace {

void put(Writer& out, const Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    out.u8(4);
    out.bytes(std::span(endpoint.address.bytes).subspan(12));
  } else {
    out.u8(6);
    out.bytes(endpoint.address.bytes);
  }
  out.u16(endpoint.port);
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

struct Body {
  Writer& out;

  void operator()(const Join& m) const {
    out.u8(static_cast<uint8_t>(m.profile));
    out.u64(m.reply_token);
    out.u64(m.name);
    put(out, m.cookie);
    out.string16(m.path);
    if (!m.cookie) pad_to(out, kJoinPadded);
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
  void operator()(const Bye& m) const { out.u32(m.lifetime_ms); }
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
};

}  // namespace

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
  out.u8(kVersionByte);
  out.u8(static_cast<uint8_t>(message.index() + 1));  // Message lists the types in their order
  out.u64(to);
  std::visit(Body{out}, message);
  FB_CHECK(!out.failed());
  return out.written();
}

}  // namespace fb::wire
