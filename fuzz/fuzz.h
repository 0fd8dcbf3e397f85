// What the fuzz targets share. A target is one file fuzz_<what>.cc that defines
// LLVMFuzzerTestOneInput; it is linked either with libFuzzer (tools/fuzz) or with replay_main.cc,
// which replays the corpus and some mutations of it as a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fb::fuzz {

[[noreturn]] inline void finding(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: finding: %s\n", file, line, what);
  std::abort();
}

// Reads a fuzzer's bytes as decisions; past the end everything is zero.
class Choices {
 public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t u8() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  uint16_t u16() {
    const uint8_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  uint32_t u32() {
    const uint32_t high = u16();
    return high << 16 | u16();
  }
  uint64_t u64() {
    const uint64_t high = u32();
    return high << 32 | u32();
  }
  // 0 to bound - 1; bound must be 1 to 256.
  size_t below(size_t bound) { return u8() % bound; }
  // At most `count` bytes; borrowed from the input.
  std::span<const uint8_t> take(size_t count) {
    const auto out = bytes_.first(count < bytes_.size() ? count : bytes_.size());
    bytes_ = bytes_.subspan(out.size());
    return out;
  }
  [[nodiscard]] bool finished() const { return bytes_.empty(); }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace fb::fuzz

// A property that must hold for every input.
#define FB_HOLDS(property) \
  ((property) ? static_cast<void>(0) : ::fb::fuzz::finding(#property, __FILE__, __LINE__))
