#include "cli/report.h"

#include <cstdlib>
#include <filesystem>

#include "catch.h"
#include "cli/log.h"
#include "cli/progress.h"

using namespace fb;
using namespace fb::cli;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a get's report has its promised keys", "[report]") {
  GetReport report;
  report.files = 3;
  report.node.chunk_bytes_received = 1000;
  report.node.chunk_bytes_from_seeder = 400;
  report.node.chunk_bytes_sent = 500;
  report.node.drops.add(roulette::Drop::kTitForTat);
  report.upload_promise = kib(8);
  report.failed.push_back({"a\"b\xff.txt", "gone"});
  const std::string json = to_json(report);
  INFO(json);
  for (const char* part :
       {"\"schema\": 1", "\"files\": 3", "\"bytes_from_seeder\": 400", "\"bytes_from_peers\": 600",
        "\"uploaded\": 500", "\"downloaded\": 1000", "\"upload_promise_bytes\": 8192",
        "\"upload_download_ratio\": 0.5",
        "\"tit_for_tat\": 1", "\"neighbours_met\": 0", "\"seconds\": 0.0",
        "\"path\": \"a\\\"b\xef\xbf\xbd.txt\"", "\"reason\": \"gone\""}) {
    INFO(part);
    CHECK(has(json, part));
  }
}

TEST_CASE("what a visitor gave, and what it was promised", "[report]") {
  roulette::NodeStats node;
  node.chunk_bytes_received = kib(100).bytes;
  node.chunk_bytes_sent = kib(90).bytes;
  CHECK(traffic_text(node, kib(8)) ==
        "downloaded 100 KiB, uploaded 90 KiB; never more than was downloaded + 8 KiB");
  CHECK(traffic_text(node, {}) ==
        "downloaded 100 KiB, uploaded 90 KiB; never more than was downloaded");
  GatewayReport gateway;
  gateway.upload_promise = kib(8);
  gateway.node = node;
  const std::string json = to_json(gateway);
  CHECK(has(json, "\"uploaded\": 92160"));
  CHECK(has(json, "\"downloaded\": 102400"));
  CHECK(has(json, "\"upload_promise_bytes\": 8192"));
}

TEST_CASE("a seeder's report has all counters", "[report]") {
  const std::string json = to_json(SeedReport{});
  for (const char* key :
       {"schema", "link", "io", "uptime_seconds", "site", "version", "datagrams_in", "bytes_out",
        "joins", "drops", "trains_sent", "kernel_receive_drops"}) {
    INFO(key);
    CHECK(has(json, '"' + std::string(key) + '"'));
  }
}

TEST_CASE("drops in words", "[report]") {
  roulette::DropCounters drops;
  CHECK(drops_text(drops).empty());
  drops.add(roulette::Drop::kTooShort);
  drops.add(roulette::Drop::kQueueFull);
  drops.add(roulette::Drop::kQueueFull);
  CHECK(drops_text(drops) == "too_short 1, queue_full 2");
}

TEST_CASE("a file that cannot be written is said, and nothing is left", "[report]") {
  if (std::filesystem::is_character_file("/dev/full")) {
    const auto full = write_file_atomically("/dev/full", "x");
    REQUIRE_FALSE(full.has_value());
    CHECK(full.error() == "\"/dev/full\" cannot be written: No space left on device");
    CHECK(std::filesystem::is_character_file("/dev/full"));  // not replaced by a file
  }
  const auto written = write_file_atomically("/nonexistent/directory/file", "x");
  REQUIRE_FALSE(written);
  CHECK(has(written.error(), "/nonexistent/directory/file.new"));
}

TEST_CASE("a link to a file stays a link", "[report]") {
  std::string name = (std::filesystem::temp_directory_path() / "fb-report-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::filesystem::path directory = name;
  REQUIRE(write_file_atomically(directory / "file", "old").has_value());
  std::filesystem::create_symlink("file", directory / "link");
  REQUIRE(write_file_atomically(directory / "link", "new, and longer").has_value());
  CHECK(std::filesystem::is_symlink(directory / "link"));
  CHECK(std::filesystem::file_size(directory / "file") == 15);
  std::filesystem::remove_all(directory);
}

TEST_CASE("log lines are valid JSON strings whatever they hold", "[log]") {
  CHECK(json_escape("plain ä €") == "plain ä €");
  CHECK(json_escape("a\"b\\c\nd\x1b[0m\x7f") == "a\\\"b\\\\c\\u000ad\\u001b[0m\\u007f");
  CHECK(json_escape("\xff") == "\xef\xbf\xbd");
  CHECK(json_escape("\xc3") == "\xef\xbf\xbd");                        // cut short
  CHECK(json_escape("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");        // overlong
  CHECK(json_escape("\xed\xa0\x80").find('\xed') == std::string::npos);  // a surrogate
  CHECK(json_escape("\xf4\x90\x80\x80").find('\xf4') == std::string::npos);
}

TEST_CASE("the progress line", "[progress]") {
  CHECK(Progress::text({.files_done = 1,
                        .files_all = 4,
                        .done = kib(25),
                        .all = kib(100),
                        .peers = 2},
                       BitRate{8 * 1024 * 10}) ==
        " 25 %  25 KiB of 100 KiB  1/4 files  81.9 kbit/s  2 neighbours, 8 s left");
  CHECK(Progress::text({}, BitRate{}) == "  0 %  0 B of 0 B  0/0 files  0 bit/s  0 neighbours");
}
