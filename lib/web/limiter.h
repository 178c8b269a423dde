// Token buckets by key (a client's address): how many requests it may make in a burst and each second. Bounded: beyond
// its table the oldest bucket is given away, which can only make the limit milder. Pure: time is passed in. To limit by
// something else, pass another key.
#ifndef HY_WEB_LIMITER_H
#define HY_WEB_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct hy_web_limiter;

// rate per second (> 0), burst >= 1; room for about `keys` keys (0 = 16,384). NULL when memory is out.
struct hy_web_limiter *hy_web_limiter_new(double rate, double burst, unsigned keys);
void hy_web_limiter_free(struct hy_web_limiter *limiter);
// Takes one token for key at now_ns (any clock that never goes back). 0 = go on; else the ms after which one is there.
uint32_t hy_web_limiter_take(struct hy_web_limiter *limiter, const char *key, int64_t now_ns);

#endif
