// The gateway when something goes wrong: at the swarm, at the client, or because it must stop. No
// test waits by sleeping: what is waited for is an answer, an end, or a state of the fake swarm.
#include "web/gateway.h"

#include <chrono>
#include <mutex>
#include <thread>

#include "catch.h"
#include "fake_swarm.h"
#include "test_client.h"

namespace fb::web::test {
namespace {

constexpr size_t kLargeSize = 32u << 20;

struct Site {
  FakeSwarm swarm;
  std::mutex log_mutex;
  std::vector<std::string> log;
  std::unique_ptr<Gateway> gateway;

  explicit Site(GatewayOptions options = {}) {
    swarm.add("index.html", "home");
    swarm.add("file", std::string(1'000'000, 'f'));
    options.listen.port = 0;
    options.log = [this](std::string_view line) {
      const std::lock_guard lock(log_mutex);
      log.emplace_back(line);
    };
    auto started = Gateway::start(std::move(options), swarm);
    REQUIRE(started);
    gateway = std::move(*started);
  }
  ~Site() { gateway.reset(); }
  [[nodiscard]] TestClient client() const { return TestClient(gateway->local()); }
  [[nodiscard]] std::vector<std::string> logged() {
    const std::lock_guard lock(log_mutex);
    return log;
  }
};

GatewayOptions impatient() {
  GatewayOptions out;
  // Long enough for a busy machine to do in time what is not meant to be late.
  out.idle_timeout = milliseconds(400);
  out.swarm_timeout = milliseconds(400);
  out.half_closed_timeout = milliseconds(50);
  return out;
}

// The size of a head without end: everything up to the empty line is read.
std::string receive_head(TestClient& client) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const std::string byte = client.receive_raw(1);
    if (byte.empty()) break;
    head += byte;
  }
  return head;
}

TEST_CASE("the swarm's failures have friendly pages, and the connection goes on") {
  Site site;
  site.swarm.fail_open("timeout", FetchError::kTimeout);
  site.swarm.fail_open("unreachable", FetchError::kUnreachable);
  site.swarm.fail_open("refused", FetchError::kRefused);
  site.swarm.fail_open("stopped", FetchError::kStopped);
  site.swarm.fail_from("file", 0, FetchError::kTimeout);
  auto client = site.client();
  const auto timeout = client.get("/timeout");
  REQUIRE(timeout);
  CHECK(timeout->status == 504);
  CHECK(timeout->field("content-type").starts_with("text/html"));
  CHECK(timeout->field("retry-after") == "5");
  CHECK(timeout->body.find("Try again") != std::string::npos);
  CHECK(client.get("/unreachable")->status == 504);
  CHECK(client.get("/refused")->status == 502);
  CHECK(client.get("/stopped")->status == 503);
  // Nothing of the body has gone out yet, so this too is a page.
  CHECK(client.get("/file")->status == 504);
  CHECK(client.head("/file")->status == 200);
  CHECK(client.get("/")->body == "home");
  CHECK(site.swarm.wait_files_open(0));
  CHECK(site.gateway->stats().responses_server_error == 5);
  CHECK(site.logged().size() == 5);
}

TEST_CASE("a failure in the middle cuts the body short") {
  Site site;
  site.swarm.fail_from("file", 500'000, FetchError::kUnreachable);
  auto client = site.client();
  const auto reply = client.get("/file");
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK_FALSE(reply->complete);
  CHECK(reply->body.size() == 500'000);
  CHECK(site.swarm.wait_files_open(0));
  CHECK(site.gateway->stats().bodies_cut == 1);
  REQUIRE(site.logged().size() == 1);
  CHECK(site.logged()[0] == "answer cut short, the seeder cannot be reached: /file");
  // A range that is there is not affected.
  CHECK(site.client().get("/file", "Range: bytes=0-99\r\n")->complete);
}

TEST_CASE("bytes go to the client as they arrive") {
  Site site;
  site.swarm.set_available("file", 100);
  auto client = site.client();
  client.send(request_text("GET", "/file"));
  CHECK(receive_head(client).find("Content-Length: 1000000\r\n") != std::string::npos);
  CHECK(client.receive_raw(100) == std::string(100, 'f'));
  for (uint64_t available = 200; available <= 1000; available += 100) {
    site.swarm.set_available("file", available);
    CHECK(client.receive_raw(100) == std::string(100, 'f'));
  }
  site.swarm.set_available("file", 1'000'000);
  CHECK(client.receive_raw(999'000).size() == 999'000);
  CHECK(site.swarm.wait_files_open(0));
  CHECK(client.get("/")->body == "home");
}

TEST_CASE("a silent swarm is given up: before the head with 504, after it with a cut") {
  Site site(impatient());
  site.swarm.hold_open("held", true);
  site.swarm.set_available("file", 10);
  CHECK(site.client().get("/held")->status == 504);
  const auto cut = site.client().get("/file");
  REQUIRE(cut);
  CHECK(cut->body == std::string(10, 'f'));
  CHECK_FALSE(cut->complete);
  CHECK(site.swarm.wait_files_open(0));
  CHECK(site.gateway->stats().swarm_timeouts == 2);
  // The late answer finds nobody, and the file it brings is dropped.
  site.swarm.add("held", "late");
  site.swarm.hold_open("held", false);
  CHECK(site.swarm.wait_opens_waiting(0));
  CHECK(site.swarm.wait_files_open(0));
  CHECK(site.client().get("/held")->body == "late");
}

TEST_CASE("a swarm that breaks its word does no harm") {
  Site site;
  using Fault = FakeSwarm::Fault;
  for (const auto& [fault, status] : {std::pair{Fault::kEmptyRead, 502u}, {Fault::kLongRead, 502u},
                                     {Fault::kNullFile, 502u}, {Fault::kCalledTwice, 200u}}) {
    site.swarm.set_fault("file", fault);
    auto client = site.client();
    const auto reply = client.get("/file");
    REQUIRE(reply);
    CHECK(reply->status == status);
    CHECK(reply->complete);
    CHECK(client.get("/")->body == "home");
  }
  CHECK(site.swarm.wait_files_open(0));
}

TEST_CASE("a client that leaves drops the file") {
  GatewayOptions options;
  options.half_closed_timeout = milliseconds(50);
  Site site(std::move(options));
  site.swarm.set_available("file", 1000);
  SECTION("while the swarm is waited for") {
    auto client = site.client();
    client.send(request_text("GET", "/file"));
    receive_head(client);
    CHECK(client.receive_raw(1000).size() == 1000);
    CHECK(site.swarm.wait_reads_waiting(1));
    client.close();
  }
  SECTION("with unread bytes, which makes it a reset") {
    auto client = site.client();
    client.send(request_text("GET", "/file"));
    receive_head(client);
    CHECK(site.swarm.wait_reads_waiting(1));
    client.close();
  }
  SECTION("while the file is opened") {
    site.swarm.hold_open("file", true);
    auto client = site.client();
    client.send(request_text("GET", "/file"));
    CHECK(site.swarm.wait_opens_waiting(1));
    client.close();
    while (site.gateway->stats().clients_gone == 0) std::this_thread::yield();
    site.swarm.hold_open("file", false);
    CHECK(site.swarm.wait_opens_waiting(0));
  }
  SECTION("while it is written to") {
    site.swarm.add("endless", std::string(kLargeSize, 'e'));
    auto client = site.client();
    client.send(request_text("GET", "/endless"));
    receive_head(client);
    client.close();
  }
  CHECK(site.swarm.wait_files_open(0));
  while (site.gateway->stats().connections_open > 0) std::this_thread::yield();
  CHECK(site.gateway->stats().clients_gone == 1);
  CHECK(site.client().get("/")->body == "home");
}

TEST_CASE("a client that does not read holds back the swarm, and is given up") {
  Site site(impatient());
  site.swarm.add("endless", std::string(kLargeSize, 'e'));
  auto client = site.client();
  client.send(request_text("GET", "/endless"));
  while (site.swarm.bytes_given("endless") == 0) std::this_thread::yield();
  CHECK(site.swarm.wait_files_open(0));
  // What the sockets' buffers took, and little more.
  CHECK(site.swarm.bytes_given("endless") < kLargeSize / 2);
  while (site.gateway->stats().connections_open > 0) std::this_thread::yield();
  CHECK(site.gateway->stats().clients_slow == 1);
}

TEST_CASE("a slow request is ended by the idle timeout") {
  Site site(impatient());
  SECTION("one that stops in its header") {
    auto client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: lo");
    const auto reply = client.receive();
    REQUIRE(reply);
    CHECK(reply->status == 408);
    CHECK(reply->field("connection") == "close");
    CHECK(client.ended());
  }
  SECTION("one that comes byte by byte") {
    auto client = site.client();
    client.send("GET / HTTP/1.1\r\nX: ");
    size_t sent = 0;
    while (!client.readable_within_ms(10) && client.send("x")) ++sent;
    CHECK(client.receive()->status == 408);
    CHECK(sent < 10'000);
  }
  SECTION("one that stops in its body") {
    auto client = site.client();
    client.send(request_text("GET", "/", "Content-Length: 10\r\n") + "abc");
    CHECK(client.receive()->status == 408);
    CHECK(client.ended());
  }
  SECTION("none at all: closed without a word") {
    auto client = site.client();
    CHECK(client.ended());
    CHECK(site.gateway->stats().clients_slow == 0);
  }
  SECTION("none after the first") {
    auto client = site.client();
    CHECK(client.get("/")->body == "home");
    CHECK(client.ended());
  }
  while (site.gateway->stats().connections_open > 0) std::this_thread::yield();
}

TEST_CASE("requests over the limits") {
  Site site;
  SECTION("a field") {
    auto client = site.client();
    client.send(request_text("GET", "/", "X: " + std::string(20'000, 'x') + "\r\n"));
    CHECK(client.receive()->status == 431);
    CHECK(client.ended());
  }
  SECTION("many fields") {
    auto client = site.client();
    std::string fields;
    for (int i = 0; i < 2000; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
    client.send(request_text("GET", "/", fields));
    CHECK(client.receive()->status == 431);
  }
  SECTION("the target") {
    auto client = site.client();
    std::string target(20'000, 'x');
    target[0] = '/';
    client.send(request_text("GET", target));
    CHECK(client.receive()->status == 431);
  }
  SECTION("a header without end") {
    auto client = site.client();
    std::string flood = "GET / HTTP/1.1\r\n";
    while (flood.size() < 200'000) flood += "X: y\r\n";
    client.send(flood);
    CHECK(client.receive()->status == 431);
  }
  SECTION("a body by its length") {
    auto client = site.client();
    client.send(request_text("GET", "/", "Content-Length: 99999999\r\n"));
    CHECK(client.receive()->status == 413);
    CHECK(client.ended());
  }
  SECTION("a body in chunks") {
    auto client = site.client();
    client.send(request_text("GET", "/", "Transfer-Encoding: chunked\r\n"));
    const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
    for (int i = 0; i < 5; ++i) client.send(chunk);
    CHECK(client.receive()->status == 413);
  }
  CHECK(site.client().get("/")->body == "home");
}

TEST_CASE("garbage is 400, and never more than a closed connection") {
  Site site;
  using namespace std::string_literals;
  const std::string_view tls("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const std::string& text :
       {std::string(tls) + "\r\n\r\n", "hello\r\n\r\n"s, "GET\r\n\r\n"s, "GET /\r\n\r\n"s,
        " / HTTP/1.1\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost localhost\r\n\r\n"s, "GET / HTTP/1.1\r\n: x\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n"s, "G\0T / HTTP/1.1\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        "Content-Length: 2\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"s,
        "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "GET /%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n"s}) {
    CAPTURE(text);
    auto client = site.client();
    client.send(text);
    const auto reply = client.receive();
    REQUIRE(reply);
    CHECK(reply->status == 400);
  }
  for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTPS/1.1", "HTTP/1.1 x"}) {
    auto client = site.client();
    client.send("GET / " + std::string(version) + "\r\nHost: localhost\r\n\r\n");
    CHECK(client.receive()->status == 505);
  }
  // An end within a request is no reason to answer.
  auto client = site.client();
  client.send("GET / HT");
  client.end_sending();
  CHECK(client.ended());
  CHECK(site.client().get("/")->body == "home");
}

TEST_CASE("connections over the limit are told so") {
  GatewayOptions options;
  options.connections_max = 2;
  Site site(std::move(options));
  auto first = site.client();
  auto second = site.client();
  CHECK(first.get("/")->status == 200);
  CHECK(second.get("/")->status == 200);
  {
    auto third = site.client();
    const auto reply = third.receive();
    REQUIRE(reply);
    CHECK(reply->status == 503);
    CHECK(reply->field("connection") == "close");
    CHECK(third.ended());
  }
  CHECK(first.get("/")->status == 200);
  CHECK(site.gateway->stats().connections_refused == 1);
  // Far too many at once: some are closed unanswered, none hangs.
  {
    std::vector<TestClient> crowd;
    for (int i = 0; i < 100; ++i) crowd.push_back(site.client());
    for (TestClient& client : crowd) {
      const auto reply = client.receive();
      CHECK((!reply || reply->status == 503));
    }
  }
  first.close();
  while (site.gateway->stats().connections_open > 1) std::this_thread::yield();
  CHECK(site.client().get("/")->status == 200);
}

TEST_CASE("stop ends whatever is under way") {
  Site site;
  site.swarm.set_available("file", 1000);
  site.swarm.hold_open("held", true);
  site.swarm.add("endless", std::string(kLargeSize, 'e'));
  auto idle = site.client();
  CHECK(idle.get("/")->status == 200);
  auto partial = site.client();
  partial.send("GET / HT");
  auto streaming = site.client();
  streaming.send(request_text("GET", "/file"));
  CHECK(streaming.receive_raw(1).size() == 1);
  auto blocked = site.client();
  blocked.send(request_text("GET", "/endless"));
  CHECK(site.swarm.wait_files_open(2));
  auto opening = site.client();
  opening.send(request_text("GET", "/held"));
  CHECK(site.swarm.wait_opens_waiting(1));
  CHECK(site.swarm.wait_reads_waiting(1));

  site.gateway->stop();
  CHECK(site.swarm.wait_files_open(0));
  CHECK(opening.receive()->status == 503);
  CHECK(idle.ended());
  CHECK(partial.ended());
  CHECK(streaming.receive_raw(kLargeSize).size() < 2000);
  CHECK_FALSE(TestClient(site.gateway->local()).connected());
  CHECK(site.gateway->stats().connections_open == 0);
  site.gateway->stop();  // once is enough, twice does no harm
  site.gateway.reset();
  // The callback that comes after all that goes nowhere.
  site.swarm.add("held", "late");
  site.swarm.hold_open("held", false);
  CHECK(site.swarm.wait_opens_waiting(0));
  CHECK(site.swarm.wait_files_open(0));
}

TEST_CASE("stop from several threads under load") {
  for (int round = 0; round < 20; ++round) {
    Site site;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([server = site.gateway->local()] {
        TestClient client(server);
        while (client.get("/file") && client.get("/")) {
        }
      });
    }
    while (site.gateway->stats().requests < 10) std::this_thread::yield();
    std::jthread other([&site] { site.gateway->stop(); });
    site.gateway->stop();
    CHECK(site.gateway->stats().connections_open == 0);
    CHECK(site.swarm.wait_files_open(0));
  }
}

}  // namespace
}  // namespace fb::web::test
