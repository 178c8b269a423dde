#include "lib/base/backoff.h"

// splitmix64: any state is good, zero too.
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint32_t upper_bound(const struct hy_backoff *backoff) {
    uint64_t base = backoff->base_ms == 0 ? 1 : backoff->base_ms;
    uint64_t bound = backoff->attempt >= 32 ? UINT64_MAX : base << backoff->attempt;
    return bound > backoff->cap_ms ? backoff->cap_ms : (uint32_t)bound;
}

uint32_t hy_backoff_next(struct hy_backoff *backoff) {
    uint32_t high = upper_bound(backoff);
    uint32_t low = backoff->base_ms / 2;
    if (low > high) low = high;
    uint64_t span = (uint64_t)high - low + 1;
    if (backoff->attempt < UINT32_MAX) backoff->attempt++;
    return low + (uint32_t)(((next_random(&backoff->seed) >> 32) * span) >> 32);
}

void hy_backoff_reset(struct hy_backoff *backoff) {
    backoff->attempt = 0;
}
