#include "consumers/sla/audit_index.h"

#include <stdlib.h>

#include "lib/base/error.h"

enum { FIRST_CAP = 1024 };

uint64_t sla_entry_hash(uint64_t case_hash, int64_t due_ms) {
    uint64_t hash = case_hash ^ ((uint64_t)due_ms * 0x9E3779B97F4A7C15u); // due times lie close together
    hash ^= hash >> 32;
    return hash * 0xD6E8FEB86659FD93u;
}

int sla_hashes_add(struct sla_hashes *bag, uint64_t hash) {
    if (bag->n == bag->cap) {
        size_t cap = bag->cap ? bag->cap * 2 : FIRST_CAP;
        uint64_t *of = realloc(bag->of, cap * sizeof *of);
        if (!of) return HY_ENOMEM;
        bag->of = of;
        bag->cap = cap;
    }
    bag->of[bag->n++] = hash;
    return HY_OK;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort(struct sla_hashes *bag) {
    if (bag->n > 1) qsort(bag->of, bag->n, sizeof *bag->of, by_value);
}

uint64_t sla_hashes_missing(struct sla_hashes *wanted, struct sla_hashes *found) {
    uint64_t missing = 0;
    size_t at = 0;
    sort(wanted);
    sort(found);
    for (size_t i = 0; i < wanted->n; i++) {
        while (at < found->n && found->of[at] < wanted->of[i])
            at++;
        missing += at == found->n || found->of[at] != wanted->of[i];
    }
    return missing;
}

void sla_hashes_free(struct sla_hashes *bag) {
    free(bag->of);
    *bag = (struct sla_hashes){0};
}
