#include "consumers/sla/audit_map.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 1024 };

static struct sla_audit_entry *slot_of(struct sla_audit_entry *slots, size_t cap, uint64_t key) {
    size_t at = (size_t)key & (cap - 1);
    while (slots[at].key != 0 && slots[at].key != key)
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

// Moves what `keep_from` leaves into fresh slots: entries with timers, and those without that changed since.
static int rebuild(struct sla_audit_map *map, size_t cap, int64_t keep_from) {
    struct sla_audit_entry *slots = calloc(cap, sizeof *slots);
    size_t n = 0;
    if (!slots) return -1;
    for (size_t i = 0; i < map->cap; i++) {
        const struct sla_audit_entry *entry = &map->slots[i];
        if (entry->key == 0 || (entry->n == 0 && entry->offset < keep_from)) continue;
        *slot_of(slots, cap, entry->key) = *entry;
        n++;
    }
    free(map->slots);
    *map = (struct sla_audit_map){slots, n, cap};
    return 0;
}

struct sla_audit_entry *sla_audit_map_put(struct sla_audit_map *map, uint64_t key) {
    key = key ? key : 1;
    if (map->n * 4 >= map->cap * 3 && rebuild(map, map->cap ? map->cap * 2 : FIRST_CAP, INT64_MIN) != 0) return NULL;
    struct sla_audit_entry *entry = slot_of(map->slots, map->cap, key);
    if (entry->key == 0) {
        entry->key = key;
        map->n++;
    }
    return entry;
}

struct sla_audit_entry *sla_audit_map_get(const struct sla_audit_map *map, uint64_t key) {
    if (map->cap == 0) return NULL;
    struct sla_audit_entry *entry = slot_of(map->slots, map->cap, key ? key : 1);
    return entry->key ? entry : NULL;
}

void sla_audit_map_sweep(struct sla_audit_map *map, int64_t offset) {
    if (map->cap) (void)rebuild(map, map->cap, offset);
}

void sla_audit_map_free(struct sla_audit_map *map) {
    free(map->slots);
    memset(map, 0, sizeof *map);
}

struct sla_audit_result sla_audit_compare(struct sla_audit_map *map, const struct sla_audit_entry *found, size_t n,
                                          int64_t at, uint32_t mark) {
    struct sla_audit_result result = {0};
    for (size_t i = 0; i < n; i++) {
        struct sla_audit_entry *entry = sla_audit_map_get(map, found[i].key);
        if (entry && entry->offset >= at) continue;
        if (!entry || entry->n == 0) {
            result.extra++;
            continue;
        }
        entry->marked = mark;
        result.differs += entry->n != found[i].n || entry->sum != found[i].sum;
    }
    for (size_t i = 0; i < map->cap; i++) {
        const struct sla_audit_entry *entry = &map->slots[i];
        result.missing += entry->key != 0 && entry->n > 0 && entry->offset < at && entry->marked != mark;
    }
    return result;
}
