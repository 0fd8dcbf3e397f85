// FB_CHECK guards our own bugs and stays on in release. Remote bytes must never reach one.
#pragma once

namespace fb::detail {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define FB_CHECK(expression)               \
  ((expression) ? static_cast<void>(0)     \
                : ::fb::detail::check_failed(#expression, __FILE__, __LINE__))
