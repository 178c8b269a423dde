// Randomness for tokens, nonces and seeds of hash tables; never for identity (lib/base/id.h). A file of its own, so
// that the simulator can put a seeded source in its place: whoever needs another kind of randomness adds it here, and
// there (tests/sim/sim.c).
#ifndef HY_BASE_RANDOM_H
#define HY_BASE_RANDOM_H

#include <stddef.h>

#include "lib/base/error.h"

// Fills out with n bytes from the kernel's random source. HY_EIO when there is none. Any thread.
HY_MUST_CHECK int hy_random(void *out, size_t n);

#endif
