// Bounded cursors over byte buffers, big-endian. They never read or write past the end: the first
// access that would sets `failed()` and every later one is a no-op that returns zero.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace fb {

// To and from the order of the bytes on the wire.
template <typename Number>
constexpr Number big_endian(Number value) {
  return std::endian::native == std::endian::big ? value : std::byteswap(value);
}

// Reads from borrowed bytes; the spans it returns live as long as those bytes.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t u8() { return number<uint8_t>(); }
  uint16_t u16() { return number<uint16_t>(); }
  uint32_t u32() { return number<uint32_t>(); }
  uint64_t u64() { return number<uint64_t>(); }

  // Exactly `count` bytes, or an empty span and failed().
  std::span<const uint8_t> take(size_t count) {
    if (failed_ || count > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const auto out = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return out;
  }
  // Fills `out` exactly.
  void copy_to(std::span<uint8_t> out) {
    const auto from = take(out.size());
    if (!failed_ && !out.empty()) std::memcpy(out.data(), from.data(), out.size());
  }
  // Strings with a length in front, and what is borrowed of one.
  std::string string8() { return std::string(text(u8())); }
  std::string string16() { return std::string(text(u16())); }
  std::string_view view16() { return text(u16()); }

  [[nodiscard]] size_t remaining() const { return bytes_.size(); }
  [[nodiscard]] bool failed() const { return failed_; }
  // All bytes were read and none was missing.
  [[nodiscard]] bool finished() const { return !failed_ && bytes_.empty(); }
  void fail() { failed_ = true; }

 private:
  std::string_view text(size_t length) {
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  template <typename Number>
  Number number() {
    const auto from = take(sizeof(Number));
    if (failed_) return 0;
    Number value;
    std::memcpy(&value, from.data(), sizeof(Number));
    return big_endian(value);
  }

  std::span<const uint8_t> bytes_;
  bool failed_ = false;
};

// Writes into a borrowed buffer.
class Writer {
 public:
  explicit Writer(std::span<uint8_t> buffer) : buffer_(buffer) {}

  void u8(uint8_t v) { number(v); }
  void u16(uint16_t v) { number(v); }
  void u32(uint32_t v) { number(v); }
  void u64(uint64_t v) { number(v); }
  void bytes(std::span<const uint8_t> from) {
    if (failed_ || from.size() > buffer_.size() - used_) {
      failed_ = true;
      return;
    }
    if (!from.empty()) std::memcpy(buffer_.data() + used_, from.data(), from.size());
    used_ += from.size();
  }
  void zeros(size_t count) {
    if (failed_ || count > buffer_.size() - used_) {
      failed_ = true;
      return;
    }
    std::memset(buffer_.data() + used_, 0, count);
    used_ += count;
  }
  // Length in front; a text too long for its length field fails.
  void string8(std::string_view text) { prefixed<uint8_t>(text); }
  void string16(std::string_view text) { prefixed<uint16_t>(text); }

  [[nodiscard]] size_t used() const { return used_; }
  [[nodiscard]] size_t space() const { return buffer_.size() - used_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::span<const uint8_t> written() const { return buffer_.first(used_); }

 private:
  template <typename Number>
  void number(Number v) {
    if (failed_ || sizeof(Number) > buffer_.size() - used_) {
      failed_ = true;
      return;
    }
    v = big_endian(v);
    std::memcpy(buffer_.data() + used_, &v, sizeof(Number));
    used_ += sizeof(Number);
  }
  template <typename Length>
  void prefixed(std::string_view text) {
    if (text.size() > std::numeric_limits<Length>::max()) {
      failed_ = true;
      return;
    }
    number(static_cast<Length>(text.size()));
    bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

  std::span<uint8_t> buffer_;
  size_t used_ = 0;
  bool failed_ = false;
};

}  // namespace fb
