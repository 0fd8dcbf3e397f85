#include "content/hash.h"

#include <openssl/evp.h>

#include <cstddef>

#include "base/check.h"
#include "base/cursor.h"

namespace fb::content {
namespace {

// Fetched once: a look-up by name for every hash would cost as much as hashing a chunk.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  FB_CHECK(method != nullptr);
  return method;
}

}  // namespace

struct Sha256Stream::Context {
  EVP_MD_CTX* raw = EVP_MD_CTX_new();

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(raw); }
};

Sha256 sha256(std::span<const uint8_t> bytes) {
  Sha256 out{};
  FB_CHECK(EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, sha256_method(), nullptr) ==
           1);
  return out;
}

uint64_t short_digest(std::span<const uint8_t> bytes) {
  const Sha256 hash = sha256(bytes);
  return Reader(hash).u64();
}

std::string to_hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Sha256Stream::Sha256Stream() : context_(std::make_unique<Context>()) {
  FB_CHECK(EVP_DigestInit_ex2(context_->raw, sha256_method(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::update(std::span<const uint8_t> bytes) {
  FB_CHECK(EVP_DigestUpdate(context_->raw, bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Stream::finish() {
  Sha256 out{};
  FB_CHECK(EVP_DigestFinal_ex(context_->raw, out.data(), nullptr) == 1);
  return out;
}

}  // namespace fb::content
