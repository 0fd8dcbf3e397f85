// The running gateway does HTTP right: a site in memory, a real client over loopback.
#include "web/gateway.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/rng.h"
#include "catch.h"
#include "fake_swarm.h"
#include "test_client.h"

namespace fb::web::test {
namespace {

constexpr uint64_t kSeed = 0x5eed0001;

std::string pattern(size_t size) {
  Rng rng(kSeed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(rng.next());
  return out;
}

struct Site {
  FakeSwarm swarm;
  std::unique_ptr<Gateway> gateway;

  explicit Site(GatewayOptions options = {},
                FakeSwarm::Callbacks callbacks = FakeSwarm::Callbacks::kOnThread)
      : swarm(callbacks) {
    swarm.add("index.html", "<h1>home</h1>", "text/html");
    swarm.add("docs/index.html", "<h1>docs</h1>", "text/html");
    swarm.add("a b/ü.txt", "odd name");
    swarm.add("empty", "");
    swarm.add("large", pattern(300'000), "application/octet-stream");
    options.listen.port = 0;
    auto started = Gateway::start(std::move(options), swarm);
    REQUIRE(started);
    gateway = std::move(*started);
  }
  [[nodiscard]] TestClient client() const { return TestClient(gateway->local()); }
};

TEST_CASE("files and indexes are served") {
  Site site;
  auto client = site.client();
  const auto home = client.get("/");
  REQUIRE(home);
  CHECK(home->status == 200);
  CHECK(home->body == "<h1>home</h1>");
  CHECK(home->field("content-type") == "text/html");
  CHECK(home->field("content-length") == "13");
  CHECK(home->field("accept-ranges") == "bytes");
  CHECK(home->field("cache-control") == "no-cache");
  CHECK(home->field("x-content-type-options") == "nosniff");
  CHECK(home->field("etag").size() == 34);
  CHECK(home->field("date").ends_with(" GMT"));
  CHECK(client.get("/?q=1")->body == "<h1>home</h1>");
  CHECK(client.get("/docs/")->body == "<h1>docs</h1>");
  CHECK(client.get("/docs/index.html")->body == "<h1>docs</h1>");
  CHECK(client.get("/docs/../large")->body == pattern(300'000));
  CHECK(client.get("/a%20b/%c3%bc.txt")->body == "odd name");
  CHECK(client.get("/empty")->field("content-length") == "0");
  CHECK(client.get("http://localhost/docs/")->body == "<h1>docs</h1>");
  CHECK(site.swarm.wait_files_open(0));
  CHECK(site.swarm.read_size_max() <= 65536);
  CHECK(site.swarm.reads_at_once_max() == 1);
  CHECK_FALSE(site.swarm.misused());
}

TEST_CASE("a directory without its slash is redirected, with its query") {
  Site site;
  auto client = site.client();
  const auto reply = client.get("/docs?a=b");
  REQUIRE(reply);
  CHECK(reply->status == 301);
  CHECK(reply->field("location") == "/docs/?a=b");
  CHECK(client.get("/nothing")->status == 404);
  CHECK(client.get("/nothing/")->status == 404);
  CHECK(client.get("/docs/index.html/")->status == 404);
}

TEST_CASE("HEAD has the header of GET") {
  Site site;
  auto client = site.client();
  for (const char* target : {"/", "/large", "/empty", "/docs", "/nothing", "/.flashback/x"}) {
    CAPTURE(target);
    auto get = client.get(target);
    auto head = client.head(target);
    REQUIRE(get);
    REQUIRE(head);
    get->fields.erase("date");
    head->fields.erase("date");
    CHECK(head->status == get->status);
    CHECK(head->fields == get->fields);
    CHECK(head->body.empty());
  }
}

TEST_CASE("ranges are the slices of the content") {
  Site site;
  auto client = site.client();
  const std::string content = pattern(300'000);
  Rng rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    const uint64_t first = rng.below(content.size());
    const uint64_t last = first + rng.below(i % 2 == 0 ? 100 : 200'000);
    const std::string text = std::to_string(first) + "-" + std::to_string(last);
    CAPTURE(kSeed, text);
    const auto reply = client.get("/large", "Range: bytes=" + text + "\r\n");
    REQUIRE(reply);
    REQUIRE(reply->status == 206);
    CHECK(reply->body == content.substr(first, last - first + 1));
    CHECK(reply->field("content-range") ==
          "bytes " + std::to_string(first) + "-" +
              std::to_string(std::min<uint64_t>(last, content.size() - 1)) + "/300000");
  }
  CHECK(client.get("/large", "Range: bytes=-7\r\n")->body == content.substr(content.size() - 7));
  CHECK(client.get("/large", "Range: bytes=299990-\r\n")->body == content.substr(299'990));
  const auto beyond = client.get("/large", "Range: bytes=300000-\r\n");
  CHECK(beyond->status == 416);
  CHECK(beyond->field("content-range") == "bytes */300000");
  CHECK(client.get("/large", "Range: lines=1-2\r\n")->status == 200);
}

TEST_CASE("several ranges come as multipart/byteranges") {
  Site site;
  auto client = site.client();
  const std::string content = pattern(300'000);
  const auto reply = client.get("/large", "Range: bytes=5-9,100000-199999,-3\r\n");
  REQUIRE(reply);
  CHECK(reply->status == 206);
  const std::string type = reply->field("content-type");
  const std::string boundary = type.substr(type.find('=') + 1);
  const auto part = [&](const std::string& range, const std::string& bytes) {
    return "--" + boundary + "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes " +
           range + "/300000\r\n\r\n" + bytes + "\r\n";
  };
  CHECK(reply->body == part("5-9", content.substr(5, 5)) +
                           part("100000-199999", content.substr(100'000, 100'000)) +
                           part("299997-299999", content.substr(299'997)) + "--" + boundary +
                           "--\r\n");
  CHECK(client.get("/")->status == 200);
}

TEST_CASE("conditional requests") {
  Site site;
  auto client = site.client();
  const std::string etag = client.get("/large")->field("etag");
  const auto fresh = client.get("/large", "If-None-Match: " + etag + "\r\n");
  REQUIRE(fresh);
  CHECK(fresh->status == 304);
  CHECK(fresh->field("etag") == etag);
  CHECK(fresh->body.empty());
  CHECK(client.head("/large", "If-None-Match: W/" + etag + "\r\n")->status == 304);
  CHECK(client.get("/large", "If-None-Match: \"x\"\r\nIf-None-Match: " + etag + "\r\n")->status ==
        304);
  CHECK(client.get("/large", "If-None-Match: \"x\"\r\n")->status == 200);
  CHECK(client.get("/large", "If-Match: \"x\"\r\n")->status == 412);
  CHECK(client.get("/large", "If-Match: " + etag + "\r\n")->status == 200);
  CHECK(client.get("/large", "Range: bytes=0-1\r\nIf-Range: " + etag + "\r\n")->status == 206);
  CHECK(client.get("/large", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n")->status == 200);
  const auto dated = client.get("/large", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  CHECK(dated->status == 200);
}

TEST_CASE("methods") {
  Site site;
  auto client = site.client();
  REQUIRE(client.send(request_text("POST", "/", "Content-Length: 5\r\n") + "hello"));
  const auto post = client.receive();
  REQUIRE(post);
  CHECK(post->status == 405);
  CHECK(post->field("allow") == "GET, HEAD, OPTIONS");
  REQUIRE(client.send(request_text("OPTIONS", "*")));
  const auto options = client.receive();
  REQUIRE(options);
  CHECK(options->status == 204);
  CHECK(options->field("allow") == "GET, HEAD, OPTIONS");
  CHECK(options->fields.count("content-length") == 0);
  CHECK(client.get("/")->status == 200);
}

TEST_CASE("Host: only names of this computer") {
  GatewayOptions options;
  options.host_names = {"Peer.Example"};
  Site site(std::move(options));
  const auto status = [&](std::string_view fields) {
    auto client = site.client();
    client.send("GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n");
    const auto reply = client.receive();
    return reply ? reply->status : 0;
  };
  CHECK(status("Host: localhost:1234\r\n") == 200);
  CHECK(status("Host: 127.0.0.1\r\n") == 200);
  CHECK(status("Host: [::1]:80\r\n") == 200);
  CHECK(status("Host: peer.example:80\r\n") == 200);
  CHECK(status("Host: evil.example\r\n") == 421);
  CHECK(status("Host: 127.0.0.2\r\n") == 421);
  CHECK(status("") == 400);
  CHECK(status("Host: a\r\nHost: localhost\r\n") == 400);
}

TEST_CASE("the address listened at is a name too") {
  GatewayOptions options;
  options.listen.address = Address::v4(127, 0, 0, 2);
  Site site(std::move(options));
  auto client = site.client();
  client.send("GET / HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n");
  CHECK(client.receive()->status == 200);
}

TEST_CASE("IPv6 loopback") {
  FakeSwarm swarm;
  swarm.add("index.html", "six");
  GatewayOptions options;
  options.listen = Endpoint::parse("[::1]:0").value();
  auto gateway = Gateway::start(std::move(options), swarm);
  if (!gateway) {
    WARN("no IPv6 here: " << gateway.error());
    return;
  }
  TestClient client((*gateway)->local());
  CHECK(client.get("/")->body == "six");
}

TEST_CASE("HTTP/1.0 closes, unless asked to stay") {
  Site site;
  auto client = site.client();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  auto reply = client.receive();
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->field("connection") == "keep-alive");
  client.send("GET / HTTP/1.0\r\n\r\n");
  reply = client.receive();
  REQUIRE(reply);
  CHECK(reply->field("connection") == "close");
  CHECK(client.ended());

  auto modern = site.client();
  CHECK(modern.get("/", "Connection: close\r\n")->field("connection") == "close");
  CHECK(modern.ended());
}

TEST_CASE("Expect: 100-continue is harmless") {
  Site site;
  auto client = site.client();
  CHECK(client.get("/", "Expect: 100-continue\r\n")->status == 200);
  client.send(request_text("PUT", "/", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
  CHECK(client.receive_raw(25) == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  CHECK(client.receive()->status == 405);
  client.send(request_text("PUT", "/", "Expect: wonders\r\nContent-Length: 3\r\n"));
  CHECK(client.receive()->status == 417);
  CHECK(client.ended());
}

TEST_CASE("bodies of GET are drained, also chunked ones") {
  Site site;
  auto client = site.client();
  client.send(request_text("GET", "/", "Content-Length: 60000\r\n") + std::string(60000, 'x'));
  CHECK(client.receive()->body == "<h1>home</h1>");
  client.send(request_text("GET", "/", "Transfer-Encoding: chunked\r\n"));
  client.send("5\r\nhello\r\n0\r\n\r\n");
  CHECK(client.receive()->body == "<h1>home</h1>");
  CHECK(client.get("/docs/")->body == "<h1>docs</h1>");
}

TEST_CASE("pipelined requests are answered in their order") {
  Site site;
  auto client = site.client();
  std::string batch;
  for (int i = 0; i < 100; ++i) {
    batch += request_text("GET", "/");
    batch += request_text("GET", "/nothing");
    batch += request_text("POST", "/", "Content-Length: 3\r\n") + "abc";
    batch += request_text("GET", "/large", "Range: bytes=" + std::to_string(i) + "-70000\r\n");
  }
  REQUIRE(batch.size() > 16384);  // more than a gateway keeps while it answers
  REQUIRE(client.send(batch));
  const std::string content = pattern(300'000);
  for (size_t i = 0; i < 100; ++i) {
    CAPTURE(i);
    CHECK(client.receive()->body == "<h1>home</h1>");
    CHECK(client.receive()->status == 404);
    CHECK(client.receive()->status == 405);
    CHECK(client.receive()->body == content.substr(i, 70'001 - i));
  }
  // A client that has said all it had to say still gets its answers.
  REQUIRE(client.send(request_text("GET", "/") + request_text("GET", "/docs/")));
  client.end_sending();
  CHECK(client.receive()->body == "<h1>home</h1>");
  CHECK(client.receive()->body == "<h1>docs</h1>");
  CHECK(client.ended());
  CHECK(site.gateway->stats().requests == 402);
}

TEST_CASE("a thousand requests on connections that stay, side by side") {
  Site site;
  constexpr int kClients = 20;
  constexpr int kRequestsEach = 50;
  const std::string content = pattern(300'000);
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kClients; ++t) {
      threads.emplace_back([&, t] {
        auto client = site.client();
        for (int i = 0; i < kRequestsEach; ++i) {
          const auto first = static_cast<size_t>(t * 1000 + i);
          const auto reply = i % 2 == 0 ? client.get("/") : client.get("/large",
              "Range: bytes=" + std::to_string(first) + "-\r\n");
          if (!reply || !reply->complete) return;
          if (reply->body == (i % 2 == 0 ? "<h1>home</h1>" : content.substr(first))) ++good;
        }
      });
    }
  }
  CHECK(good == kClients * kRequestsEach);
  CHECK(site.swarm.wait_files_open(0));
  const auto stats = site.gateway->stats();
  CHECK(stats.requests == 1000);
  CHECK(stats.responses_ok == 1000);
  CHECK(stats.connections == kClients);
}

TEST_CASE("callbacks from within open and read are no different") {
  Site site({}, FakeSwarm::Callbacks::kInPlace);
  auto client = site.client();
  site.swarm.set_step("large", 777);
  CHECK(client.get("/large")->body == pattern(300'000));
  CHECK(client.get("/docs")->status == 301);
}

TEST_CASE("the status pages") {
  GatewayOptions options;
  options.site_origin = "flashback:<site>";
  options.status_json = [] { return std::string(R"({"uploaded_bytes":2097152})"); };
  Site site(std::move(options));
  auto client = site.client();
  const auto page = client.get("/.flashback/status");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->field("content-type").starts_with("text/html"));
  CHECK(page->field("cache-control") == "no-store");
  CHECK(page->body.find("2.0 MiB") != std::string::npos);
  CHECK(page->body.find("flashback:&lt;site&gt;") != std::string::npos);
  const auto json = client.get("/.flashback/status.json");
  REQUIRE(json);
  CHECK(json->body == R"({"uploaded_bytes":2097152})");
  CHECK(json->field("content-type") == "application/json");
  CHECK(client.get("/.flashback/manifest")->status == 404);
  CHECK(client.get("/.flashback/status", "Sec-Fetch-Dest: empty\r\n")->status == 403);

  Site bare;
  auto other = bare.client();
  CHECK(other.get("/.flashback/status")->status == 200);
  CHECK(other.get("/.flashback/status.json")->body == "{}");
}

TEST_CASE("what cannot start says why") {
  FakeSwarm swarm;
  GatewayOptions options;
  options.listen.port = 0;
  auto first = Gateway::start(options, swarm);
  REQUIRE(first);
  GatewayOptions taken;
  taken.listen = (*first)->local();
  const auto second = Gateway::start(taken, swarm);
  REQUIRE_FALSE(second);
  CHECK(second.error().find(taken.listen.to_string()) != std::string::npos);
  CHECK(second.error().find("in use") != std::string::npos);

  GatewayOptions bad = options;
  bad.host_names = {"a b"};
  CHECK(Gateway::start(bad, swarm).error() == "\"a b\" is not a host name");
  bad = options;
  bad.connections_max = 0;
  CHECK_FALSE(Gateway::start(bad, swarm));
  bad = options;
  bad.header_max = ByteCount{10};
  CHECK_FALSE(Gateway::start(bad, swarm));
  bad = options;
  bad.idle_timeout = Duration{};
  CHECK_FALSE(Gateway::start(bad, swarm));
}

}  // namespace
}  // namespace fb::web::test
