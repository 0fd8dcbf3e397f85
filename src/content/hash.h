// SHA-256 (FIPS 180-4) by OpenSSL, which uses the processor's SHA instructions.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace fb::content {

using Sha256 = std::array<uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::span<const uint8_t> bytes);
// The first 8 bytes of the SHA-256, big-endian: enough that a polluter cannot find bad bytes with a
// true chunk's digest.
[[nodiscard]] uint64_t short_digest(std::span<const uint8_t> bytes);
[[nodiscard]] std::string to_hex(std::span<const uint8_t> bytes);

// Hashes in pieces. One thread at a time; finish() once, then the object is spent.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void update(std::span<const uint8_t> bytes);
  [[nodiscard]] Sha256 finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace fb::content
