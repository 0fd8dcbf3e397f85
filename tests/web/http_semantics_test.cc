#include "web/http_semantics.h"

#include <limits>

#include "catch.h"

namespace fb::web {
namespace {

using Kind = RangeDecision::Kind;

std::string path_of(std::string_view text) {
  const auto target = parse_target(text);
  if (target) return target->path;
  return target.error() == TargetError::kEscape ? "<escape>" : "<malformed>";
}

std::vector<ByteRange> ranges_of(std::string_view value, uint64_t length) {
  const auto decision = parse_range(value, length);
  CHECK(decision.kind == Kind::kPartial);
  return decision.ranges;
}

Request with_host(std::string host) {
  Request out;
  out.hosts = {std::move(host)};
  return out;
}

TEST_CASE("a target becomes a path inside the site") {
  CHECK(path_of("/") == "");
  CHECK(path_of("/a") == "a");
  CHECK(path_of("/a/") == "a/");
  CHECK(path_of("/a/b.html") == "a/b.html");
  CHECK(path_of("//a///b") == "a/b");
  CHECK(path_of("/a//") == "a/");
  CHECK(path_of("/./a/./b") == "a/b");
  CHECK(path_of("/a/.") == "a/");
  CHECK(path_of("/a/b/..") == "a/");
  CHECK(path_of("/a/..") == "");
  CHECK(path_of("/a/../b") == "b");
  CHECK(path_of("/..a/...") == "..a/...");
  CHECK(path_of("/a%20b") == "a b");
  CHECK(path_of("/%C3%a4") == "\xc3\xa4");
  CHECK(path_of("/a+b") == "a+b");
  CHECK(path_of("/a%2Fb") == "a/b");
  CHECK(path_of("/a%252e") == "a%2e");
  CHECK(path_of("/a%3Fb") == "a?b");
  CHECK(path_of("/a%23b") == "a#b");
}

TEST_CASE("a target that leads out of the site is refused") {
  for (const char* text : {"/..", "/../", "/../a", "/a/../..", "/a/../../b", "/%2e%2e/a", "/.%2E/a",
                           "/a%2f..%2f..%2fb", "/./../a", "//../a", "/a/b/../../../c"}) {
    CAPTURE(text);
    CHECK(path_of(text) == "<escape>");
  }
}

TEST_CASE("a malformed target is refused") {
  for (const char* text : {"", "a", "*", "/%", "/%4", "/%zz", "/%4g", "/a%", "/%00", "/a%00.html",
                           "/a\\b", "/..\\..\\b", "/%5c", "/a#b", "/a?b#c", "http://", "http:///a",
                           "https://localhost/", "ftp://localhost/a", "localhost:80"}) {
    CAPTURE(text);
    CHECK(path_of(text) == "<malformed>");
  }
}

TEST_CASE("query and authority are taken apart") {
  const auto plain = parse_target("/a/b?c=%zz&d=/../..");
  REQUIRE(plain);
  CHECK(plain->path == "a/b");
  CHECK(plain->query == "?c=%zz&d=/../..");
  CHECK(plain->authority.empty());
  CHECK_FALSE(plain->is_directory());

  const auto absolute = parse_target("HTTP://localhost:8080/x/?y");
  REQUIRE(absolute);
  CHECK(absolute->authority == "localhost:8080");
  CHECK(absolute->path == "x/");
  CHECK(absolute->query == "?y");
  CHECK(absolute->is_directory());

  const auto bare = parse_target("http://localhost?q");
  REQUIRE(bare);
  CHECK(bare->path.empty());
  CHECK(bare->query == "?q");
}

TEST_CASE("encoding a path is undone by parsing it") {
  CHECK(encode_path("a b/ü?#%\"<") == "/a%20b/%C3%BC%3F%23%25%22%3C");
  CHECK(encode_path("a/b-c._~!$&'()*+,;=:@") == "/a/b-c._~!$&'()*+,;=:@");
  CHECK(encode_path("a\r\nb") == "/a%0D%0Ab");
  std::string all;
  for (int c = 1; c < 256; ++c) {
    if (c != '/' && c != '\\') all += static_cast<char>(c);
  }
  CHECK(path_of(encode_path(all)) == all);
}

TEST_CASE("the host of an authority") {
  CHECK(host_of("localhost") == "localhost");
  CHECK(host_of("LocalHost:8080") == "localhost");
  CHECK(host_of("localhost.") == "localhost");
  CHECK(host_of("localhost:") == "localhost");
  CHECK(host_of("127.0.0.1:1") == "127.0.0.1");
  CHECK(host_of("[::1]") == "[::1]");
  CHECK(host_of("[::1]:8080") == "[::1]");
  CHECK(host_of("[0:0:0:0:0:0:0:1]:8080") == "[::1]");
  CHECK(host_of("[2001:DB8::1]") == "[2001:db8::1]");
  for (const char* text : {"", ":80", "a b", "user@localhost", "localhost:80a", "[::1", "[::1]80",
                           "[localhost]", "::1", "a/b", "[", "[]", "a:b:c", ".", "local\xc3\xa4"}) {
    CAPTURE(text);
    CHECK_FALSE(host_of(text));
  }
}

TEST_CASE("only our own names are answered to") {
  const std::vector<std::string> ours{"localhost", "127.0.0.1", "[::1]"};
  const Target target = parse_target("/").value();
  CHECK(judge_host(with_host("localhost"), target, ours) == HostVerdict::kAccepted);
  CHECK(judge_host(with_host("LOCALHOST:9"), target, ours) == HostVerdict::kAccepted);
  CHECK(judge_host(with_host("[::1]:9"), target, ours) == HostVerdict::kAccepted);
  CHECK(judge_host(with_host("evil.example"), target, ours) == HostVerdict::kForeign);
  CHECK(judge_host(with_host("localhost.evil.example"), target, ours) == HostVerdict::kForeign);
  CHECK(judge_host(with_host("127.0.0.1.evil.example"), target, ours) == HostVerdict::kForeign);
  CHECK(judge_host(with_host("2130706433"), target, ours) == HostVerdict::kForeign);
  CHECK(judge_host(with_host(""), target, ours) == HostVerdict::kMalformed);
  CHECK(judge_host(with_host("localhost, evil"), target, ours) == HostVerdict::kMalformed);

  Request request;
  CHECK(judge_host(request, target, ours) == HostVerdict::kMissing);
  request.version = 10;
  CHECK(judge_host(request, target, ours) == HostVerdict::kAccepted);
  request.hosts = {"localhost", "localhost"};
  CHECK(judge_host(request, target, ours) == HostVerdict::kMalformed);

  // RFC 9112, 3.2.2: the absolute form wins over the Host field, which must be there.
  const Target absolute = parse_target("http://localhost/a").value();
  const Target foreign = parse_target("http://evil.example/a").value();
  CHECK(judge_host(with_host("evil.example"), absolute, ours) == HostVerdict::kAccepted);
  CHECK(judge_host(with_host("localhost"), foreign, ours) == HostVerdict::kForeign);
  CHECK(judge_host(Request{}, absolute, ours) == HostVerdict::kMissing);
}

TEST_CASE("single ranges") {
  CHECK(ranges_of("bytes=0-0", 100) == std::vector<ByteRange>{{0, 1}});
  CHECK(ranges_of("bytes=0-99", 100) == std::vector<ByteRange>{{0, 100}});
  CHECK(ranges_of("bytes=0-100", 100) == std::vector<ByteRange>{{0, 100}});
  CHECK(ranges_of("bytes=99-", 100) == std::vector<ByteRange>{{99, 1}});
  CHECK(ranges_of("bytes=10-19", 100) == std::vector<ByteRange>{{10, 10}});
  CHECK(ranges_of("bytes=-1", 100) == std::vector<ByteRange>{{99, 1}});
  CHECK(ranges_of("bytes=-100", 100) == std::vector<ByteRange>{{0, 100}});
  CHECK(ranges_of("bytes=-101", 100) == std::vector<ByteRange>{{0, 100}});
  CHECK(ranges_of("Bytes = 5-6", 100) == std::vector<ByteRange>{{5, 2}});
  CHECK(ranges_of("bytes= 5-6 ", 100) == std::vector<ByteRange>{{5, 2}});
  CHECK(ranges_of("bytes=5-99999999999999999999999", 100) == std::vector<ByteRange>{{5, 95}});
  CHECK(ranges_of("bytes=-99999999999999999999999", 100) == std::vector<ByteRange>{{0, 100}});
  CHECK(ranges_of("bytes=00000000000000000000000005-6", 100) == std::vector<ByteRange>{{5, 2}});
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  CHECK(ranges_of("bytes=18446744073709551614-", kHuge) == std::vector<ByteRange>{{kHuge - 1, 1}});
  CHECK(ranges_of("bytes=0-", kHuge) == std::vector<ByteRange>{{0, kHuge}});
}

TEST_CASE("several ranges keep their order") {
  CHECK(ranges_of("bytes=0-1,5-6", 100) == std::vector<ByteRange>{{0, 2}, {5, 2}});
  CHECK(ranges_of("bytes=90-, 0-1 ,,-3", 100) == std::vector<ByteRange>{{90, 10}, {0, 2}, {97, 3}});
  CHECK(ranges_of("bytes=0-1,200-", 100) == std::vector<ByteRange>{{0, 2}});
  CHECK(ranges_of("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7", 100).size() == kRangesMax);
  // One more, or more bytes than the file has: the whole.
  CHECK(parse_range("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", 100).kind == Kind::kWhole);
  CHECK(parse_range("bytes=200-,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", 100).kind == Kind::kWhole);
  CHECK(parse_range("bytes=0-,0-,0-,0-", 100).kind == Kind::kWhole);
  CHECK(parse_range("bytes=0-49,50-99", 100).kind == Kind::kPartial);
  CHECK(parse_range("bytes=0-49,49-99", 100).kind == Kind::kWhole);
}

TEST_CASE("ranges outside the file") {
  for (const char* value : {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-,300-400",
                            "bytes=99999999999999999999999-"}) {
    CAPTURE(value);
    CHECK(parse_range(value, 100).kind == Kind::kUnsatisfiable);
  }
  CHECK(parse_range("bytes=0-", 0).kind == Kind::kUnsatisfiable);
  CHECK(parse_range("bytes=-5", 0).kind == Kind::kWhole);
}

TEST_CASE("a malformed or foreign Range counts as none") {
  for (const char* value : {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-4",
                            "bytes=1-2-3", "bytes=1", "bytes=--1", "bytes=+1-2", "bytes=1 -2",
                            "bytes=0x1-2", "items=0-1", "bytes 0-1", "bytes=0-1;2-3", "bytes=0-1,x",
                            "bytes=-1-", "=0-1"}) {
    CAPTURE(value);
    CHECK(parse_range(value, 100).kind == Kind::kWhole);
  }
}

TEST_CASE("If-None-Match compares weakly, If-Match strongly") {
  const std::string etag = "\"abc\"";
  const auto none_match = [&](const char* value) {
    Request request;
    request.if_none_match = value;
    return check_preconditions(request, etag) == Precondition::kNotModified;
  };
  for (const char* value : {"\"abc\"", "W/\"abc\"", "*", " * ", "\"x\", \"abc\"", "\"x\",W/\"abc\"",
                            ",, \"abc\"", "\"a,b\", \"abc\"", "\"abc\", junk"}) {
    CAPTURE(value);
    CHECK(none_match(value));
  }
  for (const char* value : {"", "\"ABC\"", "\"abcd\"", "abc", "\"abc", "w/\"abc\"", "\"x\" \"abc\"",
                            "junk, \"abc\"", "\"*\"", "W/", "\""}) {
    CAPTURE(value);
    CHECK_FALSE(none_match(value));
  }
  const auto match = [&](const char* value) {
    Request request;
    request.if_match = value;
    return check_preconditions(request, etag) == Precondition::kPass;
  };
  CHECK(match("\"abc\""));
  CHECK(match("*"));
  CHECK(match("\"x\", \"abc\""));
  CHECK_FALSE(match("W/\"abc\""));
  CHECK_FALSE(match("\"x\""));
  CHECK_FALSE(match(""));
}

TEST_CASE("If-Match is judged before If-None-Match") {
  Request request;
  CHECK(check_preconditions(request, "\"a\"") == Precondition::kPass);
  request.if_match = "\"b\"";
  request.if_none_match = "\"a\"";
  CHECK(check_preconditions(request, "\"a\"") == Precondition::kFailed);
  request.if_match = "\"a\"";
  CHECK(check_preconditions(request, "\"a\"") == Precondition::kNotModified);
}

TEST_CASE("If-Range needs exactly our tag") {
  Request request;
  CHECK(if_range_holds(request, "\"a\""));
  request.if_range = "\"a\"";
  CHECK(if_range_holds(request, "\"a\""));
  for (const char* value : {"W/\"a\"", "\"b\"", "*", "", "\"a\", \"b\"",
                            "Sun, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(value);
    request.if_range = value;
    CHECK_FALSE(if_range_holds(request, "\"a\""));
  }
}

TEST_CASE("header fields are taken up by name, lists joined") {
  Request request;
  add_field(request, "HOST", "a");
  add_field(request, "Host", "b");
  add_field(request, "If-None-Match", "\"1\"");
  add_field(request, "if-none-match", "\"2\"");
  add_field(request, "Cookie", "c");
  add_field(request, "sec-fetch-dest", "document");
  CHECK(request.hosts == std::vector<std::string>{"a", "b"});
  CHECK(request.if_none_match == "\"1\", \"2\"");
  CHECK(request.fetch_dest == "document");
  CHECK_FALSE(request.range);
}

}  // namespace
}  // namespace fb::web
