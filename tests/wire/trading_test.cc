// The messages of profile v2: every bound, one form for each, and random ones there and back.
#include <algorithm>

#include "base/rng.h"
#include "content/file_record.h"
#include "wire/support.h"

namespace fb::wire {
namespace {

constexpr Token kToken = 0x0102030405060708;
// Where things stand in a CONTROL (docs/protocol.md, "Trade state").
constexpr size_t kFlagAt = kHeaderSize + 14;
constexpr size_t kWantsAt = kHeaderSize + 23;

bool malformed(std::span<const uint8_t> datagram) {
  const auto out = decode(datagram);
  return !out.has_value() && out.error() == DecodeError::kMalformed;
}

bool fits(std::span<const uint8_t> datagram) { return decode(datagram).has_value(); }

Bytes changed(Bytes bytes, size_t offset, uint8_t value) {
  bytes.at(offset) = value;
  return bytes;
}

// CONTROL with this in the place of its list of wants, and then no intervals, maps or more.
Bytes with_wants(const Bytes& list) {
  Bytes out = encoded(kToken, Control{});
  out.resize(kWantsAt);
  out.insert(out.end(), list.begin(), list.end());
  out.insert(out.end(), 3, 0);
  return out;
}

// CONTROL with this in the place of its list of block maps.
Bytes with_maps(const Bytes& list) {
  Bytes out = encoded(kToken, Control{});
  out.resize(out.size() - 2);
  out.insert(out.end(), list.begin(), list.end());
  out.push_back(0);
  return out;
}

Bytes run(uint16_t block, uint8_t count) {
  Bytes out{static_cast<uint8_t>(block >> 8), static_cast<uint8_t>(block), count};
  for (uint8_t i = 0; i < count; ++i) out.push_back(i);
  return out;
}

Bytes concatenated(uint8_t count, std::initializer_list<Bytes> parts) {
  Bytes out{count};
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

TEST_CASE("want lists: counts, runs, and one form for each") {
  REQUIRE(fits(with_wants({0})));
  REQUIRE(fits(with_wants(concatenated(3, {run(1, 2), run(0, 1)}))));
  REQUIRE(fits(with_wants(concatenated(64, {run(7, 64)}))));
  REQUIRE(malformed(with_wants(concatenated(65, {run(7, 65)}))));
  REQUIRE(malformed(with_wants(concatenated(65, {run(7, 64), run(8, 1)}))));
  REQUIRE(malformed(with_wants(concatenated(255, {run(7, 255)}))));
  REQUIRE(malformed(with_wants(concatenated(3, {run(1, 2)}))));  // one is missing
  REQUIRE(malformed(with_wants(concatenated(1, {run(1, 2)}))));  // a run beyond the count
  REQUIRE(malformed(with_wants(concatenated(3, {run(1, 2), run(0, 2)}))));
  REQUIRE(malformed(with_wants(concatenated(1, {run(1, 0), run(0, 1)}))));  // an empty run
  REQUIRE(malformed(with_wants(concatenated(2, {run(1, 1), run(1, 1)}))));  // one run, cut in two
  REQUIRE(fits(with_wants(concatenated(3, {run(1, 1), run(0, 1), run(1, 1)}))));
}

TEST_CASE("trade state: two flags") {
  const Bytes control = encoded(kToken, Control{});
  REQUIRE(control.size() == 37);
  for (int value = 0; value < 256; ++value) {
    REQUIRE(fits(changed(control, kFlagAt, static_cast<uint8_t>(value))) == (value <= 3));
  }
}

TEST_CASE("block maps: number, length, and no zero byte at the end") {
  REQUIRE(fits(with_maps({0})));
  REQUIRE(fits(with_maps({1, 0, 9, 0})));  // nothing held is a map of no bytes
  REQUIRE(fits(with_maps({1, 0, 9, 1, 1})));
  REQUIRE(fits(with_maps({1, 0, 9, 2, 0, 1})));
  REQUIRE(malformed(with_maps({1, 0, 9, 1, 0})));
  REQUIRE(malformed(with_maps({1, 0, 9, 2, 1, 0})));
  REQUIRE(malformed(with_maps({1, 0, 9, 2, 1})));
  REQUIRE(malformed(with_maps({1, 0, 9})));
  REQUIRE(malformed(with_maps({2, 0, 9, 1, 1})));
  const auto of_length = [](uint8_t length) {
    Bytes list{1, 0, 9, length};
    list.resize(list.size() + length, 0xff);
    return with_maps(list);
  };
  REQUIRE(fits(of_length(32)));
  for (int length = 33; length < 256; ++length) {
    REQUIRE(malformed(of_length(static_cast<uint8_t>(length))));
  }
  const auto of_count = [](uint8_t count) {
    Bytes list{count};
    for (uint8_t i = 0; i < count; ++i) list.insert(list.end(), {0, i, 1, 1});
    return with_maps(list);
  };
  REQUIRE(fits(of_count(4)));
  for (const uint8_t count : {uint8_t{5}, uint8_t{8}, uint8_t{255}}) {
    REQUIRE(malformed(of_count(count)));
  }
}

TEST_CASE("bits of a map are positions, the lowest bit of the first byte is position 0") {
  const auto out = decode(with_maps({1, 0x12, 0x34, 9, 0x81, 0, 0, 0, 0, 0, 0, 0x40, 0x02}));
  REQUIRE(out.has_value());
  const auto& map = std::get<Control>(out->message).have.at(0);
  REQUIRE(map.block == 0x1234);
  REQUIRE(map.bits[0] == ((1ULL << 0) | (1ULL << 7) | (1ULL << 62)));
  REQUIRE(map.bits[1] == 1ULL << 1);
}

TEST_CASE("CONTROL: further objects, to the end of the datagram") {
  Control control;
  for (uint64_t i = 1; i <= kHoldingsMax; ++i) {
    control.more.push_back({content::FileId{i}, {}, {}, {{0, {i}}}});
  }
  Bytes most = encoded(kToken, control);
  const auto out = decode(most);
  REQUIRE(out.has_value());
  REQUIRE(std::get<Control>(out->message).more.size() == kHoldingsMax);
  REQUIRE(std::get<Control>(out->message).more.back().have.at(0).bits[0] == kHoldingsMax);
  const Bytes one(most.end() - 15, most.end());
  most.insert(most.end(), one.begin(), one.end());
  most[36] = kHoldingsMax + 1;
  REQUIRE(malformed(most));  // one too many
  control.more.resize(1);
  const Bytes single = encoded(kToken, control);
  for (size_t size = 36; size < single.size(); ++size) {
    REQUIRE(malformed(std::span(single).first(size)));
  }
  REQUIRE(malformed(changed(single, 44, 0)));  // object 0
}

TEST_CASE("ADMIT: flags, contacts, and their endpoints") {
  const Bytes alone = encoded(kToken, Admit{});
  REQUIRE(alone.size() == 17);
  for (int flags = 0; flags < 256; ++flags) {
    REQUIRE(fits(changed(alone, 11, static_cast<uint8_t>(flags))) == (flags <= 7));
  }
  Admit ticket;
  ticket.ticket = 0xffffff;
  const Bytes with = encoded(kToken, ticket);
  REQUIRE(with.size() == 20);
  for (int flags = 0; flags < 256; ++flags) {
    // Without a ticket there is nothing to confirm by.
    const bool known = (flags & kAdmitTicket) != 0 && flags < 32;
    REQUIRE(fits(changed(with, 11, static_cast<uint8_t>(flags))) == known);
  }
  ticket.ticket = 1;
  REQUIRE(malformed(changed(encoded(kToken, ticket), 18, 0)));  // ticket 0
  const Endpoint v4{Address::v4(192, 0, 2, 1), 4711};
  const Endpoint v6{Endpoint::parse("[2001:db8::1]:4711")->address, 4711};
  constexpr Token kPrefixed = Token{1} << kPrefixShift | 1;
  Admit full;
  full.contacts.assign(kContactsMax, Contact{v4, 1});
  Bytes bytes = encoded(kToken, full);
  REQUIRE(bytes.size() == 18 + 9 * kContactsMax);
  REQUIRE(fits(bytes));
  REQUIRE(bytes.at(16) == kContactsMax);
  REQUIRE(bytes.at(17) == kContactsMax << 2);
  REQUIRE(malformed(changed(bytes, 16, kContactsMax - 1)));
  REQUIRE(malformed(changed(bytes, 17, (kContactsMax - 1) << 2)));
  REQUIRE(malformed(changed(bytes, 17, 0)));
  REQUIRE(malformed(changed(bytes, 26, 0)));  // the first one's ticket is 0
  bytes.insert(bytes.end(), bytes.end() - 9, bytes.end());
  bytes.at(16) = kContactsMax + 1;
  bytes.at(17) = (kContactsMax + 1) << 2;
  REQUIRE(malformed(bytes));
  // Runs of one kind each, and no two of the same kind in a row.
  Admit mixed;
  mixed.contacts = {{v4, 1}, {v4, kPrefixed}, {v6, 2}, {v6, kPrefixed}, {v4, 3}};
  bytes = encoded(kToken, mixed);
  REQUIRE(bytes.size() == 17 + 5 + 9 + 12 + 21 + 24 + 9);
  REQUIRE(fits(bytes));
  REQUIRE(malformed(changed(bytes, 36, 0)));  // a prefix of 0
  Admit two;
  two.contacts = {{v4, 1}, {v4, 2}};
  bytes = encoded(kToken, two);
  bytes.at(17) = 1 << 2;
  bytes.insert(bytes.begin() + 27, 1 << 2);
  REQUIRE(malformed(bytes));
}

TEST_CASE("GREET: classes, path and reply token") {
  const auto greet = [](uint8_t its_class, uint8_t classes) {
    return encoded(kToken, Greet{Profile::kV2, 1, 2, {}, 3, its_class, classes, {}, {}});
  };
  REQUIRE(greet(0, 1).size() == 57);
  REQUIRE(fits(greet(0, 1)));
  REQUIRE(fits(greet(254, 255)));
  REQUIRE(malformed(greet(0, 0)));
  REQUIRE(malformed(greet(1, 1)));
  REQUIRE(malformed(greet(255, 255)));
  const std::string path(content::kPathLengthMax + 1, 'p');
  Greet longest{Profile::kV2, 1, 2, std::string_view(path).substr(1), 3, 0, 1, {}, {}};
  REQUIRE(fits(encoded(kToken, longest)));
  longest.path = path;
  REQUIRE(malformed(encoded(kToken, longest)));
  REQUIRE(malformed(encoded(kToken, Greet{Profile::kV2, 0, 2, {}, 0, 0, 1, {}, {}})));
  REQUIRE(malformed(encoded(kToken, Greeted{0, {}, {}, {}})));
  // Any profile is let through, so that it can be counted as such.
  REQUIRE(fits(changed(greet(0, 1), 10, 77)));
}

TEST_CASE("PIECE: flags, news, and one to 1,150 bytes") {
  const Bytes payload(content::kChunkSizeMax, 7);
  Piece piece;
  piece.bytes = payload;
  const Bytes largest = encoded(kToken, piece);
  REQUIRE(largest.size() == 1190);
  REQUIRE(fits(largest));
  Bytes longer = largest;
  longer.push_back(7);
  REQUIRE(malformed(longer));
  REQUIRE(malformed(std::span(largest).first(40)));
  piece.bytes = std::span(payload).first(1);
  const Bytes small = encoded(kToken, piece);
  REQUIRE(small.size() == 41);
  for (int flags = 0; flags < 256; ++flags) {
    REQUIRE(fits(changed(small, 37, static_cast<uint8_t>(flags))) == (flags <= 3));
  }
  piece.other = content::FileId{9};
  const Bytes other = encoded(kToken, piece);
  REQUIRE(other.size() == small.size() + 8);
  REQUIRE(fits(other));
  REQUIRE(malformed(changed(other, 46, 0)));  // no object
  piece.state.file = content::FileId{8};
  REQUIRE(malformed(changed(encoded(kToken, piece), 46, 8)));  // not another one
  piece.state.file = {};
  piece.other = {};
  for (uint8_t i = 0; i < kNewsMax; ++i) piece.news.add({1, i});
  Bytes news = encoded(kToken, piece);
  REQUIRE(news.at(39) == kNewsMax);
  REQUIRE(fits(news));
  news[39] = kNewsMax + 1;
  news[42] = kNewsMax + 1;
  news.insert(news.end() - 1, 9);
  REQUIRE(malformed(news));
}

TEST_CASE("JOIN of profile v2: 40 bytes at least") {
  const Join bare{Profile::kV2, 1, 2, {}, "a"};
  const Bytes padded = encoded(0, bare);
  REQUIRE(padded.size() == 40);
  REQUIRE(fits(padded));
  for (size_t length = 0; length < padded.size(); ++length) {
    REQUIRE_FALSE(fits(std::span(padded).first(length)));
  }
  for (size_t offset = 31; offset < 40; ++offset) REQUIRE(malformed(changed(padded, offset, 1)));
  Bytes more = padded;
  more.push_back(0);
  REQUIRE(malformed(more));
  // With a longer path there is no padding.
  const Join longer{Profile::kV2, 1, 2, {}, "pppppppppp"};
  more = encoded(0, longer);
  REQUIRE(more.size() == 40);
  REQUIRE(fits(more));
  more = encoded(0, Join{Profile::kV2, 1, 2, {}, std::string(11, 'p')});
  REQUIRE(more.size() == 41);
  REQUIRE(fits(more));
  more.push_back(0);
  REQUIRE(malformed(more));
  // Who lengthens it to the other profile's size is no better.
  more.resize(kJoinPadded);
  REQUIRE(malformed(more));
  REQUIRE(malformed(changed(padded, 10, 1)));
}

TEST_CASE("JOIN of profile v2 over IPv6: 80 bytes at least") {
  const auto wide = [](size_t path) {
    return encoded(0, Join{Profile::kV2, 1, 2, {}, std::string(path, 'p'), true});
  };
  for (const size_t path : {0U, 1U, 10U, 11U, 49U}) {
    REQUIRE(wide(path).size() == 80);
    REQUIRE(fits(wide(path)));
    const Bytes padded = wide(path);
    for (size_t size = 0; size < 80; ++size) {
      INFO(path << " cut to " << size);
      REQUIRE(fits(std::span(padded).first(size)) == (size == std::max<size_t>(40, 30 + path)));
    }
  }
  REQUIRE(wide(50).size() == 80);  // no padding left, so it is no different
  REQUIRE(fits(wide(50)));
  REQUIRE(wide(51).size() == 81);
  REQUIRE(fits(wide(51)));
}

TEST_CASE("CONFIRM: 26 bytes and a token") {
  const Bytes confirm = encoded(kToken, Confirm{1, 2});
  REQUIRE(confirm.size() == kConfirmSize);
  REQUIRE(fits(confirm));
  REQUIRE(malformed(std::span(confirm).first(25)));
  REQUIRE(malformed(encoded(kToken, Confirm{0, 2})));
}

TEST_CASE("BYE: two rates, not one and not three") {
  const Bytes bye = encoded(kToken, Bye{1, {54}, {91}});
  REQUIRE(bye.size() == 16);
  REQUIRE(fits(bye));
  REQUIRE(malformed(std::span(bye).first(15)));
  REQUIRE(malformed(std::span(bye).first(14)));  // as it was before there were rates
  Bytes more = bye;
  more.push_back(0);
  REQUIRE(malformed(more));
}

TEST_CASE("rates in one byte: eight steps to a doubling") {
  REQUIRE(RateCode{0}.rate() == BitRate{});
  REQUIRE(RateCode::of({}) == RateCode{0});
  REQUIRE(RateCode{1}.rate() == BitRate{8'000});
  REQUIRE(RateCode{9}.rate() == BitRate{16'000});
  REQUIRE(RateCode{54}.rate() == BitRate{789'612});
  REQUIRE(RateCode::of({800'000}) == RateCode{54});
  REQUIRE(RateCode::of({1}) == RateCode{1});  // the least, never "unknown"
  REQUIRE(RateCode::of({UINT64_MAX}) == RateCode{255});
  uint64_t before = 0;
  for (int code = 1; code < 256; ++code) {
    const RateCode rate{static_cast<uint8_t>(code)};
    REQUIRE(RateCode::of(rate.rate()) == rate);
    REQUIRE(rate.rate().bits_per_second > before);
    before = rate.rate().bits_per_second;
  }
}

TEST_CASE("where a chunk's bytes begin, and that other datagrams have none") {
  for (const Vector& vector : datagram_vectors()) {
    INFO(vector.name);
    const auto at = chunk_bytes_at(vector.datagram);
    REQUIRE(at.has_value() == (vector.type == "data" || vector.type == "piece"));
    if (!at) continue;
    const auto bytes = vector.fields.at("bytes").get<std::string>();
    REQUIRE(to_hex(std::span(vector.datagram).subspan(*at)) == bytes);
    for (size_t length = 0; length < vector.datagram.size(); ++length) {
      const auto cut = chunk_bytes_at(std::span(vector.datagram).first(length));
      REQUIRE(cut == (length > *at ? at : std::nullopt));
    }
  }
}

// --- random ones

class Drawn {
 public:
  explicit Drawn(uint64_t seed) : rng_(seed) {}

  Message message() {
    switch (rng_.below(8)) {
      case 0: {
        const Token ticket = coin() ? 1 + rng_.below(0xffffff) : 0;
        Admit out{ticket, u8(), coin(), coin(), u8(), u8(), {u8()}, {u8()}, {}, coin(),
                  ticket != 0 && coin()};
        for (uint64_t n = rng_.below(kContactsMax + 1); n > 0; --n) {
          const Token prefix = coin() ? rng_.below(1 << 24) : 0;
          out.contacts.push_back({endpoint(), prefix << kPrefixShift | (1 + rng_.below(0xffffff))});
        }
        return out;
      }
      case 6:
        return Confirm{token(), rng_.next()};
      case 1: {
        const auto classes = static_cast<uint8_t>(1 + rng_.below(255));
        return Greet{static_cast<Profile>(u8()),
                     token(),
                     rng_.next(),
                     std::string_view(path_).substr(rng_.below(path_.size() + 1)),
                     u8(),
                     static_cast<uint8_t>(rng_.below(classes)),
                     classes,
                     state(),
                     maps()};
      }
      case 2:
        return Greeted{token(), state(), intervals(), maps()};
      case 3: {
        Control out{state(), intervals(), maps(), {}};
        out.state.wants.count = std::min<uint8_t>(out.state.wants.count, 16);
        for (uint64_t n = rng_.below(3); n > 0; --n) {
          Holding more{content::FileId{1 + rng_.below(1000)}, {}, intervals(), maps()};
          fill(more.wants, 3);
          out.more.push_back(more);
        }
        return out;
      }
      case 4:
        return Introduce{endpoint(), rng_.next()};
      case 5:
        return Bye{static_cast<uint32_t>(rng_.next()), {u8()}, {u8()}};
      default: {
        Piece out;
        out.state = state();
        out.chunk = {static_cast<uint16_t>(rng_.next()), u8()};
        out.pushed = coin();
        out.verified = coin();
        out.grant = u8();
        out.state.wants.count = std::min<uint8_t>(out.state.wants.count, 2);
        fill(out.news, 1);
        bytes_.resize(1 + rng_.below(content::kChunkSizeMax));
        if (coin()) out.other = content::FileId{1 + rng_.below(1000)};
        if (out.other == out.state.file) out.other = {};
        const size_t room = kDatagramMax - (kHeaderSize + 30 + 8 + 4 + 8);
        bytes_.resize(std::min(bytes_.size(), room));
        for (uint8_t& byte : bytes_) byte = u8();
        out.bytes = bytes_;
        return out;
      }
    }
  }

 private:
  uint8_t u8() { return static_cast<uint8_t>(rng_.next()); }
  bool coin() { return rng_.below(2) == 0; }
  Token token() { return 1 + rng_.below(UINT64_MAX); }
  Endpoint endpoint() {
    if (coin()) return {Address::v4(u8(), u8(), u8(), u8()), static_cast<uint16_t>(rng_.next())};
    Endpoint out;
    for (uint8_t& byte : out.address.bytes) byte = u8();
    out.address.bytes[0] |= 0x20;  // not a mapped one
    return out;
  }
  Intervals intervals() {
    Intervals out;
    out.count = static_cast<uint8_t>(rng_.below(kIntervalsMax + 1));
    for (uint8_t i = 0; i < out.count; ++i) {
      const auto first = static_cast<uint32_t>(rng_.next());
      out.items.at(i) = {first, first + static_cast<uint32_t>(rng_.below(uint64_t{~first} + 1))};
    }
    return out;
  }
  BlockMaps maps() {
    BlockMaps out(rng_.below(kBlockMapsMax + 1));
    for (BlockMap& map : out) {
      map.block = static_cast<uint16_t>(rng_.next());
      for (uint64_t i = rng_.below(5); i > 0; --i) {
        map.bits.at(i - 1) = rng_.next() >> rng_.below(64);
      }
    }
    return out;
  }
  template <size_t Max>
  void fill(ChunkNames<Max>& names, size_t most) {
    for (uint64_t n = rng_.below(most + 1); n > 0; --n) {
      names.add({static_cast<uint16_t>(rng_.below(3)), u8()});
    }
  }
  TradeState state() {
    TradeState out;
    out.sequence = static_cast<uint16_t>(rng_.next());
    out.clock = static_cast<uint16_t>(rng_.next());
    out.heard = static_cast<uint16_t>(rng_.next());
    out.delay = static_cast<uint16_t>(rng_.next());
    out.received = static_cast<uint32_t>(rng_.below(1 << 24));
    out.room = u8();
    out.tab = u8();
    out.salt = u8();
    out.want_referrals = coin();
    out.file = FileId{rng_.next()};
    fill(out.wants, kWantsMax);
    return out;
  }

  Rng rng_;
  const std::string path_ = std::string(content::kPathLengthMax, 'x');
  Bytes bytes_;
};

TEST_CASE("random messages of profile v2, there and back") {
  for (const uint64_t seed : seeds(20'000)) {
    FB_REPLAY(seed);
    Drawn drawn(seed);
    const Message message = drawn.message();
    const Bytes bytes = encoded(kToken, message);
    const auto out = decode(bytes);
    REQUIRE(out.has_value());
    REQUIRE(out->message.index() == message.index());
    REQUIRE(fields_of(out->message) == fields_of(message));
    REQUIRE(encoded(kToken, out->message) == bytes);
  }
}

TEST_CASE("random messages of profile v2, cut anywhere, are refused") {
  for (const uint64_t seed : seeds(300)) {
    FB_REPLAY(seed);
    Drawn drawn(seed);
    const Message message = drawn.message();
    const Bytes bytes = encoded(kToken, message);
    const size_t loose = chunk_bytes_at(bytes).value_or(bytes.size() - 1);
    for (size_t length = 0; length <= loose; ++length) {
      INFO(length);
      REQUIRE_FALSE(fits(std::span(bytes).first(length)));
    }
  }
}

}  // namespace
}  // namespace fb::wire
