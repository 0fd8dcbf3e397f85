// Writes the seeds of every corpus from real encodings: make_corpus DIRECTORY. A test
// compares its output with fuzz/corpus, so that a changed layout cannot leave the corpus behind,
// refused at the first byte and testing nothing. Files named finding-* there are kept by hand.
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "content/link.h"
#include "content/memory_site.h"
#include "fuzz.h"
#include "wire/encode.h"

namespace {

using namespace fb;
using Bytes = std::vector<uint8_t>;
using Numbers = std::initializer_list<uint8_t>;
using Corpus = std::map<std::string, Bytes>;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes numbered(size_t length) {
  Bytes out(length);
  for (size_t i = 0; i < length; ++i) out[i] = static_cast<uint8_t>(i * 7);
  return out;
}

// Each seed whole, and cut in the middle.
void add(Corpus& corpus, const std::string& name, Bytes bytes) {
  Bytes half(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  corpus.emplace(name + "-cut", std::move(half));
  corpus.emplace(name, std::move(bytes));
}

content::MemorySite site() {
  std::vector<content::MemoryFile> files;
  files.push_back({"index.html", "text/html", numbered(700)});
  files.push_back({"empty", "text/plain", {}});
  files.push_back({"images/a b.png", "image/png", numbered(3000)});
  files.push_back({"long.bin", "application/octet-stream", numbered(200'000)});
  return content::MemorySite(std::move(files), content::secret_key_from_seed({1, 2, 3}), {64, 4},
                             1700000000000);
}

Corpus wire_corpus() {
  const Endpoint v4{Address::v4(192, 0, 2, 1), 4242};
  Endpoint v6{{}, 65535};
  v6.address.bytes = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const wire::Cookie cookie{1, 2, 3, 4};
  const auto file = static_cast<content::FileId>(0x1122334455667788);
  wire::Intervals few;
  few.count = 2;
  few.items[0] = {0, 15};
  few.items[1] = {100, 100};
  wire::Intervals many;
  many.count = wire::kIntervalsMax;
  for (uint32_t i = 0; i < wire::kIntervalsMax; ++i) many.items[i] = {i * 10, i * 10 + 5};
  const std::vector<wire::Referral> referrals{{v4, 77, 10}, {v6, 78, 255}};
  const Bytes payload = numbered(content::kChunkSizeMax);
  const Bytes part = numbered(wire::kManifestPartSize);

  wire::TradeState state;
  state.sequence = 7;
  state.clock = 40'000;
  state.heard = 3;
  state.received = 5120;
  state.room = 90;
  state.tab = 16;
  state.file = file;
  wire::TradeState asking = state;
  for (const uint8_t position : Numbers{0, 1, 128, 255}) asking.wants.add({3, position});
  asking.wants.add({65535, 0});
  asking.want_referrals = true;
  const wire::BlockMaps maps{
      {0, {~0ULL, 0, 1, 0}}, {7, {0, 0, 0, 1ULL << 63U}}, {8, {}}};
  wire::Piece piece;
  piece.state = asking;
  piece.chunk = {3, 130};
  piece.verified = true;
  piece.news.add({3, 2});
  piece.bytes = std::span(payload).first(64);
  wire::Piece longest;
  longest.state = state;
  longest.pushed = true;
  longest.grant = 32;
  longest.bytes = payload;

  const std::vector<std::pair<std::string, wire::Message>> messages{
      {"join-v2", wire::Join{wire::Profile::kV2, 1, 2, {}, "index.html"}},
      {"admit", wire::Admit{9, 200, true, true, 12, 255, {54}, {91}, {{v4, 77}, {v6, 78}}, true}},
      {"admit-confirm",
       wire::Admit{
           9, 0, false, false, 0, 0, {}, {}, {{v4, wire::Token{5} << 40 | 77}}, false, true}},
      {"admit-alone", wire::Admit{0, 0, false, false, 0, 0, {}, {}, {}, false}},
      {"confirm", wire::Confirm{5, 6}},
      {"greet", wire::Greet{wire::Profile::kV2, 1, 2, "index.html", 3, 2, 10, state, maps}},
      {"greet-bare", wire::Greet{wire::Profile::kV2, 1, 2, {}, 0, 0, 1, {}, {}}},
      {"greeted", wire::Greeted{3, state, few, maps}},
      {"control", wire::Control{asking, many, maps, {}}},
      {"control-page", wire::Control{state, {}, maps, {{content::FileId{7}, asking.wants, {}, maps},
                                                       {content::FileId{8}, {}, many, {}}}}},
      {"control-bare", wire::Control{state, {}, {}, {}}},
      {"piece", piece},
      {"piece-longest", longest},
      {"introduce-v4", wire::Introduce{v4, 77}},
      {"introduce-v6", wire::Introduce{v6, 78}},
      {"join-padded", wire::Join{wire::Profile::kClassic, 1, 2, {}, "index.html"}},
      {"join-cookie", wire::Join{wire::Profile::kClassic, 1, 2, cookie, "index.html"}},
      {"join-bare", wire::Join{wire::Profile::kV2, 1, 2, cookie, ""}},
      {"welcome", wire::Welcome{cookie, 9, v4, referrals}},
      {"welcome-alone", wire::Welcome{cookie, 9, v6, {}}},
      {"manifest-request", wire::ManifestRequest{1, cookie, 7, "images/a b.png"}},
      {"manifest-part", wire::ManifestPart{7, 0, 2, part}},
      {"manifest-last", wire::ManifestPart{7, 1, 2, std::span(part).first(100)}},
      {"manifest-none", wire::ManifestPart{7, 0, 0, std::span(part).first(100)}},
      {"hello", wire::Hello{wire::Profile::kClassic, 1, 2, {}, file, {}}},
      {"hello-full", wire::Hello{wire::Profile::kClassic, 1, 2, cookie, file, many}},
      {"hello-reply", wire::HelloReply{3, v4, wire::HandshakeStatus::kOffer, file, few}},
      {"hello-reply-none", wire::HelloReply{3, v6, wire::HandshakeStatus::kNoFile, file, {}}},
      {"first-handshake", wire::FirstHandshake{file, 5, few}},
      {"first-handshake-reply", wire::FirstHandshakeReply{file, 5, many}},
      {"second-handshake", wire::SecondHandshake{file, 6, {0, 1, 2, 4'000'000'000}}},
      {"data", wire::Data{file, 6, 3, true, payload}},
      {"data-short", wire::Data{file, 6, 4, false, std::span(payload).first(1)}},
      {"no-file", wire::NoFile{file, 6}},
      {"recommend-request", wire::RecommendRequest{file}},
      {"recommendation", wire::Recommendation{referrals}},
      {"bye", wire::Bye{12345, {54}, {91}}},
      {"path-challenge", wire::PathChallenge{0xabcdef}},
      {"path-response", wire::PathResponse{0xabcdef}},
      {"not-now", wire::NotNow{file, 6}},
      {"digest-request", wire::DigestRequest{file, 16, 16}},
      {"digests", wire::Digests{file, 16, {1, 0x1122334455667788, ~0ULL}}},
      {"refused", wire::Refused{wire::RefusedReason::kProfile, wire::Profile::kV2}},
  };
  Corpus out;
  for (const auto& [name, message] : messages) {
    wire::Buffer buffer;
    const auto bytes = wire::encode(0x0102030405060708, message, buffer);
    add(out, name, {bytes.begin(), bytes.end()});
  }
  return out;
}

Bytes encoded(const content::FileRecord& record) {
  Bytes buffer(content::kRecordLengthMax);
  Writer out(buffer);
  content::encode(record, out);
  buffer.resize(out.used());
  return buffer;
}

Corpus record_corpus() {
  Corpus out;
  const auto served = site();
  for (size_t i = 0; i < served.records().size(); ++i) {
    add(out, "record-" + std::to_string(i), encoded(served.records()[i]));
  }
  return out;
}

Corpus index_corpus() {
  Corpus out;
  add(out, "index", content::encode_site_index(site().records()));
  out.emplace("empty", Bytes{});
  return out;
}

Corpus manifest_corpus() {
  Corpus out;
  auto served = site();
  for (size_t i = 0; i < served.records().size(); ++i) {
    for (const uint8_t depth : Numbers{0, 1, 2}) {
      Bytes blob{depth};
      const auto from = served.manifest(served.records()[i].path);
      blob.insert(blob.end(), from.begin(), from.end());
      out.emplace("blob-" + std::to_string(i) + "-" + std::to_string(depth), std::move(blob));
    }
  }
  return out;
}

Corpus link_corpus() {
  Corpus out;
  const auto key = content::public_key_of(content::secret_key_from_seed({1, 2, 3}));
  for (const auto& [name, host, path] : std::vector<std::array<std::string, 3>>{
           {"name", "example.org", ""},
           {"v4", "192.0.2.1", "index.html"},
           {"v6", "2001:db8::1", "images/a b%#?.png"}}) {
    add(out, name, bytes_of(content::Link{host, 4242, path, key}.to_string()));
  }
  out.emplace("key", bytes_of(content::key_to_text(key)));
  return out;
}

Corpus http_corpus() {
  Corpus out;
  const std::vector<std::pair<std::string, std::string>> texts{
      {"root", "/\nexample.org\n"},
      {"escaped", "/images/a%20b.png?x=1\nlocalhost:8080\nbytes=0-99\n\"abc\"\n\"abc\"\n\"abc\"\n"},
      {"dots", "/a/./b/../c//d/\n[::1]:80\nbytes=-5\nW/\"abc\", \"x\"\n*\n"},
      {"absolute", "http://EXAMPLE.org:80/a?b\nexample.org.\nbytes=5-,0-0,-1\n*\n"},
      {"above", "/../../etc/passwd\n127.0.0.1\nbytes=9-2\n"},
      {"encoded-above", "/%2e%2e/%2e%2e%2fx\n[2001:DB8::0:1]\nbytes=0-18446744073709551615\n"},
      {"ranges", "/x\nexample.org\nbytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8\n"},
      {"nul", std::string("/a%00b\\c\nexa mple\nitems=0-1\n")},
  };
  for (const auto& [name, text] : texts) out.emplace(name, bytes_of(text));
  return out;
}

Corpus config_corpus() {
  Corpus out;
  out.emplace("quantities", bytes_of("1.5Mbit"));
  out.emplace("duration", bytes_of("250ms"));
  out.emplace("bytes", bytes_of("16KiB"));
  out.emplace("settings", bytes_of("uplink = \"800kbit\"\nlisten = \"[::1]:4711\"\n"
                                   "segmentation = false\nio = \"epoll\"\n"
                                   "[roulette]\ndegree_min = 4\nseek_interval = \"100ms\"\n"));
  out.emplace("wrong", bytes_of("uplink = 800\nuplnk = \"1Mbit\"\n[roulete]\nx = 1\n"
                                "[roulette]\ndegree_min = \"4\"\ntab = \"4\"\n"));
  out.emplace("kinds", bytes_of("a = [1, 2.5, {b = 1979-05-27T07:32:00Z}]\n[[roulette]]\n"
                                "\"degree.min\" = 'x'\ntab = \"\"\"\n1\"\"\"\n"));
  return out;
}

// Steps of fuzz_nodes.cc; the first byte holds the flags, the rest are choices.
Corpus nodes_corpus() {
  Corpus out;
  constexpr uint8_t kFind = 0, kDownload = 1, kPassTime = 6, kPlay = 7, kCompose = 8, kAnswer = 10,
                    kUse = 13, kLeave = 14;
  // Both peers find a file, load it, and look at it.
  Bytes honest{0};
  for (const uint8_t path : Numbers{0, 1}) {
    for (const uint8_t peer : Numbers{0, 1}) honest.insert(honest.end(), {kFind, peer, path});
    honest.insert(honest.end(), {kPlay, 4});
    for (const uint8_t peer : Numbers{0, 1}) honest.insert(honest.end(), {kDownload, peer, path});
    for (int i = 0; i < 4; ++i) honest.insert(honest.end(), {kPlay, 15, kUse, 0, 0, 0, 200});
    honest.insert(honest.end(), {kPassTime, 0, kPlay, 15, kPassTime, 200});
  }
  Bytes left = honest;
  left.insert(left.end(), {kLeave, 0, 255, kPassTime, 255, kPlay, 9});
  out.emplace("honest", honest);
  out.emplace("honest-and-left", left);
  for (const uint8_t flags : Numbers{1, 2, 4, 8, 16, 31, 32, 33, 44, 63, 64, 96}) {
    Bytes flagged = honest;
    flagged[0] = flags;
    out.emplace("honest-flags-" + std::to_string(flags), std::move(flagged));
  }
  // A stranger greets peer 1 by its name and then trades: HELLO, and answers to all that comes.
  Bytes trader = honest;
  trader.insert(trader.end(), {kFind, 0, 1, kPlay, 3, kDownload, 0, 1});
  for (const uint8_t from : Numbers{3, 4, 5}) {
    trader.insert(trader.end(), {kCompose, 1, from, 2, 0, 0, 0, 0, 0, 4, 0, 1, 0});
    for (int i = 0; i < 6; ++i) trader.insert(trader.end(), {kAnswer, 1, from, 0});
  }
  trader.insert(trader.end(), {kPlay, 15});
  out.emplace("trader", trader);
  // The same, but its chunks are wrong.
  for (size_t i = 0; i + 3 < trader.size(); ++i) {
    if (trader[i] == kAnswer && trader[i + 1] == 1) trader[i + 3] = 255;
  }
  out.emplace("polluter", trader);
  // Strangers join at the seeder and echo their cookie.
  Bytes joiner{0};
  for (const uint8_t from : Numbers{3, 4, 8}) {
    joiner.insert(joiner.end(), {kCompose, 0, from, 0, 0, 0, 1, 0, 0, 0});
    for (int i = 0; i < 4; ++i) joiner.insert(joiner.end(), {kAnswer, 0, from, 0, 0});
  }
  out.emplace("joiner", joiner);
  // Profile v2: strangers join at the seeder beside two honest peers, greet by their tickets, and
  // trade with whomever they reach; some give wrong bytes.
  constexpr uint8_t kV2 = 32;
  Bytes swarm = honest;
  swarm[0] = kV2;
  out.emplace("v2-honest-and-left", [&] {
    Bytes both = left;
    both[0] = kV2;
    return both;
  }());
  for (const uint8_t from : Numbers{3, 4, 8}) {
    swarm.insert(swarm.end(), {kCompose, 0, from, 0, 0, 0, 1, 0, 0});
    swarm.insert(swarm.end(), {kAnswer, 0, from, 0});       // to ADMIT
    swarm.insert(swarm.end(), {3, 100, 0, 1, 0, 0, 0, 0});  // its choices
    for (const uint8_t to : Numbers{0, 1, 2}) {
      for (int i = 0; i < 4; ++i) {
        swarm.insert(swarm.end(), {kAnswer, to, from, 0, 0, 0, 0, 0, 0, 90, 16, 0, 1, 0, kPlay, 1});
      }
    }
  }
  swarm.insert(swarm.end(), {kPlay, 15});
  out.emplace("v2-trader", swarm);
  for (size_t i = 0; i + 3 < swarm.size(); ++i) {
    if (swarm[i] == kAnswer && swarm[i + 1] > 0) swarm[i + 3] = 255;
  }
  out.emplace("v2-polluter", swarm);
  // A stranger greets peer 1 by its mere name, again and again, and tries every message.
  Bytes caller = honest;
  caller[0] = kV2;
  for (uint8_t type = 0; type < 26; ++type) {
    for (const uint8_t to : Numbers{0, 1}) {
      for (const uint8_t token : Numbers{0, 2, 4}) {
        caller.insert(caller.end(), {kCompose, to, 5, token, 0, 0, 0, 0, type, type, 3, 0, 1, 0});
        caller.insert(caller.end(), {kAnswer, to, 5, 0});
      }
    }
  }
  out.emplace("v2-caller", caller);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus DIRECTORY\n");
    return 2;
  }
  const std::map<std::string, Corpus> all{
      {"wire", wire_corpus()},         {"record", record_corpus()}, {"index", index_corpus()},
      {"manifest", manifest_corpus()}, {"link", link_corpus()},     {"http", http_corpus()},
      {"config", config_corpus()},
      {"nodes", nodes_corpus()}};
  for (const auto& [what, corpus] : all) {
    const auto directory = std::filesystem::path(argv[1]) / what;
    std::filesystem::create_directories(directory);
    for (const auto& [name, bytes] : corpus) {
      std::ofstream out(directory / name, std::ios::binary | std::ios::trunc);
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      if (!out.flush()) {
        std::fprintf(stderr, "cannot write %s\n", (directory / name).c_str());
        return 1;
      }
    }
  }
  return 0;
}
