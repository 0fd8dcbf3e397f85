#include "base/rng.h"
#include "catch.h"
#include "sim/reference_storage.h"

using namespace fb;
using namespace fb::sim;

TEST_CASE("a reference storage gives back what was written, and nothing that was not") {
  Rng rng(4);
  std::vector<uint8_t> truth(10'500);
  for (uint8_t& byte : truth) byte = static_cast<uint8_t>(rng.next());
  ReferenceStorage storage(truth, 1000);
  std::vector<uint8_t> out(1000);
  CHECK_FALSE(storage.read(0, out));
  CHECK(storage.write(2000, std::span(truth).subspan(2000, 1000)));
  std::vector<uint8_t> wrong(1000, 0x11);
  CHECK(storage.write(3000, wrong));
  CHECK(storage.read(2500, out));
  CHECK(std::equal(out.begin(), out.begin() + 500, truth.begin() + 2500));
  CHECK(std::equal(out.begin() + 500, out.end(), wrong.begin()));
  CHECK_FALSE(storage.read(1500, out));
  CHECK_FALSE(storage.read(3500, out));
  // Right bytes take the place of wrong ones.
  CHECK(storage.write(3000, std::span(truth).subspan(3000, 1000)));
  CHECK(storage.read(2500, out));
  CHECK(std::equal(out.begin(), out.end(), truth.begin() + 2500));
  // The last chunk is shorter; beyond the end there is nothing.
  CHECK(storage.write(10'000, std::span(truth).subspan(10'000, 500)));
  CHECK_FALSE(storage.write(10'000, wrong));
  CHECK_FALSE(storage.write(9'500, wrong));
  CHECK_FALSE(storage.read(10'000, out));
}

TEST_CASE("a reference storage recalls what holds no wrong chunk") {
  Rng rng(5);
  std::vector<uint8_t> truth(10'500);
  for (uint8_t& byte : truth) byte = static_cast<uint8_t>(rng.next());
  ReferenceStorage storage(truth, 1000);
  std::vector<uint8_t> out(4000);
  const std::vector<uint8_t> wrong(1000, 0x11);
  CHECK(storage.write(3000, wrong));
  CHECK_FALSE(storage.recall(0, 4000));
  CHECK_FALSE(storage.read(0, out));
  CHECK(storage.recall(4000, 4000));
  CHECK(storage.read(4000, out));
  CHECK(std::equal(out.begin(), out.end(), truth.begin() + 4000));
  CHECK(storage.recall(8000, 2500));
  CHECK_FALSE(storage.recall(8000, 2501));
  // What was released is as if it had never been written.
  storage.release(3000, 1000);
  CHECK_FALSE(storage.read(3000, std::span(out).first(1000)));
  CHECK(storage.recall(0, 4000));
  CHECK(storage.read(0, out));
  CHECK(std::equal(out.begin(), out.end(), truth.begin()));
}
