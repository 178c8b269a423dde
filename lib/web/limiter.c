#include "lib/web/limiter.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { WAYS = 8 }; // buckets that one key may live in

struct bucket {
    uint64_t key; // hash; 0 = free
    double tokens;
    int64_t at_ns;
};

struct hy_web_limiter {
    double rate, burst;
    uint64_t seed;
    size_t sets; // power of two
    struct bucket *buckets;
};

struct hy_web_limiter *hy_web_limiter_new(double rate, double burst, unsigned keys) {
    struct hy_web_limiter *limiter = calloc(1, sizeof *limiter);
    if (!limiter) return NULL;
    limiter->rate = rate;
    limiter->burst = burst;
    limiter->sets = 1;
    while (limiter->sets * WAYS < (keys ? keys : 16384))
        limiter->sets *= 2;
    // The table's address serves as seed, so that nobody can choose addresses that share a set.
    limiter->buckets = calloc(limiter->sets * WAYS, sizeof *limiter->buckets);
    limiter->seed = (uint64_t)(uintptr_t)limiter->buckets;
    if (limiter->buckets) return limiter;
    free(limiter);
    return NULL;
}

void hy_web_limiter_free(struct hy_web_limiter *limiter) {
    if (!limiter) return;
    free(limiter->buckets);
    free(limiter);
}

static struct bucket *find(struct hy_web_limiter *limiter, uint64_t key, int64_t now_ns) {
    struct bucket *set = &limiter->buckets[(key & (limiter->sets - 1)) * WAYS];
    struct bucket *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key) return &set[i];
        if (set[i].key == 0 || (oldest->key != 0 && set[i].at_ns < oldest->at_ns)) oldest = &set[i];
    }
    *oldest = (struct bucket){.key = key, .tokens = limiter->burst, .at_ns = now_ns};
    return oldest;
}

uint32_t hy_web_limiter_take(struct hy_web_limiter *limiter, const char *key, int64_t now_ns) {
    uint64_t hash = XXH3_64bits_withSeed(key, strlen(key), limiter->seed);
    struct bucket *bucket = find(limiter, hash ? hash : 1, now_ns);
    double gained = (double)(now_ns - bucket->at_ns) / 1e9 * limiter->rate;
    bucket->tokens = bucket->tokens + gained > limiter->burst ? limiter->burst : bucket->tokens + gained;
    bucket->at_ns = now_ns;
    if (bucket->tokens >= 1) {
        bucket->tokens -= 1;
        return 0;
    }
    double ms = (1 - bucket->tokens) / limiter->rate * 1000;
    return ms > 3600000 ? 3600000 : (uint32_t)ms + 1;
}
