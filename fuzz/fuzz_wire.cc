// A datagram: decode() obeys message.h, agrees with decode_header(), and what it accepts has one
// form only, so that encoding it again gives the same bytes.
#include <algorithm>
#include <variant>

#include "content/file_record.h"
#include "fuzz.h"
#include "wire/decode.h"
#include "wire/encode.h"

namespace {

using namespace fb;

struct Bounds {
  std::span<const uint8_t> datagram;

  // Spans in a message borrow the datagram.
  void inside(std::span<const uint8_t> bytes) const {
    if (bytes.empty()) return;
    FB_HOLDS(bytes.data() >= datagram.data());
    FB_HOLDS(bytes.data() + bytes.size() <= datagram.data() + datagram.size());
  }
  static void intervals(const wire::Intervals& intervals) {
    FB_HOLDS(intervals.count <= wire::kIntervalsMax);
    for (const auto& interval : intervals.span()) FB_HOLDS(interval.first <= interval.last);
  }

  void operator()(const wire::Join& m) const { FB_HOLDS(m.path.size() <= datagram.size()); }
  void operator()(const wire::Welcome& m) const {
    FB_HOLDS(m.referrals.size() <= wire::kReferralsMax);
  }
  void operator()(const wire::ManifestRequest& m) const {
    FB_HOLDS(m.path.size() <= datagram.size());
  }
  void operator()(const wire::ManifestPart& m) const {
    inside(m.bytes);
    FB_HOLDS(m.parts <= wire::kManifestPartsMax);
    FB_HOLDS(m.parts == 0 ? m.part == 0 && m.bytes.size() <= content::kPathLengthMax
                          : m.part < m.parts && !m.bytes.empty());
  }
  void operator()(const wire::Hello& m) const { intervals(m.have); }
  void operator()(const wire::HelloReply& m) const { intervals(m.offer); }
  void operator()(const wire::FirstHandshake& m) const { intervals(m.have); }
  void operator()(const wire::FirstHandshakeReply& m) const { intervals(m.offer); }
  void operator()(const wire::SecondHandshake& m) const {
    FB_HOLDS(!m.chunks.empty() && m.chunks.size() <= wire::kRequestChunksMax);
  }
  void operator()(const wire::Data& m) const {
    inside(m.bytes);
    FB_HOLDS(!m.bytes.empty() && m.bytes.size() <= content::kChunkSizeMax);
  }
  void operator()(const wire::Recommendation& m) const {
    FB_HOLDS(m.referrals.size() <= wire::kReferralsMax);
  }
  void operator()(const wire::Digests& m) const {
    FB_HOLDS(!m.digests.empty() && m.digests.size() <= wire::kDigestsMax);
  }
  template <size_t Max>
  static void names(const wire::ChunkNames<Max>& names) {
    FB_HOLDS(names.count <= Max);
  }
  static void maps(const wire::BlockMaps& maps) {
    FB_HOLDS(maps.size() <= wire::kBlockMapsMax);
  }
  static void state(const wire::TradeState& state) {
    FB_HOLDS(state.received < 1U << 24U);
    names(state.wants);
  }
  void operator()(const wire::Admit& m) const {
    FB_HOLDS(m.contacts.size() <= wire::kContactsMax);
    FB_HOLDS(m.ticket < 1U << 24U);
    FB_HOLDS(m.ticket != 0 || !m.confirm);
    for (const wire::Contact& each : m.contacts) FB_HOLDS(wire::is_ticket(each.ticket));
  }
  void operator()(const wire::Greet& m) const {
    FB_HOLDS(m.path.size() <= datagram.size());
    FB_HOLDS(m.its_class < m.classes);
    state(m.state);
    maps(m.have);
  }
  void operator()(const wire::Greeted& m) const {
    state(m.state);
    intervals(m.whole);
    maps(m.have);
  }
  void operator()(const wire::Control& m) const {
    state(m.state);
    intervals(m.whole);
    maps(m.have);
    FB_HOLDS(m.more.size() <= wire::kHoldingsMax);
    for (const wire::Holding& holding : m.more) {
      FB_HOLDS(holding.file != content::FileId{});
      names(holding.wants);
      intervals(holding.whole);
      maps(holding.have);
    }
  }
  void operator()(const wire::Piece& m) const {
    state(m.state);
    names(m.news);
    inside(m.bytes);
    FB_HOLDS(!m.bytes.empty() && m.bytes.size() <= content::kChunkSizeMax);
  }
  void operator()(const auto&) const {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> input(data, size);
  const auto header = wire::decode_header(input);
  const auto datagram = wire::decode(input);
  if (!datagram) return 0;
  FB_HOLDS(size <= wire::kDatagramMax);
  FB_HOLDS(header.has_value());
  FB_HOLDS(header->type == datagram->header.type && header->to == datagram->header.to);
  FB_HOLDS(datagram->message.index() + 1 == static_cast<size_t>(header->type));
  std::visit(Bounds{input}, datagram->message);
  const bool has_chunk = std::holds_alternative<wire::Data>(datagram->message) ||
                         std::holds_alternative<wire::Piece>(datagram->message);
  FB_HOLDS(wire::chunk_bytes_at(input).has_value() == has_chunk);
#ifdef FB_PLANTED_BUG
  // The rig must find this: no seed holds it, a mutation or two away it is there.
  if (const auto* bye = std::get_if<wire::Bye>(&datagram->message)) {
    if ((bye->lifetime_ms & 0x0f) == 0x0d) fb::fuzz::finding("planted bug", __FILE__, __LINE__);
  }
#endif
  wire::Buffer buffer;
  FB_HOLDS(std::ranges::equal(wire::encode(header->to, datagram->message, buffer), input));
  return 0;
}
