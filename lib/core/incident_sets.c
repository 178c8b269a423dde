// The two ways of counting distinct writers: one by one, and by a HyperLogLog sketch.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/incident_internal.h"

int pairs_add(struct pairs *pairs, uint64_t hash, int64_t bucket) {
    if (pairs->n == pairs->cap) {
        int cap = pairs->cap == 0 ? 4 : pairs->cap * 2;
        uint64_t *hashes = realloc(pairs->hash, (size_t)cap * sizeof *hashes);
        if (hashes == NULL) return HY_ENOMEM;
        pairs->hash = hashes;
        int64_t *buckets = realloc(pairs->bucket, (size_t)cap * sizeof *buckets);
        if (buckets == NULL) return HY_ENOMEM;
        pairs->bucket = buckets;
        pairs->cap = cap;
    }
    pairs->hash[pairs->n] = hash;
    pairs->bucket[pairs->n++] = bucket;
    return 0;
}

bool pairs_has_hash(const struct pairs *pairs, uint64_t hash) {
    bool found = false; // no early way out: the loop stays one the compiler makes wide
    for (int i = 0; i < pairs->n; i++)
        found |= pairs->hash[i] == hash;
    return found;
}

bool pairs_has(const struct pairs *pairs, uint64_t hash, int64_t bucket) {
    bool found = false;
    for (int i = 0; i < pairs->n; i++)
        found |= (pairs->hash[i] == hash) & (pairs->bucket[i] == bucket);
    return found;
}

void pairs_drop_before(struct pairs *pairs, int64_t bucket) {
    int kept = 0;
    for (int i = 0; i < pairs->n; i++) {
        if (pairs->bucket[i] < bucket) continue;
        pairs->hash[kept] = pairs->hash[i];
        pairs->bucket[kept++] = pairs->bucket[i];
    }
    pairs->n = kept;
}

// A hash set on the stack, as small as the number allows; 0 as a hash is counted apart, since it marks a free place.
int pairs_distinct(const struct pairs *pairs, int64_t first, int64_t last) {
    uint64_t seen[2 * EXACT_EVENTS];
    int size = 16, distinct = 0;
    bool zero = false;
    while (size < 2 * pairs->n && size < 2 * EXACT_EVENTS)
        size *= 2;
    memset(seen, 0, (size_t)size * sizeof *seen);
    for (int i = 0; i < pairs->n && i < EXACT_EVENTS - 1; i++) {
        uint64_t hash = pairs->hash[i];
        if (pairs->bucket[i] < first || pairs->bucket[i] > last) continue;
        if (hash == 0) {
            zero = true;
            continue;
        }
        int at = (int)(hash & (uint64_t)(size - 1));
        while (seen[at] != 0 && seen[at] != hash)
            at = (at + 1) & (size - 1);
        distinct += seen[at] == 0;
        seen[at] = hash;
    }
    return distinct + zero;
}

void pairs_free(struct pairs *pairs) {
    free(pairs->hash);
    free(pairs->bucket);
    *pairs = (struct pairs){0};
}

// HyperLogLog (Flajolet et al. 2007) with 64-bit hashes: the first 9 bits choose the register, the rest give the rank.
void sketch_add(uint8_t *sketch, uint64_t hash) {
    uint64_t rest = hash << 9 | 1ULL << 8; // the bit behind ends the count
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *cell = &sketch[hash >> 55];
    if (rank > *cell) *cell = rank;
}

void sketch_merge(uint8_t *sketch, const uint8_t *other) {
    for (int i = 0; i < SKETCH; i++)
        if (other[i] > sketch[i]) sketch[i] = other[i];
}

uint64_t sketch_count(const uint8_t *sketch) {
    double sum = 0;
    int zeros = 0;
    for (int i = 0; i < SKETCH; i++) {
        sum += ldexp(1, -sketch[i]);
        zeros += sketch[i] == 0;
    }
    double m = SKETCH, raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (raw <= 2.5 * m && zeros > 0) raw = m * log(m / zeros); // linear counting
    return (uint64_t)(raw + 0.5);
}
