// Counts what operator new hands out, for tests and benchmarks that pin it. To be included by one
// source file of a program: it replaces the program's operators. Not under a sanitizer, which has
// its own and checks how memory is given back: there kCountsAllocations is false and nothing is
// counted.
#pragma once

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FB_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FB_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef FB_COUNTS_ALLOCATIONS
#define FB_COUNTS_ALLOCATIONS 1
#endif

namespace fb::test {

inline constexpr bool kCountsAllocations = FB_COUNTS_ALLOCATIONS != 0;

// Relaxed: read by the thread whose allocations are meant.
inline std::atomic<uint64_t> allocations{0};  // since the start
inline std::atomic<uint64_t> live_bytes{0};   // now, with what malloc rounds up

[[gnu::noinline]] inline void* count_in(void* memory) {
  if (memory == nullptr) std::abort();
  allocations.fetch_add(1, std::memory_order_relaxed);
  live_bytes.fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
  return memory;
}
// Not inlined, or the compiler sees malloc() meet operator delete.
[[gnu::noinline]] inline void count_out(void* memory) {
  live_bytes.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace fb::test

#if FB_COUNTS_ALLOCATIONS
// The array forms call these.
void* operator new(size_t bytes) {
  return fb::test::count_in(std::malloc(bytes > 0 ? bytes : 1));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto each = static_cast<size_t>(alignment);
  return fb::test::count_in(std::aligned_alloc(each, (bytes + each - 1) / each * each));
}
void operator delete(void* memory) noexcept { fb::test::count_out(memory); }
void operator delete(void* memory, size_t) noexcept { fb::test::count_out(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { fb::test::count_out(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  fb::test::count_out(memory);
}
#endif
