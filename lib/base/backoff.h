// Capped exponential backoff with full jitter: the one place with retry arithmetic. It knows no clock and does not
// wait: callers put the number into a timer. To wait differently, choose other bounds, or change it here for all.
// Copies of one program need different seeds (hy_random), or they come back all at once.
#ifndef HY_BASE_BACKOFF_H
#define HY_BASE_BACKOFF_H

#include <stdint.h>

struct hy_backoff {
    uint32_t base_ms; // first upper bound, > 0
    uint32_t cap_ms;  // largest upper bound, >= base_ms
    uint32_t attempt; // failures so far
    uint64_t seed;    // state of the jitter; any value
};

// The next wait in ms: uniform in [base_ms / 2, min(cap_ms, base_ms << attempt)], then counts one failure more.
uint32_t hy_backoff_next(struct hy_backoff *backoff);
// After a success.
void hy_backoff_reset(struct hy_backoff *backoff);

#endif
