#include "content/block_code.h"

#include <algorithm>
#include <array>
#include <vector>

#include <isa-l/erasure_code.h>

#include "base/check.h"

namespace fb::content {
namespace {

// Output chunks computed in one call, so that the tables (48 KiB) stay in the processor's cache.
// ISA-L computes 4 or 6 in one pass over the input.
constexpr size_t kRowsAtOnce = 12;
constexpr size_t kTableLength = 32;  // of one coefficient; ISA-L's format

using Pointers = std::vector<uint8_t*>;

uint8_t coefficient(uint32_t row, uint32_t column) {
  return gf_inv(static_cast<uint8_t>(row ^ column));
}

// outputs[r] = the sum of inputs[c] * matrix(r, c); none of the outputs may be an input.
template <typename Matrix>
void multiply(const Matrix& matrix, Pointers& inputs, Pointers& outputs, size_t length) {
  std::array<uint8_t, kRowsAtOnce * kBlockChunksMax> some;
  std::array<uint8_t, kTableLength * kRowsAtOnce * kBlockChunksMax> tables;
  const size_t columns = inputs.size();
  for (size_t first = 0; first < outputs.size(); first += kRowsAtOnce) {
    const size_t rows = std::min(kRowsAtOnce, outputs.size() - first);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) some[r * columns + c] = matrix(first + r, c);
    }
    ec_init_tables(static_cast<int>(columns), static_cast<int>(rows), some.data(), tables.data());
    ec_encode_data(static_cast<int>(length), static_cast<int>(columns), static_cast<int>(rows),
                   tables.data(), inputs.data(), outputs.data() + first);
  }
}

// The inverse of the matrix 1 / (x[i] + y[j]), for different x and y. In this field plus is minus:
//   inverse(i, j) = y_part[i] * x_part[j] / (x[j] + y[i])
class CauchyInverse {
 public:
  CauchyInverse(std::span<const uint32_t> x, std::span<const uint32_t> y)
      : x_(x), y_(y), x_part_(parts(x, y)), y_part_(parts(y, x)) {}
  uint8_t operator()(size_t i, size_t j) const {
    return gf_mul(gf_mul(y_part_[i], x_part_[j]), coefficient(x_[j], y_[i]));
  }

 private:
  // For each of `own`: the product of its sums with `others`, over that with the rest of `own`.
  static std::vector<uint8_t> parts(std::span<const uint32_t> own,
                                    std::span<const uint32_t> others) {
    std::vector<uint8_t> out(own.size());
    for (size_t i = 0; i < own.size(); ++i) {
      uint8_t above = 1;
      uint8_t below = 1;
      for (size_t k = 0; k < own.size(); ++k) {
        above = gf_mul(above, static_cast<uint8_t>(own[i] ^ others[k]));
        if (k != i) below = gf_mul(below, static_cast<uint8_t>(own[i] ^ own[k]));
      }
      out[i] = gf_mul(above, gf_inv(below));
    }
    return out;
  }

  std::span<const uint32_t> x_;
  std::span<const uint32_t> y_;
  std::vector<uint8_t> x_part_;
  std::vector<uint8_t> y_part_;
};

}  // namespace

void encode_block(std::span<const uint8_t> sources, size_t chunk_size, uint32_t first,
                  std::span<uint8_t> out) {
  FB_CHECK(chunk_size > 0 && !sources.empty());
  const size_t chunks = (sources.size() + chunk_size - 1) / chunk_size;
  const size_t wanted = out.size() / chunk_size;
  FB_CHECK(chunks <= kBlockChunksMax && wanted * chunk_size == out.size());
  FB_CHECK(first >= chunks && first + wanted <= kBlockSizeMax);
  Pointers inputs(chunks);
  for (size_t i = 0; i < chunks; ++i) {
    // ISA-L's inputs are not const, and are only read.
    inputs[i] = const_cast<uint8_t*>(sources.data()) + i * chunk_size;
  }
  std::vector<uint8_t> filled;
  if (sources.size() < chunks * chunk_size) {
    const auto last = sources.subspan((chunks - 1) * chunk_size);
    filled.assign(last.begin(), last.end());
    filled.resize(chunk_size);
    inputs.back() = filled.data();
  }
  Pointers outputs(wanted);
  for (size_t i = 0; i < wanted; ++i) outputs[i] = out.data() + i * chunk_size;
  const auto matrix = [first](size_t row, size_t column) {
    return coefficient(first + static_cast<uint32_t>(row), static_cast<uint32_t>(column));
  };
  multiply(matrix, inputs, outputs, chunk_size);
}

// What the known source chunks contribute is taken out of the repair chunks; what is left is the
// missing chunks times a square Cauchy matrix.
void decode_block(std::span<uint8_t> sources, size_t chunk_size, std::span<const uint32_t> missing,
                  std::span<const uint32_t> repair_positions, std::span<uint8_t> repairs) {
  FB_CHECK(chunk_size > 0 && sources.size() % chunk_size == 0);
  const auto chunks = static_cast<uint32_t>(sources.size() / chunk_size);
  FB_CHECK(chunks >= 1 && chunks <= kBlockChunksMax && missing.size() <= chunks);
  FB_CHECK(repair_positions.size() == missing.size());
  FB_CHECK(repairs.size() == missing.size() * chunk_size);
  if (missing.empty()) return;
  std::vector<uint32_t> known;
  std::vector<bool> is_missing(chunks);
  for (const uint32_t position : missing) {
    FB_CHECK(position < chunks && !is_missing[position]);
    is_missing[position] = true;
  }
  for (const uint32_t position : repair_positions) {
    FB_CHECK(position >= chunks && position < kBlockSizeMax);
  }
  Pointers inputs;
  for (uint32_t position = 0; position < chunks; ++position) {
    if (is_missing[position]) continue;
    known.push_back(position);
    inputs.push_back(sources.data() + position * chunk_size);
  }
  std::vector<uint8_t> parts(repairs.size());
  Pointers outputs;
  Pointers left;
  for (size_t i = 0; i < missing.size(); ++i) {
    outputs.push_back(parts.data() + i * chunk_size);
    left.push_back(repairs.data() + i * chunk_size);
  }
  if (!known.empty()) {
    const auto known_part = [&](size_t row, size_t column) {
      return coefficient(repair_positions[row], known[column]);
    };
    multiply(known_part, inputs, outputs, chunk_size);
    for (size_t i = 0; i < repairs.size(); ++i) {
      repairs[i] = static_cast<uint8_t>(repairs[i] ^ parts[i]);
    }
  }
  for (size_t i = 0; i < missing.size(); ++i) {
    outputs[i] = sources.data() + missing[i] * chunk_size;
  }
  multiply(CauchyInverse(repair_positions, missing), left, outputs, chunk_size);
}

}  // namespace fb::content
