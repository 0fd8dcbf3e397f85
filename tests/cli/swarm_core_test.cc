// The gateway's view of the swarm, against a real seeder's node in virtual time.
#include "cli/swarm_core.h"

#include <deque>
#include <map>

#include "base/rng.h"
#include "catch.h"
#include "content/memory_site.h"
#include "roulette/seeder_node.h"

using namespace fb;
using namespace fb::cli;

namespace {

using Bytes = std::vector<uint8_t>;
using Read = std::expected<Bytes, web::FetchError>;
using Opened = std::expected<SwarmCore::Opened, web::FetchError>;

const Endpoint kPeer{Address::v4(192, 0, 2, 1), 1000};
const Endpoint kSeeder{Address::v4(192, 0, 2, 2), 2000};
const content::SecretKey kKey = content::secret_key_from_seed({7});

Bytes pattern(size_t size, uint64_t seed) {
  Rng rng(seed);
  Bytes out(size);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng.next());
  return out;
}

// A site whose content may be exchanged while the seeder serves it.
class ChangingSite final : public content::SiteCatalog {
 public:
  void set(std::map<std::string, Bytes> files) {
    std::vector<content::MemoryFile> list;
    for (auto& [path, bytes] : files) list.push_back({path, "text/plain", bytes});
    site_.emplace(std::move(list), kKey, content::SiteGeometry{}, ++version_);
  }
  std::span<const uint8_t> manifest(std::string_view path) override {
    return site_->manifest(path);
  }
  std::optional<content::FileId> first_object(std::string_view path) override {
    return site_->first_object(path);
  }
  std::optional<content::Geometry> object(content::FileId id) override { return site_->object(id); }
  size_t read_chunk(content::FileId id, uint32_t chunk, std::span<uint8_t> out) override {
    return site_->read_chunk(id, chunk, out);
  }

 private:
  std::optional<content::MemorySite> site_;
  uint64_t version_ = 0;
};

// One peer, one seeder, and a line of 5 ms between them.
class World {
 public:
  explicit World(SwarmCore::Limits limits) : core(std::move(limits)) {}

  void run(Duration span) {
    const Instant end = now + span;
    for (; now < end; now = now + milliseconds(1)) {
      while (!line_.empty() && line_.front().due <= now) {
        const Datagram datagram = std::move(line_.front());
        line_.pop_front();
        if (!seeder_up) continue;
        if (datagram.to == kSeeder) {
          seeder.receive(now, kPeer, datagram.bytes);
        } else {
          peer.receive(now, kSeeder, datagram.bytes);
        }
      }
      seeder.advance(now);
      peer.advance(now);
      for (const auto& event : peer.take_events()) core.on_event(peer, now, event);
      core.advance(peer, now);
    }
  }

  // Waits for the answer, which has to come in this time.
  Opened open(const std::string& path, Duration patience = seconds(60)) {
    std::optional<Opened> answer;
    core.open(peer, now, path, [&](Opened opened) { answer = std::move(opened); });
    for (Duration waited; !answer && waited < patience; waited += milliseconds(5)) {
      run(milliseconds(5));
    }
    REQUIRE(answer.has_value());
    return *answer;
  }

  Read read(SwarmCore::HandleId handle, uint64_t offset, size_t length_max) {
    std::optional<Read> answer;
    core.read(peer, now, handle, offset, length_max, [&](Read got) { answer = std::move(got); });
    for (int i = 0; !answer && i < 100'000; ++i) run(milliseconds(1));
    REQUIRE(answer.has_value());
    return *answer;
  }

  Bytes read_all(const SwarmCore::Opened& opened) {
    Bytes out;
    while (out.size() < opened.record.geometry.length) {
      const Read got = read(opened.handle, out.size(), 5000);
      REQUIRE(got.has_value());
      REQUIRE_FALSE(got->empty());
      REQUIRE(got->size() <= 5000);
      out.insert(out.end(), got->begin(), got->end());
    }
    return out;
  }

  Bytes visit(const std::string& path) {
    const auto opened = open(path);
    REQUIRE(opened.has_value());
    Bytes out = read_all(*opened);
    core.release(now, opened->handle);
    return out;
  }

  uint64_t joins() const { return seeder.stats().joins; }

 private:
  struct Datagram {
    Instant due;
    Endpoint to;
    Bytes bytes;
  };
  struct Out final : roulette::Transport {
    explicit Out(World& w) : world(w) {}
    void send(const Endpoint& to, std::span<const uint8_t> datagram) override {
      world.line_.push_back(
          {world.now + milliseconds(5), to, Bytes(datagram.begin(), datagram.end())});
    }
    World& world;
  };
  static roulette::RouletteConfig config() {
    roulette::RouletteConfig out;
    out.profile = wire::Profile::kClassic;
    out.give_up = seconds(10);
    out.linger = seconds(2);
    return out;
  }

  std::deque<Datagram> line_;
  Out out_{*this};

 public:
  Instant now{1'000'000'000};
  bool seeder_up = true;
  ChangingSite site;
  SwarmCore core;
  roulette::SeederNode seeder{
      {.config = config(), .seeder = {}, .secret = {1}, .choice_seed = 1}, site, out_};
  roulette::PeerNode peer{{.config = config(),
                           .seeder = kSeeder,
                           .key = content::public_key_of(kKey),
                           .secret = {2},
                           .choice_seed = 2,
                           .prefix = 0},
                          out_};
};

SwarmCore::Limits small_limits() {
  return {.memory = kib(200), .disk = kib(1000), .temporary = "/tmp", .files = 100};
}

}  // namespace

TEST_CASE("a file is found, fetched once and shared", "[swarm]") {
  World world(small_limits());
  const Bytes page = pattern(50'000, 1);
  world.site.set({{"index.html", page}, {"empty", {}}});
  const auto first = world.open("index.html");
  const auto second = world.open("index.html");
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(world.read_all(*first) == page);
  CHECK(world.read_all(*second) == page);
  CHECK(world.core.figures().files_held == 1);
  // Chunks came once, whatever was asked twice.
  CHECK(world.peer.stats().chunk_bytes_received - world.peer.stats().chunk_bytes_duplicate <=
        page.size());
  const auto empty = world.open("empty");
  REQUIRE(empty.has_value());
  CHECK(empty->record.geometry.length == 0);
  CHECK(world.open("missing").error() == web::FetchError::kNotFound);
}

TEST_CASE("a reader in the middle is served before the whole is there", "[swarm]") {
  World world(small_limits());
  const Bytes page = pattern(90'000, 1);
  world.site.set({{"a", page}});
  const auto opened = world.open("a");
  REQUIRE(opened.has_value());
  const Read got = world.read(opened->handle, 80'000, 100);
  REQUIRE(got.has_value());
  CHECK(*got == Bytes(page.begin() + 80'000, page.begin() + 80'100));
}

TEST_CASE("a revisit is served from the cache, a changed file is not", "[swarm]") {
  World world(small_limits());
  const Bytes page = pattern(20'000, 1);
  const Bytes news = pattern(20'000, 2);
  world.site.set({{"a", page}});
  CHECK(world.visit("a") == page);
  const uint64_t received = world.peer.stats().chunk_bytes_received;
  world.run(seconds(5));
  CHECK_FALSE(world.peer.in_swarm());
  CHECK(world.visit("a") == page);
  CHECK(world.peer.stats().chunk_bytes_received == received);
  world.site.set({{"a", news}});
  world.run(seconds(5));
  CHECK(world.visit("a") == news);
  world.site.set({{"b", news}});
  world.run(seconds(5));
  CHECK(world.open("a").error() == web::FetchError::kNotFound);
}

TEST_CASE("without the seeder, what is held is served soon", "[swarm]") {
  World world(small_limits());
  const Bytes page = pattern(20'000, 1);
  world.site.set({{"a", page}});
  CHECK(world.visit("a") == page);
  world.run(seconds(5));
  world.seeder_up = false;
  const Instant before = world.now;
  CHECK(world.visit("a") == page);
  CHECK(world.now - before <= SwarmCore::kRevalidatePatience + milliseconds(100));
  const auto unseen = world.open("never seen");
  REQUIRE_FALSE(unseen.has_value());
  CHECK(unseen.error() != web::FetchError::kNotFound);
  // And again after the first question has failed.
  world.run(seconds(15));
  CHECK(world.visit("a") == page);
  world.seeder_up = true;
  world.run(seconds(15));
  CHECK(world.visit("a") == page);
}

TEST_CASE("the bounds hold, the least recently used goes first", "[swarm]") {
  World world(small_limits());
  std::map<std::string, Bytes> files;
  for (uint64_t i = 0; i < 6; ++i) files["m" + std::to_string(i)] = pattern(60'000, i);
  for (uint64_t i = 0; i < 4; ++i) files["d" + std::to_string(i)] = pattern(400'000, 10 + i);
  files["huge"] = pattern(2'000'000, 20);
  world.site.set(files);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [path, bytes] : files) {
      if (path == "huge") continue;
      INFO(path);
      CHECK(world.visit(path) == bytes);
      CHECK(world.core.figures().memory_bytes <= kib(200).bytes);
      CHECK(world.core.figures().disk_bytes <= kib(1000).bytes);
    }
  }
  CHECK(world.open("huge").error() == web::FetchError::kRefused);
  // Files in use are not evicted: the third large one has no room while two are read.
  const auto one = world.open("d0");
  const auto two = world.open("d1");
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  CHECK(world.open("d2").error() == web::FetchError::kRefused);
  CHECK(world.read_all(*one) == files["d0"]);
  world.core.release(world.now, one->handle);
  CHECK(world.visit("d2") == files["d2"]);
  CHECK(world.read_all(*two) == files["d1"]);
}

TEST_CASE("who leaves gets an answer, and a file that nobody wants is given up", "[swarm]") {
  World world(small_limits());
  world.site.set({{"a", pattern(90'000, 1)}});
  const auto opened = world.open("a");
  REQUIRE(opened.has_value());
  world.seeder_up = false;
  std::optional<Read> answer;
  world.core.read(world.peer, world.now, opened->handle, 89'000, 10,
                  [&](Read got) { answer = std::move(got); });
  world.core.release(world.now, opened->handle);
  REQUIRE(answer.has_value());
  CHECK(answer->error() == web::FetchError::kStopped);
  world.run(SwarmCore::kAbandonAfter + milliseconds(10));
  CHECK(world.core.figures().files_held == 0);
  CHECK(world.core.figures().memory_bytes == 0);
}

TEST_CASE("a download that stalls ends its readers, and the next visit starts anew", "[swarm]") {
  World world(small_limits());
  const Bytes page = pattern(90'000, 1);
  world.site.set({{"a", page}});
  const auto opened = world.open("a");
  REQUIRE(opened.has_value());
  world.seeder_up = false;
  CHECK_FALSE(world.read(opened->handle, 89'000, 10));
  CHECK_FALSE(world.read(opened->handle, 0, 10));
  world.seeder_up = true;
  CHECK(world.visit("a") == page);
  // The old handle must not count as a user of the new download.
  world.core.release(world.now, opened->handle);
  CHECK(world.visit("a") == page);
}

TEST_CASE("the end answers everybody once", "[swarm]") {
  World world(small_limits());
  world.site.set({{"a", pattern(90'000, 1)}});
  const auto opened = world.open("a");
  REQUIRE(opened.has_value());
  world.seeder_up = false;
  int answers = 0;
  world.core.read(world.peer, world.now, opened->handle, 89'000, 10, [&](const Read& got) {
    CHECK(got.error() == web::FetchError::kStopped);
    ++answers;
  });
  world.core.open(world.peer, world.now, "b", [&](const Opened& got) {
    CHECK(got.error() == web::FetchError::kStopped);
    ++answers;
  });
  world.core.on_stop(world.peer, world.now);
  world.core.on_stop(world.peer, world.now);
  CHECK(answers == 2);
}

TEST_CASE("no more paths are remembered than allowed", "[swarm]") {
  auto limits = small_limits();
  limits.files = 10;
  World world(limits);
  world.site.set({{"a", pattern(100, 1)}});
  for (int i = 0; i < 50; ++i) {
    CHECK(world.open("missing" + std::to_string(i)).error() == web::FetchError::kNotFound);
  }
  CHECK(world.visit("a") == pattern(100, 1));
}
