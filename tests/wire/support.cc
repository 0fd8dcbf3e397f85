#include "wire/support.h"

#include <algorithm>
#include <array>

namespace fb::wire {
namespace {

constexpr std::array<std::string_view, kMessageTypes> kTypeNames{
    "",           "join",           "welcome",         "manifest_request", "manifest_part",
    "hello",      "hello_reply",    "first_handshake", "first_handshake_reply",
    "second_handshake", "data",     "no_file",         "recommend_request", "recommendation",
    "bye",        "path_challenge", "path_response",   "refused",          "not_now",
    "digest_request", "digests",    "admit",           "greet",            "greeted",
    "control",    "piece",          "introduce",  "confirm"};

std::string hex_of(uint64_t number) {
  std::array<uint8_t, 8> bytes{};
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(number >> (56 - 8 * i));
  return to_hex(bytes);
}

std::string hex_of(FileId file) { return hex_of(static_cast<uint64_t>(file)); }

FileId file_of(const Json& hex) { return static_cast<FileId>(number_of(hex)); }

Cookie cookie_of(const Json& hex) {
  const Bytes bytes = from_hex(hex.get<std::string>());
  Cookie out{};
  REQUIRE(bytes.size() == out.size());
  std::ranges::copy(bytes, out.begin());
  return out;
}

std::optional<Cookie> optional_cookie_of(const Json& hex) {
  return hex.is_null() ? std::nullopt : std::optional(cookie_of(hex));
}

Json json_of(const std::optional<Cookie>& cookie) {
  return cookie ? Json(to_hex(*cookie)) : Json(nullptr);
}

Intervals intervals_of(const Json& list) {
  Intervals out;
  REQUIRE(list.size() <= kIntervalsMax);
  for (const Json& pair : list) {
    out.items.at(out.count++) = {pair.at(0).get<uint32_t>(), pair.at(1).get<uint32_t>()};
  }
  return out;
}

Json json_of(const Intervals& intervals) {
  Json out = Json::array();
  for (const Interval& interval : intervals.span()) {
    out.push_back({interval.first, interval.last});
  }
  return out;
}

Endpoint endpoint_of(const Json& text) {
  return Endpoint::parse(text.get<std::string>()).value();
}

std::vector<Referral> referrals_of(const Json& list) {
  std::vector<Referral> out;
  for (const Json& item : list) {
    out.push_back({endpoint_of(item.at("endpoint")), number_of(item.at("name")),
                   item.at("expires_in_s").get<uint8_t>()});
  }
  return out;
}

Json json_of(const std::vector<Referral>& referrals) {
  Json out = Json::array();
  for (const Referral& referral : referrals) {
    out.push_back({{"endpoint", referral.endpoint.to_string()},
                   {"name", hex_of(referral.name)},
                   {"expires_in_s", referral.expires_in_s}});
  }
  return out;
}

// Pairs of block and position.
template <size_t Max>
ChunkNames<Max> names_of(const Json& list) {
  ChunkNames<Max> out;
  for (const Json& pair : list) {
    REQUIRE(out.add({pair.at(0).get<uint16_t>(), pair.at(1).get<uint8_t>()}));
  }
  return out;
}

template <size_t Max>
Json json_of(const ChunkNames<Max>& names) {
  Json out = Json::array();
  for (const ChunkName& name : names.span()) out.push_back({name.block, name.position});
  return out;
}

// "held" has the bytes as they are sent: the lowest position first, without zeros at the end.
BlockMaps maps_of(const Json& list) {
  BlockMaps out;
  for (const Json& item : list) {
    BlockMap map{item.at("block").get<uint16_t>(), {}};
    const Bytes held = from_hex(item.at("held").get<std::string>());
    for (size_t i = 0; i < held.size(); ++i) {
      map.bits.at(i / 8) |= uint64_t{held[i]} << (i % 8 * 8);
    }
    out.push_back(map);
  }
  return out;
}

Json json_of(const BlockMaps& maps) {
  Json out = Json::array();
  for (const BlockMap& map : maps) {
    Bytes held;
    for (size_t i = 0; i < 32; ++i) {
      held.push_back(static_cast<uint8_t>(map.bits.at(i / 8) >> (i % 8 * 8)));
    }
    while (!held.empty() && held.back() == 0) held.pop_back();
    out.push_back({{"block", map.block}, {"held", to_hex(held)}});
  }
  return out;
}

TradeState state_of(const Json& f) {
  TradeState out;
  out.sequence = f.at("sequence").get<uint16_t>();
  out.clock = f.at("clock").get<uint16_t>();
  out.heard = f.at("heard").get<uint16_t>();
  out.delay = f.at("delay").get<uint16_t>();
  out.received = f.at("received").get<uint32_t>();
  out.room = f.at("room").get<uint8_t>();
  out.tab = f.at("tab").get<uint8_t>();
  out.salt = f.at("salt").get<uint8_t>();
  out.want_referrals = f.at("want_referrals").get<bool>();
  out.reached = f.value("reached", false);
  out.file = file_of(f.at("file"));
  out.wants = names_of<kWantsMax>(f.at("wants"));
  return out;
}

Json json_of(const TradeState& state) {
  Json out = {{"sequence", state.sequence}, {"clock", state.clock}, {"heard", state.heard},
              {"delay", state.delay}, {"received", state.received}, {"room", state.room},
              {"tab", state.tab}, {"salt", state.salt},
              {"want_referrals", state.want_referrals}, {"file", hex_of(state.file)},
              {"wants", json_of(state.wants)}};
  if (state.reached) out["reached"] = true;
  return out;
}

struct FieldsOf {
  Json operator()(const Join& m) const {
    Json out = {{"profile", static_cast<int>(m.profile)}, {"reply_token", hex_of(m.reply_token)},
                {"name", hex_of(m.name)}, {"cookie", json_of(m.cookie)}, {"path", m.path}};
    if (m.wide) out["wide"] = true;
    return out;
  }
  Json operator()(const Welcome& m) const {
    return {{"cookie", to_hex(m.cookie)}, {"seeder_name", hex_of(m.seeder_name)},
            {"observed", m.observed.to_string()}, {"referrals", json_of(m.referrals)},
            {"polluted", m.polluted}};
  }
  Json operator()(const ManifestRequest& m) const {
    return {{"reply_token", hex_of(m.reply_token)}, {"cookie", to_hex(m.cookie)},
            {"request", m.request}, {"path", m.path}};
  }
  Json operator()(const ManifestPart& m) const {
    return {{"request", m.request}, {"part", m.part}, {"parts", m.parts},
            {"bytes", to_hex(m.bytes)}};
  }
  Json operator()(const Hello& m) const {
    return {{"profile", static_cast<int>(m.profile)}, {"reply_token", hex_of(m.reply_token)},
            {"name", hex_of(m.name)}, {"cookie", json_of(m.cookie)}, {"file", hex_of(m.file)},
            {"have", json_of(m.have)}};
  }
  Json operator()(const HelloReply& m) const {
    return {{"reply_token", hex_of(m.reply_token)}, {"observed", m.observed.to_string()},
            {"status", static_cast<int>(m.status)}, {"file", hex_of(m.file)},
            {"offer", json_of(m.offer)}};
  }
  Json operator()(const FirstHandshake& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}, {"have", json_of(m.have)}};
  }
  Json operator()(const FirstHandshakeReply& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}, {"offer", json_of(m.offer)}};
  }
  Json operator()(const SecondHandshake& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}, {"chunks", m.chunks}};
  }
  Json operator()(const Data& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}, {"chunk", m.chunk},
            {"verified", m.verified}, {"bytes", to_hex(m.bytes)}};
  }
  Json operator()(const NoFile& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}};
  }
  Json operator()(const RecommendRequest& m) const { return {{"file", hex_of(m.file)}}; }
  Json operator()(const Recommendation& m) const { return {{"referrals", json_of(m.referrals)}}; }
  Json operator()(const Bye& m) const {
    return {{"lifetime_ms", m.lifetime_ms}, {"up", m.up.code}, {"down", m.down.code}};
  }
  Json operator()(const PathChallenge& m) const { return {{"nonce", hex_of(m.nonce)}}; }
  Json operator()(const PathResponse& m) const { return {{"nonce", hex_of(m.nonce)}}; }
  Json operator()(const Refused& m) const {
    return {{"reason", static_cast<int>(m.reason)}, {"profile", static_cast<int>(m.profile)}};
  }
  Json operator()(const NotNow& m) const {
    return {{"file", hex_of(m.file)}, {"request", m.request}};
  }
  Json operator()(const DigestRequest& m) const {
    return {{"file", hex_of(m.file)}, {"first", m.first}, {"count", m.count}};
  }
  Json operator()(const Digests& m) const {
    Json digests = Json::array();
    for (const uint64_t digest : m.digests) digests.push_back(hex_of(digest));
    return {{"file", hex_of(m.file)}, {"first", m.first}, {"digests", digests}};
  }
  Json operator()(const Admit& m) const {
    Json contacts = Json::array();
    for (const Contact& contact : m.contacts) {
      contacts.push_back({{"endpoint", contact.endpoint.to_string()},
                          {"ticket", hex_of(contact.ticket)}});
    }
    Json out = {{"ticket", hex_of(m.ticket)}, {"epoch", m.epoch}, {"polluted", m.polluted},
                {"ask_manifest", m.ask_manifest}, {"grant", m.grant}, {"farewell", m.farewell},
                {"up", m.up.code}, {"down", m.down.code}, {"contacts", contacts}};
    if (m.wary) out["wary"] = true;
    if (m.confirm) out["confirm"] = true;
    return out;
  }
  Json operator()(const Greet& m) const {
    return {{"profile", static_cast<int>(m.profile)}, {"reply_token", hex_of(m.reply_token)},
            {"name", hex_of(m.name)}, {"any", m.any}, {"its_class", m.its_class},
            {"classes", m.classes}, {"path", m.path}, {"state", json_of(m.state)},
            {"have", json_of(m.have)}};
  }
  Json operator()(const Greeted& m) const {
    return {{"reply_token", hex_of(m.reply_token)}, {"state", json_of(m.state)},
            {"whole", json_of(m.whole)}, {"have", json_of(m.have)}};
  }
  Json operator()(const Control& m) const {
    Json out = {{"state", json_of(m.state)}, {"whole", json_of(m.whole)},
                {"have", json_of(m.have)}};
    for (const Holding& h : m.more) {
      out["more"].push_back({{"file", hex_of(h.file)}, {"wants", json_of(h.wants)},
                             {"whole", json_of(h.whole)}, {"have", json_of(h.have)}});
    }
    return out;
  }
  Json operator()(const Piece& m) const {
    Json out = {{"state", json_of(m.state)}, {"chunk", {m.chunk.block, m.chunk.position}},
                {"pushed", m.pushed}, {"verified", m.verified}, {"grant", m.grant},
                {"news", json_of(m.news)}, {"bytes", to_hex(m.bytes)}};
    if (m.other != FileId{}) out["other"] = hex_of(m.other);
    return out;
  }
  Json operator()(const Introduce& m) const {
    return {{"endpoint", m.endpoint.to_string()}, {"name", hex_of(m.name)}};
  }
  Json operator()(const Confirm& m) const {
    return {{"reply_token", hex_of(m.reply_token)}, {"name", hex_of(m.name)}};
  }
};

// Of profile v2.
std::optional<Message> trading_message_of(const std::string& type, const Json& f, Bytes& bytes) {
  const auto is = [&](MessageType candidate) { return type == type_name(candidate); };
  const auto u8 = [&](const char* key) { return f.at(key).get<uint8_t>(); };
  using enum MessageType;
  if (is(kAdmit)) {
    Admit out{number_of(f.at("ticket")), u8("epoch"), f.at("polluted").get<bool>(),
              f.at("ask_manifest").get<bool>(), u8("grant"), u8("farewell"), {u8("up")},
              {u8("down")}, {}, false, false};
    for (const Json& item : f.at("contacts")) {
      out.contacts.push_back({endpoint_of(item.at("endpoint")), number_of(item.at("ticket"))});
    }
    out.wary = f.value("wary", false);
    out.confirm = f.value("confirm", false);
    return out;
  }
  // Member by member: g++ 12 with -ftrivial-auto-var-init loses the wants of a state that is built
  // in its place inside an aggregate.
  if (is(kGreet)) {
    Greet out;
    out.profile = static_cast<Profile>(u8("profile"));
    out.reply_token = number_of(f.at("reply_token"));
    out.name = number_of(f.at("name"));
    out.path = f.at("path").get_ref<const std::string&>();
    out.any = u8("any");
    out.its_class = u8("its_class");
    out.classes = u8("classes");
    out.state = state_of(f.at("state"));
    out.have = maps_of(f.at("have"));
    return out;
  }
  if (is(kGreeted)) {
    Greeted out;
    out.reply_token = number_of(f.at("reply_token"));
    out.state = state_of(f.at("state"));
    out.whole = intervals_of(f.at("whole"));
    out.have = maps_of(f.at("have"));
    return out;
  }
  if (is(kControl)) {
    Control out;
    out.state = state_of(f.at("state"));
    out.whole = intervals_of(f.at("whole"));
    out.have = maps_of(f.at("have"));
    for (const Json& h : f.value("more", Json::array())) {
      out.more.push_back({file_of(h.at("file")), names_of<kWantsMax>(h.at("wants")),
                          intervals_of(h.at("whole")),
                          maps_of(h.at("have"))});
    }
    return out;
  }
  if (is(kPiece)) {
    Piece out;
    out.state = state_of(f.at("state"));
    out.chunk = {f.at("chunk").at(0).get<uint16_t>(), f.at("chunk").at(1).get<uint8_t>()};
    out.pushed = f.at("pushed").get<bool>();
    out.verified = f.at("verified").get<bool>();
    out.news = names_of<kNewsMax>(f.at("news"));
    if (f.contains("other")) out.other = file_of(f.at("other"));
    out.grant = u8("grant");
    out.bytes = bytes;
    return out;
  }
  if (is(kIntroduce)) return Introduce{endpoint_of(f.at("endpoint")), number_of(f.at("name"))};
  if (is(kConfirm)) return Confirm{number_of(f.at("reply_token")), number_of(f.at("name"))};
  return {};
}

}  // namespace

Token number_of(const Json& hex) {
  const auto text = hex.get<std::string>();
  REQUIRE(text.size() == 16);
  size_t read = 0;
  const Token out = std::stoull(text, &read, 16);
  REQUIRE(read == 16);
  return out;
}

std::string_view type_name(MessageType type) { return kTypeNames.at(static_cast<size_t>(type)); }

Message message_of(const std::string& type, const Json& f, Bytes& bytes) {
  const auto is = [&](MessageType candidate) { return type == type_name(candidate); };
  const auto u8 = [&](const char* key) { return f.at(key).get<uint8_t>(); };
  const auto u16 = [&](const char* key) { return f.at(key).get<uint16_t>(); };
  const auto profile = [&] { return static_cast<Profile>(u8("profile")); };
  const auto text = [&](const char* key) -> const std::string& {
    return f.at(key).get_ref<const std::string&>();  // what a message borrows
  };
  if (f.contains("bytes")) bytes = from_hex(text("bytes"));
  using enum MessageType;
  if (is(kJoin)) {
    return Join{profile(), number_of(f.at("reply_token")), number_of(f.at("name")),
                optional_cookie_of(f.at("cookie")), text("path"), f.value("wide", false)};
  }
  if (is(kWelcome)) {
    return Welcome{cookie_of(f.at("cookie")), number_of(f.at("seeder_name")),
                   endpoint_of(f.at("observed")), referrals_of(f.at("referrals")),
                   f.at("polluted").get<bool>()};
  }
  if (is(kManifestRequest)) {
    return ManifestRequest{number_of(f.at("reply_token")), cookie_of(f.at("cookie")),
                           u16("request"), text("path")};
  }
  if (is(kManifestPart)) return ManifestPart{u16("request"), u8("part"), u8("parts"), bytes};
  if (is(kHello)) {
    return Hello{profile(), number_of(f.at("reply_token")), number_of(f.at("name")),
                 optional_cookie_of(f.at("cookie")), file_of(f.at("file")),
                 intervals_of(f.at("have"))};
  }
  if (is(kHelloReply)) {
    return HelloReply{number_of(f.at("reply_token")), endpoint_of(f.at("observed")),
                      static_cast<HandshakeStatus>(u8("status")), file_of(f.at("file")),
                      intervals_of(f.at("offer"))};
  }
  if (is(kRecommendation)) return Recommendation{referrals_of(f.at("referrals"))};
  if (is(kBye)) return Bye{f.at("lifetime_ms").get<uint32_t>(), {u8("up")}, {u8("down")}};
  if (auto trading = trading_message_of(type, f, bytes)) return *trading;
  if (is(kPathChallenge)) return PathChallenge{number_of(f.at("nonce"))};
  if (is(kPathResponse)) return PathResponse{number_of(f.at("nonce"))};
  if (is(kRefused)) return Refused{static_cast<RefusedReason>(u8("reason")), profile()};
  const FileId file = file_of(f.at("file"));
  if (is(kRecommendRequest)) return RecommendRequest{file};
  if (is(kDigestRequest)) return DigestRequest{file, f.at("first").get<uint32_t>(), u8("count")};
  if (is(kDigests)) {
    Digests out{file, f.at("first").get<uint32_t>(), {}};
    for (const Json& digest : f.at("digests")) out.digests.push_back(number_of(digest));
    return out;
  }
  const uint16_t request = u16("request");
  if (is(kFirstHandshake)) return FirstHandshake{file, request, intervals_of(f.at("have"))};
  if (is(kFirstHandshakeReply)) {
    return FirstHandshakeReply{file, request, intervals_of(f.at("offer"))};
  }
  if (is(kSecondHandshake)) {
    return SecondHandshake{file, request, f.at("chunks").get<std::vector<uint32_t>>()};
  }
  if (is(kData)) {
    return Data{file, request, f.at("chunk").get<uint32_t>(), f.at("verified").get<bool>(), bytes};
  }
  if (is(kNoFile)) return NoFile{file, request};
  if (is(kNotNow)) return NotNow{file, request};
  FAIL("no message is called " << type);
  return Bye{};
}

Json fields_of(const Message& message) { return std::visit(FieldsOf{}, message); }

std::vector<Vector> datagram_vectors() {
  std::vector<Vector> out;
  const Json all = load_vectors("wire.json");
  for (const Json& item : all.at("datagrams")) {
    out.push_back({item.at("name").get<std::string>(), item.at("type").get<std::string>(),
                   number_of(item.at("to")), item.at("fields"),
                   from_hex(item.at("hex").get<std::string>())});
  }
  REQUIRE(out.size() >= kMessageTypes - 1);
  return out;
}

}  // namespace fb::wire
