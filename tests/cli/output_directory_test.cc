#include "cli/output_directory.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catch.h"
#include "content/hash.h"

using namespace fb;
using namespace fb::cli;
namespace fs = std::filesystem;

namespace {

// A directory that goes with the test.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "flashback-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

content::FileRecord record(const std::string& path, const std::string& text) {
  content::FileRecord out;
  out.path = path;
  out.geometry.length = text.size();
  out.sha256 = content::sha256(bytes_of(text));
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("a file is written as a part and gets its name at the end", "[output]") {
  const Scratch scratch;
  const auto output = OutputDirectory::open((scratch / "out").string());
  REQUIRE(output);
  const auto wanted = record("a/b/c.txt", "hello");
  {
    auto part = output->create(wanted, ".part");
    REQUIRE(part);
    REQUIRE((*part)->storage()->write(0, bytes_of("hello")));
    CHECK(fs::exists(scratch / "out/a/b/c.txt.part"));
    CHECK_FALSE(fs::exists(scratch / "out/a/b/c.txt"));
    CHECK((*part)->hash() == wanted.sha256);
    REQUIRE((*part)->commit());
  }
  CHECK(read(scratch / "out/a/b/c.txt") == "hello");
  CHECK_FALSE(fs::exists(scratch / "out/a/b/c.txt.part"));
  CHECK(output->holds(wanted));
  CHECK_FALSE(output->holds(record("a/b/c.txt", "world")));
  CHECK_FALSE(output->holds(record("a/b/c.txt", "longer text")));
  CHECK_FALSE(output->holds(record("a/b", "")));
}

TEST_CASE("a part that is given up vanishes, an old one is replaced", "[output]") {
  const Scratch scratch;
  const auto output = OutputDirectory::open((scratch / "out").string());
  REQUIRE(output);
  write(scratch / "out/x.part", "left over from an interrupted run");
  {
    auto part = output->create(record("x", "new"), ".part");
    REQUIRE(part);
    CHECK(read(scratch / "out/x.part") == std::string(3, '\0'));
  }
  CHECK_FALSE(fs::exists(scratch / "out/x.part"));
}

TEST_CASE("nothing is written outside the directory", "[output]") {
  const Scratch scratch;
  fs::create_directories(scratch / "elsewhere");
  const auto output = OutputDirectory::open((scratch / "out").string());
  REQUIRE(output);
  for (const char* path : {"../x", "/etc/x", "a/../../x", "a//b", "", ".", ".."}) {
    INFO(path);
    CHECK_FALSE(output->create(record(path, "x"), ".part"));
  }
  SECTION("a symbolic link instead of a directory") {
    fs::create_directory_symlink(scratch / "elsewhere", scratch / "out/dir");
    const auto part = output->create(record("dir/x", "x"), ".part");
    REQUIRE_FALSE(part);
    CHECK(part.error().find("symbolic link") != std::string::npos);
  }
  SECTION("a symbolic link instead of the part") {
    write(scratch / "elsewhere/victim", "precious");
    fs::create_symlink(scratch / "elsewhere/victim", scratch / "out/x.part");
    auto part = output->create(record("x", "evil"), ".part");
    REQUIRE(part);
    REQUIRE((*part)->storage()->write(0, bytes_of("evil")));
    CHECK(read(scratch / "elsewhere/victim") == "precious");
  }
  SECTION("a symbolic link instead of the file is replaced, not followed") {
    write(scratch / "elsewhere/victim", "precious");
    fs::create_symlink(scratch / "elsewhere/victim", scratch / "out/x");
    auto part = output->create(record("x", "evil"), ".part");
    REQUIRE(part);
    REQUIRE((*part)->commit());
    CHECK(read(scratch / "elsewhere/victim") == "precious");
    CHECK_FALSE(fs::is_symlink(scratch / "out/x"));
  }
  CHECK(std::distance(fs::directory_iterator(scratch / "elsewhere"), {}) <= 1);
}

TEST_CASE("what is in the way is said", "[output]") {
  const Scratch scratch;
  const auto output = OutputDirectory::open((scratch / "out").string());
  REQUIRE(output);
  write(scratch / "out/file", "x");
  CHECK_FALSE(output->create(record("file/below", "x"), ".part"));
  fs::create_directories(scratch / "out/directory");
  auto part = output->create(record("directory", "x"), ".part");
  REQUIRE(part);
  CHECK_FALSE((*part)->commit());
  CHECK_FALSE(OutputDirectory::open((scratch / "out/file").string()));
}

TEST_CASE("a temporary file has no name and its size", "[output]") {
  const Scratch scratch;
  fs::create_directories(scratch / "t");
  auto file = create_temporary((scratch / "t").string(), 100);
  REQUIRE(file);
  CHECK(fs::is_empty(scratch / "t"));
  CHECK((*file)->write(90, bytes_of("0123456789")));
  CHECK_FALSE((*file)->write(91, bytes_of("0123456789")));
  CHECK_FALSE((*file)->write(UINT64_MAX, bytes_of("x")));
  std::array<uint8_t, 10> back{};
  CHECK((*file)->read(90, back));
  CHECK(back[9] == '9');
  CHECK_FALSE((*file)->read(91, back));
  CHECK_FALSE(create_temporary((scratch / "no such").string(), 1));
}

