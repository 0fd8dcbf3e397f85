// For large local buffers on the way of each datagram that are written before they are read:
// without the zeros that the build gives to local variables (-ftrivial-auto-var-init).
#pragma once

#define FB_UNFILLED __attribute__((uninitialized))
