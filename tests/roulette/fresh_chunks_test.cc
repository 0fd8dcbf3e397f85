// What a seeder gives away when it may choose.
#include "roulette/fresh_chunks.h"

#include <algorithm>
#include <set>
#include <vector>

#include "catch.h"
#include "support.h"

using namespace fb;
using namespace fb::roulette;

namespace {

// The positions in the order in which they are given, once round; the file has one block.
std::vector<uint8_t> order_of(content::MemorySite& site, uint32_t part, uint32_t parts) {
  const content::FileId file = site.record("f")->id;
  const uint32_t size = site.object(file)->block_size(0);
  FreshChunks fresh(site, 7, /*repair=*/true, part, parts);
  std::vector<uint8_t> out;
  for (uint32_t i = 0; i < size; ++i) {
    out.push_back(fresh.next(file, [](wire::ChunkName) { return false; })->position);
  }
  return out;
}

}  // namespace

TEST_CASE("fresh chunks: each once, source chunks before repair chunks, for every shard") {
  const auto site = test::one_file_site(20'000);
  const uint32_t sources = site->object(site->record("f")->id)->chunk_count();
  std::set<std::vector<uint8_t>> orders;
  std::set<std::vector<uint8_t>> in_common;  // orders of the source chunks, from one of them on
  for (uint32_t part = 0; part < 4; ++part) {
    std::vector<uint8_t> order = order_of(*site, part, 4);
    CHECK(std::set(order.begin(), order.end()).size() == order.size());
    const auto is_source = [&](uint8_t position) { return position < sources; };
    CHECK(std::ranges::is_partitioned(order, is_source));
    orders.insert(order);
    order.resize(sources);
    std::ranges::rotate(order, std::ranges::find(order, uint8_t{0}));
    in_common.insert(order);
  }
  CHECK(orders.size() == 4);     // each begins at another place
  CHECK(in_common.size() == 1);  // of the same order
}
