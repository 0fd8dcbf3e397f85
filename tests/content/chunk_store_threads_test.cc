// One thread fetches into a store, others read from it meanwhile without a lock. The thread
// sanitizer runs this too.
#include <algorithm>
#include <atomic>
#include <thread>

#include "catch.h"
#include "content/block_code.h"
#include "content/chunk_store.h"
#include "content/site_build.h"
#include "content/support.h"

namespace fb::content {
namespace {

// Reads what is verified until all is; every byte has to be the true one.
struct Reader {
  uint64_t reads = 0, wrong = 0, not_yet = 0;

  void run(const ChunkStore& store, std::span<const uint8_t> truth, uint64_t seed) {
    Rng rng(seed);
    Bytes out;
    for (bool last = false; !last;) {
      last = store.complete();
      const uint64_t offset = rng.below(truth.size());
      out.resize(1 + rng.below(std::min<uint64_t>(truth.size() - offset, 9000)));
      if (store.read_verified(offset, out)) {
        ++reads;
        wrong += std::ranges::equal(out, truth.subspan(offset, out.size())) ? 0U : 1U;
      } else {
        ++not_yet;
        wrong += last ? 1U : 0U;
      }
      // Whatever it is told of, it is told in order and within the object.
      uint64_t next = 0;
      for (const nois::Interval& held : store.verified().intervals()) {
        if (held.first < next || held.last >= store.geometry().chunk_count()) ++wrong;
        next = uint64_t{held.last} + 2;
      }
      if (store.verified().count() > store.geometry().chunk_count()) ++wrong;
    }
  }
};

// `lost` of every ten source chunks never come, and are decoded from repair chunks.
void fetch_beside_readers(std::unique_ptr<Storage> storage, const Bytes& bytes, Coding coding,
                          uint32_t lost) {
  const Geometry geometry{bytes.size(), 1000, 4};
  ChunkStore store({FileId{5}, geometry, metachunk_hashes(geometry, bytes)}, std::move(storage),
                   coding);
  Reader one;
  Reader two;
  {
    std::jthread first([&] { one.run(store, bytes, 1); });
    std::jthread second([&] { two.run(store, bytes, 2); });
    Rng rng(3);
    std::vector<uint32_t> order(coding == Coding::kNone ? geometry.chunk_count()
                                                        : geometry.coded_count());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    Bytes chunk(1000);
    for (const uint32_t id : order) {
      const uint32_t block = coding == Coding::kNone ? 0 : geometry.block_of(id);
      if (id < geometry.chunk_count()) {
        if (id % 10 < lost) continue;
        const auto truth =
            std::span(bytes).subspan(geometry.chunk_offset(id), geometry.chunk_length(id));
        (void)store.add(id, truth, SenderId{1});
      } else {
        Bytes sources(geometry.source_chunks_of(block).length() * 1000);
        const uint64_t offset = geometry.chunk_offset(geometry.source_chunks_of(block).first);
        std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset),
                    std::min<uint64_t>(sources.size(), bytes.size() - offset), sources.begin());
        encode_block(sources, 1000, geometry.position_of(id), chunk);
        (void)store.add(id, chunk, SenderId{2});
      }
    }
    CHECK(store.complete());
  }
  CHECK(one.wrong == 0);
  CHECK(two.wrong == 0);
  CHECK(one.reads + two.reads > 0);
}

TEST_CASE("a store is read by others while one thread fetches into it") {
  const Bytes bytes = random_bytes(11, 600'500);
  fetch_beside_readers(std::make_unique<MemoryStorage>(bytes.size()), bytes, Coding::kNone, 0);
  fetch_beside_readers(std::make_unique<MemoryStorage>(bytes.size()), bytes, Coding::kRepair, 2);
}

}  // namespace
}  // namespace fb::content
