// Runs a fuzz target without a fuzzing engine: every file of a corpus, and then a bounded number of
// mutations of those files, which the seed decides. So that a finding stays found, in every build.
//
//   TARGET [--mutations N] [--seed S] [--length-max BYTES] FILE-OR-DIRECTORY...
//
// The input that is being run when the process dies is left in ./finding-TARGET.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/rng.h"
#include "fuzz.h"

// Present when a sanitizer is linked in: it dies by itself, not by a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Input = std::vector<uint8_t>;

// What the handlers below need; plain data, because they may run at any instant.
const Input* g_running = nullptr;
char g_finding_path[512] = "finding";

void write_text(const char* text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

// Async-signal-safe.
void keep_input() {
  if (g_running == nullptr) return;
  const int file = open(g_finding_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = write(file, g_running->data(), g_running->size());
  close(file);
  write_text("the input is kept in ");
  write_text(g_finding_path);
  write_text("; give that file to this program to run it again\n");
  g_running = nullptr;
}

void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(const Input& input) {
  g_running = &input;
  // A copy of exact size, so that a sanitizer sees a read past its end.
  const Input exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  g_running = nullptr;
}

class Mutator {
 public:
  Mutator(uint64_t seed, size_t length_max) : rng_(seed), length_max_(length_max) {}

  Input mutate(const std::vector<Input>& corpus) {
    Input out = pick(corpus);
    for (uint64_t n = 1 + rng_.below(4); n > 0; --n) change(out, corpus);
    if (out.size() > length_max_) out.resize(length_max_);
    return out;
  }

 private:
  const Input& pick(const std::vector<Input>& corpus) { return corpus[rng_.below(corpus.size())]; }
  size_t place(const Input& in) { return static_cast<size_t>(rng_.below(in.size())); }
  uint8_t byte() { return static_cast<uint8_t>(rng_.next()); }

  void change(Input& in, const std::vector<Input>& corpus) {
    if (in.empty()) in.push_back(byte());
    switch (rng_.below(9)) {
      case 0: in[place(in)] ^= static_cast<uint8_t>(1U << rng_.below(8)); break;
      case 1: in[place(in)] = byte(); break;
      case 2: in[place(in)] = kEdges[rng_.below(std::size(kEdges))]; break;
      case 3: in.resize(place(in)); break;
      case 4: in.insert(at(in), byte()); break;
      case 5: in.erase(at(in)); break;
      case 6: set_number(in); break;
      case 7: repeat(in); break;
      default: splice(in, pick(corpus)); break;
    }
  }
  Input::iterator at(Input& in) { return in.begin() + static_cast<std::ptrdiff_t>(place(in)); }

  // A big-endian number on an edge: lengths and counts are such.
  void set_number(Input& in) {
    const size_t width = size_t{1} << rng_.below(4);
    const uint64_t value = kEdgeNumbers[rng_.below(std::size(kEdgeNumbers))];
    const size_t from = place(in);
    for (size_t i = 0; i < width && from + i < in.size(); ++i) {
      in[from + i] = static_cast<uint8_t>(value >> (8 * (width - 1 - i)));
    }
  }
  void repeat(Input& in) {
    const size_t from = place(in);
    const size_t count = std::min<size_t>(in.size() - from, 1 + rng_.below(64));
    const Input block(in.begin() + static_cast<std::ptrdiff_t>(from),
                      in.begin() + static_cast<std::ptrdiff_t>(from + count));
    in.insert(at(in), block.begin(), block.end());
  }
  void splice(Input& in, const Input& other) {
    in.resize(place(in));
    if (other.empty()) return;
    in.insert(in.end(), other.begin() + static_cast<std::ptrdiff_t>(place(other)), other.end());
  }

  static constexpr uint8_t kEdges[] = {0, 1, 2, 4, 8, 16, 17, 63, 64, 65, 127, 128, 129, 254, 255};
  static constexpr uint64_t kEdgeNumbers[] = {
      0,          1,          0x7f,        0x80,        0xff,       0x100, 0x7fff, 0x8000, 0xffff,
      0x7fffffff, 0x80000000, 0xffffffff,  1150,        1151,       1024,  1100,   1200,   512,
      ~0ULL,      ~0ULL >> 1, 1ULL << 63U, 1ULL << 36U, 1ULL << 37U};

  fb::Rng rng_;
  size_t length_max_;
};

Input read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void collect(const std::filesystem::path& path, std::vector<Input>& corpus) {
  if (!std::filesystem::is_directory(path)) {
    corpus.push_back(read_file(path));
    return;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  std::ranges::sort(files);  // the seed decides all else, so the order must not depend on the disk
  for (const auto& file : files) collect(file, corpus);
}

uint64_t number(const char* text) {
  uint64_t value = 0;
  const char* end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end || text == end) {
    std::fprintf(stderr, "'%s' is not a number\n", text);
    std::exit(2);
  }
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t mutations = 0;
  uint64_t seed = 1;
  size_t length_max = 4096;
  std::vector<Input> corpus;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--mutations" && has_value) {
      mutations = number(argv[++i]);
    } else if (argument == "--seed" && has_value) {
      seed = number(argv[++i]);
    } else if (argument == "--length-max" && has_value) {
      length_max = number(argv[++i]);
    } else {
      collect(argv[i], corpus);
    }
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no input: an empty corpus tests nothing\n");
    return 2;
  }

  const std::string target = std::filesystem::path(argv[0]).filename();
  std::snprintf(g_finding_path, sizeof(g_finding_path), "finding-%s", target.c_str());
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(keep_input);
    std::signal(SIGABRT, on_signal);
  } else {
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      std::signal(number, on_signal);
    }
  }

  std::printf("%s: %zu inputs, %llu mutations, seed %llu\n", target.c_str(), corpus.size(),
              static_cast<unsigned long long>(mutations), static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  run({});
  for (const Input& input : corpus) run(input);
  Mutator mutator(seed, length_max);
  for (uint64_t i = 0; i < mutations; ++i) run(mutator.mutate(corpus));
  std::printf("no finding\n");
  return 0;
}
