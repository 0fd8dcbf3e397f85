// Static tracepoints (USDT): places where perf, bpftrace or SystemTap can look into the program
// while it runs. One that nobody looks at is a single nop, and its arguments are values that are at
// hand. docs/measuring.md, "Tracepoints", says what each tells; a test compares the two.
//
// FB_PROBE(name, argument...): one to five integers. Without the header (Debian's
// systemtap-sdt-dev) it is nothing.
#pragma once

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define FB_PROBE(name, ...) STAP_PROBEV(flashback, name, __VA_ARGS__)
#else
#define FB_PROBE(name, ...) static_cast<void>(0)
#endif
