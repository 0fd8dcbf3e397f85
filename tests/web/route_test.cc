#include "web/route.h"

#include "catch.h"

namespace fb::web {
namespace {

const std::vector<std::string> kOurs{"localhost"};

Request request(std::string method, std::string target) {
  Request out;
  out.method = std::move(method);
  out.target = std::move(target);
  out.hosts = {"localhost:8080"};
  return out;
}

Route get(std::string target) { return route(request("GET", std::move(target)), kOurs, ""); }

// The status of an immediate answer, or 0.
unsigned status(const Route& decided) {
  return decided.kind == Route::Kind::kAnswer ? decided.response.status : 0;
}

TEST_CASE("directories are looked up by their index") {
  CHECK(get("/").path == "index.html");
  CHECK(get("/a/").path == "a/index.html");
  CHECK(get("/a/.").path == "a/index.html");
  CHECK_FALSE(get("/a/").may_be_directory);
  CHECK(get("/a?b").path == "a");
  CHECK(get("/a").may_be_directory);
  CHECK(get("/a").kind == Route::Kind::kLookup);
}

TEST_CASE("bad addresses are 400") {
  CHECK(status(get("/../a")) == 400);
  CHECK(status(get("/%zz")) == 400);
  CHECK(status(get("*")) == 400);
}

TEST_CASE("paths that no site can have are 404") {
  CHECK(status(get("/" + std::string(513, 'a'))) == 404);
  CHECK(status(get("/" + std::string(510, 'a') + "/")) == 404);
  CHECK(get("/" + std::string(512, 'a')).kind == Route::Kind::kLookup);
}

TEST_CASE("methods are told apart before a lookup") {
  CHECK(status(route(request("OPTIONS", "/a"), kOurs, "")) == 204);
  CHECK(status(route(request("OPTIONS", "*"), kOurs, "")) == 204);
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE", "PATCH", "get", "BREW"}) {
    CHECK(status(route(request(method, "/a"), kOurs, "")) == 405);
  }
  CHECK(status(route(request("CONNECT", "localhost:80"), kOurs, "")) == 405);
  CHECK(route(request("HEAD", "/a"), kOurs, "").kind == Route::Kind::kLookup);
}

TEST_CASE("a foreign host is told nothing but 421") {
  Request foreign = request("GET", "/.flashback/status");
  foreign.hosts = {"evil.example"};
  CHECK(status(route(foreign, kOurs, "")) == 421);
  foreign.method = "OPTIONS";
  CHECK(status(route(foreign, kOurs, "")) == 421);
  foreign.hosts.clear();
  CHECK(status(route(foreign, kOurs, "")) == 400);
}

TEST_CASE("our own folder") {
  CHECK(get("/.flashback/status").kind == Route::Kind::kStatusPage);
  CHECK(get("/.flashback/status?x").kind == Route::Kind::kStatusPage);
  CHECK(get("/.flashback/status.json").kind == Route::Kind::kStatusJson);
  for (const char* target : {"/.flashback", "/.flashback/", "/.flashback/manifest",
                             "/.flashback/a/b",
                             "/.flashback/status/", "/a/../.flashback/x", "/%2eflashback/x"}) {
    CAPTURE(target);
    CHECK(status(get(target)) == 404);
  }
  CHECK(get("/.flashbacks").kind == Route::Kind::kLookup);
  CHECK(get("/a/.flashback/status").kind == Route::Kind::kLookup);
}

TEST_CASE("scripts of the site cannot read the status") {
  Request script = request("GET", "/.flashback/status.json");
  script.fetch_dest = "empty";
  CHECK(status(route(script, kOurs, "")) == 403);
  script.fetch_dest = "iframe";
  CHECK(status(route(script, kOurs, "")) == 403);
  script.fetch_dest = "document";
  CHECK(route(script, kOurs, "").kind == Route::Kind::kStatusJson);
}

}  // namespace
}  // namespace fb::web
