// What profile v2's seeder allocates once its tables have grown: nothing.
#include "counting_new.h"

#include <array>
#include <deque>

#include "v2_seeder_fixture.h"

using namespace fb;
using namespace fb::roulette;
using namespace fb::roulette::v2_seeder_test;

namespace {

// Allocates nothing itself, and keeps what visitors need of the answers.
struct Sink final : Transport {
  void send(const Endpoint&, std::span<const uint8_t> datagram) override {
    const auto type = static_cast<wire::MessageType>(datagram[1]);
    pieces += type == wire::MessageType::kPiece ? 1U : 0U;
    manifests += type == wire::MessageType::kManifestPart ? 1U : 0U;
    if (type != wire::MessageType::kAdmit && type != wire::MessageType::kGreeted) return;
    size = datagram.size();
    std::ranges::copy(datagram, last.begin());
  }
  [[nodiscard]] wire::Datagram decoded() const {
    return wire::decode(std::span(last).first(size)).value();
  }
  wire::Buffer last{};
  size_t size = 0;
  uint64_t pieces = 0, manifests = 0;
};

// Visitors of one path come, greet, ask and leave; some hundred are here at a time.
class Crowd {
 public:
  struct Allocations {
    uint64_t join = 0, greet = 0, confirm = 0, control = 0, bye = 0;
  };

  explicit Crowd(std::string path) : path_(std::move(path)) {
    site_ = test::make_site({{path_, "text/plain", test::random_bytes(20'000)}});
    file_ = *site_->first_object(path_);
    REQUIRE_FALSE(site_->repair_bytes(file_).empty());  // computed once, beforehand
    SeederOptions options;
    options.config.uplink = {1'000'000'000};
    seeder_ = std::make_unique<SeederNode>(options, *site_, sink);
  }

  Allocations visit(uint32_t visitors) {
    Allocations out;
    for (uint32_t i = 0; i < visitors; ++i) {
      now_ = now_ + milliseconds(1);
      seeder_->advance(now_);
      const uint32_t number = ++last_;
      const Endpoint from{Address::v4(10, 0, static_cast<uint8_t>(number >> 8),
                                      static_cast<uint8_t>(number)),
                          4711};
      const wire::Token name = 0x20'0000'0000U + number;
      out.join += cost(from, 0, wire::Join{wire::Profile::kV2, name + 1, name, {}, path_});
      const wire::Token ticket = std::get<wire::Admit>(sink.decoded().message).ticket;
      if (number % 4 == 0) {
        out.confirm += cost(from, ticket, wire::Confirm{name + 2, name});
        continue;
      }
      wire::Greet greet;
      greet.reply_token = name + 2;
      greet.name = name;
      greet.path = path_;
      greet.state.sequence = 1;
      greet.state.file = file_;
      greet.have = {{0, {1U << (number % 20)}}};
      out.greet += cost(from, ticket, greet);
      here_.push_back({from, std::get<wire::Greeted>(sink.decoded().message).reply_token});
      wire::Control control;
      control.state.sequence = 2;
      control.state.file = file_;
      control.state.wants.add({0, static_cast<uint8_t>(number % 20)});
      control.have = greet.have;
      out.control += cost(from, here_.back().seeder, control);
      if (here_.size() <= kHere) continue;
      out.bye += cost(here_.front().endpoint, here_.front().seeder, wire::Bye{300, {9}, {9}});
      here_.pop_front();
    }
    return out;
  }
  [[nodiscard]] NodeStats stats() const { return seeder_->stats(); }

  Sink sink;

 private:
  static constexpr size_t kHere = 300;
  struct Here {
    Endpoint endpoint;
    wire::Token seeder = 0;
  };

  // Of one datagram, from its arrival until all that it draws is sent.
  uint64_t cost(const Endpoint& from, wire::Token to, const wire::Message& message) {
    wire::Buffer buffer;
    const auto bytes = wire::encode(to, message, buffer);
    const uint64_t before = test::allocations.load();
    seeder_->receive(now_, from, bytes);
    return test::allocations.load() - before;
  }

  std::string path_;
  std::unique_ptr<content::MemorySite> site_;
  content::FileId file_{};
  std::unique_ptr<SeederNode> seeder_;
  Instant now_ = kStart;
  std::deque<Here> here_;
  uint32_t last_ = 0;
};

constexpr uint32_t kWarmUp = 12'000;  // the tables have grown, and their oldest have been dropped
constexpr uint32_t kMeasured = 4000;

}  // namespace

TEST_CASE("v2 seeder: nothing is allocated for a datagram once its tables have grown") {
  if (!fb::test::kCountsAllocations) {
    WARN("skipped: a sanitizer counts allocations in its own way");
    return;
  }
  // A path that std::string would not keep in itself.
  Crowd crowd("a/directory/with/a/file.html");
  crowd.visit(kWarmUp);
  const uint64_t joins = crowd.stats().joins;
  const uint64_t pieces = crowd.sink.pieces;
  const uint64_t manifests = crowd.sink.manifests;
  const auto allocations = crowd.visit(kMeasured);
  CHECK(allocations.join == 0);
  CHECK(allocations.greet == 0);
  CHECK(allocations.confirm == 0);
  CHECK(allocations.control == 0);
  CHECK(allocations.bye == 0);
  // It did what it is measured at.
  CHECK(crowd.stats().joins - joins == kMeasured);
  CHECK(crowd.sink.manifests - manifests == kMeasured * 3 / 4);
  CHECK(crowd.sink.pieces - pieces >= kMeasured * 2);
}
