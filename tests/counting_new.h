// Counts what operator new hands out, for tests and benchmarks that pin it. To be included by one
// source file of a program: it replaces the program's operators.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace fb::test {

struct HeapCount {
  uint64_t allocations = 0;   // since the start
  uint64_t live_bytes = 0;    // now, with what malloc rounds up
};
inline HeapCount heap_count;

}  // namespace fb::test

// Not inlined, or the compiler sees malloc() meet operator delete.
[[gnu::noinline]] void* operator new(size_t size) {
  void* out = std::malloc(size);
  if (out == nullptr) std::abort();
  ++fb::test::heap_count.allocations;
  fb::test::heap_count.live_bytes += ::malloc_usable_size(out);
  return out;
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  fb::test::heap_count.live_bytes -= ::malloc_usable_size(block);
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, size_t /*size*/) noexcept {
  fb::test::heap_count.live_bytes -= ::malloc_usable_size(block);
  std::free(block);
}
