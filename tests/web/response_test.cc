#include "web/response.h"

#include <algorithm>
#include <optional>

#include "catch.h"
#include "web/pages.h"

namespace fb::web {
namespace {

content::FileRecord record_of(uint64_t length) {
  content::FileRecord out;
  out.path = "a";
  out.content_type = "text/plain";
  out.geometry.length = length;
  for (size_t i = 0; i < out.sha256.size(); ++i) out.sha256[i] = static_cast<uint8_t>(0xa0 + i);
  return out;
}

const std::string kTag = "\"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\"";

Request get(std::optional<std::string> range = {}) {
  Request out;
  out.method = "GET";
  out.range = std::move(range);
  return out;
}

std::optional<std::string> field(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (key == name) return value;
  }
  return {};
}

uint64_t body_length(const Response& response) {
  uint64_t out = 0;
  for (const Piece& piece : response.pieces) {
    out += piece.text.empty() ? piece.slice.length : piece.text.size();
  }
  return out;
}

TEST_CASE("a whole file") {
  const auto response = file_response(get(), record_of(1000));
  CHECK(response.status == 200);
  CHECK(response.content_length == 1000);
  CHECK(field(response, "ETag") == kTag);
  CHECK(field(response, "Content-Type") == "text/plain");
  CHECK(field(response, "Accept-Ranges") == "bytes");
  CHECK(field(response, "Cache-Control") == "no-cache");
  REQUIRE(response.pieces.size() == 1);
  CHECK(response.pieces[0].slice == ByteRange{0, 1000});
}

TEST_CASE("an empty file has no pieces") {
  const auto response = file_response(get(), record_of(0));
  CHECK(response.status == 200);
  CHECK(response.content_length == 0);
  CHECK(response.pieces.empty());
}

TEST_CASE("HEAD has GET's fields, no body, and knows no ranges") {
  Request head = get("bytes=0-1");
  head.method = "HEAD";
  const auto response = file_response(head, record_of(1000));
  const auto whole = file_response(get(), record_of(1000));
  CHECK(response.status == 200);
  CHECK(response.fields == whole.fields);
  CHECK(response.content_length == whole.content_length);
  CHECK(response.pieces.empty());
}

TEST_CASE("one range") {
  const auto response = file_response(get("bytes=-10"), record_of(1000));
  CHECK(response.status == 206);
  CHECK(field(response, "Content-Range") == "bytes 990-999/1000");
  CHECK(response.content_length == 10);
  REQUIRE(response.pieces.size() == 1);
  CHECK(response.pieces[0].slice == ByteRange{990, 10});
}

TEST_CASE("several ranges are a multipart body of the announced length") {
  const auto response = file_response(get("bytes=0-4,10-19,-1"), record_of(1000));
  CHECK(response.status == 206);
  const std::string type = field(response, "Content-Type").value();
  CHECK(type.starts_with("multipart/byteranges; boundary=flashback-"));
  const std::string boundary = type.substr(type.find('=') + 1);
  CHECK(boundary.size() <= 70);  // RFC 2046, 5.1.1
  CHECK_FALSE(field(response, "Content-Range"));
  CHECK(body_length(response) == response.content_length);
  REQUIRE(response.pieces.size() == 7);
  CHECK(response.pieces[0].text == "--" + boundary + "\r\nContent-Type: text/plain\r\n"
                                   "Content-Range: bytes 0-4/1000\r\n\r\n");
  CHECK(response.pieces[1].slice == ByteRange{0, 5});
  CHECK(response.pieces[5].slice == ByteRange{999, 1});
  CHECK(response.pieces[6].text == "\r\n--" + boundary + "--\r\n");
}

TEST_CASE("no range fits") {
  const auto response = file_response(get("bytes=1000-"), record_of(1000));
  CHECK(response.status == 416);
  CHECK(field(response, "Content-Range") == "bytes */1000");
  CHECK(response.pieces.empty());
}

TEST_CASE("conditions come before ranges") {
  Request request = get("bytes=0-1");
  request.if_none_match = kTag;
  auto response = file_response(request, record_of(1000));
  CHECK(response.status == 304);
  CHECK(field(response, "ETag") == kTag);
  CHECK(response.pieces.empty());

  request.if_none_match.reset();
  request.if_match = "\"other\"";
  CHECK(file_response(request, record_of(1000)).status == 412);

  request.if_match.reset();
  request.if_range = "\"other\"";
  CHECK(file_response(request, record_of(1000)).status == 200);
  request.if_range = kTag;
  CHECK(file_response(request, record_of(1000)).status == 206);
}

TEST_CASE("a content type can not add a header") {
  auto record = record_of(1);
  record.content_type = "text/plain\r\nSet-Cookie: a=b";
  CHECK(field(file_response(get(), record), "Content-Type") == "application/octet-stream");
  record.content_type.clear();
  CHECK(field(file_response(get(), record), "Content-Type") == "application/octet-stream");
}

TEST_CASE("each failure of the swarm has its status") {
  const auto status = [](FetchError error) {
    return swarm_error_response(get(), error, "").status;
  };
  CHECK(status(FetchError::kNotFound) == 404);
  CHECK(status(FetchError::kTimeout) == 504);
  CHECK(status(FetchError::kUnreachable) == 504);
  CHECK(status(FetchError::kRefused) == 502);
  CHECK(status(FetchError::kStopped) == 503);
}

TEST_CASE("a redirect stays on this server and keeps the query") {
  Target target = parse_target("//evil.example/a%20b?x=<1>").value();
  const auto response = redirect_response(get(), target, "");
  CHECK(response.status == 301);
  CHECK(field(response, "Location") == "/evil.example/a%20b/?x=<1>");
  CHECK(response.pieces.at(0).text.find("<1>") == std::string::npos);
}

TEST_CASE("the head of an answer") {
  Response response;
  response.fields = {{"ETag", "\"a\""}};
  response.content_length = 5;
  CHECK(head_text(response, 11, true, 784111777) ==
        "HTTP/1.1 200 OK\r\nServer: Flashback\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "ETag: \"a\"\r\nContent-Length: 5\r\n\r\n");
  CHECK(head_text(response, 11, false, 0).find("Connection: close\r\n") != std::string::npos);
  CHECK(head_text(response, 10, true, 0).find("Connection: keep-alive\r\n") != std::string::npos);
  response.status = 304;
  CHECK(head_text(response, 11, true, 0).find("Content-Length") == std::string::npos);
  CHECK(options_response().status == 204);
}

TEST_CASE("pages escape what they are told") {
  CHECK(escape_html("<a href=\"x\">'&") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  const std::string page = error_page(404, "<script>", "<origin>");
  CHECK(page.find("<script>") == std::string::npos);
  CHECK(page.find("<origin>") == std::string::npos);
  CHECK(page.find("404 Not Found") != std::string::npos);
  CHECK(page.find("&lt;origin&gt;") != std::string::npos);
}

TEST_CASE("byte counts for people") {
  CHECK(readable_bytes(0) == "0 bytes");
  CHECK(readable_bytes(1) == "1 byte");
  CHECK(readable_bytes(1023) == "1023 bytes");
  CHECK(readable_bytes(1536) == "1.5 KiB");
  CHECK(readable_bytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(readable_bytes(~uint64_t{0}) == "16.0 EiB");
}

TEST_CASE("the status page shows the peer's figures") {
  const StatusRows rows{{"requests", 7}, {"sent_bytes", 2048}};
  const std::string page = status_page(
      R"({"uploaded_bytes":3145728,"neighbours":[{"name":"<b>","online":true}],"none":[],)"
      R"("rtt_ms":12,"ratio":1.25,"minus":-3,"nothing":null,"deep":{"a":{"b":{"c":{"d":1}}}}})",
      rows, "example.org");
  const auto has = [&page](const char* text) { return page.find(text) != std::string::npos; };
  CHECK(has("<th>Uploaded</th><td>3.0 MiB</td>"));
  CHECK(has("<th>Neighbours / 1 / Name</th><td>&lt;b&gt;</td>"));
  CHECK(has("<th>Neighbours / 1 / Online</th><td>yes</td>"));
  CHECK(has("<th>None</th><td>none</td>"));
  CHECK(has("<td>12 ms</td>"));
  CHECK(has("<td>-3</td>"));
  CHECK(has("<th>Deep / A / B / C</th><td>…</td>"));
  CHECK(has("<th>Requests</th><td>7</td>"));
  CHECK(has("<th>Sent</th><td>2.0 KiB</td>"));
  CHECK(has("example.org"));
}

TEST_CASE("the status page survives any text in place of JSON") {
  CHECK(status_page("", {}, "").find("gives no figures") != std::string::npos);
  CHECK(status_page("{\"a\":", {}, "").find("not readable") != std::string::npos);
  CHECK(status_page("5", {}, "").find("<td>5</td>") != std::string::npos);
  CHECK(status_page("{}", {}, "").find("</html>") != std::string::npos);
  CHECK(status_page(std::string(100000, '['), {}, "").find("not readable") != std::string::npos);
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK(status_page(deep, {}, "").find("</html>") != std::string::npos);
  // Bytes that are not UTF-8 must not throw.
  CHECK(status_page("{\"a\":\"\xff\"}", {}, "").find("</html>") != std::string::npos);
  std::string many = "[0";
  for (int i = 0; i < 2000; ++i) many += ",0";
  CHECK(status_page(many + "]", {}, "").find("More rows") != std::string::npos);
}

}  // namespace
}  // namespace fb::web
