// What repair chunks cost: CPU time to encode and to decode one block of 128 chunks of 1,024 bytes,
// for several counts of missing source chunks, against SHA-256 of the block in the same run.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "base/rng.h"
#include "content/block_code.h"
#include "content/hash.h"

namespace {

using namespace fb;
using namespace fb::content;

constexpr size_t kChunkSize = kChunkSizeDefault;
constexpr uint32_t kRepairs = kBlockSizeMax - kBlockChunksMax;
constexpr size_t kBlockBytes = kBlockChunksMax * kChunkSize;
constexpr int kPasses = 50;
constexpr int kRounds = 9;  // interleaved, so that a disturbance meets all; the median counts

struct Subject {
  std::string name;
  uint32_t chunks;  // computed in a pass
  std::vector<double> ns;

  [[nodiscard]] double median_ns() {
    std::sort(ns.begin(), ns.end());
    return ns[ns.size() / 2];
  }
};

double cpu_now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <typename Work>
void measure(Subject& subject, const Work& work) {
  const double before = cpu_now_ns();
  for (int pass = 0; pass < kPasses; ++pass) work();
  subject.ns.push_back((cpu_now_ns() - before) / kPasses);
}

// Decodes a block whose first chunks are missing from its first repair chunks.
void decode_missing(std::vector<uint8_t>& block, const std::vector<uint8_t>& repairs,
                    uint32_t count) {
  std::vector<uint32_t> missing(count);
  std::vector<uint32_t> positions(count);
  for (uint32_t i = 0; i < count; ++i) {
    missing[i] = i;
    positions[i] = kBlockChunksMax + i;
  }
  std::vector<uint8_t> used(repairs.begin(),
                            repairs.begin() + static_cast<ptrdiff_t>(count * kChunkSize));
  decode_block(block, kChunkSize, missing, positions, used);
}

}  // namespace

int main() {
  Rng rng(1);
  std::vector<uint8_t> block(kBlockBytes);
  for (uint8_t& byte : block) byte = static_cast<uint8_t>(rng.next());
  const std::vector<uint8_t> truth = block;
  std::vector<uint8_t> repairs(kRepairs * kChunkSize);
  std::vector<uint8_t> one(kChunkSize);
  encode_block(block, kChunkSize, kBlockChunksMax, repairs);

  Subject hash{"SHA-256", kBlockChunksMax, {}};
  Subject encode_all{"encode all", kRepairs, {}};
  Subject encode_one{"encode one", 1, {}};
  std::vector<Subject> decodes;
  for (const uint32_t count : {1U, 12U, 64U, 127U}) {
    decodes.push_back({"decode " + std::to_string(count), count, {}});
  }
  unsigned sum = 0;  // so that nothing is optimised away
  for (int round = 0; round < kRounds; ++round) {
    measure(hash, [&] { sum += sha256(block)[0]; });
    measure(encode_all, [&] { encode_block(block, kChunkSize, kBlockChunksMax, repairs); });
    measure(encode_one, [&] { encode_block(block, kChunkSize, kBlockChunksMax, one); });
    for (Subject& subject : decodes) {
      measure(subject, [&] { decode_missing(block, repairs, subject.chunks); });
    }
  }
  if (block != truth) {
    std::printf("the decoded block differs\n");
    return 1;
  }
  const double baseline = hash.median_ns();
  std::printf("CPU time a block of %u chunks of %zu bytes, median of %d (%02x)\n", kBlockChunksMax,
              kChunkSize, kRounds, sum & 0xff);
  const auto print = [&](Subject& subject) {
    const double ns = subject.median_ns();
    const double bytes = static_cast<double>(subject.chunks) * kChunkSize;
    std::printf("%-12s %9.1f us  %8.0f MB/s  %6.2f of SHA-256 of the block\n",
                subject.name.c_str(), ns / 1e3, bytes / ns * 1e3, ns / baseline);
  };
  print(hash);
  print(encode_all);
  print(encode_one);
  for (Subject& subject : decodes) print(subject);
}
